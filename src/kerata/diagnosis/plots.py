"""Pictures of training curves. The data is plain; the drawing is thin."""

from pathlib import Path
from typing import TYPE_CHECKING

from kerata.base.display import count_whole, new_figure
from kerata.base.types import PathLike
from kerata.diagnosis.reading import Curves, HasHistory, curves_of, read_curves

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


TRAIN, HELD, MARK = "#1f6fb4", "#d1495b", "#7a7a7a"
SKIPPED = ("learning_rate", "lr")


def plot_history(history: Curves | HasHistory, path: PathLike | None = None, title: str | None = None) -> "Figure":
    """Draws the loss and every measure over the epochs, training beside validation.

    Args:
        history: what `fit` returned, or its `.history`.
        path: where to save the picture, by its ending; `None` to save nothing.
        title: a headline; the reading of the curves by default.

    Returns:
        The matplotlib figure.
    """
    curves = curves_of(history)
    names = panel_names(curves)
    figure = new_figure(figsize=(4.8 * len(names), 3.9), dpi=120, layout="constrained")
    axes = figure.subplots(1, len(names), squeeze=False)[0]
    reading = read_curves(curves)
    for axis, name in zip(axes, names, strict=True):
        draw_panel(axis, curves, name, reading.best_epoch)
    figure.suptitle(wrap(title or reading.sentence, 48 * len(names)), fontsize=10, ha="center")
    if path is not None:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path)
    return figure


def panel_names(curves: Curves) -> list[str]:
    """The measures to draw, the loss first; a validation curve shares its measure's panel."""
    names = [name for name in curves if not name.startswith("val_") and name not in SKIPPED and len(curves[name])]
    return sorted(names, key=lambda name: name != "loss")


def draw_panel(axis: "Axes", curves: Curves, name: str, best_epoch: int) -> None:
    """One measure over the epochs."""
    for key, colour, label in ((name, TRAIN, "training"), (f"val_{name}", HELD, "validation")):
        if key in curves:
            values = curves[key]
            marker = "o" if len(values) <= 20 else None
            style = {"color": colour, "label": label, "marker": marker, "markersize": 3.5, "linewidth": 1.8}
            axis.plot(range(1, len(values) + 1), values, **style)
    if f"val_{name}" in curves and best_epoch:
        axis.axvline(best_epoch, color=MARK, linestyle=":", linewidth=1, label=f"best epoch ({best_epoch})")
    axis.set_xlabel("epoch")
    axis.set_title(name.replace("_", " "), fontsize=10)
    count_whole(axis.xaxis)
    axis.grid(alpha=0.25)
    axis.spines[["top", "right"]].set_visible(False)
    axis.legend(frameon=False, fontsize=8)


def wrap(text: str, width: int) -> str:
    """Text in lines of at most `width` letters."""
    lines = [""]
    for word in text.split():
        if len(lines[-1]) + len(word) + 1 > width:
            lines.append("")
        lines[-1] = f"{lines[-1]} {word}".strip()
    return "\n".join(lines)
