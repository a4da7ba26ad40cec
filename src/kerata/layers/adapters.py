"""Adapters: layers whose largest weight may be frozen, while a product of two thin matrices beside it is trained (LoRA)."""

from typing import Any, Unpack

import jax.numpy as jnp

from kerata import initializers
from kerata.base.checks import check_positive_int, message
from kerata.engine.stores import Store, WritableStore, assign_all
from kerata.engine.structure import note_change
from kerata.engine.types import Array, Initializer, TensorLike, WeightFunction
from kerata.engine.variable import Variable
from kerata.kernels.products import product
from kerata.layers.layer import Layer
from kerata.layers.signatures import LayerOptions


def weight_in_use(layer: "Adaptable") -> Array:
    """The weight that a layer computes with, where it is no variable of its own: stored as it is, with what is added to it.

    `kernel = shown(weight_in_use)` in a class: the attribute is the variable until the weight is frozen or packed.
    """
    if not layer.built:
        raise AttributeError(message(layer, f"it has no `{layer.adapted}` before it is built", None, "Call it on data first"))
    return layer.merged_weight()


class AdapterOptions(LayerOptions, total=False):
    """What the constructor of a layer with an adapter takes beside its own arguments."""

    lora_rank: int | None
    lora_alpha: float | None


class Adaptable(Layer):
    """What layers have in common one weight of which may get an adapter.

    A layer says which weight that is (`adapted`), makes it by `make_adapted`, ends its `build` with `make_adapters`, and
    applies any array in the weight's place by `apply_weight`; its `call` asks for `weigh(inputs)`. With an adapter, that is
    apply(inputs, weight) + (lora_alpha / lora_rank) * apply(inputs, a) @ b, and the weight stays as it is.

    Args:
        lora_rank: columns of `a` and rows of `b`; no adapter if it is not given.
        lora_alpha: the strength of the adapter; `lora_rank` by default.

    Source: Hu et al., "LoRA: Low-Rank Adaptation of Large Language Models", 2021.
    """

    adapted = "kernel"
    lora_enabled = False

    def __init__(self, *, lora_rank: int | None = None, lora_alpha: float | None = None, **kwargs: Unpack[LayerOptions]):
        super().__init__(**kwargs)
        self.lora_rank = check_positive_int(self, "lora_rank", lora_rank, optional=True)
        self.lora_alpha = lora_rank if lora_alpha is None else lora_alpha

    # What a layer says

    def apply_weight(self, inputs: Array, weight: Array) -> Array:
        """What the layer makes of its inputs and any array in the place of its weight, before bias and activation."""
        raise NotImplementedError(message(self, "it does not say how its weight is applied"))

    @property
    def adds_on_last_axis(self) -> bool:
        """Whether the last axis of the weight is that of the output, so that the adapter can be applied in two steps."""
        return True

    def _argument(self, kind: str) -> WeightFunction | None:
        """The regularizer or the constraint of the weight."""
        return getattr(self, f"{self.adapted}_{kind}")

    # The weight

    def make_adapted(self, shape: tuple[int, ...], initializer: Initializer) -> None:
        """Makes the weight."""
        weight = self.add_weight(
            shape,
            initializer,
            name=self.adapted,
            regularizer=self._argument("regularizer"),
            constraint=self._argument("constraint"),
        )
        setattr(self, self.adapted, weight)

    def make_adapters(self) -> None:
        """Makes the adapters that the constructor was asked for, at the end of `build`."""
        if self.lora_rank is not None:
            self._add_adapters(self.lora_rank, self.lora_alpha, "he_uniform", "zeros")

    @property
    def stored_weight(self) -> Variable:
        """The variable that holds the weight, whatever the layer adds to it."""
        held = self.__dict__.get(self.adapted)
        return self.__dict__[f"_{self.adapted}"] if held is None else held

    def _hide_weight(self) -> None:
        """Keeps the variable under another name, so that the public one shows what the layer computes with."""
        if self.adapted in self.__dict__:
            self.__dict__[f"_{self.adapted}"] = self.__dict__.pop(self.adapted)

    def enable_lora(
        self,
        rank: int,
        lora_alpha: float | None = None,
        a_initializer: str | Initializer = "he_uniform",
        b_initializer: str | Initializer = "zeros",
    ) -> None:
        """Freezes the weight, and trains the product of two thin matrices in its place. A compiled model is compiled again.

        Args:
            rank: columns of the first matrix and rows of the second.
            lora_alpha: the strength of the product, which is multiplied by lora_alpha / rank; `rank` by default.
            a_initializer, b_initializer: how the matrices begin; with zeros in one of them, the layer begins as it was.

        >>> import kerata
        >>> model = kerata.Sequential([kerata.Input((8,)), kerata.layers.Dense(4, use_bias=False)])
        >>> model.layers[0].enable_lora(2)
        >>> [weight.shape for weight in model.trainable_weights]
        [(8, 2), (2, 4)]
        """
        if not self.built:
            raise ValueError(message(self, "enable_lora() needs a layer that is built", None, "Call it on data first"))
        self._add_adapters(rank, lora_alpha, a_initializer, b_initializer)

    def _add_adapters(
        self, rank: int, alpha: float | None, a_initializer: str | Initializer, b_initializer: str | Initializer
    ) -> None:
        rank = check_positive_int(self, "rank", rank)
        if self._argument("constraint"):
            name = f"{self.adapted}_constraint"
            raise ValueError(message(self, "an adapter goes with no constraint", {name: self._argument("constraint")}))
        if self.lora_enabled:
            raise ValueError(message(self, "it has an adapter already", {"lora_rank": self.lora_rank}))
        *first, last = self.full_shape()
        self._hide_weight()
        # Small steps would be lost in a smaller type.
        of_adapters = {"dtype": "float32", "regularizer": self._argument("regularizer")}
        for side, shape, how in (("a", (*first, rank), a_initializer), ("b", (rank, last), b_initializer)):
            name = f"lora_{self.adapted}_{side}"
            setattr(self, name, self.add_weight(shape, initializers.get(how), name=name, **of_adapters))
        self.stored_weight.trainable = False
        self.lora_enabled, self.lora_rank = True, rank
        self.lora_alpha = rank if alpha is None else alpha
        note_change()

    def full_shape(self) -> tuple[int, ...]:
        """The shape of the weight, however it is stored."""
        return self.stored_weight.shape

    def full_weight(self) -> Array:
        """The weight as it is stored, without what is added to it."""
        return self.stored_weight.value

    def _adapters(self) -> tuple[Array, Array]:
        """Both matrices, in the type of the computation."""
        a, b = getattr(self, f"lora_{self.adapted}_a"), getattr(self, f"lora_{self.adapted}_b")
        return a.value.astype(self.compute_dtype), b.value.astype(self.compute_dtype)

    def _strength(self) -> float:
        assert self.lora_rank is not None and self.lora_alpha is not None
        return self.lora_alpha / self.lora_rank

    def merged_weight(self) -> Array:
        """weight + (lora_alpha / lora_rank) * a @ b, as one array."""
        weight = self.full_weight()
        if not self.lora_enabled:
            return weight
        a, b = (getattr(self, f"lora_{self.adapted}_{side}").value for side in "ab")
        return (weight + self._strength() * jnp.matmul(a, b)).astype(self.compute_dtype)

    # The computation

    def weigh(self, inputs: Array) -> Array:
        """`apply_weight` of the weight, with what the adapter adds."""
        output = self.apply_weight(inputs, self.stored_weight.value)
        return self.with_adapter(output, inputs) if self.lora_enabled else output

    def with_adapter(self, output: Array, inputs: Array) -> Array:
        """The output of the weight, and that of the adapter added."""
        a, b = self._adapters()
        if self.adds_on_last_axis:
            thin = self.apply_weight(inputs, a)  # (..., rank)
            added = product(jnp.reshape(thin, (-1, thin.shape[-1])), b)
        else:
            added = self.apply_weight(inputs, jnp.matmul(a, b))
        return (output + self._strength() * jnp.reshape(added, output.shape)).astype(self.compute_dtype)

    # In files, which hold one weight, adapters merged into it

    def file_variables(self) -> list[Variable]:
        """The variables of which files hold the values, in their order."""
        bias = self.__dict__.get("bias")
        return [self.stored_weight, *([] if bias is None else [bias])]

    def file_values(self) -> list[TensorLike]:
        """The values that files hold, in the order of `file_variables`."""
        _, *others = self.file_variables()
        return [self.merged_weight(), *others]

    def is_as_built(self) -> bool:
        """Whether the layer holds what its `build` says, as any layer."""
        return not self.lora_enabled

    def save_own_variables(self, store: WritableStore) -> None:
        """Writes the weight with its adapters merged into it, and the bias."""
        if self.is_as_built():
            return super().save_own_variables(store)
        for index, value in enumerate(self.file_values()):
            store[str(index)] = jnp.asarray(value).__array__()
        return None

    def load_own_variables(self, store: Store) -> None:
        """Reads the weight and the bias; adapters begin anew, as nothing."""
        if self.is_as_built():
            return super().load_own_variables(store)
        variables = self.file_variables()
        if len(store.keys()) != len(variables):
            expected = f"the file must hold {len(variables)} weights for this layer"
            raise ValueError(message(self, expected, {"weights": len(store.keys())}))
        assign_all(variables, store)
        if self.lora_enabled:
            a, b = (getattr(self, f"lora_{self.adapted}_{side}") for side in "ab")
            # Of two matrices of zeros neither would ever get a gradient.
            if a.numpy().any():
                b.store(jnp.zeros(b.shape, b.dtype))
        return None

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments as plain data; those of adapters where there are some."""
        config = {name: value for name, value in super().get_config().items() if name not in ("lora_rank", "lora_alpha")}
        return {**config, "lora_rank": self.lora_rank, "lora_alpha": self.lora_alpha} if self.lora_rank else config
