"""Findings: what is found out about steps while they run, and is known of other models of the same structure from the start."""

# The makers of empty dicts know nothing of what will be in them.
# pyright: reportUnknownVariableType=false

from collections.abc import Hashable
from dataclasses import dataclass, field

from kerata.engine.structure import Structure


@dataclass
class StepFindings:
    """Findings about the steps of one structure, in training or in evaluation; see `engine.program.findings_of`.

    Attributes:
        structure: the same object for all models, because looking it up then takes no comparison.
        room: the most rows of data that a program was compiled for.
        is_number: of each measure, whether it is a single number.
        paces: seconds a batch, by the kind of run and its batch size.
        whole: why a batch cannot be filled up, or `None`, by sizes and shapes.
        once: what a frozen part that is computed once would spare and keep of each sample, by sizes and shapes.
    """

    structure: Structure | None = None
    room: int = 0
    is_number: list[bool] | None = None
    paces: dict[Hashable, float] = field(default_factory=dict)
    whole: dict[Hashable, str | None] = field(default_factory=dict)
    once: dict[Hashable, tuple[float, int]] = field(default_factory=dict)
