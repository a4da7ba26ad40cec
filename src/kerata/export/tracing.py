"""A model's prediction as a program of JAX with open sizes."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import cast

import jax
import jax.numpy as jnp
from jax.extend.core import ClosedJaxpr, InconclusiveDimensionOperation

from kerata.base.checks import message
from kerata.engine.module import modules_of
from kerata.engine.random import global_seed_generator
from kerata.engine.scope import Scope
from kerata.engine.types import Array, Tree
from kerata.engine.variable import Variable
from kerata.export.signature import Spec, names_of, signature_of
from kerata.kernels.compiler import kernel_form
from kerata.models.model import Model

# Layers that cut windows out ask whether one fits in at all; what they make is right for smaller sizes too.
SMALLEST = 32
Arguments = tuple[Tree, ...]


@dataclass
class Traced:
    """A model as a program.

    Args:
        model: the model.
        arguments: `Spec`s in the form of the model's arguments.
        names: of the inputs, in the order of the leaves.
        shapes: arguments as shapes with open sizes.
        variables: what the program takes before the inputs.
    """

    model: Model
    arguments: Arguments
    names: list[str]
    shapes: Arguments
    variables: list[Variable]

    @property
    def specs(self) -> list[Spec]:
        return jax.tree.leaves(self.arguments)

    def function(self) -> Callable[..., Tree]:
        """(values of the variables, *arguments) to outputs."""
        model, variables = self.model, self.variables

        def predict(values: Sequence[Array], *arguments: Tree) -> Tree:
            with Scope(variables, list(values)) as scope:
                outputs = jax.tree.map(jnp.asarray, model(*arguments, training=False))
            after = scope.read(variables)
            changed = [v.path for v, old, new in zip(variables, values, after, strict=True) if new is not old]
            if changed:
                raise ValueError(
                    message(
                        model,
                        "the model changes variables when it predicts, and a file keeps nothing from one call to the next",
                        {"variables": changed},
                        "Make its layers anew with stateful=False, or without draws in prediction",
                    )
                )
            return outputs

        return predict

    def outputs(self) -> Tree:
        """The shapes of the outputs."""
        with kernel_form("plain"):
            return jax.eval_shape(self.function(), [shape_of(v) for v in self.variables], *self.shapes)

    def program(self) -> ClosedJaxpr:
        with kernel_form("plain"):
            return jax.jit(self.function()).trace([shape_of(v) for v in self.variables], *self.shapes).jaxpr


def shape_of(variable: Variable) -> jax.ShapeDtypeStruct:
    return jax.ShapeDtypeStruct(variable.shape, variable.dtype)


def prepare(model: Model, input_signature: object = None) -> Traced:
    """A model that can be traced: its arguments are known, and it is built."""
    arguments = signature_of(model, input_signature)
    specs: list[Spec] = jax.tree.leaves(arguments)
    on_host = [path for path, module in modules_of(model) if getattr(module, "runs_on_host", False)]
    if on_host:
        raise ValueError(
            message(
                model,
                "texts and lookups run on the host, and are no part of a program",
                {"layers": on_host},
                "Export the model behind them: kerata.Model(tensor, model.output)",
            )
        )
    variables = [*model.variables, global_seed_generator().state]
    failed: Exception | None = None
    for shared, least in ((False, 1), (True, 1), (False, SMALLEST), (True, SMALLEST)):
        traced = Traced(model, arguments, names_of(specs), open_shapes(arguments, shared, least), variables)
        try:
            traced.outputs()
            return traced
        except (InconclusiveDimensionOperation, TypeError, ValueError) as error:
            failed = failed or error
            if not any(None in spec.shape[1:] for spec in specs):
                break
    raise blamed(
        Traced(model, arguments, names_of(specs), closed_shapes(arguments), variables), cast(Exception, failed)
    ) from failed


def blamed(traced: Traced, failed: Exception) -> Exception:
    """What to raise where tracing with open sizes has failed: what fails with known ones too is no matter of sizes."""
    if all(None not in spec.shape for spec in traced.specs):
        return failed
    try:
        traced.outputs()
    except (TypeError, ValueError) as error:
        return error
    return ValueError(
        message(
            traced.model,
            f"it cannot be traced while sizes are open: {str(failed).strip().splitlines()[0]}",
            {"inputs": [spec.shape for spec in traced.specs]},
            "Give an `input_signature` that says them, e.g. [kerata.InputSpec(shape=(1, 28, 28, 1), dtype='float32')]",
        )
    )


def closed_shapes(arguments: Arguments) -> Arguments:
    """Arguments as shapes in which open sizes have some number."""

    def shape(spec: Spec) -> jax.ShapeDtypeStruct:
        sizes = [(3 if axis == 0 else 32) if size is None else size for axis, size in enumerate(spec.shape)]
        return jax.ShapeDtypeStruct(tuple(sizes), spec.dtype)

    return jax.tree.map(shape, arguments)


def open_shapes(arguments: Arguments, shared: bool, least: int) -> Arguments:
    """Arguments as shapes: the number of samples is one open size for all.

    Args:
        shared: whether an axis has one size in all inputs.
        least: what an open size other than the number of samples is at least taken to be.
    """
    leaves: list[Spec] = jax.tree.leaves(arguments)
    names = {
        f"dim_{axis}" if shared else f"dim_{place}_{axis}"
        for place, spec in enumerate(leaves)
        for axis, size in enumerate(spec.shape)
        if axis and size is None
    }
    scope = jax.export.SymbolicScope([f"{name} >= {least}" for name in sorted(names)])
    place = iter(range(len(jax.tree.leaves(arguments))))

    def shape(spec: Spec) -> jax.ShapeDtypeStruct:
        index = next(place)
        sizes = [
            "batch" if axis == 0 else f"dim_{axis}" if shared else f"dim_{index}_{axis}" for axis in range(len(spec.shape))
        ]
        text = ", ".join(name if size is None else str(size) for name, size in zip(sizes, spec.shape, strict=True))
        return jax.ShapeDtypeStruct(jax.export.symbolic_shape(f"({text},)" if text else "()", scope=scope), spec.dtype)

    return jax.tree.map(shape, arguments)
