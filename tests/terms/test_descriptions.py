"""Series descriptions written by scanners and technologists, with the sequence of each."""

from dataclasses import replace
from pathlib import Path

import pytest

from batchmri.archive.assembly import assemble
from batchmri.archive.selection import select
from batchmri.header import Header
from batchmri.reasons import Reason
from batchmri.settings.selection import SelectionSettings
from batchmri.terms.contrast import contrast_in_words
from batchmri.terms.sequence import sequence_of
from tests.archive.test_selection import series
from tests.builders import dicom, instance, read_instance
from tests.formats.nifti.test_header import nifti
from tests.formats.nifti.test_sidecar import described

SIEMENS = {
    "t1": (
        "t1_mprage_sag_p2_iso", "t1_mpr_ns_sag_p2_iso", "t1_se_tra", "t1_tse_dark-fluid_tra",
        "t1_tirm_tra_dark-fluid", "t1_tirm_sag", "T1_MPRAGE_vNav_MoCo", "ABCD_T1w_MPR_vNav",
        "t1_space_cor_nativ", "t1_vibe_dixon_tra_W", "t1_fl2d_sag", "t1_mp2rage_sag_p3_UNI_Images",
        "t1_mp2rage_sag_p3_INV2", "T1W_SE_REST slab", "t1_mpr_AutoAlign", "t1_fl3d_task",
    ),
    "t1_contrast": (
        "t1_mprage_tra_+KM", "t1_mprage_tra+km", "t1_se_tra_KM+", "t1_tse_cor_fs_post_gd",
        "t1_vibe_fs_tra_GAD+", "t1_mprage_sag_p2_iso_nach_KM", "t1_space_sag_fs_km_p2",
        "t1_tirm_tra_dark-fluid_+KM", "MPRAGE+KM", "t1_fl2d_tra_fs_GD", "KM+ t1_se_cor",
    ),
    "flair": ("t2_tirm_tra_dark-fluid", "t2_space_dark-fluid_sag_p2_iso", "t2_flair_tra_rest"),
    "t2": ("t2_tse_tra_512", "t2_tirm_cor_fs", "t2_haste_cor", "t2_tse_tra_REST", "t2_ci3d_tra"),
    "swi": ("t2_fl2d_tra_hemo_t2*", "SWI_Images", "t2star_fl2d_tra"),
    "dwi": ("ep2d_diff_3scan_trace_p2", "ep2d_diff_mddw_20_p2_TRACEW", "resolve_4scan_trace_tra"),
    "adc": ("ep2d_diff_3scan_trace_p2_ADC", "resolve_4scan_trace_tra_ADC"),
    "bold": ("ep2d_bold_moco_p2", "MoCoSeries", "rfMRI_REST_AP", "tfMRI_MOTOR", "ep2d_fid_rest"),
    "perfusion": ("ep2d_perf_p2", "pcasl_3d_moco", "t1_twist_dce"),
    "mra": ("TOF_3D_multi-slab", "fl3d_tof_tra", "pc3d_ven"),
    "localizer": ("localizer", "AAHead_Scout_64ch-head-coil", "AAHScout_MPR_sag", "T1 scout"),
}  # fmt: skip
GE = {
    "t1": (
        "Ax T1 SE", "SAG T1 FLAIR", "Ax T1 NON CON", "AX T1 W/O", "FSPGR 3D 8 900", "3D BRAVO",
        "Sag CUBE T1 pre", "AX T1 PRE GAD", "Ax T1 FSE -C", "COR T1 (-GAD)", "IR-FSPGR pre",
        "AX T1 W/O CONTRAST", "T1 AX NON-CONTRAST", "Ax T1 post op no gad", "AX T1 POST FOSSA",
        "AX T1 W/WO", "Ax T1 FLAIR PROPELLER", "T1 ANGIOMA PROTOCOL", "Ax T1 ASSET",
    ),
    "t1_contrast": (
        "Ax T1 +C", "Ax T1 FS+C", "SAG T1 CUBE +C", "COR T1 C+", "AX T1 GAD", "Ax 3D BRAVO+C",
        "AX T1 POST", "AX T1 POST GD FS", "POST CONTRAST AX T1", "Ax T1 W/ CONTRAST", "AX T1 GAD+",
        "Ax T1 FLAIR +C", "3D FSPGR GAD", "T1 w gad", "AX T1 POST CONTRAST W/O FAT SAT",
    ),
    "flair": ("Ax T2 FLAIR", "Sag CUBE FLAIR", "AX FLAIR FS"),
    "t2": ("Ax T2 FRFSE", "COR STIR", "FIESTA", "AX T2 PROPELLER"),
    "swi": ("Ax SWAN", "AX T2* GRE", "Ax T2 STAR"),
    "dwi": ("Ax DWI ASSET", "DTI 25 dir", "AX DWI B 1000"),
    "bold": ("epiRT IntDesHB3 GD33", "fMRI EPI 2mm", "BOLD finger tapping"),
    "perfusion": ("Ax PERFUSION", "3D ASL", "DSC PERF"),
    "mra": ("3D TOF MRA", "Inhance 3D Velocity"),
    "localizer": ("3 PLANE LOC", "3-pl T2* FGRE", "Calibration Scan", "ASSET cal"),
}  # fmt: skip
PHILIPS = {
    "t1": ("sT1W_3D_TFE", "T1W_SE_tra", "T1W_IR_TSE", "eT1W_TSE", "WIP T1W_FFE", "T1W_SPIR nativ"),
    "t1_contrast": (
        "sT1W_3D_TFE_GADO", "T1W_SE_Gd", "T1W_TSE_cor_KM", "T1W_3D_TFE +GD", "GD-T1W_SE_AX",
        "sT1W_SE_FS GD+",
    ),
    "t2": ("T2W_TSE", "T2W_DRIVE", "B-TFE balanced"),
    "flair": ("FLAIR_longTR", "T2W_FLAIR_SPAIR", "3D_Brain_VIEW_FLAIR"),
    "pd t2": ("PD/T2 TSE", "T2+PD dual echo"),
    "swi": ("SWIp", "T2W_FFE* t2*"),
    "dwi": ("DWI_3b_1000", "dDWI b1000"),
    "adc": ("dADC", "ADC_map"),
    "localizer": ("Survey", "SmartBrain", "Ref scan", "coil survey"),
}  # fmt: skip
CANON = {
    "t1": ("SE T1 AX", "T1 FSE SAG", "FFE3D T1", "T1WI 単純", "T1 IR 3D"),
    "t1_contrast": ("T1 AX CE", "CE T1 COR", "T1WI 造影後", "造影 T1 SAG", "T1 SE AX +CM"),
    "t2": ("FSE T2 AX", "T2WI AX"),
    "flair": ("FLAIR AX FSE",),
}  # fmt: skip
LANGUAGES = {
    "t1": (
        "T1 tra ohne KM", "T1 o. KM", "T1 tra nativ", "T1 vor KM-Gabe", "T1 sans gado",
        "T1 sans injection", "T1 avant injection", "T1 non injecté", "SAG T1 natif",
        "T1 sin contraste", "T1 s/contraste", "T1 S/C", "T1 senza mdc", "T1 senza m.d.c.",
        "T1 prima del contrasto", "T1 sem contraste", "T1 zonder contrast", "T1 utan kontrast",
        "T1 före kontrast", "T1 uden kontrast", "T1 uten kontrast", "T1 før kontrast",
        "T1 ilman tehostetta", "T1 bez kontrastu", "T1 bez k.l.", "T1 przed kontrastem",
        "T1 kontraszt nélkül", "T1 без контраста", "T1 平扫", "T1 fără contrast",
        "T1 W_O GAD", "T1 wo iv contrast", "T1 K.M. nein", "t1_tra_oKM",
    ),
    "t1_contrast": (
        "T1 mit KM", "T1 m. KM", "T1 nach Kontrastmittel", "T1 tra KM+", "T1 fs GADO +",
        "T1 avec gado", "T1 après injection", "T1 injecté", "T1 con contraste", "T1 c/ contraste",
        "T1 con mdc", "T1 dopo mdc", "T1 com contraste", "T1 pós contraste", "T1 met contrast",
        "T1 na contrast", "T1 med kontrast", "T1 efter kontrast", "T1 po kontrastu",
        "T1 z kontrastem", "T1 s kontrastom", "T1 kontrasztanyag után", "T1 tehosteaine",
        "T1 с контрастом", "T1增强", "T1 ohne FS mit KM", "t1fsgd", "T1KM", "t1post",
    ),
}  # fmt: skip
BIDS = {
    "t1": (
        "acq-tirm_T1w", "acq-angio_T1w", "acq-b1000_T1w", "rec-moco_T1w", "acq-flair_run-1_T1w",
        "acq-T2prep_T1w", "ce-none_T1w", "acq-preGd_T1w", "acq-rest_UNIT1", "anat-T1w_acq-tirm",
        "acq-dwi_T1w_defaced",
    ),
    "t1_contrast": (
        "ce-gadolinium_T1w", "acq-postGd_T1w", "acq-flair_ce-GD_T1w", "anat-T1w_ce-gad",
        "ce-1_T1w",
    ),
    "t2": ("acq-t1space_T2w", "acq-flair_T2w"),
    "flair": ("acq-T1like_FLAIR",),
    "bold": ("task-t1_bold", "dir-AP_acq-T1w_epi", "task-rest_sbref"),
    "dwi": ("acq-T1matched_dir-AP_dwi",),
    "perfusion": ("acq-mprage_asl",),
    "quantitative": (
        "MEGRE", "MESE", "VFA", "IRT1", "MPM", "acq-T1w_MEGRE", "echo-1_MESE", "flip-2_VFA",
        "inv-1_IRT1", "inv-1_MP2RAGE", "flip-1_mt-on_MPM", "mt-off_MTR", "flip-1_mt-on_MTS",
        "acq-T1w_TB1TFL", "acq-anat_TB1RFM", "acq-head_RB1COR", "TB1DAM", "flip-1_TB1EPI",
        "acq-tr1_TB1AFI", "acq-x_TB1SRGE", "acq-T1w_MTsat", "acq-x_T1rho",
    ),
}  # fmt: skip
TABLES = (SIEMENS, GE, PHILIPS, CANON, LANGUAGES, BIDS)
ROWS = [
    (text, code) for table in TABLES for code, texts in table.items() for text in texts
]  # fmt: skip


@pytest.mark.parametrize(("text", "code"), ROWS)
def test_sequence(text: str, code: str) -> None:
    found = sequence_of(Header(series_description=text, echo_time=10.0), "")
    assert found == ("pd" if code == "pd t2" else code)


NO_CONTRAST = [
    *LANGUAGES["t1"],
    "T1 GD-", "T1 KM- tra", "T1 C-", "T1 NO GAD", "T1 nogad", "T1 noncon", "T1 unenhanced",
    "T1 W/OUT CONTRAST", "T1 prior to contrast", "T1 pre GD post op", "T1 ohne FS ohne KM",
    "T1 contrast: none", "T1 keine KM", "preT1", "ce-no_T1w", "AX T2 NON CON",
]  # fmt: skip
CONTRAST = [
    *LANGUAGES["t1_contrast"],
    "(C+) T1", "T1 (+C)", "T1 KM +", "T1-GD", "cet1", "mprage+c", "T1 gadovist 7ml", "ce-GD_T1w",
    "T2 FLAIR post contrast", "T1+", "T1+ SAG", "(T1W+)", "T1 p.c.", "t1_p.c._tra", "T1 p. c. cor",
    "P.C. T1 AX",
]  # fmt: skip
UNSTATED = [
    "T1 SE tra", "T1 W/WO", "T1 +/- KM", "T1 mit/ohne KM", "T1 with and without contrast",
    "T1 pre/post contrast", "avec et sans gado T1", "T1 sin y con contraste", "T1 postop",
    "T1 pre-op", "T1 posterior fossa", "T1 ohne FS", "T1 no fatsat", "T1 cor", "C-spine T1",
    "T1 Kontrolle", "T1 control", "multi-contrast T1", "PD+T2", "T1 moco", "since t1", "",
    "T1+T2", "T1+ T2", "T1 + T2", "T1+FLAIR", "T1+FS", "T1+/-", "T2+", "T1 pc", "P.C. MRA",
    "p.c.angio", "T1 p.c. angio", "a.p.c. T1",
]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "stated"),
    [(text, False) for text in NO_CONTRAST]
    + [(text, True) for text in CONTRAST]
    + [(text, None) for text in UNSTATED],
)
def test_stated_contrast(text: str, stated: bool | None) -> None:
    assert contrast_in_words(text) is stated


AGENTS = {
    False: (
        "NON CONTRAST", "N/A", "No contrast", "none", "-", "0", "NIL", "KEIN", "keine", "ohne KM",
        "sans", "0 ml", "0.0", "0ml", "n.a.", "--", "./.", "None given", "Not applicable", "sin",
        "geen", "ingen", "nessuno", "aucun", "ninguno", "nincs", "brak", "NOT USED", "false",
        "unenhanced", "no iv contrast", "Non-Contrast", "W/O", "nativ",
    ),
    True: (
        "GADOVIST", "Gd", "yes", "DOTAREM 10ml", "10 ml", "CONTRAST", "造影剤", "Гадовист", "1",
        "Gadobutrol (no adverse reaction)", "Prohance, 15cc", "KM",
    ),
    None: ("", "unknown", "?"),
}  # fmt: skip


@pytest.mark.parametrize(
    ("agent", "stated"), [(text, stated) for stated, texts in AGENTS.items() for text in texts]
)
def test_agent(tmp_path: Path, agent: str, stated: bool | None) -> None:
    found = read_instance(
        dicom(tmp_path / "a", ContrastBolusAgent=agent, SpecificCharacterSet="ISO_IR 192")
    )
    assert found.header.contrast_agent is stated
    assert sequence_of(found.header, "") == ("t1_contrast" if stated else "t1")


@pytest.mark.parametrize(
    ("name", "said", "stated"),
    [
        ("sub-1_ce-gadolinium_T1w", {}, True),
        ("sub-1_ce-none_T1w", {"ContrastBolusIngredient": "GADOLINIUM"}, False),
        ("sub-1_T1w", {"ContrastBolusAgent": "GADOVIST"}, True),
        ("sub-1_T1w", {"ContrastBolusAgent": "No contrast"}, False),
        ("sub-1_T1w", {"SeriesDescription": "t1_se_tra_ohne_KM"}, False),
        ("sub-1_T1w", {"ProtocolName": "t1_se_tra+km"}, True),
        ("sub-1_ses-post_T1w", {}, None),
    ],
)
def test_stated_contrast_of_nifti(tmp_path: Path, name, said, stated) -> None:
    header = described(tmp_path, said, name).header
    assert header.contrast_agent is stated
    assert sequence_of(header, f"{name}.nii.gz") == ("t1_contrast" if stated else "t1")


def test_stated_contrast_of_a_file_name_alone(tmp_path: Path) -> None:
    for name, stated in (("t1_post.nii", True), ("t1_nativ.nii", False), ("t1.nii", None)):
        assert read_instance(nifti(tmp_path / name)).header.contrast_agent is stated


SE_IR = "SE\\IR"
T1_DARK_FLUID = {"repetition_time": 2000, "echo_time": 9, "inversion_time": 860}
FLAIR = {"repetition_time": 9000, "echo_time": 120, "inversion_time": 2500}
STIR = {"repetition_time": 5000, "echo_time": 60, "inversion_time": 160}


@pytest.mark.parametrize(
    ("text", "times", "code", "contradicts"),
    [
        ("t1_tirm_tra_dark-fluid", T1_DARK_FLUID, "t1", False),
        ("tirm_tra_dark-fluid", T1_DARK_FLUID, "t1", False),
        ("tirm_tra", T1_DARK_FLUID, "t1", False),
        ("tirm_tra", FLAIR, "flair", False),
        ("tirm_cor", STIR, "t2", False),
        ("dark-fluid", FLAIR, "flair", False),
        ("AX FLAIR", FLAIR, "flair", False),
        ("AX FLAIR", T1_DARK_FLUID, "t1", True),
        ("t2_tirm_tra_dark-fluid", T1_DARK_FLUID, "flair", True),
        ("AX T1 FLAIR", T1_DARK_FLUID, "t1", False),
        ("AX T1 FLAIR", FLAIR, "t1", True),
        ("AX T1", {"repetition_time": 4000, "echo_time": 100}, "t1", True),
        ("AX T2", {"repetition_time": 500, "echo_time": 12}, "t2", True),
        ("AX T1", {"repetition_time": 1800, "echo_time": 12}, "t1", False),
        ("AX T1", {"repetition_time": 500, "echo_time": 12}, "t1", False),
    ],
)
def test_words_and_times(text: str, times, code: str, contradicts: bool) -> None:
    scanning = SE_IR if "inversion_time" in times else "SE"
    header = Header(modality="MR", series_description=text, scanning_sequence=scanning, **times)
    (study,) = assemble([instance(n, header=header) for n in range(1, 7)], {})
    (found,) = study.series
    assert found.sequence == code
    assert ("sequence_contradiction" in found.flags) is contradicts


def test_times_of_gradient_echoes_contradict_nothing() -> None:
    times = {"repetition_time": 5.0, "echo_time": 2.0, "flip_angle": 50.0}
    header = Header(modality="MR", series_description="T2 CISS", scanning_sequence="GR", **times)
    (study,) = assemble([instance(n, header=header) for n in range(1, 7)], {})
    assert (study.series[0].sequence, study.series[0].flags) == ("t2", ())


@pytest.mark.parametrize(
    ("scanning", "echo", "code"),
    [("EP\\GR", 14.8, "bold"), ("EP", 9.0, "bold"), ("EP\\SE", 14.0, "dwi"), ("EP\\IR", 5.0, "t1")],
)
def test_echo_planar_by_times(scanning: str, echo: float, code: str) -> None:
    header = Header(repetition_time=1000, echo_time=echo, scanning_sequence=scanning)
    assert sequence_of(header, "") == code


def test_every_part_of_a_diffusion_series_is_diffusion() -> None:
    header = Header(modality="MR", repetition_time=2030, echo_time=53, scanning_sequence="SE")
    images = [
        instance(n + k, z=5.0 * n, header=header, time_point=f"b{b:05d}")
        for k, b in ((0, 0), (100, 800))
        for n in range(1, 9)
    ]
    (study,) = assemble(images, {})
    assert [s.sequence for s in study.series] == ["dwi", "dwi"]
    (study,) = assemble([one for one in images if one.frames[0].time_point == "b00000"], {})
    assert [s.sequence for s in study.series] == ["unknown"]


MAPS = (
    "t1_mp2rage_sag_T1_Images", "t1_vibe_tra_T1_Images",
    "t1_mp2rage_sag_p3 T1 Images", "T1map", "acq-x_R1map", "T1_MAP",
    "t1_mp2rage_R1_Images", "t1_vibe_R2Star_Images", "GE_6_CV_fieldmaphz",
    "B0map", "fieldmap", "acq-T1w_phasediff", "acq-t1_fieldmap", "acq-mprage_magnitude1",
    "acq-T1w_TB1map", "acq-x_phase2", "part-real_T1w", "part-imag_T1w", "part-phase_T1w",
    "T1_MPRAGE_real", "t1_imaginary", "T1_ph", "qT1", "T1w_Pha_Images", "field_hz",
)  # fmt: skip
IMAGES = (
    "part-mag_T1w", "AX T1 IMAGES", "T1 images", "t1_mp2rage_UNI_Images", "T1 no phase wrap",
    "T1 phase oversampling", "T1 real time navigated", "T1 PHASE FOV 80", "T1 PSIR phase sensitive",
    "T1 graph", "t1_mprage_R2_i2",
)  # fmt: skip


@pytest.mark.parametrize("text", MAPS)
def test_maps_and_components_are_derived(text: str) -> None:
    sequence = sequence_of(Header(series_description=text), f"sub-1_{text}.nii")
    decision = select(series(series_description=text, sequence=sequence), SelectionSettings())
    assert decision.reason is Reason.DERIVED


@pytest.mark.parametrize("text", ["SUB T1", "T1 SUB", "AX T1 +C SUB", "sub: t1"])
def test_subtractions_of_dicom_are_derived(text: str) -> None:
    one = series(series_description=text)
    assert select(replace(one, format="dicom"), SelectionSettings()).reason is Reason.DERIVED


@pytest.mark.parametrize("text", ["sub-01 T1", "sub 01 T1", "subcortical T1"])
def test_subjects_and_other_words_are_no_subtractions(text: str) -> None:
    one = series(series_description=text)
    assert select(replace(one, format="dicom"), SelectionSettings()).wanted


@pytest.mark.parametrize("text", IMAGES)
def test_images_are_not_derived(text: str) -> None:
    assert select(series(series_description=text), SelectionSettings()).wanted


def test_a_field_map_by_the_image_type_of_its_sidecar(tmp_path: Path) -> None:
    said = {"ImageType": ["ORIGINAL", "PRIMARY", "OTHER", "FIELDMAPHZ"]}
    assert "FIELDMAPHZ" in described(tmp_path, said).header.image_type


def test_nifti_without_description_and_times_is_unknown(tmp_path: Path) -> None:
    header = read_instance(nifti(tmp_path / "001.nii")).header
    assert sequence_of(header, "001.nii") == "unknown" and header.contrast_agent is None


def test_a_long_description_is_fast() -> None:
    for piece in ("sese", "gdgd ", "no ", "t1", "pre post ", "mp2rage a ", "epi task "):
        text = (piece * 1024)[:1024]
        sequence_of(Header(series_description=text), "")
        select(series(series_description=text), SelectionSettings())
