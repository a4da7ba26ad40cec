"""Several objectives: which trials are on the front, where nothing gets better without something getting worse."""

from collections.abc import Mapping, Sequence

import numpy as np

from kerata.base.checks import message
from kerata.callbacks.monitors import find_direction
from kerata.models.model import Model
from kerata.populations.objective import Objective

# A measure that needs no training: how many numbers a model's weights have.
PARAMETERS = "parameters"


def make_objectives(objective: object, direction: object) -> list[Objective]:
    """The objectives of a search, from what `run` was given.

    >>> make_objectives(["val_loss", "parameters"], None)
    [Objective(name='val_loss', direction=''), Objective(name='parameters', direction='min')]
    """
    if isinstance(objective, Objective):
        return [objective]
    several = isinstance(objective, (list, tuple))
    names = list(objective) if several else [objective]
    ways = list(direction) if isinstance(direction, (list, tuple)) else [direction] * len(names)
    if not names or len(ways) != len(names) or (several and isinstance(direction, str)):
        given = {"objective": objective, "direction": direction}
        raise ValueError(message("search", "several objectives need a direction each, or none at all", given))
    if len(set(map(str, names))) < len(names):
        raise ValueError(message("search", "each objective must be there once", {"objective": objective}))
    found = [n if isinstance(n, Objective) else Objective(str(n), str(w or "")) for n, w in zip(names, ways, strict=True)]
    for one in found:
        if several and one.name == PARAMETERS:
            one.direction = one.direction or "min"
    return found


def settle_directions(objectives: list[Objective], model: Model) -> None:
    """Fills in what the measures or their names tell of directions."""
    for one in objectives:
        if not one.direction:
            one.direction = find_direction(one.name, model, "search", "objective", "direction")
        if one.direction not in ("min", "max"):
            raise ValueError(message("search", "`direction` must be 'min' or 'max'", {"direction": one.direction}))


def find_front(values: Mapping[int, Sequence[float]], objectives: list[Objective]) -> list[int]:
    """The trials that no other trial beats: none is as good in all objectives and better in one. Sorted by the first.

    Args:
        values: of each trial, one number an objective.

    >>> both = [Objective("val_loss", "min"), Objective("val_accuracy", "max")]
    >>> find_front({0: [0.5, 0.8], 1: [0.4, 0.7], 2: [0.5, 0.7], 3: [0.4, 0.7]}, both)
    [1, 3, 0]
    """
    numbers = [number for number, each in values.items() if len(each) == len(objectives) and np.all(np.isfinite(each))]
    if not numbers:
        return []
    signs = [1.0 if one.direction == "min" else -1.0 for one in objectives]
    points = np.array([[sign * value for sign, value in zip(signs, values[number], strict=True)] for number in numbers])
    front = []
    for number, point in zip(numbers, points, strict=True):
        beaten = np.all(points <= point, axis=1) & np.any(points < point, axis=1)
        if not beaten.any():
            front.append((*point.tolist(), number))
    return [each[-1] for each in sorted(front)]
