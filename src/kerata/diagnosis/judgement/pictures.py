"""The panels of an examination's picture: plain data, and a thin drawing."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from kerata.base.display import count_whole

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COLOURS = ("#1f6fb4", "#d1495b", "#2a9d5c", "#e09f3e", "#7b5ea7")


@dataclass(frozen=True)
class Panel:
    """One part of the picture.

    Attributes:
        title: what it shows.
        kind: "lines" over steps or epochs, or "bars".
        series: numbers by name.
        labels: of the bars.
        along: what the lines go along.
        log: whether the vertical axis is logarithmic.
    """

    title: str
    kind: str
    series: Mapping[str, Sequence[float]]
    labels: Sequence[str] = ()
    along: str = "epoch"
    log: bool = False

    def draw(self, axis: "Axes") -> None:
        """Draws it."""
        if self.kind == "lines":
            for colour, (name, values) in zip(COLOURS * 2, self.series.items(), strict=False):
                axis.plot(range(1, len(values) + 1), values, label=name, color=colour, linewidth=1.6)
            axis.set_xlabel(self.along)
            count_whole(axis.xaxis)
        else:
            width = 0.8 / max(len(self.series), 1)
            for place, (colour, (name, values)) in enumerate(zip(COLOURS, self.series.items(), strict=False)):
                axis.bar(
                    [i + width * (place - (len(self.series) - 1) / 2) for i in range(len(values))],
                    values,
                    width,
                    label=name,
                    color=colour,
                )
            axis.set_xticks(
                range(len(self.labels)),
                list(self.labels),
                rotation=30 if len(self.labels) > 3 else 0,
                ha="right" if len(self.labels) > 3 else "center",
                fontsize=8,
            )
        positive = [value for values in self.series.values() for value in values if value > 0]
        if self.log and positive and max(positive) > 10 * min(positive):
            axis.set_yscale("log")
        elif self.kind == "bars" and len(self.series) > 1:
            # Room for the legend.
            axis.margins(y=0.3)
        axis.set_title(self.title, fontsize=10)
        if self.kind == "lines" or len(self.series) > 1:
            axis.legend(frameon=False, fontsize=8)
        axis.grid(alpha=0.25)
        axis.spines[["top", "right"]].set_visible(False)
