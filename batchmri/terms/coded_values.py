"""Known coded values of DICOM headers; other values are not kept.

Modality: PS3.3 C.7.3.1.1.1. Image Type and Frame Type: PS3.3 C.7.6.1.1.2, C.8.13.3.1.1, and the
values that GE, Philips, Siemens, Canon and United Imaging use.
"""

MR_IMAGE = "1.2.840.10008.5.1.4.1.1.4"
ENHANCED_MR = "1.2.840.10008.5.1.4.1.1.4.1"
LEGACY_ENHANCED_MR = "1.2.840.10008.5.1.4.1.1.4.4"
MR_CLASSES = frozenset((MR_IMAGE, ENHANCED_MR, LEGACY_ENHANCED_MR))
"""SOP classes of MR images (PS3.4 B.5)."""

MODALITIES = frozenset(
    """
    ANN AR ASMT AU BDUS BI BMD CFM CR CT CTPROTOCOL DG DMS DOC DX ECG EEG EMG EOG EPS ES FID GM
    HC HD IO IOL IVOCT IVUS KER KO LEN LS M3D MG MR NM OAM OCT OP OPM OPT OPTBSV OPTENF OPV OSS OT
    PA PLAN POS PR PT PX REG RESP RF RG RTDOSE RTIMAGE RTINTENT RTPLAN RTRAD RTRECORD RTSEGANN
    RTSTRUCT RWV SEG SM SMR SR SRF STAIN TEXTUREMAP TG US VA XA XAPROTOCOL XC
    """.split()  # noqa: SIM905
)

_MISSPELLED = {
    **dict.fromkeys(("MRI", "MRT", "NMR", "M R", "MAGNETIC RESONANCE", "IRM", "RM"), "MR"),
    **dict.fromkeys(("PET", "PET/CT", "PETCT", "PET-CT"), "PT"),
    **dict.fromkeys(("CAT", "CTA", "CBCT"), "CT"),
    "ULTRASOUND": "US",
    "SPECT": "NM",
    "X-RAY": "DX",
}

_BY_CLASS = (
    ("1.2.840.10008.5.1.4.1.1.4", "MR"), ("1.2.840.10008.5.1.4.1.1.2", "CT"),
    ("1.2.840.10008.5.1.4.1.1.128", "PT"), ("1.2.840.10008.5.1.4.1.1.130", "PT"),
    ("1.2.840.10008.5.1.4.1.1.20", "NM"), ("1.2.840.10008.5.1.4.1.1.6", "US"),
    ("1.2.840.10008.5.1.4.1.1.3", "US"), ("1.2.840.10008.5.1.4.1.1.12.1", "XA"),
    ("1.2.840.10008.5.1.4.1.1.12.2", "RF"), ("1.2.840.10008.5.1.4.1.1.1.1", "DX"),
    ("1.2.840.10008.5.1.4.1.1.1.2", "MG"),
)  # fmt: skip


def modality_code(stated: str, sop_class: str = "") -> str:
    """Return the code of a modality, corrected if it is a common misspelling.

    If it is unknown, return the modality of the SOP class, or an empty string.
    """
    word = stated.strip("\0 ").upper()
    code = word if word in MODALITIES else _MISSPELLED.get(word, "")
    if code or not sop_class:
        return code
    return next((m for uid, m in _BY_CLASS if f"{sop_class}.".startswith(f"{uid}.")), "")


COMPONENTS = {
    **dict.fromkeys(("P", "PHASE", "PHASE MAP", "P_FFE", "P_SE", "P_IR"), "phase"),
    **dict.fromkeys(("R", "REAL", "R_FFE", "R_SE", "R_IR"), "real"),
    **dict.fromkeys(("I", "IMAGINARY", "I_FFE", "I_SE", "I_IR"), "imaginary"),
    **dict.fromkeys(("W", "WATER"), "water"),
    **dict.fromkeys(("F", "FAT"), "fat"),
    **dict.fromkeys(("IP", "IN_PHASE"), "in_phase"),
    **dict.fromkeys(("OP", "OPP_PHASE", "OUT_PHASE"), "opposed_phase"),
    **dict.fromkeys(("FF", "FF_RATIO"), "fat_fraction"),
    **dict.fromkeys(("T1 MAP", "T1_MAP", "R1"), "t1_map"),
    **dict.fromkeys(("T2 MAP", "T2_MAP", "R2", "T2_STAR MAP", "R2_STAR"), "t2_map"),
    **dict.fromkeys(("B0 MAP", "B1 MAP", "FIELDMAP", "FIELDMAPHZ"), "field_map"),
    "ADC": "adc", "FA": "anisotropy", "TRACEW": "trace", "TRACE": "trace", "VELOCITY": "velocity",
}  # fmt: skip
"""Image types of images other than the magnitude, mapped to `Frame.component`."""

ANATOMY = frozenset(("water", "in_phase", "opposed_phase"))
"""Components that show the anatomy as the magnitude does."""

DERIVED = frozenset(
    {
        "MIP", "MINIP", "MNIP", "MAX_IP", "MIN_IP", "PROJECTION IMAGE", "PROJECTION", "VOLREND",
        "3D RENDERING", "SUB", "SUBTRACTION", "SUBTRACT", "EADC", "ANISOTROPY", "TENSOR", "RELCBF",
        "CBF", "CBV", "RCBV", "MTT", "TTP", "TMAX", "PBP", "QUANTITY", "STDDEV",
    }
    | {code for code, component in COMPONENTS.items() if component not in ANATOMY}
    | {component.upper() for component in COMPONENTS.values() if component not in ANATOMY}
)  # fmt: skip
"""Image types of maps, phases, projections and subtractions."""

IMAGE_TYPES = (
    frozenset(
        """
        ORIGINAL DERIVED PRIMARY SECONDARY OTHER LOCALIZER SCOUT M M_FFE M_SE M_IR M_B0 MAGNITUDE
        NORM DIS2D DIS3D ND FM3_2 FIL CSA MPR REFORMATTED AXIAL VOLUME RESAMPLED ADDITION MEAN
        DIFFUSION DTI ASL PERFUSION BASELINE SWI SUSCEPTIBILITY FMRI BOLD MOCO MOSAIC VFRAME T1 T2
        T2_STAR UNI INV1 INV2 FFE SE IR PROTON_DENSITY FLOW NONE MIXED COMPOSITE COMBINED ANGIO TOF
        MULTIECHO PASTED SCREENSHOT
        """.split()  # noqa: SIM905
    )
    | {"SCREEN SAVE", "SECONDARY CAPTURE"}
    | DERIVED
    | COMPONENTS.keys()
)
"""Every image type that is kept."""
