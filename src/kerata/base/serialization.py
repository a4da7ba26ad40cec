"""Objects to plain data and back, in the form that Keras 3 writes.

`{"module": "keras.layers", "class_name": "Dense", "config": {...}, "registered_name": None, "build_config": {...}}`

A config can only build what is entered in the registry. It never imports a module, and it never runs code that it
carries.
"""

import contextlib
import inspect
import traceback
import types
from collections.abc import Callable, Generator
from typing import Any, Protocol, TypeGuard, cast

import ml_dtypes
import numpy as np

from kerata.base import registry
from kerata.base.blocks import Within, ambient
from kerata.base.checks import did_you_mean, message, shorten
from kerata.base.functions import MARK, find_function, is_function, write_function
from kerata.base.interrupts import hand_on
from kerata.base.limits import CALL, budget, is_counting, take_work
from kerata.base.refusals import FileError, refusal
from kerata.base.types import Owner, Plain, Slashed, is_dict, is_list_or_tuple


class HasPlainForm(Protocol):
    """What says itself how it is written into a config: symbolic tensors, dtype policies."""

    def to_plain(self) -> dict[str, Any]: ...


class HasConfig(Protocol):
    """What a config can describe."""

    def get_config(self) -> dict[str, Any]: ...


PLAIN = (str, int, float, bool, type(None))

# The name of a function that has none.
NAMELESS = "<lambda>"
# Where Keras keeps what a `FeatureSpace` is made of.
FEATURES = "keras.src.layers.preprocessing.feature_space"
# Kind of the registry -> the module that Keras writes for it.
MODULES = {
    "layers": "keras.layers",
    "models": "keras",
    "activations": "keras.activations",
    "initializers": "keras.initializers",
    "regularizers": "keras.regularizers",
    "constraints": "keras.constraints",
    "losses": "keras.losses",
    "metrics": "keras.metrics",
    "optimizers": "keras.optimizers",
    "schedules": "keras.optimizers.schedules",
    "random": "keras.random",
    "policies": "keras",
    "quantizers": "keras.quantizers",
    "utils": "keras.utils",
    "features": FEATURES,
    "distillation": "keras.distillation",
}
# Classes that Keras does not show in public, by the names that it writes: module and registered name.
PRIVATE = {
    "Functional": ("keras.src.models.functional", "Functional"),
    **{name: (FEATURES, name) for name in ("Feature", "Cross", "TFDIdentity")},
}
# Types of arrays in a config; NumPy's language for types could ask for any size.
ARRAY_TYPES = frozenset(
    {
        "bool",
        "int8",
        "int16",
        "int32",
        "int64",
        "uint8",
        "uint16",
        "uint32",
        "uint64",
        "float16",
        "bfloat16",
        "float32",
        "float64",
        "complex64",
        "complex128",
    }
)

_local = ambient()
# What makes a tensor of an array: this room knows no tensors.
_tensors: list[Callable[[np.ndarray], object]] = [np.asarray]


def read_tensors_by(make: Callable[[np.ndarray], object]) -> None:
    """From now on, tensors in configs are what `make` gives of an array."""
    _tensors[0] = make


def safe_mode(value: bool) -> Within:
    """Whether configs read inside the block are trusted (`False`) or come from a stranger (`True`)."""
    return Within(_local, safe=value)


def sharing() -> Within:
    """Within the block an object that occurs twice is written with a number, and read as one object."""
    return Within(_local, shared={})


def by_reference(objects: list[Any]) -> Within:
    """Within the block what has no name in the registry goes into `objects`, and its place there into the data.

    For copies inside of a process and for pickles; never for files.
    """
    return Within(_local, objects=objects)


def keeping_functions() -> contextlib.AbstractContextManager[Any]:
    """Within the block functions without a name in the registry stay what they are, in a config that is no file's.

    It has no effect within the writing of another object, which may be for a file.
    """
    return contextlib.nullcontext() if is_writing() else Within(_local, kept=True)


def is_writing() -> bool:
    """Whether a config is asked for as a part of another one."""
    return bool(getattr(_local, "writing", False))


def says_today() -> bool:
    """Whether a config must be in today's words: objects of an era have others, where nobody but their program reads them."""
    return is_writing() or bool(getattr(_local, "today", False))


def config_of(obj: HasConfig) -> dict[str, Any]:
    """The config of an object in today's words, whatever era its class is of."""
    with Within(_local, today=True):
        return obj.get_config()


def needing_names() -> Within:
    """Within the block functions without a name are errors: where it is better to leave them out than to write their code."""
    return Within(_local, needed=True)


def writing_code() -> Within:
    """Within the block a description is all that is written: the code of a Lambda's function, learned vocabularies too."""
    return Within(_local, code=True)


def writes_code() -> bool:
    return bool(getattr(_local, "code", False))


def keeps_functions() -> bool:
    return bool(getattr(_local, "kept", False))


def refer(obj: object) -> dict[str, Any] | None:
    """The place of an object in the table of `by_reference`, if there is one."""
    objects = getattr(_local, "objects", None)
    if objects is None:
        return None
    index = next((i for i, known in enumerate(objects) if known is obj), len(objects))
    if index == len(objects):
        objects.append(obj)
    return {"class_name": "__reference__", "config": {"index": index}}


def serialize_keras_object(obj: object) -> Any:
    """Plain data (JSON types) from which `deserialize_keras_object` builds an equal object."""
    if isinstance(obj, PLAIN):
        return obj
    if is_list_or_tuple(obj):
        items = [serialize_keras_object(item) for item in obj]
        return items if isinstance(obj, list) else tuple(items)
    if is_dict(obj):
        return {key: serialize_keras_object(value) for key, value in obj.items()}
    if isinstance(obj, bytes):
        return {"class_name": "__bytes__", "config": {"value": obj.decode("utf-8")}}
    if type(obj) is slice:
        ends = {name: serialize_keras_object(getattr(obj, name)) for name in ("start", "stop", "step")}
        return {"class_name": "__slice__", "config": ends}
    if obj is Ellipsis:
        return {"class_name": "__ellipsis__", "config": {}}
    if _has_plain_form(obj):
        return obj.to_plain()
    if (type_name := _name_of_type(obj)) is not None:
        return type_name
    if hasattr(obj, "__array__") and hasattr(obj, "shape") and hasattr(obj, "dtype"):
        array = np.asarray(obj)
        if isinstance(obj, (np.generic, np.ndarray)) and array.ndim == 0:
            return array.item()
        kind = "__numpy__" if isinstance(obj, np.ndarray) else "__tensor__"
        return {"class_name": kind, "config": {"value": array.tolist(), "dtype": array.dtype.name}}
    if isinstance(obj, types.FunctionType | types.BuiltinFunctionType) or (
        callable(obj) and not hasattr(obj, "get_config") and hasattr(obj, "__name__")
    ):
        return _serialize_function(obj)
    return _serialize_instance(obj)


def _has_config(obj: object) -> TypeGuard[HasConfig]:
    return hasattr(obj, "get_config")


def _has_plain_form(obj: object) -> TypeGuard[HasPlainForm]:
    return hasattr(obj, "to_plain")


def _name_of_type(obj: object) -> str | None:
    """The name of one of NumPy's types of numbers; `None` of everything else."""
    if isinstance(obj, np.dtype) or (isinstance(obj, type) and issubclass(obj, np.generic)):
        return str(np.dtype(cast("type[np.generic]", obj)).name)
    return None


def _serialize_function(fn: object) -> dict[str, Any]:
    home = registry.home_of(fn)
    if home is None and (reference := refer(fn)) is not None:
        return reference
    if home is None and keeps_functions():
        return fn  # type: ignore[return-value]
    if is_function(fn) and fn.__name__ == NAMELESS:
        if getattr(_local, "needed", False):
            raise ValueError(
                message(
                    "serialize",
                    "a lambda cannot be written to a file",
                    {"function": fn},
                    "Use a named function with @kerata.saving.register_keras_serializable()",
                )
            )
        return {"class_name": MARK, "config": {"value": [*write_function(fn).values()]}}
    name = home[1] if home else registry.get_registered_name(fn)
    # Old files say functions by name alone, so their writers must know a program's own from a built-in one of that name.
    known = "function" if home or not writes_code() else name
    return {"module": "builtins", "class_name": "function", "config": name, "registered_name": known}


def _serialize_instance(obj: object) -> dict[str, Any]:
    cls: type[object] = obj.__class__
    if not _has_config(obj):
        if (reference := refer(obj)) is not None:
            return reference
        raise TypeError(message("serialize", "only objects with `get_config()` can be written to a file", {"object": obj}))
    with Within(_local, writing=True):
        plain: dict[str, Any] = {**_place_of(cls), "config": serialize_keras_object(obj.get_config())}
    for part in ("build_config", "compile_config"):
        value = getattr(obj, f"get_{part}", lambda: None)()
        if value is not None:
            plain[part] = serialize_keras_object(value)
    shared = getattr(_local, "shared", None)
    if shared is not None and hasattr(obj, "weights"):
        # The object is kept, so that its id stays its own.
        plain["shared_object_id"] = shared.setdefault(id(obj), (len(shared), obj))[0]
    return plain


def _place_of(cls: type) -> dict[str, Any]:
    """The module and the names by which a class is found again."""
    home = registry.home_of(cls)
    if home is not None and home[1] in PRIVATE:
        module, registered = PRIVATE[home[1]]
        return {"module": module, "class_name": home[1], "registered_name": registered}
    if home is not None:
        return {"module": MODULES[home[0]], "class_name": home[1], "registered_name": None}
    plain = {
        "module": None if cls.__module__ == "__main__" else cls.__module__,
        "class_name": cls.__name__,
        "registered_name": registry.get_registered_name(cls),
    }
    reference = refer(cls)
    return plain if reference is None else {**plain, "class_reference": reference["config"]["index"]}


def deserialize_keras_object(
    config: object, custom_objects: dict[str, Any] | None = None, safe_mode: bool | None = None, **kwargs: object
) -> Any:
    """The object that plain data describes.

    Args:
        config: what `serialize_keras_object` gave, or what Keras 3 wrote.
        custom_objects: names of a user's own classes and functions.
        safe_mode: `False` only for data that one trusts.

    Raises:
        TypeError: if a name is entered nowhere. Nothing is imported to find it.
    """
    with contextlib.ExitStack() as stack:
        if safe_mode is not None:
            stack.enter_context(globals()["safe_mode"](safe_mode))
        if custom_objects:
            stack.enter_context(registry.CustomObjectScope(custom_objects))
        if not is_counting():
            stack.enter_context(describing("deserialize", config))
        return _deserialize(config)


@contextlib.contextmanager
def describing(owner: str, config: Any) -> Generator[None]:
    """Within the block a description is read: what it asks for is counted, and what is wrong with it has one kind of error."""
    if is_counting():
        yield
        return
    with budget(owner, config, describes=True):
        try:
            yield
        except FileError as error:
            # Whoever keeps the error must not keep what had been made before it.
            traceback.clear_frames(error.__traceback__)
            raise
        except (ValueError, TypeError, NotImplementedError, OSError, Warning):
            raise
        except Exception as error:
            hand_on(error)
            raise refusal(owner, error, "the description lacks something, or holds what cannot be read") from error


def _deserialize(config: object) -> Any:
    if is_list_or_tuple(config):
        return [_deserialize(item) for item in config]
    if not is_dict(config):
        return config
    plain = config
    if "class_name" not in plain or "config" not in plain:
        return {key: _deserialize(value) for key, value in plain.items()}
    name = plain["class_name"]
    if isinstance(name, str) and name.startswith("__") and name.endswith("__"):
        return _deserialize_special(name, plain["config"] or {})
    if name == "function":
        return _find_entered(plain["config"], plain.get("registered_name"), plain.get("module"))
    shared, number = getattr(_local, "shared", None), plain.get("shared_object_id")
    if shared is not None and isinstance(number, int) and number in shared:
        return shared[number]
    objects = getattr(_local, "objects", None)
    if objects is not None and "class_reference" in plain:
        cls = objects[plain["class_reference"]]
    else:
        cls = _find_entered(name, plain.get("registered_name"), plain.get("module"))
    if isinstance(cls, types.FunctionType):
        return cls
    instance = _build_instance(cls, plain)
    if shared is not None and isinstance(number, int):
        shared[number] = instance
    return instance


def _build_instance(cls: type[Any], config: dict[str, Any]) -> object:
    given = config["config"]
    if given is not None and not is_dict(given):
        raise TypeError(message(cls, "Expected 'config' to be a dict", {"config": given}))
    # A layer will be traced, which is as much work as a call.
    take_work(CALL if hasattr(cls, "add_weight") else 1)
    inner: dict[str, Any] = dict(given or {})
    if isinstance(name := inner.get("name"), str) and "/" in name:
        inner["name"] = Slashed(name)
    if not hasattr(cls, "from_config"):
        # A user's class that takes what its `get_config()` gives.
        return cls(**_deserialize(inner))
    apart = _take_common(cls, inner)
    instance = cls.from_config(inner)
    for name, value in apart.items():
        setattr(instance, name, value)
    build_config = config.get("build_config")
    if build_config and not is_dict(build_config):
        raise ValueError(message(cls, "`build_config` must be a dict", {"build_config": build_config}))
    if build_config and not getattr(instance, "built", True):
        instance.build_from_config(build_config)
    compile_config = config.get("compile_config")
    if compile_config and hasattr(instance, "compile_from_config"):
        instance.compile_from_config(compile_config)
    return instance


def _take_common(cls: type[Any], inner: dict[str, Any]) -> dict[str, Any]:
    """What every layer's config holds and the constructor of a user's class does not take: set afterwards."""
    made = getattr(cls.from_config, "__module__", "") or ""
    if registry.home_of(cls) is not None or not made.startswith("kerata.") or not hasattr(cls, "add_weight"):
        return {}
    parameters = inspect.signature(cls.__init__).parameters
    if any(p.kind is inspect.Parameter.VAR_KEYWORD for p in parameters.values()):
        return {}
    places = {"name": "name", "trainable": "_trainable", "dtype": "dtype_policy"}
    taken = {places[key]: inner.pop(key) for key in places if key in inner and key not in parameters}
    return {key: _deserialize(value) for key, value in taken.items()}


# A config may carry small functions and classes that a file should not be able to do anything with: data only.
def _deserialize_special(name: str, inner: dict[str, Any]) -> object:
    if name == "__reference__" and getattr(_local, "objects", None) is not None:
        return _local.objects[inner["index"]]
    if name == "__numpy__" or name == "__tensor__":
        array = np.array(inner["value"], dtype=_array_type(inner["dtype"]))
        return array if name == "__numpy__" else _tensors[0](array)
    if name == "__bytes__":
        return inner["value"].encode("utf-8")
    if name == "__slice__":
        return slice(*(_deserialize(inner[k]) for k in ("start", "stop", "step")))
    if name == "__ellipsis__":
        return Ellipsis
    if name == "__tuple__":
        return tuple(_deserialize(inner["value"]))
    if name == "__keras_tensor__":
        return {"class_name": name, "config": inner}
    if name == MARK:
        return _find_function(inner)
    raise TypeError(message("deserialize", "unknown kind of value in a config", {"class_name": name}))


def _find_function(written: object) -> object:
    """A function of which a config holds the code: this process's own, or the one that is entered for what has no name."""
    found = find_function(written) or registry.get_registered_object(NAMELESS)
    if found is None:
        raise ValueError(
            message(
                "deserialize",
                "a lambda in a file is program code, and Kerata never runs code that a file carries",
                {"class_name": MARK},
                f"Pass custom_objects={{{NAMELESS!r}: function}}, or build the model in Python and read the weights with "
                "load_weights()",
            )
        )
    return found


def _array_type(name: str) -> np.dtype[Any]:
    if name not in ARRAY_TYPES:
        raise TypeError(message("deserialize", "unknown type of an array in a config", {"dtype": name}))
    return np.dtype(ml_dtypes.bfloat16) if name == "bfloat16" else np.dtype(name)


def _find_entered(name: object, registered_name: object, module: object) -> Any:
    if not isinstance(name, str):
        raise TypeError(
            message(
                "deserialize",
                "Expected 'config' to be a non-null str: a class or function is given by its name",
                {"name": name},
            )
        )
    # Keras gives every function the registered name "function".
    for spelling in (registered_name if registered_name != "function" else None, name):
        if isinstance(spelling, str) and (found := registry.get_registered_object(spelling)) is not None:
            return found
    if not _is_keras(module) and (found := registry.find_registered(name)) is not None:
        return found
    if _is_keras(module) or module in ("builtins", None):
        for kind in _kinds_of(module):
            if (found := registry.find_builtin(kind, name)) is not None:
                _check_unregistered(name, registered_name)
                return found
    remedy = f"Decorate it with @kerata.saving.register_keras_serializable(), or pass custom_objects={{{shorten(name)}: ...}}"
    if _is_keras(module):
        remedy = did_you_mean(name, [n for kind in _kinds_of(module) for n in registry.names(kind)])
    received = {"module": module, "name": name}
    raise TypeError(message("deserialize", f"{shorten(name)} is not known to Kerata and is entered nowhere", received, remedy))


def _check_unregistered(name: str, registered_name: object) -> None:
    """Raises where a built-in name goes with the registered name of something else."""
    if registered_name and registered_name not in (name, "function"):
        given = {"name": name, "registered_name": registered_name}
        fix = "Register what it names, or take the registered name out of the config"
        raise ValueError(
            message("deserialize", "the name is a built-in's, and the registered name is entered nowhere", given, fix)
        )


def _is_keras(module: object) -> bool:
    return isinstance(module, str) and (module == "keras" or module.startswith(("keras.", "kerata.", "tf_keras.")))


def _kinds_of(module: object) -> list[str]:
    """The registry's kinds that a module's name can mean; all of them for names such as `keras.src.models.model`."""
    exact = [kind for kind, home in MODULES.items() if home == module]
    return exact + [kind for kind in MODULES if kind not in exact]


def resolve(kind: str, identifier: object, owner: Owner = None, argument: str | None = None) -> Any:
    """One object of many forms: `None`, a name, a config, a class or a ready object.

    Classes found by name, or given, are instantiated; functions and objects are returned as they are.
    """
    argument = argument or kind.rstrip("s")
    if identifier is None:
        return None
    if is_dict(identifier):
        config = identifier
        if "class_name" not in config:
            raise ValueError(
                message(owner or kind, f"`{argument}` as a dict must have `class_name` and `config`", {argument: config})
            )
        found = deserialize_keras_object({"config": {}, "module": MODULES[kind], **config})
    elif isinstance(identifier, str):
        found = registry.find(kind, identifier, owner, argument)
    else:
        found = identifier
    if isinstance(found, type):
        return found()
    if not callable(found) and not hasattr(found, "get_config"):
        raise registry.WrongKind(kind, identifier, owner or kind, argument)
    return found


def serialize_named(kind: str, obj: object) -> Plain:
    """A built-in function of `kind` by its bare name, as Keras writes activations; everything else in full."""
    home = registry.home_of(obj)
    if home is not None and isinstance(obj, types.FunctionType):
        return home[1]
    return serialize_keras_object(obj)
