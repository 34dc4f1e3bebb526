"""Names of the flags of settings, for messages about settings that an earlier run stored."""

_SPECIAL = {
    "archive.root_labels": "--root-label",
    "engine.name": "--engine",
    "report.formats": "--format",
    "report.html": "--report",
}
_CONFIG_ONLY = {
    "archive.file_timeout_s",
    "archive.nifti_study",
    "pixels.max_file_mb",
    "pixels.memory_mb",
    "report.gradcam_notumor",
    "selection.min_slices",
    "selection.modalities",
    "selection.sequences",
}


def flag_name(setting: str) -> str:
    """The flag of a setting (`report.gradcam` → `--gradcam`); its own name if it has no flag."""
    if setting in _CONFIG_ONLY:
        return setting
    return _SPECIAL.get(setting, "--" + setting.partition(".")[2].replace("_", "-"))
