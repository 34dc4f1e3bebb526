"""Exceptions raised while one header is read."""


class CutError(ValueError):
    """The file ends inside an element."""


class HeaderError(ValueError):
    """The header cannot be parsed. The text is shown to users and contains no header values."""
