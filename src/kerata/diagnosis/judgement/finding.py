"""Findings: what an examination says, ranked, in sentences whose numbers stand in the evidence."""

import html
import re
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from kerata.base.checks import message
from kerata.base.display import new_figure
from kerata.base.types import PathLike
from kerata.diagnosis.judgement.pictures import Panel

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from pandas import DataFrame

# What a sentence may say at most, in letters.
LONGEST = 300
# From what spoils all to what is worth knowing; "fine" is the finding of a healthy run.
SEVERITIES = ("certain", "serious", "mild", "fine", "hint")
# One of what is spoken of in the plural.
ONE = re.compile(r"(?<![\w.,+-])1 (epoch|sample|step|unit|trial|output|column|row)s\b(?! (?:are|were))")
Evidence: TypeAlias = Mapping[str, float | int | str]


@dataclass(frozen=True)
class Finding:
    """One thing that an examination found.

    Attributes:
        kind: a short name, such as "rate_too_high".
        severity: "certain" (nothing can come of this), "serious", "mild", "fine" (of a healthy run), or "hint".
        sentence: what was seen and what to do, in at most 300 letters.
        evidence: the numbers of the sentence by name, and others that led to it.
        try_: a line of code to try.
        source: where one can read about it.
        weight: breaks ties between findings of one severity; larger comes first.
    """

    kind: str
    severity: str
    sentence: str
    evidence: Evidence
    try_: str
    source: str
    weight: float = 0.0

    @property
    def is_illness(self) -> bool:
        """Whether something should be changed."""
        return self.severity in ("certain", "serious", "mild")


def found(
    kind: str, severity: str, text: str, try_: str, source: str, weight: float = 0.0, **evidence: float | int | str
) -> Finding:
    """A finding whose sentence takes its numbers from the evidence.

    Args:
        kind, severity, try_, source, weight: as of `Finding`.
        text: the sentence, with the names of evidence in braces.
        evidence: numbers and words by name.

    >>> found("dead", "serious", "{share:.0%} of the units are dead.", "", "", share=0.5).sentence
    '50% of the units are dead.'
    >>> found("short", "mild", "It fell in {count} epochs.", "", "", count=1).sentence
    'It fell in 1 epoch.'
    """
    sentence = ONE.sub(lambda match: f"1 {match[1]}", text.format(**evidence))
    if len(sentence) > LONGEST or severity not in SEVERITIES:
        expected = f"a sentence of at most {LONGEST} letters and one of {SEVERITIES} are needed"
        raise ValueError(message("finding", expected, {"letters": len(sentence), "severity": severity}))
    return Finding(kind, severity, sentence, evidence, try_, source, weight)


@dataclass
class Examination(Sequence[Finding]):
    """What `examine` returns: findings, the most urgent first.

    Attributes:
        findings: all of them; the first is what to do something about first, or says that the run is healthy.
        notes: what was tried and what was left out, a sentence each.
        seconds: how long it took.
        panels: what the picture shows.
    """

    findings: list[Finding]
    notes: list[str] = field(default_factory=list)
    seconds: float = 0.0
    panels: list[Panel] = field(default_factory=list)

    def __getitem__(self, index: int) -> Finding:  # type: ignore[override]
        return self.findings[index]

    def __len__(self) -> int:
        return len(self.findings)

    def __iter__(self) -> Iterator[Finding]:
        return iter(self.findings)

    @property
    def kinds(self) -> list[str]:
        """The kinds of the findings, in their order."""
        return [finding.kind for finding in self.findings]

    @property
    def is_healthy(self) -> bool:
        """Whether nothing was found that should be changed."""
        return not any(finding.is_illness for finding in self.findings)

    def __str__(self) -> str:
        lines: list[str] = []
        for number, finding in enumerate(self.findings, 1):
            lines += textwrap.wrap(
                f"{number}. {finding.sentence}", 100, subsequent_indent="   ", break_long_words=False, break_on_hyphens=False
            )
            if finding.try_:
                lines.append(f"   try: {finding.try_}")
        lines += [f"({note})" for note in self.notes]
        return "\n".join([*lines, f"(examined in {self.seconds:.1f} s)"])

    __repr__ = __str__

    def _repr_html_(self) -> str:
        """What a notebook shows."""
        rows = "".join(
            f"<tr><td>{html.escape(f.severity)}</td><td style='text-align:left'>{html.escape(f.sentence)}<br>"
            f"<code>{html.escape(f.try_)}</code></td></tr>"
            for f in self.findings
        )
        return f"<table>{rows}</table>"

    def to_frame(self) -> "DataFrame":
        """A pandas frame with a row a finding."""
        import pandas as pd

        names = ("kind", "severity", "sentence", "evidence", "try_", "source")
        return pd.DataFrame(
            [{name: getattr(finding, name) for name in names} for finding in self.findings], columns=list(names)
        )

    def plot(self, path: PathLike | None = None) -> "Figure":
        """Draws the evidence: the first findings in words, below them curves, experiments and layers.

        Args:
            path: where to save the picture, by its ending; `None` to save nothing.

        Returns:
            The matplotlib figure.
        """
        panels = self.panels[:6]
        columns = max(1, min(3, len(panels)))
        rows = -(-len(panels) // columns)
        words = "\n".join(
            line
            for number, finding in enumerate(self.findings[:3], 1)
            for line in textwrap.wrap(f"{number}. {finding.sentence}", 44 * max(columns, 2), subsequent_indent="    ")
        )
        head = 0.25 + 0.19 * (words.count("\n") + 1)
        figure = new_figure(figsize=(4.4 * max(columns, 2), head + 3.2 * rows), dpi=120)
        figure.text(0.02, 1 - 0.12 / (head + 3.2 * rows), words, va="top", fontsize=9.5)
        if panels:
            grid = figure.subplots(rows, columns, squeeze=False).ravel()
            for axis, panel in zip(grid, panels, strict=False):
                panel.draw(axis)
            for axis in grid[len(panels) :]:
                axis.axis("off")
            figure.tight_layout(rect=(0, 0, 1, 1 - head / (head + 3.2 * rows)))
        if path is not None:
            Path(path).parent.mkdir(parents=True, exist_ok=True)
            figure.savefig(path)
        return figure
