"""What makes the import of the package fast.

Its modules make objects that stay, of which there are so many that Python looks for garbage among them and finds none: an
eighth of the time. So the collection of garbage pauses for as long as the first name below is held.
"""

import gc


class Pause:
    """No garbage is collected while there is such an object; where the import fails, it goes with what failed."""

    def __init__(self) -> None:
        self.was_on = gc.isenabled()
        gc.disable()

    def __del__(self) -> None:
        if self.was_on:
            gc.enable()


def __getattr__(name: str) -> Pause:
    if name == "pause":
        return Pause()
    raise AttributeError(name)
