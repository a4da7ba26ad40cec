"""Paddings: a narrow model's states among those of a wide one, which is trained in its place."""

import numpy as np

from kerata.populations.group import Group, State


class Padding:
    """How the states of a narrow model lie in those of a wide one.

    Args:
        own: the group of the narrow model.
        wide: of the wide one.
        features: how many features layers of the narrow model have, by their paths.
    """

    def __init__(self, own: Group, wide: Group, features: dict[str, int]):
        self.own = own
        # Where the narrow model's numbers stand among the wide one's; the others say how many features are there.
        every, mine = wide.plan.hypers.paths, own.plan.hypers.paths
        self.places = [every.index(path) for path in mine]
        self.numbers = wide.plan.hypers.vector()
        for place, path in enumerate(every):
            if path.endswith("/counted_features"):
                self.numbers[place] = features[path.rpartition("/")[0]]
        self.shapes = {role: [tuple(v.shape) for v in variables] for role, variables in own.plan.variables.items()}
        # Of the wide model's first state the slots stay, where nothing is put over them: some do not begin with 0.
        self.base = wide.state_of(wide.model)

    def widen_numbers(self, numbers: np.ndarray) -> np.ndarray:
        """The narrow model's hyperparameters among those of the wide one."""
        wide = self.numbers.copy()
        wide[self.places] = numbers
        return wide

    def narrow_numbers(self, numbers: np.ndarray) -> np.ndarray:
        return numbers[self.places]

    def widen(self, state: State) -> State:
        """A state of the narrow model, filled up."""
        return {role: self._widen(role, arrays) for role, arrays in state.items()}

    def _widen(self, role: str, arrays: list[np.ndarray]) -> list[np.ndarray]:
        if role not in self.shapes:
            return arrays
        filled = []
        for array, base in zip(arrays, self.base[role], strict=True):
            if array.shape != base.shape:
                whole = np.array(base) if role == "slots" else np.zeros(base.shape, base.dtype)
                whole[corner(array.shape)] = array
                array = whole
            filled.append(array)
        return filled

    def narrow(self, state: State) -> State:
        """What of a state is the narrow model's."""
        return {
            role: [a[corner(s)] for a, s in zip(arrays, self.shapes[role], strict=True)] if role in self.shapes else arrays
            for role, arrays in state.items()
        }


def corner(shape: tuple[int, ...]) -> tuple[slice, ...]:
    return tuple(slice(size) for size in shape)
