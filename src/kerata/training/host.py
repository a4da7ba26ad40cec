"""The part of a model that runs on the host: data goes through it before it goes to the program.

Layers of texts and lookups say `runs_on_host`. A graph is cut behind them (`models/graph.py`), and what they make of the data
stands in a `Border`: of data in memory once for all epochs, of batches in the thread that reads ahead.
"""

# JAX says nothing of the leaves of trees. The attributes of models that begin with an underscore are this room's.
# pyright: reportUnknownArgumentType=false, reportUnknownLambdaType=false, reportUnknownMemberType=false
# pyright: reportUnknownVariableType=false, reportPrivateUsage=false

from collections.abc import Callable, Iterable, Iterator
from typing import Any, cast

import numpy as np

from kerata.base.checks import message
from kerata.data.border import Border
from kerata.data.pydataset import PyDataset
from kerata.data.samples import Data
from kerata.data.sources import is_batches
from kerata.data.texts import is_texts
from kerata.engine.types import HostArray
from kerata.training.trained import TrainedModel, graph_of


def through_host(model: TrainedModel | None, x: Data | None) -> Any:
    """Inputs as the model's program takes them: as they are, where no layer of the model runs on the host.

    Args:
        model: the model; one that is made of a list of layers is built from the data. `None` where there are several.
        x: inputs in memory, or anything that gives batches.
    """
    if x is None or model is None or isinstance(x, Border) or not begins_on_host(model):
        return x
    if is_batches(x):
        return map_batches(x, lambda inputs: compute(model, inputs))
    return compute(model, x)


def begins_on_host(model: TrainedModel) -> bool:
    """Whether the inputs of a model go into layers that run on the host."""
    if model._graph is not None:
        return model._graph.is_cut
    if not model.feeds_first_layer or not model.layers:
        return False
    first = model.layers[0]
    within = getattr(first, "_graph", None)
    return getattr(first, "runs_on_host", False) or (within is not None and within.is_cut)


def compute(model: TrainedModel, x: Data) -> Border:
    """What the layers on the host make of inputs in memory."""
    x = np.asarray(x) if is_texts(x) else x
    if graph_of(model) is None:
        model.build((None, *np.shape(cast(HostArray, x))[1:]))
    graph = graph_of(model)
    assert graph is not None, "a model that begins on the host is one of layers in a row"
    return graph.compute_on_host(x, model)


class MappedDataset(PyDataset):
    """A data set whose inputs are changed when a batch is taken.

    Args:
        source: the data set.
        change: makes new inputs of a batch's inputs.
    """

    def __init__(self, source: PyDataset, change: Callable[[Any], Any]):
        super().__init__(source.workers, source.use_multiprocessing, source.max_queue_size)
        self.source, self.change = source, change

    def __getitem__(self, index: int) -> object:
        return map_item(self.source[index], self.change)

    @property
    def num_batches(self) -> int | None:
        return self.source.num_batches

    def on_epoch_begin(self) -> None:
        self.source.on_epoch_begin()

    def on_epoch_end(self) -> None:
        self.source.on_epoch_end()


class MappedBatches:
    """As `MappedDataset`, of anything that can be iterated over anew."""

    def __init__(self, source: Iterable[Any], change: Callable[[Any], Any]):
        self.source, self.change = source, change

    def __iter__(self) -> Iterator[Any]:
        return (map_item(item, self.change) for item in self.source)

    def __len__(self) -> int:
        return len(self.source)  # type: ignore[arg-type]


def map_batches(source: Data, change: Callable[[Any], Any]) -> Data:
    """The same batches with other inputs."""
    if isinstance(source, PyDataset):
        return MappedDataset(source, change)
    if isinstance(source, Iterator):
        return (map_item(item, change) for item in source)
    if not isinstance(source, Iterable):
        expected = "batches for layers that run on the host must come from a PyDataset, a generator or an iterable"
        raise TypeError(message("fit", expected, {"x": type(source).__name__}))
    return MappedBatches(source, change)


def map_item(item: object, change: Callable[[Any], Any]) -> object:
    """A batch, x or (x, y) or (x, y, sample_weight), with other inputs."""
    if isinstance(item, (tuple, list)) and 0 < len(item) <= 3:
        return (change(item[0]), *item[1:])
    return change(item)
