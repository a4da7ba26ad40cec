"""The version."""

__version__ = "0.1.0"


def version() -> str:
    """The version of Kerata.

    >>> import kerata
    >>> kerata.version() == kerata.__version__
    True
    """
    return __version__
