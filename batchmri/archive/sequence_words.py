"""The words and codes that name a sequence: one table per place where they stand.

English, German, French and Spanish, and the names of the vendors. A line holds patterns that
stand between word borders of a text without accents, case and punctuation (`normalised`); in every
table the first line that matches wins, so the special stand before the general.
"""

WORDS: tuple[tuple[str, str], ...] = (
    (
        "localizer",
        r"loc|locali[sz]er\w*|locali[sz]ation|locator|\w*scouts?|pilot|survey|surview|topo(?:gram)?"
        r"|3 ?pl(?:ane)?s?|plan ?scan|reperage|repere|localizador|localisateur|\w*ubersicht"
        r"|smartbrain|smart ?exam|autoalign|calibration|cal|asset(?: cal)?|coil ?survey"
        r"|sense ?ref\w*|ref ?scan|shim\w*|prescan\w*",
    ),
    ("adc", r"[ed]?adc|apparent|exp adc"),
    (
        "dwi",
        r"dwi|dti|dki|dsi|dwibs|noddi|diff|diffusion\w*|difusion|ep2d diff\w*|trace|tracew"
        r"|tensor|tractograph\w*|colfa|fa map|b ?=? ?[1-9]\d{2,3}|b ?=? ?0 (?:dwi|diff\w*)"
        r"|\d+ ?dir\w*",
    ),
    (
        "perfusion",
        r"perf|perfusion\w*|pwi|dsc|dce|(?:[23]d ?)?(?:p|pc|c|t)?asl|r?cb[fv]|mtt|ttp|tmax|ktrans"
        r"|perm\w*",
    ),
    (
        "bold",
        r"bold|r?s?fmri|resting|rest\d*|task|func|functional|fonctionnelle|funktionell\w*|moco"
        r"|finger ?tap\w*|(?:fmri|bold|ep2d) ?epi|epi ?(?:fmri|bold)",
    ),
    (
        "swi",
        r"swi\w*|swan|ven ?bold|hemo|haemo|gre hemo\w*|t2 ?star\w*|t2s(?:w\w*)?|t2 ?\*\w*"
        r"|suscept\w*|qsm",
    ),
    (
        "mra",
        r"mra|mrv|\w*tof\w*|angio\w*|venogra\w*|phlebo\w*|3d ?pc|pc ?3d|pca|phase contrast|inhance"
        r"|cow|willis|trance|qiss|arterio\w*|arterien|venen",
    ),
    ("t1", r"t1\w*(?: \w+){0,2} flair|flair(?: \w+){0,2} t1\w*|t1 ?flair\w*|t1w? dark ?fluid"),
    ("flair", r"\w*flair\w*|dark ?fl\w*|tir2d\w*|space ?ir|fluid att\w*"),
    ("t2", r"stir\w*|tirm\w*"),
    (
        "pd t2",
        r"(?:pd|dp)w? ?(?:\+|and|und|et|y)? ?t2\w*|t2w? ?(?:\+|and|und|et|y)? ?(?:pd|dp)\w*"
        r"|dual ?echo",
    ),
    (
        "t1",
        r"(?:ax|tra|trans|sag|cor|kor|s|w|[23]d|wip|post|pre|mb)*t1(?!\d)\w*|\w*mp2? ?rage\w*|bravo"
        r"|\w*spgr|\w*tfl(?:3d)?|\w*vibe\w*|thrive|mdeft|lava|ir ?fspgr",
    ),
    (
        "t2",
        r"(?:ax|tra|trans|sag|cor|kor|s|w|[23]d|wip|mb)*t2(?!\d)\w*|\w*haste\w*|ss ?fse|ss ?tse"
        r"|fiesta\w*|ciss|drive|frfse|\w*trufi\w*|balanced",
    ),
    ("pd", r"pdw?|pd ?w\w*|proton\w*|densite|rho|dp"),
    ("dwi", r"s0|nodif"),
    ("bold", r"epi|ep2d\w*|epi2d\w*|(?:ge|se|fe) ?epi"),
)
"""Of descriptions, protocols and file names; `pd t2` is told apart by the echo time."""

CONTRAST = (
    r"gd|gad|gado\w*|post ?(?:gd|gad\w*|km|c)?|contrast\w*|kontrast\w*|contraste|km|mdc|ce|c\+"
    r"|\+ ?(?:c|gd|gad\w*|km)|avec|con|nach|inj\w*|dotarem|gadovist|multihance|enhanced"
    r"|t1w?\+?(?:gd|gad|km|ce|post|c)\+?"
)
"""Contrast medium was given: beside a word of T1."""

NO_CONTRAST = (
    r"(?:pre|without|w o|wo|no|non|ohne|sans|sin|vor|before|avant)(?: \w+)? (?:gd|gad\w*"
    r"|contrast\w*|kontrast\w*|contraste|km|c|inj\w*|enhanced)|pre|nativ\w*|unenhanced|pre(?:gd|contrast)"
)
"""It was not, whatever the table above finds."""

PULSE_SEQUENCES: tuple[tuple[str, str], ...] = (
    ("dwi", r"ep_?b\d+|re_b\d+|ep2d_diff|epse2d\w*diff|dwi"),
    ("bold", r"epfid2d|ep2d_(?:bold|pace)|fe ?epi"),
    ("flair", r"spcir|tir2d|tirb"),
    ("swi", r"swi3d|qswi"),
    ("mra", r"fi3d|tof|fl_tof"),
    ("t2", r"h2d|hst|tfi3d|ci3d"),
    ("t1", r"tfl|mp2?rage|bravo|[ef]*spgr|t1tfe|t1ffe|fl3d"),
)
"""How Sequence Name or Pulse Sequence Name begin, without `*` and `_` before them."""

ACQUISITION_CONTRASTS = {
    "T1": "t1", "T2": "t2", "PROTON_DENSITY": "pd", "FLAIR": "flair", "FLUID_ATTENUATED": "flair",
    "DIFFUSION": "dwi", "PERFUSION": "perfusion", "T2_STAR": "swi", "TOF": "mra", "STIR": "t2",
    "FLOW_ENCODED": "mra", "SUSCEPTIBILITY": "swi",
}  # fmt: skip
"""Acquisition Contrast of enhanced objects (PS3.3 C.8.13.3.1.1)."""

BIDS_SUFFIXES = {
    "t1w": "t1", "mp2rage": "t1", "unit1": "t1", "inplanet1": "t1", "t2w": "t2",
    "inplanet2": "t2", "t2starw": "swi", "swi": "swi", "pdw": "pd", "pdt2": "pd", "flair": "flair",
    "dwi": "dwi", "sbref": "bold", "bold": "bold", "cbv": "perfusion", "asl": "perfusion",
    "m0scan": "perfusion", "angio": "mra",
}  # fmt: skip
"""The suffix of a BIDS file name."""
