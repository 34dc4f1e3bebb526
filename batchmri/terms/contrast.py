"""Recognize whether a text says that contrast medium was given, that it was not, or neither.

Languages: English, German, French, Spanish, Portuguese, Italian, Dutch, the Scandinavian languages,
Finnish, Polish, Czech, Hungarian and Russian (transliterated), and the abbreviations of vendors.
"""

import re
from collections.abc import Iterable
from functools import lru_cache

from batchmri.terms.body_part import plain_letters

_WHOLE = r"(?<![a-z0-9])(?:{})(?![a-z0-9])"

_NOUN = (
    r"gd(?:dtpa|dota|bopta)?\d?|gad(?:o\w*|a?vist|lin\w*)?\d?|km\d?|[ck]ontr(?:ast\w*|aszt\w*)?"
    r"|mdc|pdc|civ|ce|inj(?:ect\w*|iz\w*|ekt\w*|ec\w*)?|enh(?:anced|ancement)?|tehoste\w*"
    r"|varjoaine\w*|verstarkt"
    r"|dotarem|multihance|magnevist|prohance|omniscan|optimark|primovist|eovist|ablavar|clariscan"
    r"|artirem|vueway|elucirem|dotagraf|cyclolux|gadvist|magnograf"
)
"""Words that always mean contrast medium."""
_SHORT = r"c|con|cm|mc|kl|iv"
"""Words that mean contrast medium only next to a preposition or a sign: `con` is also Spanish for
"with"."""
_SIGNED = r"gd|gad(?:o|olinium|ovist)?|km|contrast|kontrast|mdc|ce|cm|con|c"
_WITHOUT = (
    r"without|wo|ohne|sans|senza|sin|sem|zonder|utan|uden|uten|bez|ilman|fara"
    r"|pre\d?|before|prior|vor|avant|antes|prima|voor|fore|przed|ennen|inainte"
)
_NOT = r"no|non|not|nicht|kein\w*|geen|ingen|nincs|nil|nul|nessun\w*|ningun\w*|aucun\w*|brak|minus"
_NOT_AFTER = r"no|non|none|not|nein|nej|nee|nie|nao|nil|neg|negativ\w*|absent|n"
_WITH = (
    r"with|w|mit|avec|con|com|met|med|cum|cu|z|ze"
    r"|post\d?|after|nach|apres|despues|tras|dopo|na|efter|etter|po|pos"
)
_LINK = (
    r"de|du|des|di|del|della|d|l|la|le|el|il|the|of|any|iv|i|v|to|gabe|agent|medium|medio|media"
    r"|mezzo|produit|administration|e?v"
)
_AND = r"and|und|et|y|e|i|og|och|en|ou|or|o|oder|vs|n"
_OTHER_OMISSION = (
    r"fs|fat\w*|fett\w*|grasa|graisse|spa?ir|dixon|mtc?|sat\w*|stir|grappa|sense|flow|fc|filter"
    r"|norm\w*|dis\w*|angle|gap|moco|motion|navi\w*|stealth|phase|wrap"
)
"""Words other than contrast medium that follow "without" in descriptions."""
_OTHER_EVENT = (
    r"ops?|oper\w*|surg\w*|chir\w*|fossa|rt|radi\w*|chemo\w*|treat\w*|thera\w*|biops\w*|ictal"
    r"|proc\w*|traum\w*|partum|resec\w*|stroke|stim\w*|embol\w*|sat\w*|pulse|amp\w*|navi\w*|mortem"
)
"""Events other than contrast administration that follow "before" and "after" in descriptions."""

_BIDS_ENTITY = re.compile(r"(?:^|_)ce-([a-z0-9+]+)(?![a-z0-9])")
_REWRITES = tuple(
    (re.compile(pattern), new)
    for pattern, new in (
        (r"(?<![a-z0-9.])p\. ?c(?!\.?[a-z]|\.? *(?:mra|mrv|angio|veno|flow))\.?", " post ce "),
        (r"(?<![a-z])([a-z])\.([a-z])\.(?:([a-z])(?:\.|(?![a-z])))?", r"\1\2\3 "),
        (r"\+ ?/ ?-|±|(?<![a-z])(?:w ?[/&+] ?wo?|wwo|w ?/ ?w ?/ ?o)(?![a-z])", " either "),
        (r"(?<![a-z0-9])w ?[/_ ]? ?o(?:ut)?(?![a-z0-9])", " without "),
        (r"(?<![a-z0-9])w ?/", " with "),
        (rf"(?<![a-z0-9])s ?/ ?(?=(?:{_NOUN}|{_SHORT})(?![a-z]))", " sin "),
        (r"(?<![a-z0-9])s[ _]contraste?(?![a-z])", " sin contraste "),
        (rf"(?<![a-z0-9])c ?/ ?(?=(?:{_NOUN}|{_SHORT})(?![a-z]))", " with "),
        (r"(?<![a-z])o\.? ?(?=km(?![a-z])|kontrast)", " ohne "),
        (r"(?<![a-z])v\.? ?(?=km(?![a-z])|kontrast)", " vor "),
        (r"(?<![a-z])(?:for|fori) (?=kontrast)", " vor "),
        (r"(?<![a-z])do (?=kontrast)", " vor "),
        (r"(?<![a-z0-9])(?:un|non)[- ]?enhanced", " nativ "),
        (r"kontrastsiz|kontrastfrei|contrast[ -]?free", " nativ "),
        (rf"(?:^|(?<=[\s_(\[,;:/]))-(?=(?:{_SIGNED})(?![a-z]))", " minus "),
        (rf"(?<![a-z])((?:{_SIGNED}))-(?=$|[\s_)\],;:/])", r" minus \1 "),
        # A sign right after T1, unless it joins another sequence.
        (r"(?<![a-z0-9])(t1w?)\+(?=$|[\s_)\],;:])(?![\s_]*(?:t2|pd|dp|flair|swi|dwi))", r"\1 ce "),
        (r"(t1w?)c(?![a-z0-9])", r"\1 ce "),
        (r"(rage|spgr|bravo|vibe)c(?![a-z0-9])", r"\1 ce "),
        (
            r"(t1w?)(?=(?:gd|gad|km|ce|post|pre|nativ|contr|kontr|inj|enh|mit|ohne|sans|avec)"
            r"(?:[^a-z]|$|contr|kontr|gd|gad|km|inj|ast|o|v|e))",
            r"\1 ",
        ),
        (r"(?<![a-z])(ce|gd|gad|km|post|pre)(?=t1)", r"\1 "),
        (r"(?<=[a-z0-9]{2})(gd|gado?|km)(?![a-z0-9])", r" \1"),
        (
            r"(?<![a-z])(pre|post|non|no|not|without|with|ohne|mit|nach|vor|sans|avec|con|sin|sem|com"
            r"|senza|bez|utan|uden|uten|med|met|zonder|w)"
            r"(?=(?:gd|gad\w*|km|contr(?:ast\w*)?|kontr(?:ast\w*)?|inj\w*|enh\w*|mdc)(?![a-z]))",
            r"\1 ",
        ),
        (r"(?<![a-z])(pre|post|non|no)(?=(?:con|c)(?![a-z]))", r"\1 "),
        (r"\+", " + "),
        (r"[^a-z0-9+]+", " "),
        (rf"(?:{_WITHOUT}|{_NOT}) (?:{_OTHER_OMISSION})(?![a-z])", " "),
    )
)  # fmt: skip

_EITHER = re.compile(
    _WHOLE.format(
        rf"either|(?:{_WITHOUT}) (?:(?:{_AND}) )?(?!con(?! (?:{_NOUN})))(?:{_WITH})"
        rf"|(?:{_WITH}) (?:(?:{_AND}) )?(?:{_WITHOUT})"
    )
)
_NO_MEDIUM = (
    rf"(?:{_WITHOUT}|{_NOT})(?: (?:{_LINK}|{_NOUN}|[12]st)){{0,3}} (?:{_NOUN}|{_SHORT})"
    rf"|(?:{_NOUN})(?: (?:{_LINK}))? (?:{_NOT_AFTER})(?= *$)|(?:{_NOUN}|ka) (?:nelkul|elott|minus)"
)
_DENIED_MEDIUM = re.compile(_WHOLE.format(_NO_MEDIUM))
_DENIED = re.compile(
    _WHOLE.format(
        rf"{_NO_MEDIUM}"
        r"|(?:pre\d?|nativ\w*|natif\w*|natyw\w*|natiiv\w*|plain|blanco)"
        rf"(?! (?:{_OTHER_EVENT})(?![a-z]))"
        r"|(?:without|ohne|sans|senza|sin|sem|zonder|uden|uten|bez|ilman|vor)(?= *$)"
    )
)
_GIVEN = re.compile(
    rf"(?<![a-z0-9])(?:(?:{_NOUN})|(?:{_WITH})(?: (?:{_LINK}))? (?:{_SHORT})|\+ (?:{_SHORT})"
    rf"|(?:{_SHORT}) \+(?! (?:t|l|th|tl)(?![a-z0-9]))"
    rf"|post\d?(?! (?:{_OTHER_EVENT})(?![a-z]))|(?:nach|avec|con|mit|apres)(?= *$))(?![a-z0-9])"
)
_OTHER_CONTRAST = re.compile(
    r"(?<![a-z])(?:multi|phase|high|low|tissue|dual|t2|magnetization)[ _-]?contrast\w*"
)

_T1 = re.compile(r"t1(?!\d)|rage|spgr|bravo|vibe|thrive|lava|tfl")
_NO_AGENT = re.compile(
    rf"(?:{_NOT_AFTER}|{_NOT}|{_WITHOUT}|na|false|null|nothing|zadn\w*|nenhum\w*|ei|yok|hayir|rien|nada"
    r"|applicable|given|used|administered|done|leer|empty|0+|ml|cc|mg|agents?|mittel|medium|dose)"
)
"""A text that consists only of such words does not name an agent."""
_UNKNOWN_AGENT = re.compile(
    r"unknown|unspecified|undefined|unbekannt|inconnu\w*|desconocid\w*|not (?:specified|known)|tbd"
)


# Cached: the texts of a header are the same in every slice of a series.
@lru_cache(maxsize=1024)
def contrast_in_words(text: str) -> bool | None:
    """Return whether the text says that contrast medium was given (True) or not (False).

    None if it says neither, or both ("w/wo", "pre and post").
    """
    lower = plain_letters(text)
    entity = _BIDS_ENTITY.search(lower)
    if entity:
        return is_agent(entity[1])
    words = _rewrite(lower)
    if _EITHER.search(words):
        return None
    rest, n_denied = _DENIED.subn(" ", words)
    given = _GIVEN.search(rest) is not None
    return given if given != bool(n_denied) else None


def contrast_of(description: str, agent: bool | None, others: Iterable[str] = ()) -> bool | None:
    """Return whether contrast medium was given according to a header; None if it does not say.

    The series description takes precedence over `agent`, which some scanners store for the whole
    examination. `others` are texts such as the protocol name. They count as "given" only if they
    also name a T1-weighted sequence: many are named after the examination ("brain with contrast").
    """
    stated = contrast_in_words(description)
    if stated is None:
        stated = agent
    if stated is not None:
        return stated
    return next(filter(lambda said: said is not None, map(_in_protocol, others)), None)


def is_agent(text: str) -> bool | None:
    """Return whether the text of a contrast agent field names an agent; None if it is unclear."""
    lower = plain_letters(text).strip()
    words = re.sub(r"(?<=\d)(?=[a-z])|[^a-z0-9]+", " ", lower).strip()
    if not lower or "?" in lower or _UNKNOWN_AGENT.fullmatch(words):
        return None
    if not words:
        return any(map(str.isalnum, lower))  # letters of another script, or only dashes
    if words == "n a" or all(map(_NO_AGENT.fullmatch, words.split())):
        return False
    return contrast_in_words(lower) is not False


def _in_protocol(text: str) -> bool | None:
    said = contrast_in_words(text)
    lower = plain_letters(text)
    return said if _T1.search(lower) or _DENIED_MEDIUM.search(_rewrite(lower)) else None


@lru_cache(maxsize=1024)
def _rewrite(lower: str) -> str:
    words = _OTHER_CONTRAST.sub(" ", lower)
    for pattern, new in _REWRITES:
        words = pattern.sub(new, words)
    return re.sub(r" +", " ", words).strip()
