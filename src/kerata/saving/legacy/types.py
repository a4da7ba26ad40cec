"""What saving asks of models, which stand above it, and of what it writes to and reads from."""

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np

from kerata.engine.stores import Store, WritableStore
from kerata.engine.variable import Variable
from kerata.layers.layer import Layer
from kerata.optimizers.optimizer import Optimizer


class SavedModel(Protocol):
    """A model."""

    name: str
    built: bool

    @property
    def optimizer(self) -> Optimizer: ...
    @property
    def layers(self) -> Sequence[Layer]: ...
    @property
    def variables(self) -> list[Variable]: ...
    @property
    def weights(self) -> list[Variable]: ...
    @property
    def trainable_weights(self) -> list[Variable]: ...
    @property
    def trainable_variables(self) -> list[Variable]: ...
    def compile_from_config(self, config: dict[str, Any]) -> None: ...
    def _holdings(self) -> dict[int, Any]: ...


class Sink(Protocol):
    """What numbers are written to: a file, several files, or memory."""

    def make(self, path: str, name: str | None = None) -> WritableStore: ...


class Numbers(Protocol):
    """What numbers are read from."""

    def get(self, path: str) -> Store: ...


class StoredArrays(Protocol):
    """The variables of one object in a file."""

    def __len__(self) -> int: ...
    def __getitem__(self, key: str, /) -> np.ndarray: ...
    def shape_of(self, key: str) -> tuple[int, ...]: ...
