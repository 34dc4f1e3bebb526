import pytest

from batchmri.terms.body_part import body_part_of, modality_of, normalized


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("MRI BRAIN W/WO", "brain"), ("Schädel MRT", "brain"), ("IRM cérébrale", "brain"),
        ("Hypophyse", "brain"), ("HEAD AND NECK", "brain"), ("Brain and cervical spine", "brain"),
        ("C-SPINE", "spine"), ("LWS sag", "spine"), ("Rachis lombaire", "spine"),
        ("LSPINE", "spine"), ("Lendenwirbelsäule", "spine"), ("HWS T2 sag", "spine"),
        ("Zervikalmark", "spine"), ("thoracolumbar", "spine"), ("Columna lumbar", "spine"),
        ("ISG cor", "spine"), ("Columbia", ""),
        ("Kniegelenk", "extremity"), ("KNEE", "extremity"), ("PROSTATE", "pelvis"),
        ("HEART", "heart"),
        ("ABDOMEN", "abdomen"), ("NECK", "neck"), ("Rat brain", "animal"), ("Phantom", "phantom"),
        ("T1 mprage", ""), ("axial contrast", ""), ("", ""),
    ],
)  # fmt: skip
def test_body_parts(text: str, code: str) -> None:
    assert body_part_of(text) == code


def test_the_first_text_with_a_body_part_counts_but_a_phantom_in_any() -> None:
    assert body_part_of("T1", "", "KNEE", "BRAIN") == "extremity"
    assert body_part_of("brain", "KNEE") == "brain"
    assert body_part_of("brain", "", "ACR phantom") == "phantom"


def test_normalized() -> None:
    assert normalized("T1_SE-tra (+KM) Übersicht*") == "t1 se tra +km ubersicht*"


def test_modality_of_a_file_name() -> None:
    assert modality_of("patient_ct_head") == "CT"
    assert modality_of("PET") == "PT"
    assert modality_of("t1_cta") == "CT"
    assert modality_of("direct_t1") == ""


def test_ambiguous_modality_words() -> None:
    """`US` is also a country, a site or a unit; `HU` a country and the unit of CT."""
    assert modality_of("Case1-US-before") == "US"
    assert modality_of("head_HU") == "CT"
    for word in ("US", "us", "HU"):
        assert modality_of(f"site_{word}_01_T1w", names_sequence=True) == ""
        assert modality_of(f"MRI_{word}_01") == ""
    assert modality_of("ultrasound_T1", names_sequence=True) == "US"
