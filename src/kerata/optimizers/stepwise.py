"""Optimizers written as in Keras 3: `build` makes variables, `update_step` assigns to them."""

from collections.abc import Sequence
from typing import Any, cast

import jax.numpy as jnp

from kerata import initializers
from kerata.base import registry
from kerata.base.checks import message
from kerata.base.types import DTypeLike, ShapeLike
from kerata.engine.module import Module
from kerata.engine.naming import name_scope
from kerata.engine.scope import Scope, current_scope
from kerata.engine.structure import is_ours
from kerata.engine.types import Array, Initializer, Scalar, TensorLike
from kerata.engine.variable import Variable
from kerata.optimizers.eager import is_applied
from kerata.optimizers.slots import Key, Slots


class Stepwise(Module):
    """What a person's own optimizer needs to be written by `build` and `update_step` in place of `transform`.

    >>> import kerata
    >>> class Heavy(kerata.optimizers.Optimizer):
    ...     def build(self, variables):
    ...         super().build(variables)
    ...         self.speeds = self.add_optimizer_variables(variables, "speed")
    ...     def update_step(self, gradient, variable, learning_rate):
    ...         speed = self.speeds[self._get_variable_index(variable)]
    ...         self.assign(speed, 0.5 * speed - learning_rate * gradient)
    ...         self.assign_add(variable, speed)
    >>> w = kerata.Variable(1.0)
    >>> Heavy(learning_rate=0.1).apply([5.0], [w])
    >>> float(w)
    0.5
    """

    name: str
    optimizer_state: Slots
    _iterations: Variable

    def update_step(self, gradient: Array, variable: Variable, learning_rate: Scalar) -> None:
        """Assigns the new value to one variable, and to what `build` made for it: by default as `transform` says."""
        self._take_rule(gradient, variable, learning_rate)

    def _take_rule(self, gradient: Array, variable: Variable, learning_rate: Scalar) -> None:
        raise NotImplementedError

    def _slots_for(self, variables: Sequence[Variable]) -> list[Variable]:
        raise NotImplementedError

    @property
    def _is_stepwise(self) -> bool:
        owner = next(cls for cls in type(self).__mro__ if "update_step" in vars(cls))
        # A built-in rule's own says the same under another name.
        return owner is not Stepwise and registry.home_of(owner) is None

    @property
    def _applies_itself(self) -> bool:
        """Whether the update is what a person's own `apply` makes of it, which has not asked for the rule yet."""
        owner = next((cls for cls in type(self).__mro__ if "apply" in vars(cls)), None)
        return owner is not None and not is_ours(owner) and not is_applied(self)

    @property
    def _trainable_variables(self) -> list[Variable]:
        return self.optimizer_state.parameters

    def _get_variable_index(self, variable: Variable) -> int:
        for index, known in enumerate(self.optimizer_state.parameters):
            if known is variable:
                return index
        raise ValueError(message(self, "the optimizer was not built for this variable", {"variable": variable.path}))

    def add_variable(
        self,
        shape: ShapeLike,
        initializer: Initializer | str = "zeros",
        dtype: DTypeLike | None = None,
        aggregation: str = "none",
        layout: object = None,
        name: str | None = None,
    ) -> Variable:
        """A new variable of the optimizer's state."""
        with name_scope(self.name):
            variable = Variable(
                initializers.get(initializer),
                shape=shape,
                dtype=dtype,
                trainable=False,
                aggregation=aggregation,
                layout=layout,
                name=name,
            )
        key: Key = (f"own/{len(self.optimizer_state.own)}", None)
        self.optimizer_state.own[key] = variable
        self.optimizer_state.table.setdefault(None, {})[key[0]] = variable
        return variable

    def add_variable_from_reference(
        self, reference_variable: Variable, name: str | None = None, initializer: Initializer | str = "zeros"
    ) -> Variable:
        """A new variable of the shape and type of a model's variable."""
        label = f"{reference_variable.path.replace('/', '_')}_{name or 'var'}"
        return self.add_variable(reference_variable.shape, initializer, reference_variable.dtype, name=label)

    def add_optimizer_variables(
        self, trainable_variables: Sequence[Variable], name: str | Sequence[str], initializer: Initializer | str = "zeros"
    ) -> list[Variable] | tuple[list[Variable], ...]:
        """A new variable for each of a model's variables; for a list of names, a tuple of such lists."""
        names = [name] if isinstance(name, str) else list(name)
        starts = list(initializer) if isinstance(initializer, (list, tuple)) else [initializer] * len(names)
        if len(starts) != len(names):
            raise ValueError(
                message(self, "there must be one initializer for each name", {"name": name, "initializer": initializer})
            )
        made: tuple[list[Any], ...] = tuple([] for _ in names)
        for variable in trainable_variables:
            for column, label, start in zip(made, names, starts, strict=True):
                skipped = variable.overwrite_with_gradient
                column.append(None if skipped else self.add_variable_from_reference(variable, label, start))
        return made[0] if isinstance(name, str) else made

    def assign(self, variable: Variable, value: TensorLike) -> None:
        """Gives a variable a new value."""
        variable.store(jnp.asarray(value).astype(variable.dtype))

    def assign_add(self, variable: Variable, value: TensorLike) -> None:
        """Adds to a variable."""
        self.assign(variable, variable.value + cast(Array, value))

    def assign_sub(self, variable: Variable, value: TensorLike) -> None:
        """Subtracts from a variable."""
        self.assign(variable, variable.value - cast(Array, value))

    def _build_steps(self, variables: list[Variable]) -> None:
        """Builds once; `build` of a person's own class does not know how to add to what it built."""
        known = {id(v) for v in self.optimizer_state.parameters}
        if not self.optimizer_state.built:
            self.build(variables)  # type: ignore[attr-defined]
        elif not all(id(v) in known for v in variables):
            new = [v.path for v in variables if id(v) not in known]
            raise ValueError(
                message(
                    self,
                    "an optimizer with its own `build` works on the variables that it was built for",
                    {"variables": new},
                    "Compile again with a new optimizer",
                )
            )

    def _run_steps(
        self,
        variables: Sequence[Variable],
        params: Sequence[Any],
        gradients: dict[Variable, Any],
        values: dict[Key, Any],
        rate: Scalar,
    ) -> dict[Variable, Any]:
        """Runs `update_step` for each variable, in a scope that gives all of them their values."""
        slots, outer = {key: self.optimizer_state.find(key) for key in values if key != ("iteration", None)}, current_scope()
        held = [*variables, *slots.values(), self._iterations]
        scope = Scope(
            held,
            [*params, *[values[key] for key in slots], values["iteration", None]],
            outer.hypers if outer else None,
            outer.key if outer else None,
        )
        with scope:
            self._step_each(variables, gradients, rate)
        values.update(zip(slots, scope.read(slots.values()), strict=True))
        return dict(zip(variables, scope.read(variables), strict=True))

    def _run_apply(
        self, variables: Sequence[Variable], params: Sequence[Any], grads: Sequence[Any], state: Sequence[Any]
    ) -> tuple[list[Any], list[Any]]:
        """Runs `apply` in a scope that gives all variables their values."""
        slots, outer = self._slots_for(variables), current_scope()
        scope = Scope([*variables, *slots], [*params, *state], outer.hypers if outer else None, outer.key if outer else None)
        with scope:
            self.apply(list(grads), list(variables))  # type: ignore[attr-defined]
        return scope.read(variables), scope.read(slots)

    def _step_each(self, variables: Sequence[Variable], gradients: dict[Variable, Any], rate: Scalar) -> None:
        """One step of each variable, in the scope that holds their values."""
        for variable in variables:
            self.update_step(gradients[variable], variable, rate)
