"""The modules of `tensorflow`: which there are, and what they hold."""

import logging
import os
import sys
import types
from collections.abc import Callable, Mapping
from typing import Any

from kerata import initializers
from kerata.base.absent import is_imported
from kerata.base.checks import did_you_mean
from kerata.legacy.tensorflow import (
    boxes,
    called,
    candidates,
    checkpoints,
    checks,
    data,
    draws,
    elements,
    errors,
    examples,
    flow,
    io,
    likeness,
    lookup,
    making,
    nest,
    pools,
    protos,
    records,
    renamed,
    rows,
    sequences,
    sessions,
    sets,
    signals,
    slices,
    sparse,
    strings,
    summary,
    tables,
    uneven_rows,
    weighted,
)
from kerata.legacy.tensorflow import modules as modules_of_tf
from kerata.legacy.tensorflow import types as kinds
from kerata.legacy.tensorflow.forward import ForwardAccumulator
from kerata.legacy.tensorflow.functions import TABLE
from kerata.legacy.tensorflow.on_host import in_graphs
from kerata.legacy.tensorflow.tape import GradientTape
from kerata.legacy.tensorflow.tensor import Tensor
from kerata.legacy.tensorflow.variable import Variable

VERSIONS = {"tfkeras2": "2.15.0", "keras3": "2.16.1", **dict.fromkeys(("keras1", "keras2", "keras22"), "1.15.0")}
INITIAL = {"zeros": "Zeros", "ones": "Ones", "constant": "Constant", "random_normal": "RandomNormal"}
INITIAL |= {"random_uniform": "RandomUniform", "truncated_normal": "TruncatedNormal", "glorot_uniform": "GlorotUniform"}


class Group(dict):
    """Names of a module."""


def of_table(*prefixes: str) -> Group:
    """The functions of the table under some prefixes, and those without one."""
    found = Group()
    for name, function in TABLE.items():
        prefix, dot, short = name.rpartition(".")
        if not dot or f"{prefix}." in prefixes:
            found[short] = function
    return found


class Unconnected:
    """`tf.UnconnectedGradients`."""

    NONE, ZERO = "none", "zero"


class Module(types.ModuleType):
    """A module of `tensorflow`.

    Args:
        path: its name.
        names: what it holds.
        missing: what it had and Kerata has not, with what to do.
    """

    _missing: dict[str, str]

    def __init__(self, path: str, names: Mapping[str, Any], missing: Mapping[str, str] | None = None):
        super().__init__(path)
        self.__dict__.update(names)
        self.__dict__["_missing"] = dict(missing or {})
        self.__dict__["__path__"] = []

    def __getattr__(self, name: str) -> object:
        if name.startswith("__"):
            raise AttributeError(name)
        if (find := self.__dict__.get("_below")) is not None and (found := find(name)) is not None:
            return found
        text = f"{self.__name__} has no {name!r} here"
        if name in self._missing:
            text += f": {self._missing[name]}"
        else:
            near = did_you_mean(name, [one for one in self.__dict__ if not one.startswith("_")])
            text += f". {near} " if near.startswith("Did") else ". "
            text += "Kerata brings the part of TensorFlow that programs beside tf.keras used: see docs/old-code.md"
        raise (ImportError if is_imported(sys._getframe(1)) else AttributeError)(text)


MISSING = {
    "estimator": "write a tf.keras model, and fit it",
    "feature_column": "use the preprocessing layers of tf.keras (Normalization, CategoryEncoding, ...)",
    "raw_ops": "use the functions of tf",
    "contrib": "tf.contrib ended with TensorFlow 1; tf.contrib.keras is tf.keras",
    "lite": "models become TensorFlow Lite files in TensorFlow: save model.h5, and load it there",
    "saved_model": "model.save('folder') writes such a folder, and tf.keras.models.load_model reads it",
    "tpu": "JAX finds TPUs itself",
}


def dtypes() -> dict[str, Any]:
    return dict(kinds.DTYPES)


def root_names(era: str) -> dict[str, Any]:
    """What `tf` itself holds."""
    return {
        **of_table("math."),
        **making.OTHERS,
        **dtypes(),
        **flow_names(),
        "Tensor": Tensor,
        "TensorArray": rows.TensorArray,
        "Variable": Variable,
        "GradientTape": GradientTape,
        "Module": modules_of_tf.Module,
        "TensorSpec": elements.TensorSpec,
        "TensorShape": kinds.TensorShape,
        "DType": kinds.DType,
        "as_dtype": kinds.as_dtype,
        "newaxis": None,
        "UnconnectedGradients": Unconnected,
        **sessions.NAMES,
        **{f"{name}_initializer": getattr(initializers, kind) for name, kind in INITIAL.items()},
        "RaggedTensor": strings.Ragged,
        "RaggedTensorSpec": elements.RaggedTensorSpec,
        "SparseTensorSpec": elements.SparseTensorSpec,
        "read_file": io.read_file,
        "decode_csv": tables.decode_csv,
        "decode_raw": io.decode_raw,
        **{name: examples.READING[name] for name in ("FixedLenFeature", "parse_single_example", "parse_example")},
        "random_normal": draws.normal,
        "random_uniform": draws.uniform,
        "truncated_normal": draws.truncated_normal,
        "random_gamma": draws.gamma,
        "random_poisson": draws.poisson_of_then,
        "multinomial": draws.multinomial,
        "set_random_seed": draws.set_seed,
        "svd": TABLE["linalg.svd"],
        "band_part": TABLE["linalg.band_part"],
        "SparseTensor": sparse.SparseTensor,
        "sparse_tensor_to_dense": sparse.to_dense,
        "sparse_tensor_dense_matmul": sparse.sparse_dense_matmul,
        "diag_part": TABLE["linalg.diag_part"],
        "eig": TABLE["linalg.eig"],
        "eigvals": TABLE["linalg.eigvals"],
        "matrix_square_root": TABLE["linalg.sqrtm"],
        "as_string": in_graphs("as_string", strings.TEXTS["as_string"]),
        **slices.NAMES,
        **renamed.NAMES,
        "Summary": summary.Summary,
        "__version__": VERSIONS[era],
    }


def modules(era: str) -> dict[str, dict[str, Any]]:
    """Path of a module below `tensorflow` -> the names that it holds beside its modules."""
    found = modules_of(era)
    later = [path for path in found if path and not path.startswith("compat")]
    former = {f"compat.v1.{path}": {**found[path], **found.get(f"compat.v1.{path}", {})} for path in later}
    former["compat.v1.losses"] = dict(weighted.LOSSES)
    former["compat.v1.image"]["resize"] = found["image"]["resize_images"]
    if VERSIONS[era].startswith("1."):
        former["losses"] = former["compat.v1.losses"]
    return {**found, **former}


def modules_of(era: str) -> dict[str, dict[str, Any]]:
    """Those that have names of their own."""
    root = root_names(era)
    return {
        "": root,
        "compat.v1": {**root, "set_random_seed": draws.set_seed},
        "compat.v1.train": {},
        "compat.v1.data": {**data_names(), **data.SPECS},
        "compat.v1.data.experimental": experimental_data(),
        "autodiff": {"ForwardAccumulator": ForwardAccumulator},
        "compat.v1.random": {"set_random_seed": draws.set_seed},
        "compat.v1.logging": log_names(),
        "compat.v2": root,
        **system_modules(era),
        **number_modules(),
        "data": {**data_names()},
        "data.experimental": experimental_data(),
        "errors": {name: value for name, value in vars(errors).items() if isinstance(value, type)},
        "train": {
            "Checkpoint": checkpoints.Checkpoint,
            "CheckpointManager": checkpoints.CheckpointManager,
            "latest_checkpoint": checkpoints.latest_checkpoint,
            "ExponentialMovingAverage": slices.ExponentialMovingAverage,
            **{kind.__name__: kind for kind in (*examples.KINDS, *sequences.KINDS)},
        },
        "image": {
            **likeness.PICTURES,
            **boxes.BOXES,
            **{name: io.PARTS[name] for name in io.PARTS if "code" in name or "jpeg" in name},
        },
        "io": reading_names(),
        "lookup": dict(lookup.NAMES),
        "lookup.experimental": dict(lookup.EXPERIMENTAL),
        "python_io": dict(examples.PYTHON_IO),
        "compat.v1.io": {**reading_names(), **examples.PYTHON_IO},
        "compat.v1.python_io": dict(examples.PYTHON_IO),
        "io.gfile": dict(io.FILES),
        "gfile": dict(io.FILES),
        "strings": {name: in_graphs(f"strings.{name}", function) for name, function in strings.TEXTS.items()},
        "sets": dict(sets.SETS),
        "sparse": dict(sparse.NAMES),
        "ragged": dict(uneven_rows.NAMES),
        "summary": dict(summary.NAMES),
        "summary.experimental": dict(summary.EXPERIMENTAL),
        "compat.v1.summary": dict(summary.NAMES),
        "dtypes": {**dtypes(), "as_dtype": kinds.as_dtype, "cast": TABLE["cast"]},
    }


def number_modules() -> dict[str, dict[str, Any]]:
    """Those of functions of numbers."""
    nested = (nest.map_structure, nest.flatten, nest.pack_sequence_as, nest.is_nested, nest.assert_same_structure)
    return {
        "nest": {function.__name__: function for function in nested},
        "math": of_table("math."),
        "math.special": of_table("math.special."),
        "nn": {
            **of_table("nn.", "math."),
            "dropout": draws.dropout,
            "moments": TABLE["nn.moments"],
            **candidates.SAMPLERS,
            **candidates.LOSSES,
            **pools.LABELS,
        },
        "linalg": {**of_table("linalg.", "math."), "einsum": making.einsum, "global_norm": making.global_norm},
        "bitwise": of_table("bitwise."),
        "signal": {**of_table("signal."), **signals.SIGNALS},
        "audio": dict(signals.AUDIO),
        "random": {**draws.NAMES, **candidates.SAMPLERS},
        "random.experimental": {
            "Generator": draws.Generator,
            "get_global_generator": draws.get_global_generator,
            "set_global_generator": draws.set_global_generator,
            "stateless_shuffle": draws.stateless_shuffle,
            "stateless_split": draws.split,
            "stateless_fold_in": draws.fold_in,
        },
    }


def system_modules(era: str) -> dict[str, dict[str, Any]]:
    """Those of them that are not about numbers and data."""
    config = config_names()
    compat = {
        **{"as_str": as_text, "as_text": as_text, "as_bytes": as_bytes, "path_to_str": os.fspath},
        # Sizes of shapes were objects in TensorFlow 1.
        **{"dimension_value": lambda dimension: dimension, "dimension_at_index": lambda shape, index: shape[index]},
    }
    return {
        "config": config,
        "config.experimental": config,
        "config.optimizer": {"set_jit": flow.nothing("tf.config.optimizer.set_jit", "everything is compiled by XLA")},
        "config.threading": {
            "set_inter_op_parallelism_threads": flow.nothing("set_inter_op_parallelism_threads", "XLA counts threads itself"),
            "get_inter_op_parallelism_threads": lambda: 0,
            "get_intra_op_parallelism_threads": lambda: 0,
            "set_intra_op_parallelism_threads": flow.nothing("set_intra_op_parallelism_threads", "XLA counts threads itself"),
        },
        "distribute": {**flow.STRATEGY, "Strategy": flow.Strategy, "get_strategy": flow.Strategy, "ReduceOp": ReduceOp},
        "distribute.experimental": dict(flow.STRATEGY),
        "distribute.cluster_resolver": {
            "TPUClusterResolver": flow.refuse("TPUClusterResolver", "JAX finds TPUs itself: leave the resolver out", ValueError)
        },
        "debugging": {
            **checks.DEBUGGING,
            "disable_traceback_filtering": lambda: None,
            "enable_traceback_filtering": lambda: None,
            "set_log_device_placement": flow.nothing("tf.debugging.set_log_device_placement", "there is nothing to log"),
            "enable_check_numerics": flow.nothing(
                "tf.debugging.enable_check_numerics", "fit() says where a loss is not finite"
            ),
        },
        "autograph": {"set_verbosity": flow.nothing("tf.autograph.set_verbosity", "there is no AutoGraph")},
        "autograph.experimental": {"do_not_convert": lambda func=None, **kwargs: func if func else (lambda f: f)},
        "experimental": {},
        "compat": compat,
        "version": {"VERSION": VERSIONS[era], "GIT_VERSION": "kerata"},
        "test": {
            "is_gpu_available": lambda *args, **kwargs: bool(flow.devices("GPU")),
            "is_built_with_cuda": lambda: bool(flow.devices("GPU")),
            "gpu_device_name": lambda: "/device:GPU:0" if flow.devices("GPU") else "",
        },
        "logging": log_names(),
        "python": {},
        "contrib": {},
    }


def flow_names() -> dict[str, Any]:
    """Functions of the root that are no table's."""
    return {
        "function": called.function,
        "cond": flow.cond,
        "case": flow.case,
        "while_loop": flow.while_loop,
        "map_fn": flow.map_fn,
        "scan": flow.scan,
        "foldl": flow.foldl,
        "vectorized_map": flow.vectorized_map,
        "py_function": flow.py_function,
        "py_func": flow.numpy_function,
        "numpy_function": flow.numpy_function,
        "custom_gradient": flow.custom_gradient,
        "print": flow.printing,
        "is_tensor": flow.is_tensor,
        "device": flow.device,
        "ensure_shape": checks.ensure_shape,
        "timestamp": flow.timestamp,
        "executing_eagerly": lambda: True,
        "enable_eager_execution": lambda *args, **kwargs: None,
        "no_op": lambda *args, **kwargs: None,
        "group": lambda *inputs, **kwargs: None,
        "name_scope": NameScope,
        "control_dependencies": lambda inputs: NameScope(""),
        "global_variables_initializer": lambda: None,
        "tables_initializer": lambda name=None: None,
        "recompute_grad": lambda f: f,
        "no_gradient": lambda name: None,
        "get_logger": lambda: logging.getLogger("tensorflow"),
        "grad_pass_through": grad_pass_through,
        "init_scope": lambda: NameScope(""),
        "Assert": checks.assert_that,
        **{name: checks.DEBUGGING[name] for name in ("assert_equal", "assert_greater", "assert_less", "assert_rank")},
    }


def grad_pass_through(f: Callable[..., Any]) -> Callable[..., Any]:
    """A function whose slope is 1, whatever it computes: a straight-through estimate."""

    def call(x: object) -> object:
        return x + TABLE["stop_gradient"](f(x) - x)  # type: ignore[operator]

    return call


class NameScope:
    """A block that changes nothing."""

    def __init__(self, name: object = "", *args: object, **kwargs: object):
        self.name = name

    def __enter__(self) -> object:
        return self.name

    def __exit__(self, *exc: object) -> None:
        pass


class AutoShardPolicy:
    """`tf.data.experimental.AutoShardPolicy`: how files were dealt out to several machines."""

    OFF, AUTO, FILE, DATA, HINT = -1, 0, 1, 2, 3


class ReduceOp:
    """`tf.distribute.ReduceOp`."""

    SUM, MEAN = "SUM", "MEAN"


def as_text(text: str | bytes, encoding: str = "utf-8") -> str:
    return text.decode(encoding) if isinstance(text, bytes) else text


def as_bytes(text: str | bytes) -> bytes:
    return text.encode() if isinstance(text, str) else text


def reading_names() -> dict[str, Any]:
    """`tf.io`."""
    return {
        **io.PARTS,
        **examples.READING,
        **sequences.READING,
        "decode_csv": tables.decode_csv,
        "serialize_tensor": protos.serialize_tensor,
        "parse_tensor": protos.parse_tensor,
    }


def data_names() -> dict[str, Any]:
    return {
        "Dataset": data.Dataset,
        "TextLineDataset": records.TextLineDataset,
        "TFRecordDataset": records.TFRecordDataset,
        "Options": data.Options,
        "ThreadingOptions": data.Options,
        "AUTOTUNE": data.AUTOTUNE,
        "INFINITE_CARDINALITY": data.INFINITE,
        "UNKNOWN_CARDINALITY": data.UNKNOWN,
    }


def experimental_data() -> dict[str, Any]:
    """`tf.data.experimental`: what later became methods, as functions that `apply` takes."""

    def through(name: str) -> Callable[..., Callable[[Any], object]]:
        return lambda *args, **kwargs: lambda dataset: getattr(dataset, name)(*args, **kwargs)

    return {
        **dict.fromkeys(("AutotuneOptions", "DistributeOptions", "OptimizationOptions", "ThreadingOptions"), data.Options),
        "AutoShardPolicy": AutoShardPolicy,
        "AUTOTUNE": data.AUTOTUNE,
        "INFINITE_CARDINALITY": data.INFINITE,
        "UNKNOWN_CARDINALITY": data.UNKNOWN,
        "cardinality": lambda dataset: dataset.cardinality(),
        "assert_cardinality": lambda size: lambda dataset: data.Dataset(dataset._start, int(size), dataset._spec),
        "sample_from_datasets": data.Dataset.sample_from_datasets,
        "choose_from_datasets": data.Dataset.choose_from_datasets,
        "bucket_by_sequence_length": through("bucket_by_sequence_length"),
        "dense_to_ragged_batch": through("ragged_batch"),
        "unbatch": through("unbatch"),
        "ignore_errors": through("ignore_errors"),
        "CsvDataset": tables.CsvDataset,
        "make_csv_dataset": tables.make_csv_dataset,
        "take_while": through("take_while"),
        "scan": through("scan"),
        "unique": through("unique"),
        "group_by_window": through("group_by_window"),
        "rejection_resample": through("rejection_resample"),
        "parallel_interleave": lambda map_func, cycle_length=None, block_length=1, **kwargs: (
            lambda dataset: dataset.interleave(map_func, cycle_length, block_length)
        ),
        "enumerate_dataset": lambda start=0: lambda dataset: dataset.enumerate(start),
        "shuffle_and_repeat": lambda buffer_size, count=None, seed=None: (
            lambda dataset: dataset.shuffle(buffer_size, seed).repeat(count)
        ),
        "map_and_batch": lambda map_func, batch_size, num_parallel_batches=None, drop_remainder=False, **kwargs: (
            lambda dataset: dataset.map(map_func).batch(batch_size, drop_remainder)
        ),
        "Counter": data.Dataset.counter,
        "prefetch_to_device": lambda *args, **kwargs: lambda dataset: dataset,
        "get_single_element": lambda dataset: dataset.get_single_element(),
    }


def config_names() -> dict[str, Any]:
    says = "JAX says where arrays are and how much memory it takes"
    return {
        "list_physical_devices": flow.devices,
        "list_logical_devices": flow.devices,
        "get_visible_devices": flow.devices,
        "set_visible_devices": flow.nothing("tf.config.set_visible_devices", says),
        "set_memory_growth": flow.nothing("tf.config.experimental.set_memory_growth", says),
        "set_virtual_device_configuration": flow.nothing("tf.config.set_virtual_device_configuration", says),
        "set_logical_device_configuration": flow.nothing("tf.config.set_logical_device_configuration", says),
        "VirtualDeviceConfiguration": dict,
        "LogicalDeviceConfiguration": dict,
        "get_memory_growth": lambda device: False,
        "experimental_connect_to_cluster": flow.nothing("tf.config.experimental_connect_to_cluster", "there is one machine"),
        "run_functions_eagerly": called.run_eagerly,
        "experimental_run_functions_eagerly": called.run_eagerly,
        "functions_run_eagerly": lambda: True,
        "enable_op_determinism": lambda: None,
        "get_soft_device_placement": lambda: True,
        "enable_tensor_float_32_execution": lambda enabled: None,
        "tensor_float_32_execution_enabled": lambda: False,
        "set_soft_device_placement": lambda enabled: None,
    }


def log_names() -> dict[str, Any]:
    """`tf.compat.v1.logging`."""
    logger = logging.getLogger("tensorflow")
    names: dict[str, Any] = {name: getattr(logging, name) for name in ("DEBUG", "INFO", "WARN", "ERROR", "FATAL")}
    names |= {name: getattr(logger, name) for name in ("debug", "info", "warning", "error", "fatal", "log")}
    return {**names, "warn": logger.warning, "set_verbosity": logger.setLevel, "get_logger": lambda: logger}


def build(era: str) -> dict[str, Module]:
    """The modules of `tensorflow` for an era, by their paths."""
    described = modules(era)
    made = {path: Module(f"tensorflow.{path}" if path else "tensorflow", names, MISSING) for path, names in described.items()}
    for path in sorted(made):
        if path:
            above, _, name = path.rpartition(".")
            setattr(made[above], name, made[path])
    return made
