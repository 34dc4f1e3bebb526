"""What the words of a header name: body parts, in one table.

English, German, French and Spanish. The first line that matches wins, so what is no patient at all
stands before the body, and the brain before its neighbours ("brain and cervical spine" is taken).
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

# Quality checks are registered as a patient. What may be a family name too counts where it is all
# there is, without a given name.
_NO_PERSON = re.compile(r"(?<![a-z])(?:phantom|fantom)")
_NO_PERSON_ALONE = re.compile(
    r"(?:fruit|agar|water|oil|bottle|sphere|acr|test ?object|(?:daily |weekly |mr |mri )?(?:qa|qc)"
    r"|quality (?:control|assurance))(?: ?\d+)?"
)

_MODALITIES = (
    ("CT", frozenset(("ct", "cta", "cbct", "ncct"))),
    ("PT", frozenset(("pet", "suv", "fdg"))),
    ("NM", frozenset(("spect", "datscan"))),
    ("US", frozenset(("ultrasound",))),
)
# Also a country, a unit, a site: no modality in the name of an MR image.
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
"""Letters that are no accented Latin ones, and the signs that mean a minus or a hyphen."""
_KANJI = (
    ("非造影", "non contrast"), ("造影なし", "non contrast"), ("造影前", "pre contrast"),
    ("造影後", "post contrast"), ("造影", "contrast"), ("単純", "plain"),
    ("平扫", "plain"), ("增强前", "pre contrast"), ("增强后", "post contrast"),
    ("增强", "contrast"),
    ("頭部", "head"), ("头部", "head"), ("頭", "head"), ("脳", "brain"), ("脑", "brain"),
    ("拡散", "diffusion"), ("弥散", "diffusion"), ("灌注", "perfusion"), ("定位", "localizer"),
)  # fmt: skip
"""Words of Japanese and Chinese descriptions, the longer before the shorter."""
_SEPARATORS = re.compile(r"[^a-z0-9+*=.]+")


def plain_letters(text: str) -> str:
    """Lower case, without accents; Cyrillic is transliterated, a few words of kanji translated."""
    if text.isascii():
        return text.lower()
    plain = unicodedata.normalize("NFKD", text.lower())
    letters = "".join(char for char in plain if not unicodedata.combining(char))
    for characters, word in _KANJI:
        letters = letters.replace(characters, f" {word} ")
    return letters.translate(_LETTERS)


def normalised(text: str) -> str:
    """Plain letters, one space between words; `+`, `*`, `=` and `.` are kept."""
    return _SEPARATORS.sub(" ", plain_letters(text)).strip()


def body_part_of(*texts: str) -> str:
    """The body part that the first telling text names, or nothing.

    What is no patient at all (a phantom, an animal) counts wherever it stands.
    """
    said = [_first(normalised(text)) for text in texts if text]
    for other in NO_PATIENT:
        if other in said:
            return other
    return next((code for code in said if code), "")


def is_phantom(patient_name: str, patient_id: str) -> bool:
    """Whether what is registered as a patient is a phantom."""
    name = normalised(patient_name)
    said = (name, normalised(patient_id))
    return any(map(_NO_PERSON.search, said)) or _NO_PERSON_ALONE.fullmatch(name) is not None


def modality_of(file_name: str, *, names_sequence: bool = False) -> str:
    """The modality other than MR that a file name states, or nothing.

    `names_sequence`: whether it names an MR sequence, as `T1w` does.
    """
    words = normalised(file_name).split()
    stated = next((code for code, said in _MODALITIES if any(w in said for w in words)), "")
    if stated or names_sequence or not _MR_WORDS.isdisjoint(words):
        return stated
    return next((_AMBIGUOUS[word] for word in words if word in _AMBIGUOUS), "")


def _first(words: str) -> str:
    return next((code for code, pattern in _PATTERNS if pattern.search(words)), "")
