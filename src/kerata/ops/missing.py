"""What `kerata.ops` says of a name that it has not."""

from typing import NoReturn

from kerata.base.checks import did_you_mean
from kerata.ops import activations, arrays, core, einops, linalg, math, nn, numpy


def __getattr__(name: str) -> NoReturn:
    rooms = (activations, arrays, core, einops, linalg, math, nn, numpy)
    known = {n for room in rooms for n in vars(room) if not n.startswith("_")}
    raise AttributeError(f"kerata.ops has no function {name!r}. {did_you_mean(name, known)}".strip())
