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
    ("CT", frozenset(("ct", "cta", "cbct", "ncct", "hu"))),
    ("PT", frozenset(("pet", "suv", "fdg"))),
    ("NM", frozenset(("spect", "datscan"))),
    ("US", frozenset(("us", "ultrasound"))),
)

_PATTERNS = tuple(
    (code, re.compile(rf"(?<![a-z])(?:{words})(?![a-z])")) for code, words in _BODY_PARTS
)
_SEPARATORS = re.compile(r"[^a-z0-9+*=.]+")


def normalised(text: str) -> str:
    """Lower case, without accents, one space between words; `+`, `*`, `=` and `.` are kept."""
    plain = unicodedata.normalize("NFKD", text.lower())
    letters = "".join(char for char in plain if not unicodedata.combining(char))
    return _SEPARATORS.sub(" ", letters).strip()


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


def modality_of(file_name: str) -> str:
    """The modality other than MR that a file name states, or nothing."""
    words = normalised(file_name).split()
    return next((code for code, said in _MODALITIES if any(w in said for w in words)), "")


def _first(words: str) -> str:
    return next((code for code, pattern in _PATTERNS if pattern.search(words)), "")
