"""Words and codes that name a sequence, with one table per header field.

English, German, French, Spanish, and vendor names. A row contains patterns of whole words in a text
without accents, case and punctuation (`normalized`). The first row that matches decides, so
specific rows come before general ones.
"""

_BEFORE = (
    r"(?:axi?|axial|tra|trans|sag|cor|kor|s|e|w|h|[23]d|wip|post|pre|mb|ce|gd|km|se|tse|fs)"
    r"{0,3}"
)
T1 = _BEFORE + r"t1(?!\d)\w*"
T2 = _BEFORE + r"t2(?!\d)\w*"
"""The weighting with the prefixes and suffixes that occur in descriptions."""

WORDS: tuple[tuple[str, str], ...] = (
    (
        "localizer",
        r"loc|locali[sz]er\w*|locali[sz]ation|locator|\w*scouts?|pilot|survey|surview|topo(?:gram)?"
        r"|3 ?pl(?:ane)?s?|plan ?scan|reperage|repere|localizador|localisateur|\w*ubersicht"
        r"|smartbrain|smart ?exam|^autoalign|calibration|cal|^asset$|coil ?survey"
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
        r"bold|(?:fmri|bold|ep2d) ?epi|epi ?(?:fmri|bold|rt)|(?:rest\w*|task\w*)(?: \w+)* epi"
        r"|epi (?:\w+ )*(?:rest\w*|task\w*)",
    ),
    (
        "swi",
        r"swi\w*|swan|ven ?bold|hemo|haemo|gre hemo\w*|t2 ?star\w*|t2s(?:w\w*)?|t2 ?\*\w*"
        r"|suscept\w*|qsm",
    ),
    (
        "mra",
        r"mra|mrv|\w*tof\w*|angio(?!ma)\w*|venogra\w*|phlebo\w*|3d ?pc|pc ?3d|pca|phase contrast"
        r"|inhance|cow|willis|trance|qiss|arterio\w*|arterien|venen",
    ),
    ("flair", r"\w*flair\w*|dark ?fl\w*|tir2d\w*|space ?ir|fluid att\w*"),
    ("tirm", r"tirm\w*"),
    ("t2", r"stir\w*"),
    (
        "pd t2",
        r"(?:pd|dp)w? ?(?:\+|and|und|et|y)? ?t2\w*|t2w? ?(?:\+|and|und|et|y)? ?(?:pd|dp)\w*"
        r"|dual ?echo",
    ),
    ("quantitative", r"t1 ?rho\w*|t1rho\w*"),
    (
        "t1",
        rf"{T1}|\w*mp2? ?rage\w*|bravo"
        r"|\w*spgr|\w*tfl(?:3d)?|\w*vibe\w*|thrive|mdeft|lava|ir ?fspgr",
    ),
    (
        "bold",
        r"[rst]{0,2}fmri\w*|resting\w*|func|functional|fonctionnelle|funktionell\w*|finger ?tap\w*",
    ),
    (
        "t2",
        rf"{T2}|\w*haste\w*|ss ?fse|ss ?tse"
        r"|fiesta\w*|ciss|drive|frfse|\w*trufi\w*|balanced",
    ),
    ("pd", r"pdw?|pd ?w\w*|proton\w*|densite|rho|dp"),
    ("dwi", r"s0|nodif"),
    ("bold", r"epi\d?|ep2d\w*|epi2d\w*|(?:ge|se|fe) ?epi|rest\d*|task|moco\w*"),
    ("quantitative", r"megre|mese|vfa|irt1|mpm|mts|mtr|[tr]b1[a-z]+|sh?molli\w*|molli\w*|symri"),
)
"""For descriptions, protocols and file names. `pd t2` (both are named) and `tirm` (FLAIR, T2, or
T1 with fluid suppression) are resolved by the other words and the timing parameters."""

PULSE_SEQUENCES: tuple[tuple[str, str], ...] = (
    ("dwi", r"ep_?b\d+|re_b\d+|ep2d_diff|epse2d\w*diff|dwi"),
    ("bold", r"epfid2d|ep2d_(?:bold|pace)|fe ?epi"),
    ("flair", r"spcir|tir2d|tirb"),
    ("swi", r"swi3d|qswi"),
    ("mra", r"fi3d|tof|fl_tof"),
    ("t2", r"h2d|hst|tfi3d|ci3d"),
    ("t1", r"tfl|mp2?rage|bravo|[ef]*spgr|t1tfe|t1ffe|fl3d"),
)
"""Prefixes of Sequence Name and Pulse Sequence Name, without leading `*` and `_`."""

ACQUISITION_CONTRASTS = {
    "T1": "t1", "T2": "t2", "PROTON_DENSITY": "pd", "FLAIR": "flair", "FLUID_ATTENUATED": "flair",
    "DIFFUSION": "dwi", "PERFUSION": "perfusion", "T2_STAR": "swi", "TOF": "mra", "STIR": "t2",
    "FLOW_ENCODED": "mra", "SUSCEPTIBILITY": "swi",
}  # fmt: skip
"""Acquisition Contrast of enhanced objects (PS3.3 C.8.13.3.1.1)."""

BIDS_SUFFIXES = {
    **dict.fromkeys(("t1w", "unit1", "inplanet1"), "t1"),
    **dict.fromkeys(("t2w", "inplanet2"), "t2"),
    **dict.fromkeys(("t2starw", "t2star", "swi"), "swi"),
    **dict.fromkeys(("bold", "sbref", "epi"), "bold"),
    **dict.fromkeys(("asl", "m0scan", "cbv"), "perfusion"),
    "pdw": "pd", "pdt2": "pd t2", "flair": "flair", "dwi": "dwi", "angio": "mra",
    **dict.fromkeys(
        ("vfa", "irt1", "mp2rage", "mese", "megre", "mtr", "mts", "mtsat", "mpm", "t1rho", "tb1dam",
         "tb1epi", "tb1afi", "tb1tfl", "tb1rfm", "tb1srge", "rb1cor"),
        "quantitative",
    ),
    **dict.fromkeys(
        ("t1map", "r1map", "t2map", "r2map", "t2starmap", "r2starmap", "pdmap", "mtrmap", "mwfmap",
         "pdt2map", "chimap", "m0map", "s0map", "tb1map", "rb1map", "b0map", "fieldmap",
         "phasediff", "phase", "phase1", "phase2", "magnitude", "magnitude1", "magnitude2"),
        "unknown",
    ),
}  # fmt: skip
"""Suffixes of BIDS file names in lower case (BIDS 1.10): images, the collections that maps are
computed from, and the maps, which selection.py recognizes."""

BIDS_DATATYPES = frozenset(("anat", "func", "dwi", "fmap", "perf"))
