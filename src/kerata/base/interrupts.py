"""What a signal's handler raised is never taken for a fault of the code that was running."""

_raised: list[BaseException] = []


def note(error: BaseException | None) -> None:
    """Remembers what a handler raised last (None for nothing)."""
    _raised[:] = [] if error is None else [error]


def hand_on(error: BaseException) -> None:
    """Raises an error again that came from a handler; for blocks that take every `Exception` for a fault of their own.

    >>> try:
    ...     int("three")
    ... except Exception as error:
    ...     hand_on(error)
    ...     print("not a number")
    not a number
    """
    if not _raised:
        return
    seen: BaseException | None = error
    while seen is not None:
        if seen is _raised[0]:
            raise error
        seen = seen.__cause__ or seen.__context__
