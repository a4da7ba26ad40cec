"""Descriptions of models that name what a file must not be able to name: modules, code, paths, sizes."""

import base64
import marshal
import pickle
from pathlib import Path
from typing import Any

MARK = "kerata-was-here"


def code(text: str) -> str:
    """The marshalled bytes of a lambda that does something, as files hold them."""
    return base64.b64encode(marshal.dumps(eval(text).__code__)).decode()


class Runs:
    """What a pickle runs when it is loaded."""

    def __init__(self, path: Path):
        self.path = path

    def __reduce__(self):
        return (Path.touch, (self.path,))


def entered(module: str, kind: str, /, **config: Any) -> dict[str, Any]:
    return {"module": module, "class_name": kind, "config": {"name": "x", **config}, "registered_name": kind}


def function(module: str, name: str) -> dict[str, Any]:
    return {"module": module, "class_name": "function", "config": name, "registered_name": name}


def layer(kind: str, /, **config: Any) -> dict[str, Any]:
    return {"module": "keras.layers", "class_name": kind, "config": {"name": "x", **config}, "registered_name": None}


def dense(**config: Any) -> dict[str, Any]:
    return layer("Dense", **{"units": 2, **config})


def lambdas(decoys: Path) -> dict[str, Any]:
    """Layers that carry code, or name a function."""
    touch = code(f"lambda x: open({str(decoys / MARK)!r}, 'w')")
    pickled = base64.b64encode(pickle.dumps(Runs(decoys / MARK))).decode()
    address = (decoys / "vocabulary.txt").as_uri()
    wrapped = {"class_name": "__lambda__", "config": {"code": touch, "defaults": None, "closure": None}}
    return {
        "bytecode of Keras 2": layer("Lambda", function=[touch, None, None], function_type="lambda"),
        "bytecode of Keras 3": layer("Lambda", function=wrapped),
        "bytecode as a value": layer("Lambda", function={"class_name": "__lambda__", "config": {"value": [touch, None, None]}}),
        "bytecode with defaults": layer("Lambda", function=[touch, ["__ellipsis__"], [MARK]], function_type="lambda"),
        "bytecode of a shape": layer(
            "Lambda", function="relu", function_type="function", output_shape=[touch, None, None], output_shape_type="lambda"
        ),
        "bytecode of a mask": layer("Lambda", function="relu", mask=wrapped, arguments={}),
        "bytecode in an argument": layer("Lambda", function="relu", arguments={"x": wrapped}),
        "a pickle for bytecode": layer("Lambda", function=[pickled, None, None], function_type="lambda"),
        "a pickle as bytes": layer("Lambda", function={"class_name": "__bytes__", "config": {"value": pickled}}),
        "a function of a module": layer("Lambda", function="os.system", function_type="function", module="os"),
        "a raw function": layer("Lambda", function="evil_module:f", function_type="raw"),
        "a download": layer(
            "Lambda",
            function=function("keras.utils", "get_file"),
            arguments={"fname": "x", "origin": address, "cache_dir": str(decoys)},
        ),
        "an evaluation": layer("Lambda", function=function("builtins", "eval"), arguments={"globals": {}}),
        "a loader": layer("Lambda", function=function("keras.saving", "load_model")),
        "code as an activation": dense(activation=wrapped),
    }


def modules(decoys: Path) -> dict[str, Any]:
    """Parts that name a module, a class or a function outside of those that are registered."""
    evil = entered("evil_module", "Evil")
    return {
        "a module": evil,
        "a dotted class": {"class_name": "evil_module.Evil", "config": {"name": "x"}},
        "a class of a package": {"class_name": "evil_module>Evil", "config": {"name": "x"}},
        "a module within Keras": entered("keras.layers.evil_module", "Evil"),
        "a module of Kerata": entered("kerata.base.files", "get_file", fname="x", origin="http://localhost:9/x"),
        "a command": {"module": "os", "class_name": "system", "config": "true", "registered_name": "system"},
        "a process": entered("subprocess", "Popen", args=["true"]),
        "an activation": dense(activation=function("os", "system")),
        "a text for an activation": dense(activation="os.system"),
        "an initializer": dense(kernel_initializer=evil),
        "a regularizer": dense(kernel_regularizer=evil),
        "a constraint": dense(bias_constraint=function("evil_module", "f")),
        "a policy": dense(dtype=evil),
        "a wrapped layer": layer("TimeDistributed", layer=evil),
        "a cell": layer("RNN", cell=evil),
        "a type of TensorFlow": layer(
            "Lambda", function={"class_name": "__typespec__", "spec_name": "Evil", "module": "evil_module", "config": {}}
        ),
        "an object of NumPy": dense(
            kernel_initializer=layer("Constant", value={"class_name": "__numpy__", "config": {"value": [1], "dtype": "object"}})
        ),
        "an operation": {"class_name": "TFOpLambda", "config": {"name": "x", "function": "io.read_file"}},
        "an operation of a module": entered("keras.src.ops.evil_module", "Evil"),
    }


def places(decoys: Path) -> dict[str, Any]:
    """Parts that name a file or an address."""
    words, weights = str(decoys / "vocabulary.txt"), str(decoys / "secret.weights.h5")
    address = "http://localhost:9/x"
    constant = {"module": "keras.initializers", "class_name": "Constant", "config": {"value": str(decoys / "secret.npz")}}
    return {
        "a vocabulary": layer("StringLookup", vocabulary=words),
        "a relative vocabulary": layer("StringLookup", vocabulary="../decoys/vocabulary.txt"),
        "a vocabulary of numbers": layer("IntegerLookup", vocabulary=words),
        "a vocabulary of texts": layer("TextVectorization", vocabulary=words),
        "an address of a vocabulary": layer("StringLookup", vocabulary=address),
        "weights of words": layer("StringLookup", vocabulary=["a"], idf_weights=words, output_mode="tf_idf"),
        "a path as bytes": layer("StringLookup", vocabulary={"class_name": "__bytes__", "config": {"value": words}}),
        "weights of a layer": dense(weights=weights),
        "an address of weights": dense(weights=address),
        "weights of words of Keras 1": layer("Embedding", input_dim=3, output_dim=2, weights=[weights]),
        "a network with weights": layer("MobileNet", weights=weights),
        "a network of Keras": entered("keras.applications", "VGG16", weights=weights),
        "a SavedModel in a layer": layer("TFSMLayer", filepath=str(decoys / "folder")),
        "a pickle of PyTorch": layer("TorchModuleWrapper", module={"class_name": "__bytes__", "config": {"value": words}}),
        "a first value": dense(kernel_initializer=constant),
        "a path of data": layer("Dense", units=2, data_path=str(decoys)),
        "a loader of models": entered("keras.models", "load_model", filepath=str(decoys / "secret.keras")),
        "a data set": entered("keras.datasets.mnist", "load_data", path=str(decoys / "secret.npz")),
        "a callback": entered("keras.callbacks", "CSVLogger", filename=str(decoys / MARK)),
    }


def sizes(decoys: Path) -> dict[str, Any]:
    """Parts that ask for more than there is."""
    deep: Any = dense()
    for _ in range(300):
        deep = layer("TimeDistributed", layer=deep)
    return {
        "many units": dense(units=10**9),
        "a large kernel": layer("Embedding", input_dim=10**9, output_dim=64),
        "many repetitions": layer("RepeatVector", n=10**10),
        "a deep nest": deep,
        "a large text": dense(activation="a" * 10**6),
        "many thresholds": layer("Discretization", bin_boundaries=[0.0] * 10**5),
        "a large shape": layer("Reshape", target_shape=[10**9, 10**9]),
    }


GROUPS = {"modules": modules, "code": lambdas, "places": places, "sizes": sizes}


def compiled(decoys: Path) -> dict[str, Any]:
    """What a model is said to be compiled with."""
    evil = entered("evil_module", "Evil")
    lambda_ = {"class_name": "__lambda__", "config": {"code": code("lambda x: 1"), "defaults": None, "closure": None}}
    return {
        "an optimizer": {"optimizer": evil, "loss": "mse"},
        "a loss": {"optimizer": "sgd", "loss": evil},
        "a loss of code": {"optimizer": "sgd", "loss": lambda_},
        "a measure": {"optimizer": "sgd", "loss": "mse", "metrics": [function("os", "system")]},
        "a schedule": {"optimizer": {"class_name": "SGD", "config": {"learning_rate": evil}}, "loss": "mse"},
        "a text for a loss": {"optimizer": "sgd", "loss": "evil_module.f"},
    }


def sequential(part: dict[str, Any], dtype: str = "float32") -> dict[str, Any]:
    """A model that holds a part."""
    first = {"class_name": "InputLayer", "config": {"batch_input_shape": [None, 4], "dtype": dtype, "name": "i"}}
    first = {"module": "keras.layers", **first, "registered_name": None}
    first["config"]["batch_shape"] = first["config"].pop("batch_input_shape")
    config = {"name": "m", "trainable": True, "dtype": "float32", "layers": [first, part]}
    return {"module": "keras", "class_name": "Sequential", "config": config, "registered_name": "Sequential"}


def old(plain: dict[str, Any]) -> dict[str, Any]:
    """A description in the words of Keras 2."""
    first, part = plain["config"]["layers"]
    first = {"class_name": "InputLayer", "config": {**first["config"]}}
    first["config"]["batch_input_shape"] = first["config"].pop("batch_shape")
    return {"class_name": "Sequential", "config": {"name": "m", "layers": [first, part]}}
