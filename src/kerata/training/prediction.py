"""Prediction: one program, few calls, and as little Python as possible before it."""

# JAX says nothing of the leaves of trees. The attributes of models that begin with an underscore are this room's.
# pyright: reportUnknownArgumentType=false, reportUnknownLambdaType=false, reportUnknownMemberType=false
# pyright: reportUnknownVariableType=false, reportPrivateUsage=false

import functools
from collections.abc import Callable, Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from kerata.base.checks import check_positive_int, describe_owner, message
from kerata.base.interrupts import hand_on
from kerata.callbacks.callback import CallbackList, Callbacks, Verbose, flatten_callbacks, read_verbose
from kerata.callbacks.progress import ProgbarLogger
from kerata.data.samples import Data, Reading, Samples, Whole
from kerata.data.sources import Batches, standardize_source
from kerata.engine import program
from kerata.engine.hyper import Hypers
from kerata.engine.mistakes import Blame
from kerata.engine.placement import HERE
from kerata.engine.random import global_seed_generator
from kerata.engine.room import Programs
from kerata.engine.scope import Scope
from kerata.engine.structure import count_changes, structure_of
from kerata.engine.symbolic import SymbolicTensor
from kerata.engine.types import Array, Tree
from kerata.engine.variable import Variable
from kerata.kernels.lowerings import forget_lowerings
from kerata.training import exits
from kerata.training.feeds import pad_rows
from kerata.training.host import through_host
from kerata.training.limits import limit_steps
from kerata.training.padding import declares_predicted_rows, why_prediction_is_exact
from kerata.training.prepare import keeps_batch_size, of_any_size, trace_outputs
from kerata.training.signals import heard
from kerata.training.step_methods import check_form, note_wide, overrides, pack_x_y_sample_weight, refuse_own_function
from kerata.training.stepwise import warn_or_raise, weak_numbers
from kerata.training.trained import TrainedModel

NOBODY = CallbackList()
# Sizes of batches whose programs a model holds on to.
MOST_PROGRAMS = 16


def count_batches(source: Samples | Batches, batch_size: int, steps: int | None) -> int | None:
    """The number of batches that a prediction takes; `None` where there is no saying."""
    length = -(-source.size // batch_size) if isinstance(source, Samples) else source.length
    return min((n for n in (length, steps) if n is not None), default=None)


class Predictor:
    """Runs a model's outputs.

    Args:
        model: the model; it is built from the first inputs if it is not yet.
    """

    def __init__(self, model: TrainedModel):
        self.model = model
        self.placement = HERE
        self.variables: list[Variable] | None = None
        self.programs = Programs()
        self.changes = count_changes()
        # Whether a program could not be made.
        self.stepwise = False

    def _start(self, x: Tree) -> None:
        model = self.model
        if model._graph is None and not (model.built and model.variables):
            try:
                of_any_size(functools.partial(trace_outputs, model), Whole.inputs(x))
            except Exception as error:
                hand_on(error)
                if not model.__built_by_step__((x, None, None), "predict"):
                    raise
        # A draw that names no generator takes the process's own.
        self.variables = [*model.variables, global_seed_generator().state]
        self.hypers = Hypers(("", model))
        refuse_own_function(model, "predict")
        check_form(model, "predict_step")
        # What is known of padded rows, by the shapes of a batch and how many rows are there.
        self.padded: dict[Any, bool] = {}
        self.is_own = overrides(model, "predict_step")
        self.is_declared: bool | None = None
        self.keeps_states = keeps_batch_size(model)
        self.structure = structure_of(model)
        self.programs.clear()
        self.changes = count_changes()

    @exits.busily
    def predict(self, x: Data, batch_size: int | None, verbose: Verbose, steps: int | None, callbacks: Callbacks | None) -> Any:
        """All outputs, batch by batch, joined."""
        batch_size = 32 if batch_size is None else check_positive_int("predict", "batch_size", batch_size)
        steps = check_positive_int("predict", "steps", steps, optional=True)
        whole = self.model.takes_whole if overrides(self.model, "predict_step") else ""
        reading = Reading(self.model.__wide__, whole=whole)
        source = standardize_source(through_host(self.model, x), owner="predict", reading=reading)
        steps = limit_steps(steps, source, batch_size)
        every = self._callbacks(callbacks, verbose, count_batches(source, batch_size, steps))
        if self.model.stop_predicting:
            self.model.stop_predicting = False
        every.on_predict_begin()
        if isinstance(source, Samples) and source.size <= batch_size and every is NOBODY:
            # One batch is over before anybody could press Ctrl-C.
            outputs = [self._run((source.x, source.size, batch_size))]
        else:
            outputs = heard(self._outputs)(source, batch_size, steps, every)
        if not outputs:
            raise ValueError(message("predict", "the data must give at least one batch"))
        # JAX's own memory can only be read.
        whole = np.array(outputs[0]) if len(outputs) == 1 and isinstance(outputs[0], jax.Array) else joined(outputs)
        every.on_predict_end()
        return whole

    def _outputs(self, source: Samples | Batches, batch_size: int, steps: int | None, callbacks: CallbackList) -> list[Any]:
        """The outputs of each batch."""
        watched, shown = callbacks.needs_batches("predict"), callbacks.needs_progress
        outputs: list[Any] = []
        group = self.model.steps_per_execution
        for index, batch in enumerate(self._batches(source, batch_size, steps)):
            if watched and index % group == 0:
                callbacks.on_predict_batch_begin(index)
            outputs.append(self._run(batch))
            if watched and (index + 1) % group == 0:
                callbacks.on_predict_batch_end(index, {"outputs": joined(outputs[-group:])})
            if self.model.stop_predicting:
                break
            if shown:
                # One batch may still be under way, so that the device never waits for the bar.
                jax.block_until_ready(outputs[-2:-1])
                callbacks.on_progress(index + 1, {})
        if watched and (rest := len(outputs) % group):
            callbacks.on_predict_batch_end(len(outputs) + group - rest - 1, {"outputs": joined(outputs[-rest:])})
        return outputs

    def _callbacks(self, callbacks: Callbacks | None, verbose: Verbose, steps: int | None) -> CallbackList:
        verbose = read_verbose(verbose)
        given = list(flatten_callbacks(callbacks))
        if verbose and not any(isinstance(c, ProgbarLogger) for c in given):
            given.append(ProgbarLogger())
        # Without callbacks, nobody is there to be told.
        return CallbackList(given, model=self.model, epochs=1, steps=steps, verbose=verbose) if given else NOBODY

    def _batches(self, source: Samples | Batches, batch_size: int, steps: int | None) -> Iterator[tuple[Any, int, int]]:
        if isinstance(source, Samples):
            for index, first in enumerate(range(0, source.size, batch_size)):
                if steps is not None and index >= steps:
                    return
                if source.size <= batch_size:
                    yield source.x, source.size, batch_size
                else:
                    stop = min(first + batch_size, source.size)
                    yield jax.tree.map(lambda a, f=first, s=stop: a[f:s], source.x), stop - first, batch_size
            return
        for index, (x, _, _) in enumerate(source.of_steps(steps).start(0)):
            if steps is not None and index >= steps:
                return
            size = jax.tree.leaves(x)[0].shape[0]
            yield x, size, size
        source.finish()

    def _run(self, batch: tuple[Any, int, int]) -> Tree:
        exits.pause()
        x, size, batch_size = batch
        if self.variables is None or self.changes != count_changes():
            self._start(x)
        rows, given = size, x
        # Few sizes, so few programs: powers of two up to the batch size.
        wanted = min(1 << (size - 1).bit_length(), max(batch_size, size))
        if wanted > size and self._may_pad(x, wanted, size):
            rows = wanted
            x = jax.tree.map(lambda a: pad_rows(a, rows), x)
        # Weights that come from the host are put on the device once, not at each call.
        values = [v.value if isinstance(value := v.peek(), np.ndarray) else value for v in self.variables or ()]
        place = self.placement
        args = (place.put_state(values, soon=True), self.hypers.vector(), place.put_samples(x, soon=True))
        compiled = self._program(args, x, given)
        results = compiled(*args)
        outputs = results["rows"]
        for index, value in results["fixed"].items():
            self.variables[index].place(value)  # type: ignore[index]
        if rows > size:
            outputs = jax.tree.map(lambda a: a[:size], outputs)
        return outputs

    def _may_pad(self, x: Tree, rows: int, size: int) -> bool:
        """Whether rows that are not there have no influence on the others."""
        if self.is_own or self.keeps_states:
            return False
        if self.is_declared is None:
            self._check_shapes(x)
            self.is_declared = declares_predicted_rows(self.model)
        if self.is_declared:
            return True
        leaves, treedef = jax.tree.flatten(x)
        key = (treedef, rows, *[(leaf.shape, leaf.dtype) for leaf in leaves])
        if key not in self.padded:
            self._check_shapes(x)
            values, vector = [v.peek() for v in self.variables or ()], self.hypers.vector()
            self.padded[key] = why_prediction_is_exact(self.model, self._make(), values, vector, x, rows, size) is None
        return self.padded[key]

    def _check_shapes(self, x: Tree) -> None:
        """Refuses wrong shapes before rows are added: a message should name the sizes that were given."""
        if self.model._graph is not None:
            self.model._match_inputs(jax.tree.map(lambda a: SymbolicTensor(a.shape, a.dtype), Whole.inputs(x)))

    def _program(self, args: tuple[Any, ...], x: Tree, given: Tree) -> program.Runnable:
        leaves, treedef = jax.tree.flatten(x)
        key = (treedef, *[(leaf.shape, leaf.dtype) for leaf in leaves])
        found = self.programs.get(key)
        if found is None:
            self._check_shapes(given)
            found = self._obtain(args)
            self.programs[key] = found
            if len(self.programs) > MOST_PROGRAMS:
                del self.programs[next(iter(self.programs))]
        return found

    def _obtain(self, args: tuple[Any, ...]) -> program.Runnable:
        """The program of a prediction, or the same as Python where the model runs so or needs numbers that it does not have."""
        if not self.stepwise and not self.model.run_eagerly:
            try:
                return program.obtain("predict", self.structure, self._make, args, weak=(1,), placement=self.placement)
            except Exception as error:
                hand_on(error)
                warn_or_raise("predict", error)
                self.stepwise = True
        function = self._make()

        def as_python(values: list[Any], vector: Array, x: Tree) -> dict[str, Any]:
            found = function(values, weak_numbers(vector), x)
            forget_lowerings()
            return found

        return as_python

    def _make(self) -> Callable[..., Any]:
        variables, hypers, model = self.variables or [], self.hypers, self.model
        step = self._own_step if overrides(model, "predict_step") else None

        def predict(values: list[Any], vector: Array, x: Tree) -> dict[str, Any]:
            with Scope(variables, values, hypers.table(vector)) as scope:
                note_wide(model, Whole.inputs(x))
                outputs = model(x, training=False) if step is None else step(scope, x)
                outputs = jax.tree.map(jnp.asarray, outputs)
            after = scope.read(variables)
            # States that are kept from batch to batch, generators that gave keys.
            pairs = enumerate(zip(values, after, strict=True))
            return {"rows": outputs, "fixed": {place: new for place, (old, new) in pairs if new is not old}}

        return predict

    def _own_step(self, scope: Scope, x: Tree) -> Tree:
        """The outputs of the model's own `predict_step(state, data)`."""
        model = self.model
        frozen = model.non_trainable_variables
        state = scope.read(model.trainable_variables), scope.read(frozen)
        with Blame(f"predict_step() of {describe_owner(model)}", data=x):
            outputs, after = model.predict_step(state, pack_x_y_sample_weight(x))
        for variable, old, new in zip(frozen, state[1], after, strict=True):
            if new is not old:
                scope.values[id(variable)] = new
                scope.taken.pop(id(variable), None)
        return outputs


def joined(outputs: list[Any]) -> Tree:
    """The outputs of some batches as NumPy's arrays of their own, one after the other."""
    if len(outputs) == 1:
        return jax.tree.map(np.array, outputs[0])
    return jax.tree.map(lambda *parts: np.concatenate([np.asarray(p) for p in parts]), *outputs)
