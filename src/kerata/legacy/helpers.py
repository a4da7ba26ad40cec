"""Functions of `keras.utils` that are no longer there."""

import enum
import hashlib
import inspect
import sys
import time
from collections import abc
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, SupportsFloat, TypeVar

import numpy as np
from jax.typing import ArrayLike

from kerata import utils
from kerata.base.archives import extract_archive
from kerata.base.checks import check_choice, message, standardize_tuple
from kerata.base.files import standardize_formats
from kerata.base.types import DTypeLike, PartialShape, PathLike
from kerata.data.pydataset import PyDataset
from kerata.engine.symbolic import SymbolicTensor
from kerata.engine.types import Described, HostArray
from kerata.engine.variable import Variable
from kerata.layers.layer import Layer
from kerata.legacy.enqueuers import GeneratorEnqueuer as GeneratorEnqueuer
from kerata.legacy.enqueuers import OrderedEnqueuer as OrderedEnqueuer
from kerata.legacy.enqueuers import SequenceEnqueuer as SequenceEnqueuer
from kerata.legacy.functions import roots_of
from kerata.legacy.hdf5 import H5Dict as H5Dict
from kerata.legacy.hdf5 import h5dict as h5dict
from kerata.legacy.hdf5 import load_from_binary_h5py as load_from_binary_h5py
from kerata.legacy.hdf5 import save_to_binary_h5py as save_to_binary_h5py
from kerata.models.model import Model

Sequence = PyDataset

T = TypeVar("T")


class Reduction:
    """How the values of a loss become one number."""

    NONE, SUM, SUM_OVER_BATCH_SIZE, AUTO = "none", "sum", "sum_over_batch_size", "auto"

    @classmethod
    def all(cls) -> tuple[str, ...]:
        return (cls.AUTO, cls.NONE, cls.SUM, cls.SUM_OVER_BATCH_SIZE)

    @classmethod
    def validate(cls, key: str) -> None:
        check_choice("Reduction", "key", key, cls.all())


def to_categorical(
    y: ArrayLike, nb_classes: int | None = None, num_classes: int | None = None, dtype: str = "float32"
) -> HostArray:
    """Labels as rows of zeros with a one; the number of classes may come by either name, and be a float.

    >>> to_categorical([1, 0], nb_classes=2).tolist()
    [[0.0, 1.0], [1.0, 0.0]]
    """
    classes = num_classes if nb_classes is None else nb_classes
    return np.asarray(utils.to_categorical(np.asarray(y, "int64"), None if classes is None else int(classes)), dtype)


def normalize(a: ArrayLike | None = None, axis: int = -1, order: int = 2, x: ArrayLike | None = None) -> HostArray:
    given = a if x is None else x
    if given is None:
        raise TypeError(message("normalize", "an array is needed", {"a": a}))
    return np.asarray(utils.normalize(given, axis, order))


def probas_to_classes(y_pred: ArrayLike) -> HostArray:
    """The number of the most probable class; of one number, whether it is above a half."""
    y_pred = np.asarray(y_pred)
    if y_pred.ndim > 1 and y_pred.shape[1] > 1:
        return categorical_probas_to_classes(y_pred)
    return np.array([1 if p > 0.5 else 0 for p in y_pred])


def categorical_probas_to_classes(p: HostArray) -> HostArray:
    return np.argmax(p, axis=1)


def binary_logloss(p: HostArray, y: HostArray) -> float:
    p = np.clip(np.asarray(p), 1e-15, 1 - 1e-15)
    return float(-np.sum(y * np.log(p) + (1 - np.asarray(y)) * np.log(1 - p)) / len(y))


def multiclass_logloss(P: HostArray, Y: HostArray) -> float:
    return float(sum(-np.log(np.clip(p, 1e-15, 1)) @ y for p, y in zip(np.asarray(P), np.asarray(Y), strict=True)) / len(Y))


def accuracy(p: Iterable[object], y: Iterable[object]) -> float:
    return float(np.mean([a == b for a, b in zip(p, y, strict=True)]))


def convert_kernel(kernel: ArrayLike, dim_ordering: str | None = None) -> HostArray:
    """A kernel turned over, as Theano's convolution wants it. In Theano's order the axes of the picture come last.

    >>> convert_kernel(np.arange(4).reshape(2, 2, 1, 1)).ravel().tolist()
    [3, 2, 1, 0]
    """
    kernel = np.asarray(kernel)
    if not 3 <= kernel.ndim <= 5:
        raise ValueError(message("convert_kernel", "the kernel must have 3, 4 or 5 axes", {"kernel": kernel}))
    if dim_ordering in ("th", "channels_first"):
        return np.flip(kernel, tuple(range(2, kernel.ndim))).copy()
    return np.flip(kernel, tuple(range(kernel.ndim - 2))).copy()


class NoSuchPadding(ValueError, AssertionError):
    """A padding that is none: it was an assertion once."""


def check_padding(owner: str, padding: object, known: tuple[str, ...]) -> None:
    if padding not in known:
        raise NoSuchPadding(message(owner, f"the padding must be one of {', '.join(known)}", {"padding": padding}))


def conv_output_length(
    input_length: int | None, filter_size: int, border_mode: str, stride: int, dilation: int = 1
) -> int | None:
    """Steps that come out of a convolution."""
    if input_length is None:
        return None
    check_padding("conv_output_length", border_mode, ("same", "valid", "full", "causal"))
    size = filter_size + (filter_size - 1) * (dilation - 1)
    length = (
        input_length
        if border_mode in ("same", "causal")
        else input_length - size + 1
        if border_mode == "valid"
        else (input_length + size - 1)
    )
    return (length + stride - 1) // stride


def conv_input_length(output_length: int | None, filter_size: int, border_mode: str, stride: int) -> int | None:
    """Steps that went into a convolution."""
    if output_length is None:
        return None
    check_padding("conv_input_length", border_mode, ("same", "valid", "full"))
    pad = {"same": filter_size // 2, "valid": 0, "full": filter_size - 1}[border_mode]
    return (output_length - 1) * stride - 2 * pad + filter_size


def get_test_data(
    nb_train: int = 1000,
    nb_test: int = 500,
    input_shape: tuple[int, ...] = (10,),
    output_shape: tuple[int, ...] = (2,),
    classification: bool = True,
    nb_class: int = 2,
    num_train: int | None = None,
    num_test: int | None = None,
    num_classes: int | None = None,
) -> tuple[tuple[HostArray, HostArray], tuple[HostArray, HostArray]]:
    """Random data that a small network can learn."""
    train, test, classes = num_train or nb_train, num_test or nb_test, num_classes or nb_class
    count = train + test
    if classification:
        y = np.random.randint(0, classes, (count,))
        x = np.stack([np.random.normal(label, 0.7, input_shape) for label in y]).astype("float32")
    else:
        level = 2 * np.random.random((count,))
        x = np.stack([np.random.normal(one, 0.7, input_shape) for one in level]).astype("float32")
        y = np.stack([np.random.normal(one, 0.7, output_shape) for one in level]).astype("float32")
    return (x[:train], y[:train]), (x[train:], y[train:])


class Progbar:
    """A progress bar of a program's own loop.

    Args:
        target: steps in all, `None` where that is not known.
        width: characters of the bar.
        verbose: 1 for a bar, 2 for one line at the end.
        interval: seconds between two drawings.
        stateful_metrics: names of values that are shown as they are, and not averaged.
    """

    def __init__(self, target, width=30, verbose=1, interval=0.05, stateful_metrics=None, unit_name="step"):
        self.target, self.width, self.verbose, self.interval = target, width, verbose, interval
        self.stateful = set(stateful_metrics or ())
        self.sums: dict[str, list[float]] = {}
        self.seen_so_far, self.start, self.shown = 0, time.time(), 0.0

    def update(
        self,
        current: int,
        values: Iterable[tuple[str, SupportsFloat]] | None = (),
        force: bool = False,
        finalize: bool | None = None,
    ) -> None:
        """Shows that `current` steps are done; values are pairs of name and number."""
        steps = current - self.seen_so_far
        for name, value in values or ():
            if name in self.stateful:
                self.sums[name] = [float(value), 1.0]
            else:
                total = self.sums.setdefault(name, [0.0, 0.0])
                total[0], total[1] = total[0] + float(value) * steps, total[1] + steps
        self.seen_so_far = current
        done = finalize if finalize is not None else self.target is not None and current >= self.target
        now = time.time()
        if not self.verbose or (not (done or force) and (self.verbose == 2 or now - self.shown < self.interval)):
            return
        self.shown = now
        filled = self.width if not self.target else int(self.width * min(1.0, current / self.target))
        bar = f"{current}/{self.target or '?'} [{'=' * filled}{'.' * (self.width - filled)}] - {now - self.start:.0f}s"
        means = "".join(f" - {name}: {total / max(count, 1):.4f}" for name, (total, count) in self.sums.items())
        sys.stdout.write("\r" + bar + means + ("\n" if done else ""))
        sys.stdout.flush()

    def add(self, n: int, values: Iterable[tuple[str, SupportsFloat]] | None = ()) -> None:
        """Shows that `n` more steps are done."""
        self.update(self.seen_so_far + n, values)


def multi_gpu_model(model: Model, gpus: object = None, cpu_merge: bool = True, cpu_relocation: bool = False) -> Model:
    """The model: one program runs on the devices that there are."""
    return model


# Of `keras.utils.layer_utils`, `.generic_utils`, `.io_utils`, `.data_utils`, `.vis_utils`


def plot(model: Model, to_file: str = "model.png", show_shapes: bool = False, show_layer_names: bool = True) -> object:
    """Keras 1's name of `plot_model`."""
    return utils.plot_model(model, to_file, show_shapes=show_shapes, show_layer_names=show_layer_names)


def print_summary(
    model: Model, line_length: int | None = None, positions: object = None, print_fn: Callable[[str], object] | None = None
) -> None:
    model.summary(line_length=line_length, print_fn=print_fn)


def count_params(weights: Iterable[Described]) -> int:
    """How many numbers some weights hold."""
    return int(sum(np.prod(weight.shape) for weight in {id(weight): weight for weight in weights}.values()))


def convert_all_kernels_in_model(model: Model) -> None:
    """Turns the kernels of all convolutions over, as weights from Theano need it."""
    kinds = ("Conv", "SeparableConv", "DepthwiseConv")
    for layer in model.layers:
        if type(layer).__name__.startswith(kinds) and hasattr(layer, "kernel"):
            kernel: Variable = getattr(layer, "kernel")  # noqa: B009, no type has it
            kernel.assign(convert_kernel(kernel.numpy()))


def convert_dense_weights_data_format(
    dense: Layer, previous_feature_map_shape: tuple[int, int, int], target_data_format: str
) -> None:
    """Puts the rows of the kernel of a Dense layer behind Flatten in the order of pictures of the other form.

    Args:
        dense: the layer.
        previous_feature_map_shape: the shape that is flattened, without the samples, in the order that pictures will have.
        target_data_format: the order of axes that pictures will have.
    """
    check_choice(
        "convert_dense_weights_data_format", "target_data_format", target_data_format, ("channels_first", "channels_last")
    )
    first = target_data_format == "channels_first"
    a, b, c = previous_feature_map_shape
    places = np.arange(a * b * c).reshape((b, c, a) if first else (c, a, b))
    order = np.moveaxis(places, -1, 0) if first else np.moveaxis(places, 0, -1)
    kernel, *rest = dense.get_weights()
    dense.set_weights([kernel[order.ravel()], *rest])


def get_source_inputs(
    tensor: SymbolicTensor | abc.Sequence[SymbolicTensor], layer: object = None, node_index: object = None
) -> list[Any]:
    """The inputs that a symbolic tensor is computed from."""
    return roots_of(tensor)


def to_list(x: object, allow_tuple: bool = False) -> list[Any]:
    if isinstance(x, list) or (allow_tuple and isinstance(x, tuple)):
        return list(x)
    return [x]


def unpack_singleton(x: abc.Sequence[T]) -> T | abc.Sequence[T]:
    return x[0] if len(x) == 1 else x


def object_list_uid(object_list: object) -> str:
    return ", ".join(str(abs(id(one))) for one in to_list(object_list))


def is_all_none(iterable_or_element: object) -> bool:
    return all(one is None for one in to_list(iterable_or_element, True))


def slice_arrays(
    arrays: HostArray | list[HostArray | None] | None,
    start: int | abc.Sequence[int] | HostArray | None = None,
    stop: int | None = None,
) -> HostArray | list[HostArray | None]:
    """The rows from `start` to `stop`, or those of a list of numbers, of each array."""
    if arrays is None:
        return [None]
    rows = start if hasattr(start, "__len__") else slice(start, stop)
    return [None if one is None else one[rows] for one in arrays] if isinstance(arrays, list) else arrays[rows]


slice_X = slice_arrays


def transpose_shape(shape: PartialShape, target_format: str, spatial_axes: abc.Sequence[int]) -> PartialShape:
    """A shape that ends in its channels, in another order of axes.

    >>> transpose_shape((16, 128, 64, 3), "channels_first", spatial_axes=(1, 2))
    (16, 3, 128, 64)
    """
    check_choice("transpose_shape", "target_format", target_format, ("channels_first", "channels_last"))
    if target_format == "channels_last":
        return shape
    return type(shape)([*shape[: spatial_axes[0]], shape[-1], *(shape[axis] for axis in spatial_axes)])


def get_file(
    fname,
    origin,
    untar=False,
    md5_hash=None,
    file_hash=None,
    cache_subdir="datasets",
    hash_algorithm="auto",
    extract=False,
    archive_format="auto",
    cache_dir=None,
):
    """The path of a file of the cache, which is downloaded where it is not there; an archive is unpacked beside it."""
    kept = {"md5_hash": md5_hash, "file_hash": file_hash, "cache_subdir": cache_subdir, "hash_algorithm": hash_algorithm}
    if not (untar or extract):
        return utils.get_file(fname, origin, cache_dir=cache_dir, **kept)
    path = Path(utils.get_file(f"{fname}.tar.gz" if untar else fname, origin, cache_dir=cache_dir, **kept))
    extract_archive(path, path.parent, ("tar",) if untar else standardize_formats(archive_format))
    return str(path.with_name(fname) if untar else path)


def make_batches(size: int, batch_size: int) -> list[tuple[int, int]]:
    """(first, one behind the last) of each batch."""
    return [(begin, min(size, begin + batch_size)) for begin in range(0, size, batch_size)]


def has_arg(fn: Callable[..., object], name: str, accept_all: bool = False) -> bool:
    """Whether a function takes an argument of that name."""
    parameters = inspect.signature(fn).parameters
    takes_any = any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters.values())
    return name in parameters or (accept_all and takes_any)


def make_tuple(*args: object) -> tuple:
    return args


def ask_to_proceed_with_overwrite(filepath: object) -> bool:
    """Asks whether a file may be replaced."""
    return input(f"[WARNING] {filepath} already exists - overwrite? [y/n] ").strip().lower() in ("y", "yes")


def validate_file(fpath: PathLike, file_hash: str, algorithm: str = "auto", chunk_size: int = 65535) -> bool:
    """Whether a file has a checksum, SHA-256 or MD5."""
    kind = "sha256" if algorithm == "sha256" or (algorithm == "auto" and len(file_hash) == 64) else "md5"
    with open(fpath, "rb") as file:
        return hashlib.file_digest(file, kind).hexdigest() == str(file_hash)


class AUCCurve(enum.StrEnum):
    """The curves of `AUC`."""

    ROC = "ROC"
    PR = "PR"


class AUCSummationMethod(enum.StrEnum):
    """How `AUC` sums the pieces under a curve."""

    INTERPOLATION = "interpolation"
    MAJORING = "majoring"
    MINORING = "minoring"


def conv_pair(value: int | abc.Sequence[int], n: int, name: str) -> tuple[int, ...]:
    return standardize_tuple("normalize_tuple", name, value, n)


normalize_tuple = conv_pair


def normalize_padding(value: str) -> str:
    return check_choice("normalize_padding", "padding", value.lower(), ("valid", "same", "causal"))


def deconv_length(dim_size, stride_size, kernel_size, padding, output_padding, dilation=1):
    """Steps that come out of a transposed convolution."""
    if dim_size is None:
        return None
    kernel_size = kernel_size + (kernel_size - 1) * (dilation - 1)
    check_padding("deconv_length", padding, ("same", "valid", "full"))
    if output_padding is None:
        more = {"same": 0, "valid": max(kernel_size - stride_size, 0), "full": 2 - stride_size - kernel_size}[padding]
        return dim_size * stride_size + more
    pad = {"same": kernel_size // 2, "valid": 0, "full": kernel_size - 1}[padding]
    return (dim_size - 1) * stride_size + kernel_size - 2 * pad + output_padding


class HDF5Matrix:
    """An array in an HDF5 file, of which rows are read when they are asked for.

    Args:
        datapath, dataset: the file, and the path in it.
        start, end: which rows.
        normalizer: a function of what is read.
    """

    def __init__(self, datapath, dataset, start=0, end=None, normalizer=None):
        import h5py

        self.data: Any = h5py.File(datapath, "r")[dataset]
        self.start, self.end = start, self.data.shape[0] if end is None else end
        self.normalizer = normalizer

    def __len__(self) -> int:
        return self.end - self.start

    def __getitem__(self, key: int | slice | abc.Sequence[int] | HostArray) -> HostArray:
        if key is None:
            raise TypeError(message(self, "rows are asked for by a number, a slice or a list of numbers", {"key": key}))
        wanted = range(*key.indices(max(len(self), key.stop or 0))) if isinstance(key, slice) else np.atleast_1d(key)
        if any(row >= len(self) for row in (wanted[:1] if isinstance(key, slice) else wanted)):
            raise IndexError(message(self, "there is no such row", {"key": key, "rows": len(self)}))
        if isinstance(key, slice):
            rows = range(*key.indices(len(self)))
            found = self.data[self.start + rows.start : self.start + rows.stop : rows.step] if len(rows) else self.data[:0]
        elif np.ndim(key) or isinstance(key, abc.Sequence):
            numbers, back = np.unique(np.asarray(key) + self.start, return_inverse=True)
            found = self.data[numbers][back]
        else:
            found = self.data[self.start + int(key)]
        return found if self.normalizer is None else self.normalizer(found)

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> HostArray:
        return np.asarray(self[:], dtype)

    @property
    def shape(self) -> tuple[int, ...]:
        return (len(self), *np.shape(self[:1])[1:])

    @property
    def dtype(self) -> np.dtype[Any]:
        return np.asarray(self[:1]).dtype

    @property
    def ndim(self) -> int:
        return len(self.shape)

    @property
    def size(self) -> int:
        return int(np.prod(self.shape))
