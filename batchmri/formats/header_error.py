"""What stops the reading of one header."""


class CutError(ValueError):
    """The file ends inside an element."""


class HeaderError(ValueError):
    """A header that cannot be parsed. The text is for the user and repeats no header value."""
