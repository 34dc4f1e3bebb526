import pytest

from batchmri.header import Header
from batchmri.terms.sequence import named_sequence, sequence_in_words, sequence_of

WORDS = {
    "t1": (
        "t1_mprage_sag_p2_iso", "T1W_SE AX", "Ax T1 SE", "sT1W_3D_TFE", "T1 nativ", "MPRAGE",
        "T1_SE_tra_ohne_KM", "3D BRAVO", "IR-FSPGR", "WIP T1W_3D", "T1 sans gado", "AX T1 PRE",
        "T1_pre_contrast", "t1_vibe_fs_tra", "MP2RAGE_INV2", "SAG T1 FLAIR", "AX T1 W/O", "axT1",
        "T1 EPI", "T1 sin contraste", "T1 tra vor KM", "Pre_Scan_T1", "MP-RAGE",
    ),
    "t1_contrast": (
        "T1 +C", "AX T1 POST GD", "t1_mprage_nach_KM", "T1_SE_tra_KM", "T1 avec gado", "AX T1 C+",
        "T1 con contraste", "Post_Scan_T1", "T1Gd", "t1ce", "t1c", "MPRAGE POST", "T1 FLAIR +C",
        "SAG T1 POST CONTRAST", "t1_tse_tra_fs_+KM", "BRAVO +C", "3D T1 GADO", "T1 Axial inj.",
    ),
    "t2": ("t2_tse_tra", "AX T2 FSE", "HASTE", "T2W_TSE", "STIR COR", "CISS 3D", "AX FRFSE"),
    "pd": ("PD TSE", "FSE PD AXIAL OBL", "DP axial"),
    "flair": ("AX FLAIR", "t2_tirm_tra_dark-fluid", "T2 FLAIR", "t2_space_dark-fluid"),
    "dwi": (
        "ep2d_diff_b1000", "DWI b=1000", "DTI 64 dir", "Diffusion", "TRACEW", "Ax DWI TENSOR",
        "S0_10slices", "nodif",
    ),
    "adc": ("ep2d_diff_ADC", "ADC map", "dADC", "Apparent Diffusion Coefficient"),
    "swi": ("SWI_Images", "t2* GRE", "T2 star", "SWAN"),
    "mra": ("TOF_3D", "3D TOF MRA", "Angio", "MRV", "PCA"),
    "perfusion": ("ep2d_perf", "DSC", "pCASL", "3D ASL"),
    "bold": ("someones_epi", "GE-EPI", "ep2d_bold_moco", "fMRI rest", "func_task-oneback_run-1"),
    "localizer": (
        "localizer", "3-plane loc", "SCOUT", "Survey", "AAHScout", "Übersicht", "Repérage",
        "T2 localizer", "FAST PILOT",
    ),
    "": ("head", "anatomical", "Series 5", "SAG", "Partition 1", "unit1x", "B0 NS", ""),
}  # fmt: skip


@pytest.mark.parametrize(
    ("code", "text"), [(code, text) for code, texts in WORDS.items() for text in texts]
)
def test_words(code: str, text: str) -> None:
    assert sequence_in_words(text) == code


@pytest.mark.parametrize(
    ("times", "code"),
    [
        ({"repetition_time": 500, "echo_time": 12, "scanning_sequence": "SE"}, "t1"),
        ({"repetition_time": 500, "echo_time": 12}, "t1"),
        ({"repetition_time": 4000, "echo_time": 100, "scanning_sequence": "SE"}, "t2"),
        ({"repetition_time": 3000, "echo_time": 20, "scanning_sequence": "SE"}, "pd"),
        (
            {
                "repetition_time": 9000,
                "echo_time": 120,
                "inversion_time": 2500,
                "scanning_sequence": "SE\\IR",
            },
            "flair",
        ),
        (
            {
                "repetition_time": 4000,
                "echo_time": 60,
                "inversion_time": 160,
                "scanning_sequence": "SE\\IR",
            },
            "t2",
        ),
        (
            {
                "repetition_time": 2300,
                "echo_time": 3,
                "inversion_time": 900,
                "scanning_sequence": "GR\\IR",
            },
            "t1",
        ),
        ({"repetition_time": 8, "echo_time": 3, "flip_angle": 12, "scanning_sequence": "GR"}, "t1"),
        (
            {"repetition_time": 28, "echo_time": 20, "flip_angle": 15, "scanning_sequence": "GR"},
            "swi",
        ),
        (
            {"repetition_time": 500, "echo_time": 10, "flip_angle": 20, "scanning_sequence": "GR"},
            "unknown",
        ),
        ({"repetition_time": 2000, "echo_time": 30, "scanning_sequence": "EP\\GR"}, "bold"),
        ({"repetition_time": 5000, "echo_time": 90, "scanning_sequence": "EP\\SE"}, "dwi"),
        ({"repetition_time": 500}, "unknown"),
        ({}, "unknown"),
    ],
)
def test_sequence_by_timing_without_words(times, code) -> None:
    assert sequence_of(Header(**times), "") == code


def test_order_of_precedence() -> None:
    assert sequence_of(Header(b_value=1000.0, series_description="T1"), "") == "dwi"
    assert sequence_of(Header(b_value=0.0, series_description="T1"), "") == "t1"
    assert sequence_of(Header(series_description="AX T2", named_sequence="t1"), "") == "t2"
    assert sequence_of(Header(named_sequence="flair"), "head_t1.nii") == "flair"
    assert sequence_of(Header(named_sequence="flair"), "sub-1_T1w.nii") == "t1"
    assert sequence_of(Header(contrast_agent=True, series_description="AX T1"), "") == "t1_contrast"
    assert sequence_of(Header(contrast_agent=True, series_description="AX T2"), "") == "t2"
    assert (
        sequence_of(Header(contrast_agent=False, series_description="AX T1 +C"), "")
        == "t1_contrast"
    )


def test_two_echoes_of_one_description() -> None:
    assert sequence_of(Header(series_description="AX PD+T2", echo_time=15.0), "") == "pd"
    assert sequence_of(Header(series_description="AX PD/T2", echo_time=90.0), "") == "t2"


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("sub-01_ses-1_T1w.nii.gz", "t1"),
        ("sub-01_ce-gadolinium_T1w.nii.gz", "t1_contrast"),
        ("sub-01_task-rest_bold.nii.gz", "bold"),
        ("sub-01_dir-AP_dwi.nii.gz", "dwi"),
        ("sub-01_FLAIR.nii.gz", "flair"),
        ("BraTS-GLI-00001-000-t1c.nii.gz", "t1_contrast"),
        ("anything.nii", "unknown"),
    ],
)
def test_file_names(name: str, code: str) -> None:
    assert sequence_of(Header(), name) == code


def test_pulse_sequence_and_contrast_codes() -> None:
    assert named_sequence((), "*tfl3d1_ns", "") == "t1"
    assert named_sequence((), "*ep_b1000t", "") == "dwi"
    assert named_sequence((), "epfid2d1_64", "") == "bold"
    assert named_sequence((), "", "FLUID_ATTENUATED") == "flair"
    assert named_sequence(("AX T2",), "*tfl3d1", "T1") == "t2"
    assert named_sequence(("Patient^Name",), "", "") == ""
