"""Models that can be written, copied and described: to files, to JSON, by pickle and by deepcopy."""

import inspect
import json
import os
import warnings
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, Self, cast

from kerata.base import registry
from kerata.base.checks import message
from kerata.base.importing import Late
from kerata.base.limits import budget, is_description, size_of_json, take_bytes, trusted
from kerata.base.refusals import refusing
from kerata.base.serialization import (
    by_reference,
    describing,
    deserialize_keras_object,
    needing_names,
    refer,
    serialize_keras_object,
    sharing,
)
from kerata.base.types import PathLike, Plain
from kerata.saving.archive import mark_shared, save_model
from kerata.saving.building import build_model, check_config, parse_config
from kerata.saving.legacy.types import SavedModel
from kerata.saving.orbax import assets_of
from kerata.saving.store import MemoryStore
from kerata.saving.weights import load_state, load_weights, save_state, save_weights

if TYPE_CHECKING:
    from kerata.saving.legacy import codes, descriptions, yaml
else:
    codes, descriptions, yaml = (Late(f"kerata.saving.legacy.{name}") for name in ("codes", "descriptions", "yaml"))


def find_own(value: object) -> object:
    """What is registered, or given as `custom_objects`, in place of its name, in lists and dicts too."""
    if isinstance(value, str):
        return value if (own := registry.get_registered_object(value)) is None else own
    if isinstance(value, (list, tuple)):
        return [find_own(item) for item in value]
    if isinstance(value, dict):
        return {name: find_own(item) for name, item in value.items()}
    return value


class Saveable:
    """What a model can do beside being a layer: be saved, restored and copied."""

    def save(self, filepath: PathLike, overwrite: bool = True, zipped: bool | None = None, **kwargs: object) -> None:
        """Writes the model, its weights and its optimizer's state to a `.keras` file, which Keras 3 opens as well.

        Args:
            filepath: a name that ends in `.keras`.
            overwrite: whether an existing file may be replaced.
            include_optimizer: False leaves out what `compile` was given and the optimizer's state.
        """
        save_model(cast(SavedModel, self), filepath, overwrite, zipped, **kwargs)

    def save_weights(
        self,
        filepath: str | os.PathLike,
        overwrite: bool = True,
        max_shard_size: float | None = None,
        objects_to_skip: Iterable[Any] | None = None,
    ) -> None:
        """Writes the weights and the optimizer's state to a `.weights.h5` file, those of `objects_to_skip` excepted."""
        save_weights(cast(SavedModel, self), filepath, overwrite, max_shard_size, objects_to_skip)

    def load_weights(
        self,
        filepath: str | os.PathLike,
        skip_mismatch: bool = False,
        objects_to_skip: Iterable[Any] | None = None,
        **kwargs: object,
    ) -> None:
        """Reads weights from a file of Kerata or of any Keras; the model stays as it was if they do not fit.

        Args:
            filepath: `.weights.h5`, `.keras`, or `.h5` of Keras 1, 2 and `tf.keras`.
            skip_mismatch: take what fits and leave the rest with a warning.
            objects_to_skip: layers and other parts that stay as they are, with what is below them.
            by_name: whether layers are found by their names; for `.h5` files of Keras 1 and 2.
        """
        by_name = bool(kwargs.pop("by_name", False))
        if kwargs:
            raise ValueError(message("load_weights", "unknown argument(s)", kwargs))
        load_weights(cast(SavedModel, self), filepath, skip_mismatch, objects_to_skip, by_name)

    def _parts_of_checkpoint(self, weights_only: bool) -> dict[str, Any]:
        """What `OrbaxCheckpoint` keeps of the model: the values of its variables; its description; files of its layers."""
        state: dict[str, Any] = self.get_state_tree()  # type: ignore[attr-defined]
        if weights_only:
            return {"pytree": {name: state[name] for name in ("trainable_variables", "non_trainable_variables")}}
        parts: dict[str, Any] = {"pytree": state, "model_config": {"config": self.to_json()}}
        assets = assets_of(cast(SavedModel, self))
        return {**parts, "assets": assets} if assets else parts

    def to_json(self, **kwargs: Any) -> str:
        """The architecture as JSON, without weights."""
        with sharing():
            plain = serialize_keras_object(self)
        codes.warn_of_code(plain, self)
        return json.dumps(mark_shared(plain), **kwargs)

    def get_compile_config(self) -> dict[str, Any]:
        """What `compile` was given, as plain data; empty for a model that is not compiled."""
        made = self.__dict__.get("_compilation")
        if not self.__dict__.get("compiled") or made is None:
            return {}
        optimizer, group = self.optimizer, self.steps_per_execution  # type: ignore[attr-defined]
        if made.scales_loss:
            # `compile` puts the other around it by itself.
            optimizer = optimizer.inner_optimizer
        bare = getattr(optimizer, "transformation", None)
        fixed = {"run_eagerly": False, "steps_per_execution": group, "jit_compile": "auto"}
        loss, weights = made.objective.written()
        arguments = {**made.arguments, "loss": loss, "loss_weights": weights, "optimizer": optimizer, **fixed}
        try:
            reference = None if bare is None else refer(bare)
            with needing_names():
                plain = {
                    name: serialize_keras_object(value)
                    for name, value in arguments.items()
                    if reference is None or name != "optimizer"
                }
            return plain if reference is None else {"optimizer": reference, **plain}
        except (TypeError, ValueError, NotImplementedError) as error:
            # A trained model is worth keeping, even where a function that only training needs has no name.
            warnings.warn(
                message(
                    self,
                    "what compile() was given cannot be written, and is left out",
                    {"error": str(error)},
                    "Compile the model again after loading it",
                ),
                stacklevel=3,
            )
            return {}

    def compile_from_config(self, config: dict[str, Any]) -> None:
        """Compiles the model with what `get_compile_config` gave."""
        compile = type(self).compile  # type: ignore[attr-defined]
        if registry.home_of(type(self)) is None and not compile.__module__.startswith("kerata."):
            warnings.warn(
                message(
                    self,
                    "`compile()` was not called as part of model loading because the model's `compile()` method is custom",
                    fix="Call compile() after loading, or define compile_from_config()",
                ),
                stacklevel=3,
            )
            return
        self._compile_from_config(config, self.compile)  # type: ignore[attr-defined]

    def _compile_from_config(self, config: dict[str, Any], compile: Callable[..., None]) -> None:
        known = inspect.signature(compile).parameters
        with describing(f"{type(self).__name__}.compile_from_config", config):
            given = {name: value for name, value in deserialize_keras_object(config).items() if name in known}
            # Names of a program's own functions mean something only for as long as its file is read.
            for name in {"loss", "metrics", "weighted_metrics"} & set(given):
                given[name] = find_own(given[name])
            compile(**given)
            if self.built and self.optimizer is not None and not is_description():  # type: ignore[attr-defined]
                # The optimizer's variables must be there before their values come.
                self.optimizer.build(self.trainable_variables)  # type: ignore[attr-defined]

    # Copies

    def __reduce__(self) -> tuple[Any, ...]:
        objects: list[Any] = []
        store = MemoryStore()
        with sharing(), by_reference(objects):
            plain = mark_shared(serialize_keras_object(self))
        if self.built:  # type: ignore[attr-defined]
            save_state(cast(SavedModel, self), store)
        return restore_model, (plain, objects, store.arrays)

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        restore, arguments = self.__reduce__()
        memo[id(self)] = twin = restore(*arguments)
        return twin


def restore_model(plain: dict[str, Any], objects: list[Any], arrays: dict[str, dict[str, Any]]) -> object:
    """The model of a pickle: pickles run code anyway, so they may name classes that are not registered."""
    with sharing(), by_reference(objects), trusted():
        model = deserialize_keras_object(plain)
    if model.built:
        load_state(model, MemoryStore(arrays), owner="unpickling")
    return model


def model_from_json(json_string: str, custom_objects: dict[str, Any] | None = None) -> Any:
    """A model with fresh weights from what `to_json` gave, here or in any Keras.

    >>> import kerata
    >>> model = kerata.Sequential([kerata.Input(shape=(4,)), kerata.layers.Dense(2)])
    >>> kerata.models.model_from_json(model.to_json()).count_params()
    10
    """
    owner = "model_from_json"
    if not isinstance(json_string, (str, bytes, bytearray)):
        raise TypeError(message(owner, "the description must be a text", {"json_string": json_string}))
    with refusing(owner), budget(owner, len(json_string), describes=True):
        text = json_string if isinstance(json_string, str) else json_string.decode("utf-8")
        take_bytes(size_of_json(text))
        config = parse_config(text, owner)
        with sharing(), registry.CustomObjectScope(custom_objects or {}):
            return build_model(descriptions.modern_description(config, owner), owner, custom_objects)


def model_from_yaml(yaml_string: str, custom_objects: dict[str, Any] | None = None) -> Any:
    """A model with fresh weights from what `to_yaml` of Keras 1 or 2 gave; `PyYAML` must be installed.

    Old Keras ran what a YAML text named. Here it is plain data: texts, numbers, lists and dicts.
    """
    owner = "model_from_yaml"
    if not isinstance(yaml_string, str):
        raise TypeError(message(owner, "the description must be a text", {"yaml_string": yaml_string}))
    with refusing(owner), budget(owner, len(yaml_string), describes=True):
        config = check_config(cast(Plain, yaml.read_yaml(yaml_string, owner)), owner)
        with sharing(), registry.CustomObjectScope(custom_objects or {}):
            return build_model(descriptions.modern_description(config, owner), owner, custom_objects)
