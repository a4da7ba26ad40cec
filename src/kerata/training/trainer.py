"""`compile`, `fit`, `evaluate` and `predict`."""

import time
from typing import Any

import jax
import numpy as np

from kerata import optimizers
from kerata.base.checks import check_positive_int, message
from kerata.callbacks.callback import CallbackList, is_passive, read_verbose
from kerata.callbacks.history import History
from kerata.callbacks.monitors import check_measures
from kerata.callbacks.progress import ProgbarLogger
from kerata.data.samples import Samples
from kerata.data.sources import Batches, check_endless, repeat_batches, repeat_samples, standardize_source, standardize_training
from kerata.engine.module import Look
from kerata.engine.program import facts_of
from kerata.engine.random import make_key, stream_of
from kerata.engine.structure import structure_of
from kerata.engine.symbolic import SymbolicTensor
from kerata.metrics import Mean
from kerata.training.exits import busily
from kerata.training.feeds import DeviceFeed, StreamFeed, first_batch, padded_batch
from kerata.training.objectives import CompiledLoss, CompiledMetrics, check_targets
from kerata.training.padding import why_step_is_exact
from kerata.training.plan import Plan
from kerata.training.prediction import Predictor
from kerata.training.runs import Run
from kerata.training.signals import heard
from kerata.training.steps import Steps, check_form, has_own_step, overrides
from kerata.training.targets import check_indices, check_numbers, check_weights


class Trainer(Steps):
    """What a model can do beside being a layer: be trained, evaluated and used."""

    _graph: Any
    output_names: Any
    # Whether inputs go into the first of `layers` as they are, where there is no graph yet.
    feeds_first_layer = False
    # What each call of `fit` reads anew.
    _bookkeeping = dict.fromkeys(
        (
            "optimizer",
            "loss",
            "compiled",
            "history",
            "stop_training",
            "_objective",
            "_measures",
            "_trackers",
            "_compile_arguments",
            "_plans",
            "_predictor",
        ),
        Look.NOBODY,
    )

    def _start_trainer(self) -> None:
        self.optimizer: Any = None
        self.loss: Any = None
        self.compiled = self._scales_loss = False
        self.stop_training = False
        self.history: Any = None
        self._compile_arguments: dict[str, Any] | None = None
        self._predictor: Any = None
        self._objective: Any = None
        self._measures: Any = None
        self._trackers: list[Any] = []
        self._plans: dict[Any, Any] = {}

    def compile(
        self,
        optimizer="rmsprop",
        loss=None,
        loss_weights=None,
        metrics=None,
        weighted_metrics=None,
        run_eagerly=False,
        steps_per_execution=1,
        jit_compile="auto",
        auto_scale_loss=True,
    ) -> None:
        """Sets how the model is trained.

        Args:
            optimizer: a name, an optimizer, or any `optax.GradientTransformation`.
            loss: a name, a loss, a function of (y_true, y_pred), or a list or dict of such, one for each output.
            loss_weights: a number for each output, list or dict.
            metrics: measures, for one output or for each; they ignore sample weights.
            weighted_metrics: measures that use sample weights.
            run_eagerly, steps_per_execution, jit_compile: accepted for Keras's sake; the program is compiled as a whole
                in any case.
            auto_scale_loss: whether a `LossScaleOptimizer` is put around the optimizer of a `"mixed_float16"` model, so
                that small gradients do not vanish, and steps with too large ones are left out.
        """
        self._check_constructed()  # type: ignore[attr-defined]
        fresh = optimizers.get(optimizer)
        scaled = auto_scale_loss and fresh is not None and self.dtype_policy.name == "mixed_float16"  # type: ignore[attr-defined]
        scaled = bool(scaled and not isinstance(fresh, optimizers.LossScaleOptimizer))
        if scaled:
            fresh = optimizers.LossScaleOptimizer(fresh, name="loss_scale_optimizer")
        # Names that are wrong are found now, not at the end of the first epoch, and change nothing.
        names = self._graph.output_names if self._graph is not None else None
        objective, measures = CompiledLoss(loss, loss_weights, names), CompiledMetrics(metrics, weighted_metrics, names)
        if self._graph is not None:
            objective.check_outputs(self._graph.outputs_tree)
        self.optimizer, self.loss, self._scales_loss = fresh, loss, scaled
        self._compile_arguments = {
            "optimizer": optimizer,
            "loss": loss,
            "loss_weights": loss_weights,
            "metrics": metrics,
            "weighted_metrics": weighted_metrics,
        }
        self._plans, self._predictor = {}, None
        # They know nothing of the data yet, and are there from now on.
        self._objective, self._measures, self._trackers = objective, measures, [Mean(name="loss")]
        self.stop_training = False
        self.compiled = True

    def _forget_plans(self) -> None:
        self._plans, self._predictor = {}, None
        if self._compile_arguments is not None:
            self._renew_objective()

    def _renew_objective(self) -> None:
        """Losses and metrics that know nothing of the data, as `compile` made them."""
        arguments = self._check_compiled("fit")
        names = self._graph.output_names if self._graph is not None else None
        self._objective = CompiledLoss(arguments["loss"], arguments["loss_weights"], names)
        self._measures = CompiledMetrics(arguments["metrics"], arguments["weighted_metrics"], names)
        self._trackers = [Mean(name="loss")]

    def _check_compiled(self, method: str) -> dict[str, Any]:
        if not self.compiled or self._compile_arguments is None:
            raise ValueError(
                message(
                    self,
                    f"the model must be compiled before {method}()",
                    fix="Call model.compile(optimizer=..., loss=...) first",
                )
            )
        return self._compile_arguments

    def _own_metrics(self) -> list[Any]:
        """Metrics that the model or its layers hold as attributes."""
        known = {id(m) for m in (*self._trackers, *(self._measures.metrics if self._measures else ()))}
        return [m for m in super().metrics if id(m) not in known]  # type: ignore[misc]

    @property
    def metrics(self) -> list[Any]:
        """All measures: the loss, those of `compile` as one, the losses of several outputs, and those that layers hold."""
        given = [] if self._compile_metrics is None else [self._compile_metrics]
        return [*self._trackers[:1], *given, *self._trackers[1:], *self._own_metrics()]

    @property
    def metrics_names(self) -> list[str]:
        return [m.name for m in self.metrics]

    def reset_metrics(self) -> None:
        """Starts all measures anew."""
        for metric in self.metrics:
            metric.reset_state()

    # Preparation

    def _prepare(self, batch: Any, method: str, source: Samples | Batches | None = None) -> Any:
        """Builds what is not built yet from one batch: weights, losses, measures. Returns symbolic predictions.

        What can be told of the data before anything is compiled is told here, of all samples where they are at hand.
        """
        self._check_compiled(method)
        for step in ("train_step", "test_step"):
            check_form(self, step)
        x, y, _ = batch
        given = source.tree if isinstance(source, Samples) else batch
        check_numbers(self, given[0], given[1], given[2], method)
        inputs = jax.tree.map(lambda a: SymbolicTensor((None, *a.shape[1:]), a.dtype), x)
        if self._needs_fixed_batch():
            inputs = jax.tree.map(lambda a: SymbolicTensor(a.shape, a.dtype), x)
        if self._graph is not None:
            self._match_inputs(inputs)  # type: ignore[attr-defined]
            outputs = self._graph.outputs_tree
        else:
            outputs = self._trace_outputs(inputs)
        if self._objective._compile_arguments[2] is None and self._graph is not None and not self._objective.built:
            self._renew_objective()
        check_indices(self, given[0], method)
        self._build_objective(given, y, outputs)
        return outputs

    def _build_objective(self, given: Any, y: Any, outputs: Any) -> None:
        """Tells each output its loss and metrics.

        Args:
            given: inputs, targets and weights, of all samples where they are at hand.
            y: targets of one batch.
            outputs: symbolic predictions.
        """
        own = has_own_step(self, True) or has_own_step(self, False)
        if not own and self._objective.is_given and not jax.tree.leaves(outputs):
            raise ValueError(
                message(self, "call() gave nothing to compute a loss from", {"outputs": outputs}, "End it with `return ...`")
            )
        checked = not overrides(self, "train_step") and not overrides(self, "compute_loss")
        fresh = not self._objective.built
        try:
            if checked:
                check_targets(self._objective, given[1], outputs)
                check_weights(self._objective, given[2], outputs)
            if not own or y is not None:
                # A step of a user's own may make nothing of them, and need no targets.
                self._objective.build(y, outputs)
                self._measures.build(y, outputs, self._objective)
        except Exception:
            if fresh:
                # What wrong targets made of "accuracy" and "crossentropy" must not stay.
                self._renew_objective()
            raise
        parts = self._objective.part_names
        if len(self._trackers) != 1 + len(parts):
            self._trackers[1:] = [Mean(name=f"{name}_loss") for name in parts]

    def _needs_fixed_batch(self) -> bool:
        return any(getattr(layer, "stateful", False) for layer in self._flatten_layers())  # type: ignore[attr-defined]

    def _trace_outputs(self, inputs: Any) -> Any:
        outputs = self._build_by_tracing(inputs)  # type: ignore[attr-defined]
        self.built = True
        return outputs

    def _plan(self, training: bool) -> tuple[Plan, Any, dict[Any, Any]]:
        """The functions of a run, their structure, and the programs found for it so far."""
        trainable = self.trainable_variables  # type: ignore[attr-defined]
        parts = (self, self.optimizer) if training else (self,)
        structure = structure_of(*parts, self._objective, self._measures)
        key = (training, structure, tuple(map(id, trainable)))
        found = self._plans.get(key)
        if found is None:
            if len(self._plans) > 8:
                self._plans.clear()
            # Which variables are trained is part of the structure.
            facts = facts_of(structure, training)
            # The same object for all models, because looking it up then takes no comparison.
            structure = facts.setdefault("structure", structure)
            self._plans[key] = found = (Plan(self, training, facts, trainable), structure, {})
        elif training and not same(self.optimizer.optimizer_state.parameters, trainable):
            self.optimizer.build(trainable)
        return found

    def _exact(self, training: bool, batch: Any, batch_size: int, there: int | None, plan: Plan | None = None) -> bool:
        """Whether the last, smaller batch needs a program of its own size.

        Args:
            training: whether weights are to be updated.
            batch: some samples (x, y, sample_weight), for their shapes.
            batch_size: samples a step.
            there: samples of the last batch; `None` where that is not known.
            plan: the functions of a step, where they are at hand.
        """
        if has_own_step(self, training) or overrides(self, "compute_loss") or self._needs_fixed_batch():
            return True
        plan = self._plan(training)[0] if plan is None else plan
        shapes = jax.tree.structure(batch), *[(leaf.shape[1:], leaf.dtype) for leaf in jax.tree.leaves(batch)]
        key = ("exact", batch_size, there, *shapes)
        if key not in plan.facts:
            plan.facts[key] = why_step_is_exact(plan, batch, batch_size, there)
        return plan.facts[key] is not None

    def _feed(
        self,
        plan: Plan,
        source: Samples | Batches,
        batch: Any,
        batch_size: int,
        shuffle: bool,
        steps: int | None,
        stacking: bool,
        seed: int,
    ) -> DeviceFeed | StreamFeed:
        if isinstance(source, Samples) and not plan.training and steps is not None:
            # The same samples each time; no more than there are.
            source, steps = source.slice(0, min(source.size, steps * batch_size)), None
        whole = isinstance(source, Samples) and (steps is None or steps == -(-source.size // batch_size))
        rows, there = padded_batch(source.size, batch_size) if isinstance(source, Samples) and whole else (batch_size, None)
        masked = not self._exact(plan.training, batch, rows, there, plan)
        if isinstance(source, Samples):
            if whole:
                return DeviceFeed(source, batch_size, masked, shuffle, plan.facts)
            source = repeat_samples(source, batch_size, shuffle, stream_of(seed, 1))
        return StreamFeed(source, steps, masked, stacking)

    # Training

    @busily
    @heard
    def fit(
        self,
        x=None,
        y=None,
        batch_size=None,
        epochs=1,
        verbose: Any = "auto",
        callbacks=None,
        validation_split=0.0,
        validation_data=None,
        shuffle=True,
        class_weight=None,
        sample_weight=None,
        initial_epoch=0,
        steps_per_epoch=None,
        validation_steps=None,
        validation_batch_size=None,
        validation_freq=1,
        seed=None,
    ) -> History:
        """Trains the model.

        Args:
            x: arrays, frames, lists or dicts of such, one for each input; or anything that gives batches of
                (inputs, targets, weights): a generator, a `PyDataset`, a torch `DataLoader`, any iterable.
            y: targets; `None` where x gives batches.
            batch_size: samples a step, 32 by default.
            epochs: the number of the last epoch.
            verbose: 0 for silence, 1 for a progress bar, 2 for a line an epoch.
            callbacks: callbacks, called in order.
            validation_split: the fraction at the end of x and y that is held out.
            validation_data: (x, y) or (x, y, sample_weight), or a source of batches.
            shuffle: whether each epoch has an order of its own.
            class_weight: dict of class to weight.
            sample_weight: one weight a sample.
            initial_epoch: the number of epochs that are done already.
            steps_per_epoch: batches an epoch; needed where x never ends.
            validation_steps, validation_batch_size, validation_freq: likewise for validation; `validation_freq` is
                every how many epochs, or a list of epochs.
            seed: makes this run's shuffling and dropout reproducible by itself.

        Returns:
            The `History`, whose `.history` holds one list a measure.
        """
        self._check_compiled("fit")
        given = CallbackList(callbacks)
        batch_size = check_positive_int("fit", "batch_size", batch_size, optional=True)
        epochs = check_positive_int("fit", "epochs", epochs, minimum=0)
        steps_per_epoch = check_positive_int("fit", "steps_per_epoch", steps_per_epoch, optional=True)
        initial_epoch = check_positive_int("fit", "initial_epoch", initial_epoch, minimum=0)
        validation_steps = check_positive_int("fit", "validation_steps", validation_steps, optional=True)
        validation_batch_size = check_positive_int("fit", "validation_batch_size", validation_batch_size, optional=True)
        check_frequency(validation_freq)
        fraction = validation_split if validation_data is None else 0.0
        source, held_out = standardize_training(x, y, sample_weight, class_weight, fraction)
        validation_data = validation_data if held_out is None else held_out
        size = batch_size or 32
        check_endless(source, steps_per_epoch, "fit", "steps_per_epoch")
        if steps_per_epoch is not None and isinstance(source, Batches):
            source = repeat_batches(source)
        batch, source = first_batch(source, size)
        self._prepare(batch, "fit", source)
        validation = self._validation(validation_data, validation_batch_size or size, validation_steps)
        key = make_key(seed)
        order_seed = int(key[0]) + (int(key[1]) << 32)
        if shuffle and isinstance(source, Batches) and source.order is not None:
            source.order.seed = order_seed
        plan, structure, programs = self._plan(training=True)
        watched = given.needs_batches("train")
        feed = self._feed(plan, source, batch, size, bool(shuffle), steps_per_epoch, not watched, order_seed)
        run = Run(plan, structure, feed, key, "train", programs)
        every = self._complete_callbacks(given, verbose, epochs, feed.steps)
        check_measures(every, plan.result_names(), validation is not None)
        return self._train(run, every, validation, epochs, initial_epoch, validation_freq, order_seed)

    def _complete_callbacks(self, given: CallbackList, verbose: Any, epochs: int, steps: int | None) -> CallbackList:
        """The given callbacks between the progress bar and the history, in Keras's order."""
        verbose = read_verbose(verbose)
        callbacks = list(given.callbacks)
        if verbose and not any(isinstance(c, ProgbarLogger) for c in callbacks):
            callbacks.append(ProgbarLogger())
        if not any(isinstance(c, History) for c in callbacks):
            callbacks.append(History())
        return CallbackList(callbacks, self, epochs=epochs, steps=steps, verbose=verbose)

    def _train(self, run, callbacks, validation, epochs, initial_epoch, validation_freq, seed) -> History:
        history = next(c for c in callbacks if isinstance(c, History))
        self.stop_training = False
        self.history = history
        logs: dict[str, Any] = {}
        # Nothing happens between two epochs that could change the next: then one call may run several.
        passive = all(is_passive(callback) for callback in callbacks)
        quiet = passive and validation is None and not callbacks.needs_progress
        callbacks.on_train_begin()
        try:
            epoch = initial_epoch
            while epoch < epochs:
                if quiet and (several := run.room(epochs - epoch)) > 1:
                    began = time.perf_counter()
                    rows, interrupted = run.several(epoch, several, seed, epochs)
                    seconds = (time.perf_counter() - began) / len(rows)
                    for row in rows:
                        logs = dict(sorted(row.items()))
                        callbacks.on_epoch_begin(epoch)
                        callbacks.note_seconds(seconds)
                        callbacks.on_epoch_end(epoch, logs)
                        epoch += 1
                    if interrupted:
                        raise KeyboardInterrupt
                    if self.stop_training:
                        break
                    continue
                callbacks.on_epoch_begin(epoch)
                latest = run.epoch(epoch, callbacks, seed, epochs)
                if run.ended and not run.done:
                    break
                logs = latest
                if validation is not None and is_due(epoch, validation_freq):
                    logs = {**logs, **{f"val_{k}": v for k, v in validation(callbacks).items()}}
                logs = dict(sorted(logs.items()))
                callbacks.on_epoch_end(epoch, logs)
                epoch += 1
                if self.stop_training or run.ended:
                    break
            if self.optimizer is not None and epochs > initial_epoch:
                self.optimizer.finalize_variable_values(run.plan.trainable)
        finally:
            # Also where an epoch was interrupted: callbacks close their files, and the weights are those of the last step.
            callbacks.on_train_end(logs)
        return history

    def _validation(self, data: Any, batch_size: int, steps: int | None) -> Any:
        if data is None:
            return None
        check_validation(data, self._graph is not None and len(self._graph.inputs) == 1)
        if isinstance(data, (tuple, list)) and len(data) in (2, 3):
            source: Any = standardize_source(data[0], data[1], data[2] if len(data) == 3 else None, owner="validation_data")
        elif isinstance(data, Samples):
            source = data
        elif hasattr(data, "shape") or hasattr(data, "iloc"):
            raise ValueError(
                message(
                    "fit",
                    "`validation_data` must be (x, y) or (x, y, sample_weight), or give batches",
                    {"validation_data": data},
                    "Write validation_data=(x_val, y_val)",
                )
            )
        else:
            source = standardize_source(data, owner="validation_data")
        run = self._evaluation(source, batch_size, steps)

        def validate(callbacks: CallbackList) -> dict[str, Any]:
            callbacks.on_test_begin()
            logs = run.epoch(0, _QuietProgress(callbacks), 0)
            callbacks.on_test_end(logs)
            return logs

        return validate

    def _evaluation(self, source: Samples | Batches, batch_size: int, steps: int | None, watched: bool = False) -> Run:
        check_endless(source, steps, "evaluate", "steps")
        batch, source = first_batch(source, batch_size)
        self._prepare(batch, "evaluate", source)
        plan, structure, programs = self._plan(training=False)
        feed = self._feed(plan, source, batch, batch_size, False, steps, not watched, 0)
        return Run(plan, structure, feed, np.zeros(2, np.uint32), "test", programs)

    @busily
    @heard
    def evaluate(
        self,
        x=None,
        y=None,
        batch_size=None,
        verbose: Any = "auto",
        sample_weight=None,
        steps=None,
        callbacks=None,
        return_dict=False,
        **kwargs,
    ) -> Any:
        """The loss and all measures on some data.

        Args:
            x, y, sample_weight, batch_size, callbacks: as in `fit`.
            steps: the number of batches, where x never ends.
            return_dict: a dict of names, instead of the loss alone or a list.
        """
        self._check_compiled("evaluate")
        batch_size = check_positive_int("evaluate", "batch_size", batch_size, optional=True)
        steps = check_positive_int("evaluate", "steps", steps, optional=True)
        source = standardize_source(x, y, sample_weight, None, batch_size, "evaluate")
        given = CallbackList(callbacks)
        run = self._evaluation(source, batch_size or 32, steps, given.needs_batches("test"))
        every = self._complete_callbacks(given, verbose, 1, run.feed.steps)
        every.on_test_begin()
        logs = run.epoch(0, every, 0)
        every.on_test_end(logs)
        return logs if return_dict else self._flat_logs(logs)

    def predict(self, x, batch_size=None, verbose: Any = "auto", steps=None, callbacks=None) -> Any:
        """The outputs for some inputs, as NumPy arrays.

        Args:
            x: inputs, as in `fit`.
            batch_size: samples a step, 32 by default.
            steps: the number of batches, where x never ends.
        """
        if self._predictor is None:
            self._predictor = Predictor(self)
        return self._predictor.predict(x, batch_size, verbose, steps, callbacks)

    # One batch

    @busily
    def train_on_batch(self, x, y=None, sample_weight=None, class_weight=None, return_dict=False) -> Any:
        """One step on one batch; returns the loss and measures of that batch."""
        samples = self._one_batch(x, y, sample_weight, class_weight, "train_on_batch")
        self._prepare(samples.tree, "train_on_batch")
        plan, structure, programs = self._plan(training=True)
        feed = DeviceFeed(samples, samples.size, not self._exact(True, samples.tree, samples.size, None, plan), False)
        run = Run(plan, structure, feed, make_key(), "train", programs)
        logs = run.epoch(0, CallbackList(), 0)
        return logs if return_dict else self._flat_logs(logs)

    @busily
    def test_on_batch(self, x, y=None, sample_weight=None, return_dict=False) -> Any:
        """The loss and measures of one batch."""
        samples = self._one_batch(x, y, sample_weight, None, "test_on_batch")
        logs = self._evaluation(samples, samples.size, None).epoch(0, CallbackList(), 0)
        return logs if return_dict else self._flat_logs(logs)

    def predict_on_batch(self, x) -> Any:
        """The outputs for one batch."""
        return self.predict(x, batch_size=2**30, verbose=0)

    def _one_batch(self, x: Any, y: Any, sample_weight: Any, class_weight: Any, method: str) -> Samples:
        self._check_compiled(method)
        source = standardize_source(x, y, sample_weight, class_weight, None, method)
        if not isinstance(source, Samples):
            raise TypeError(message(method, "one batch must be arrays", {"x": type(x).__name__}))
        return source

    def _flat_logs(self, logs: dict[str, Any]) -> Any:
        """The measures as a list in Keras's order: the loss, those of `compile`, the outputs' losses, the rest by name."""
        if len(logs) == 1:
            return next(iter(logs.values()))
        names = [
            *[t.name for t in self._trackers[:1]],
            *[m.name for m in self._measures.metrics],
            *[t.name for t in self._trackers[1:]],
        ]
        if not set(logs) <= set(names):
            names = [each.name for metric in self.metrics for each in getattr(metric, "metrics", [metric])]
        known = [name for name in dict.fromkeys(names) if name in logs]
        return [logs[name] for name in (*known, *sorted(name for name in logs if name not in known))]


class _QuietProgress(CallbackList):
    """The callbacks of `fit` during validation: hooks for its batches, no progress bar."""

    def __init__(self, callbacks: CallbackList):
        self.callbacks = callbacks.callbacks
        self._model, self.params = callbacks.model, callbacks.params

    @property
    def needs_progress(self) -> bool:
        return False


def same(first: list[Any], second: list[Any]) -> bool:
    """Whether two lists hold the same objects."""
    return len(first) == len(second) and all(a is b for a, b in zip(first, second, strict=True))


def check_validation(data: Any, one_input: bool) -> None:
    """Raises for what is no data to validate on.

    Args:
        data: (x, y), (x, y, sample_weight), or x alone in a tuple; what is no list and no plain value passes.
        one_input: whether the model is known to have one input, so that a tuple in a list is no list of inputs.
    """
    fix = "Write validation_data=(x_val, y_val)"
    if isinstance(data, (tuple, list)):
        batches = bool(data) and all(isinstance(part, tuple) and len(part) in (2, 3) for part in data)
        if len(data) in (1, 2, 3) and not (batches and one_input):
            return
        if batches:
            fix = "Of a list of batches a generator makes a source of batches: validation_data=(batch for batch in batches)"
    elif isinstance(data, dict):
        fix = "For named inputs write validation_data=({'name': x_val}, y_val)"
    elif isinstance(data, float):
        fix = "For a share of x and y write validation_split"
    elif not isinstance(data, (str, int)):
        return
    raise ValueError(
        message(
            "fit", "`validation_data` must be (x, y) or (x, y, sample_weight), or give batches", {"validation_data": data}, fix
        )
    )


def check_frequency(freq: Any) -> None:
    """Raises where `validation_freq` is neither a number of epochs nor a list of such."""
    if isinstance(freq, (list, tuple, set)):
        for epoch in freq:
            check_positive_int("fit", "validation_freq", epoch)
        return
    check_positive_int("fit", "validation_freq", freq)


def is_due(epoch: int, freq: Any) -> bool:
    """Whether an epoch, counted from 0, is one to validate after."""
    if isinstance(freq, (list, tuple, set)):
        return epoch + 1 in freq
    return (epoch + 1) % int(freq) == 0
