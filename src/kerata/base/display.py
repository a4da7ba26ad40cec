"""What a person sees in a terminal and in a notebook: lines that are written over, figures as pictures."""

import functools
import io
import logging
from collections.abc import Callable
from typing import TYPE_CHECKING

from kerata.base.config import is_interactive_logging_enabled

if TYPE_CHECKING:
    from matplotlib.axis import Axis
    from matplotlib.figure import Figure


@functools.cache
def _class_of_figures() -> "Callable[..., Figure]":
    from matplotlib.figure import Figure

    class Picture(Figure):
        """A matplotlib figure that shows itself where a notebook displays it, also without pyplot."""

        def _repr_png_(self) -> bytes:
            buffer = io.BytesIO()
            self.savefig(buffer, format="png")  # pyright: ignore[reportUnknownMemberType], matplotlib names no types
            return buffer.getvalue()

    return Picture


def is_live(stream: object) -> bool:
    """Whether a line can be written over: on a terminal, and in a notebook; never where lines go to a logger."""
    if not is_interactive_logging_enabled():
        return False
    isatty = getattr(stream, "isatty", None)
    return bool(isatty and isatty()) or type(stream).__module__.startswith("ipykernel")


def say(text: str) -> None:
    """Prints a line for a person, or sends it to the logger `kerata` where `disable_interactive_logging()` was called.

    >>> say("Found 3 files.")
    Found 3 files.
    """
    if is_interactive_logging_enabled():
        print(text, flush=True)
    else:
        logging.getLogger("kerata").info(text.strip())


def count_whole(axis: "Axis") -> None:
    """Lets one of a picture's axes (`axis.xaxis`) count in whole numbers, however short it is: epochs, trials."""
    from matplotlib.ticker import MaxNLocator

    axis.set_major_locator(MaxNLocator("auto", steps=[1, 2, 5, 10], integer=True, min_n_ticks=1))


def new_figure(**kwargs: object) -> "Figure":
    """A figure of matplotlib's, without a window.

    Args:
        kwargs: what `matplotlib.figure.Figure` takes: `figsize`, `dpi`, `layout`.

    >>> new_figure(figsize=(1, 1))._repr_png_()[1:4]
    b'PNG'
    """
    return _class_of_figures()(**kwargs)
