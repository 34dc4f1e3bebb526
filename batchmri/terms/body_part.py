"""Recognize body parts, phantoms, animals and modalities in the words of a header.

The tables are in English, German, French and Spanish. The first row that matches decides, so
phantoms and animals come before body parts, and the brain before adjacent body parts ("brain and
cervical spine" is a brain).
"""

import re
import unicodedata

BRAIN = "brain"
NO_PATIENT = ("phantom", "animal")

_BODY_PARTS: tuple[tuple[str, str], ...] = (
    ("phantom", r"phantoms?|phantome|fantoma|acr|agar|fruit|(?:daily |weekly )?qa|qc"),
    ("animal", r"mouse|mice|mus musculus|maus|souris|raton|rats?|ratte|rodent|murine|macaques?"
               r"|monkeys?|primate|rhesus|marmoset|canine|feline|equine|dogs?|rabbit|pig"
               r"|porcine|swine|ovine|sheep"),
    (BRAIN, r"brains?|heads?|skull|cranium|cranial|cerebr\w*|cereb\w*|encephal\w*|neuro|pituitary"
            r"|sella\w*|hypophys\w*|hipofisis|schadel|kopf|hirn|gehirn|neurocranium|tete|crane"
            r"|cerveau|encefalo|craneo|cabeza|iacs?|kbw|orbits?|orbitae?|headneck|temporal lobe"
            r"|hippocamp\w*|nav(?:igation)?"),
    ("spine", r"\w*spine|spinal|\w*wirbel\w*|hws|bws|lws|[cz]ervi[ck]al\w*"
              r"|(?:thoraco|dorso)?lumb\w*|thoracic|sacr\w*|sakr\w*|iliosa[ck]ral\w*|isg|coccyx|rachis"
              r"|columna|vertebra\w*|myelon|cord"),
    ("neck", r"necks?|hals|cou|cuello|larynx|thyroid|soft tissue neck|carotid\w*|brachial plexus"),
    ("chest", r"chest|thorax|lungs?|lunge|poumons?|breasts?|mamma\w*|brust|sein|seno|sternum"
              r"|mediastin\w*|ribs?"),
    ("heart", r"hearts?|cardiac|cardio\w*|herz|coeur|corazon|coronary|aorta|myocard\w*"),
    ("abdomen", r"abdom\w*|liver|leber|foie|higado|hepat\w*|kidneys?|niere\w*|renal|pancreas|mrcp"
                r"|bauch|ventre|spleen|adrenal\w*|bowel|entero\w*|oberbauch|biliary"),
    ("pelvis", r"pelvis|pelvic|becken|bassin|prostat\w*|uterus|rectum|rektum|bladder|ovar\w*|cervix"
               r"|scrotum|penis|fetal|fetus"),
    ("extremity", r"knees?|knie\w*|genou|rodilla|shoulders?|schulter|epaule|hombro|hips?|hufte"
                  r"|hanche|cadera|ankles?|foot|feet|fuss|pied|hands?|wrists?|handgelenk|elbows?"
                  r"|ellenbogen|coude|codo|femur|tibia|fibula|thighs?|oberschenkel|calf|legs?"
                  r"|arms?|forearm|humerus|extremit\w*|fingers?|toes?|meniscus|tmj"),
    ("whole body", r"whole ?body|wholebody|ganzkorper"),
)  # fmt: skip

# Quality checks are registered as patients. A word that may also be a family name counts only if it
# is the whole name, without a given name.
_PHANTOM_WORD = re.compile(r"(?<![a-z])(?:phantom|fantom)")
_PHANTOM_NAME = re.compile(
    r"(?:fruit|agar|water|oil|bottle|sphere|acr|test ?object|(?:daily |weekly |mr |mri )?(?:qa|qc)"
    r"|quality (?:control|assurance))(?: ?\d+)?"
)

_MODALITIES = (
    ("CT", frozenset(("ct", "cta", "cbct", "ncct"))),
    ("PT", frozenset(("pet", "suv", "fdg"))),
    ("NM", frozenset(("spect", "datscan"))),
    ("US", frozenset(("ultrasound",))),
)
# In the name of an MR image, these are a country, a unit or a site rather than a modality.
_AMBIGUOUS = {"us": "US", "hu": "CT"}
_MR_WORDS = frozenset(("mr", "mri", "mrt", "irm"))

_PATTERNS = tuple(
    (code, re.compile(rf"(?<![a-z])(?:{words})(?![a-z])")) for code, words in _BODY_PARTS
)
_LETTERS = str.maketrans(
    {"ø": "o", "ł": "l", "æ": "ae", "œ": "oe", "ß": "ss", "ı": "i", "đ": "d", "ð": "d", "þ": "th",
     "−": "-", "‐": "-", "‑": "-", "–": "-",
     **dict(zip("абвгдеезийклмнопрстуфхцыэ", "abvgdeezijklmnoprstufhcye", strict=True)),
     "ж": "zh", "ч": "ch", "ш": "sh", "щ": "sch", "ю": "yu", "я": "ya", "ъ": "", "ь": ""}
)  # fmt: skip
"""Letters other than accented Latin ones, and the characters that mean a minus or a hyphen."""
_KANJI = (
    ("非造影", "non contrast"), ("造影なし", "non contrast"), ("造影前", "pre contrast"),
    ("造影後", "post contrast"), ("造影", "contrast"), ("単純", "plain"),
    ("平扫", "plain"), ("增强前", "pre contrast"), ("增强后", "post contrast"),
    ("增强", "contrast"),
    ("頭部", "head"), ("头部", "head"), ("頭", "head"), ("脳", "brain"), ("脑", "brain"),
    ("拡散", "diffusion"), ("弥散", "diffusion"), ("灌注", "perfusion"), ("定位", "localizer"),
)  # fmt: skip
"""Words of Japanese and Chinese descriptions, longer words first."""
_SEPARATORS = re.compile(r"[^a-z0-9+*=.]+")


def plain_letters(text: str) -> str:
    """Return text in lower case without accents.

    Cyrillic is transliterated, and a few Japanese and Chinese words are translated.
    """
    if text.isascii():
        return text.lower()
    plain = unicodedata.normalize("NFKD", text.lower())
    letters = "".join(char for char in plain if not unicodedata.combining(char))
    for characters, word in _KANJI:
        letters = letters.replace(characters, f" {word} ")
    return letters.translate(_LETTERS)


def normalized(text: str) -> str:
    """Return plain letters with one space between words; `+`, `*`, `=` and `.` are kept."""
    return _SEPARATORS.sub(" ", plain_letters(text)).strip()


def body_part_of(*texts: str) -> str:
    """Return the body part named by the first text that names one, or an empty string.

    A phantom or an animal takes precedence, whichever text names it.
    """
    named = [_first_code(normalized(text)) for text in texts if text]
    for other in NO_PATIENT:
        if other in named:
            return other
    return next((code for code in named if code), "")


def is_phantom(patient_name: str, patient_id: str) -> bool:
    """Return whether the registered patient is a phantom."""
    name = normalized(patient_name)
    texts = (name, normalized(patient_id))
    return any(map(_PHANTOM_WORD.search, texts)) or _PHANTOM_NAME.fullmatch(name) is not None


def modality_of(file_name: str, *, names_sequence: bool = False) -> str:
    """Return the modality other than MR that a file name states, or an empty string.

    `names_sequence` states whether the name contains an MR sequence, such as `T1w`.
    """
    words = normalized(file_name).split()
    stated = next((code for code, known in _MODALITIES if any(w in known for w in words)), "")
    if stated or names_sequence or not _MR_WORDS.isdisjoint(words):
        return stated
    return next((_AMBIGUOUS[word] for word in words if word in _AMBIGUOUS), "")


def _first_code(words: str) -> str:
    return next((code for code, pattern in _PATTERNS if pattern.search(words)), "")
