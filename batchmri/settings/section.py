"""Base of the sections of the settings."""

from typing import Any, get_origin

from pydantic import BaseModel, ConfigDict, ValidationInfo, field_validator

from batchmri.settings.values import split

COUNT_OR_AUTO = "a whole number of at least 1, or auto"


class Section(BaseModel):
    """Base of all sections: frozen, and strict about keys and values."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    @field_validator("*", mode="before")
    @classmethod
    def _plain_text(cls, value: object, info: ValidationInfo) -> object:
        """Accept comma-separated text for a list; reject values that pydantic converts silently."""
        assert info.field_name is not None
        kind = cls.model_fields[info.field_name].annotation
        if isinstance(value, bool) and kind is not bool:
            raise ValueError("true and false are not allowed here")
        if not isinstance(value, str):
            return value
        if not value.strip():
            raise ValueError("empty")
        return split(value) if get_origin(kind) is tuple else value


def allowed_values(words: str) -> dict[str, Any]:
    """Description of the allowed values of a setting, if its type does not state them."""
    return {"json_schema_extra": {"allowed": words}}
