"""`compile`, `fit`, `evaluate` and `predict`."""

# JAX says nothing of the leaves of trees. The attributes of models that begin with an underscore are this room's.
# pyright: reportUnknownArgumentType=false, reportUnknownLambdaType=false, reportUnknownMemberType=false
# pyright: reportUnknownVariableType=false, reportPrivateUsage=false

import inspect
import warnings
from collections.abc import Callable, Iterable, Sequence
from functools import wraps
from typing import Any, cast

from kerata import optimizers
from kerata.base.checks import check_positive_int, message
from kerata.base.display import say
from kerata.callbacks.callback import CallbackList, Callbacks, Verbose, read_verbose
from kerata.callbacks.doctor import Doctor
from kerata.callbacks.history import History
from kerata.callbacks.monitors import check_measures
from kerata.callbacks.progress import ProgbarLogger
from kerata.data.samples import ClassWeight, Data, Samples, Wide
from kerata.data.sources import Batches, check_endless, repeat_batches, standardize_source, standardize_training
from kerata.engine.module import Look
from kerata.engine.random import make_key
from kerata.engine.seeds import law
from kerata.engine.symbolic import Tensors
from kerata.training.certain import certain_faults
from kerata.training.compilation import Compilation, compilation_of, is_new, output_names_of, own_metrics
from kerata.training.evaluation import check_frequency, evaluation, make_validation
from kerata.training.exits import busily
from kerata.training.feeds import first_batch, make_feed
from kerata.training.hints import hinting, missing_method, unknown_argument
from kerata.training.host import through_host
from kerata.training.kept import build_again
from kerata.training.limits import limit_epochs, limit_steps
from kerata.training.loop import train
from kerata.training.on_batch import run_of_batch
from kerata.training.once import compute_once
from kerata.training.orders import orders_of
from kerata.training.plan import Batch
from kerata.training.prediction import Predictor
from kerata.training.prepare import prepare_built
from kerata.training.runs import Run
from kerata.training.signals import heard
from kerata.training.step_methods import StepMethods, reading_of
from kerata.training.trained import TrainedModel


def remembering(fit: Callable[..., History]) -> Callable[..., History]:
    """`fit` whose record knows what it was given, so that `history.examine()` can look at it."""
    names = inspect.signature(fit)

    @wraps(fit)
    def wrapped(self: object, *args: object, **kwargs: object) -> History:
        given = names.bind(self, *args, **kwargs).arguments
        if read_verbose(given.get("verbose", "auto")):
            # The call of whoever fits stands above four wrappers.
            warn_once(cast(TrainedModel, self), "fit", certain_faults(cast(TrainedModel, self), given.get("y")), 6)
        history = fit(self, *args, **kwargs)
        weighted = given.get("class_weight") is not None or given.get("sample_weight") is not None
        kept = ("x", "y", "validation_data", "validation_split", "batch_size", "shuffle")
        history.note_given({**{name: given[name] for name in kept if name in given}, "weighted": weighted})
        return history

    return wrapped


def warn_once(model: TrainedModel, method: str, sentences: Iterable[str], stacklevel: int) -> None:
    """Warns of what is certain, of each thing once for a compiled model."""
    made = compilation_of(model, method)
    for sentence in sentences:
        if sentence not in made.warned:
            made.warned.add(sentence)
            warnings.warn(f"{method}: {sentence}", UserWarning, stacklevel=stacklevel)


def tell(verbose: Verbose, sentence: str) -> None:
    """Says a sentence, unless `fit` is to be silent."""
    if read_verbose(verbose):
        say(sentence)


class Trainer(StepMethods):
    """What a model can do beside being a layer: be trained, evaluated and used.

    Its methods are Keras's, and its attributes few: all other names belong to whoever writes a subclass. What the methods have
    in common are functions that take the model.
    """

    output_names: list[str] | None
    # Whether `compile` keeps the losses and the measures of before where it is given none.
    __compiles_on__ = True
    # Whether inputs go into the first of `layers` as they are, where there is no graph yet.
    feeds_first_layer = False
    # Whether layers learn that they are trained though the model's `call` has no `training` to hear it.
    tells_layers = False
    # Of which batches a step of a user's own gets the tuple as it is, see `Reading`.
    takes_whole = "all"
    # Callbacks set them to end `evaluate` or `predict` behind a batch.
    stop_evaluating = stop_predicting = False
    # Whether the measures of a single batch go on from those of the batch before.
    __measures_go_on__ = False
    steps_per_execution = 1
    # Takes whether the data held numbers of 64 bits, where a step asks for it.
    __wide__: Wide | None = None
    # What each call of `fit` reads anew.
    _bookkeeping = dict.fromkeys(
        (
            "optimizer",
            "loss",
            "compiled",
            "run_eagerly",
            "jit_compile",
            "history",
            "stop_training",
            "stop_evaluating",
            "stop_predicting",
            "steps_per_execution",
            "__measures_go_on__",
            "_compilation",
            "_programs_of_predict",
        ),
        Look.NOBODY,
    )

    # Whether outputs without a loss and without targets are passed over by metrics that are meant for all outputs.
    measures_where_targets_are = False

    def _start_trainer(self) -> None:
        self.optimizer = None
        self.loss: object = None
        self.compiled = self.run_eagerly = False
        self.jit_compile: bool | str = True
        self.stop_training = False
        self.history = None
        self._compilation: Compilation | None = None
        self._programs_of_predict: Predictor | None = None

    def __name_measures__(self, made: Compilation, outputs: Tensors) -> None:
        """Nothing: logs call losses and measures as Keras 3 does."""

    def __built_by_step__(self, batch: Batch, method: str) -> bool:
        """Whether a step of a user's own has built what `call` on the data alone does not build: not in Keras 3."""
        return False

    def __getattr__(self, name: str) -> Any:
        shown = getattr(type(self), name, None)
        if isinstance(shown, property):
            # Python comes here where a property lacks something, and its own error says what.
            return shown.__get__(self)
        raise missing_method(self, name)

    @hinting
    def compile(
        self,
        optimizer: object = "rmsprop",
        loss: object = None,
        loss_weights: object = None,
        metrics: object = None,
        weighted_metrics: object = None,
        run_eagerly: bool = False,
        steps_per_execution: int = 1,
        jit_compile: bool | str = "auto",
        auto_scale_loss: bool = True,
    ) -> None:
        """Sets how the model is trained.

        Args:
            optimizer: a name, an optimizer, or any `optax.GradientTransformation`.
            loss: a name, a loss, a function of (y_true, y_pred), or a list or dict of such, one for each output; that of the
                last `compile`, with its weights, where none is given. A function or loss of your own in the place of a
                structure of outputs gets that structure, and a list may hold one for several outputs beside those of its
                parts: `[joint, {"a": "mse"}]`.
            loss_weights: a number for each output, list or dict.
            metrics: measures, for one output or for each; they ignore sample weights. Those of the last `compile` where neither
                these nor `weighted_metrics` are given, none for `[]`.
            weighted_metrics: measures that use sample weights.
            run_eagerly: whether batches run as Python, operation by operation, so that the code of losses, layers and measures
                of your own sees numbers: for looking into them, and for sizes that depend on numbers. It is many times slower.
            jit_compile: accepted for Keras's sake; the program is compiled as a whole in any case.
            steps_per_execution: how many batches are computed from one hook of a callback for batches to the next.
            auto_scale_loss: whether a `LossScaleOptimizer` is put around the optimizer of a `"mixed_float16"` model, so
                that small gradients do not vanish, and steps with too large ones are left out.
        """
        self._check_constructed()  # type: ignore[attr-defined]
        group = check_positive_int("compile", "steps_per_execution", steps_per_execution)
        fresh = optimizers.get(optimizer)
        scaled = auto_scale_loss and fresh is not None and self.dtype_policy.name == "mixed_float16"  # type: ignore[attr-defined]
        scaled = bool(scaled and not isinstance(fresh, optimizers.LossScaleOptimizer))
        if scaled:
            fresh = optimizers.LossScaleOptimizer(fresh, name="loss_scale_optimizer")
        before = self._compilation if self.__compiles_on__ else None
        if loss is None and before is not None:
            loss, loss_weights = before.arguments["loss"], before.arguments["loss_weights"]
        if metrics is None and weighted_metrics is None and before is not None:
            metrics, weighted_metrics = before.arguments["metrics"], before.arguments["weighted_metrics"]
        arguments = {
            "optimizer": optimizer,
            "loss": loss,
            "loss_weights": loss_weights,
            "metrics": metrics,
            "weighted_metrics": weighted_metrics,
        }
        # Names that are wrong are found now, not at the end of the first epoch, and change nothing.
        made = Compilation(arguments, scaled, output_names_of(self))
        if self._graph is not None:
            made.objective.check_outputs(self._graph.outputs_tree)
        self.optimizer, self.loss = fresh, loss
        self._compilation, self._programs_of_predict = made, None
        self.stop_training = False
        self.steps_per_execution = group
        self.run_eagerly, self.jit_compile = bool(run_eagerly), jit_compile if jit_compile != "auto" else True
        self.compiled = True

    @property
    def metrics(self) -> list[Any]:
        """All measures: the loss, those of `compile` as one, the losses of several outputs, and those that layers hold."""
        made = self._compilation
        if made is None:
            return own_metrics(self)
        given = [made.measures] if made.measures.is_given else []
        return [*made.trackers[:1], *given, *made.trackers[1:], *own_metrics(self)]

    @property
    def metrics_names(self) -> list[str]:
        return [m.name for m in self.metrics]

    def reset_metrics(self) -> None:
        """Starts all measures anew."""
        for metric in self.metrics:
            metric.reset_state()

    # Training

    @hinting
    @busily
    @heard
    @remembering
    def fit(
        self,
        x: Data | None = None,
        y: Data | None = None,
        batch_size: int | None = None,
        epochs: int = 1,
        verbose: Verbose = "auto",
        callbacks: Callbacks | None = None,
        validation_split: float = 0.0,
        validation_data: Data | None = None,
        shuffle: bool = True,
        class_weight: ClassWeight | None = None,
        sample_weight: Data | None = None,
        initial_epoch: int = 0,
        steps_per_epoch: int | None = None,
        validation_steps: int | None = None,
        validation_batch_size: int | None = None,
        validation_freq: int | Sequence[int] = 1,
        seed: int | None = None,
        cache_frozen: bool = True,
        watch: bool = False,
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
            cache_frozen: whether what a frozen part of the model makes of each sample is computed once and kept, not in
                each epoch. It is where the data is in arrays, or numbered pictures that are not augmented, the same is known
                to come out, and it saves more than it costs.
            watch: whether a `kerata.callbacks.Doctor` says what is urgent while it happens.

        Returns:
            The `History`, whose `.history` holds one list a measure.
        """
        looks = law().looks and is_new(compilation_of(self, "fit"), self)
        given = CallbackList([callbacks, Doctor(y)] if watch else callbacks)
        batch_size = check_positive_int("fit", "batch_size", batch_size, optional=True)
        epochs = limit_epochs(check_positive_int("fit", "epochs", epochs, minimum=0))
        steps_per_epoch = check_positive_int("fit", "steps_per_epoch", steps_per_epoch, optional=True)
        initial_epoch = check_positive_int("fit", "initial_epoch", initial_epoch, minimum=0)
        validation_steps = check_positive_int("fit", "validation_steps", validation_steps, optional=True)
        validation_batch_size = check_positive_int("fit", "validation_batch_size", validation_batch_size, optional=True)
        check_frequency(validation_freq)
        fraction = validation_split if validation_data is None else 0.0
        source, held_out = standardize_training(
            through_host(self, x), y, sample_weight, class_weight, fraction, reading=reading_of(self)
        )
        size = batch_size or 32
        steps_per_epoch = limit_steps(steps_per_epoch, source, size)
        check_endless(source, steps_per_epoch, "fit", "steps_per_epoch")
        if steps_per_epoch is not None and isinstance(source, Batches) and steps_per_epoch != source.length:
            source = repeat_batches(source, steps_per_epoch)
        batch, source = first_batch(source, size)
        finish = build_again(self, batch, "fit", source)
        held_out = validation_data if held_out is None else held_out
        times = max(epochs - initial_epoch, 0) if cache_frozen else 1
        validation = make_validation(self, held_out, validation_batch_size or size, validation_steps, validation_freq, times)
        key = make_key(seed)
        orders = orders_of(key, seed is not None, initial_epoch, int(looks)) if shuffle else None
        if orders is not None and isinstance(source, Batches) and source.order is not None:
            source.order.shuffle(orders.seed, int(looks))
        # A validation may have built what was not there; whoever is called at each batch may change weights there.
        prepared, watched = finish() if validation is None else prepare_built(self), given.needs_batches("train")
        once = None if watched else compute_once(prepared, source, batch, size, times, orders, steps_per_epoch)
        if once is None:
            feed = make_feed(prepared, source, batch, size, orders, steps_per_epoch, not watched)
        else:
            prepared, feed, sentence = once
            tell(verbose, f"fit: {sentence} (cache_frozen=False: in each epoch).")
        every = complete_callbacks(self, given, verbose, epochs, feed.steps)
        check_measures(every, prepared.step.result_names(), validation is not None)
        return train(Run(prepared, feed, key, "train"), every, validation, epochs, initial_epoch, orders)

    @busily
    @heard
    def evaluate(
        self,
        x: Data | None = None,
        y: Data | None = None,
        batch_size: int | None = None,
        verbose: Verbose = "auto",
        sample_weight: Data | None = None,
        steps: int | None = None,
        callbacks: Callbacks | None = None,
        return_dict: bool = False,
        **kwargs: object,
    ) -> Any:
        """The loss and all measures on some data.

        Args:
            x, y, sample_weight, batch_size, callbacks: as in `fit`.
            steps: the number of batches, where x never ends.
            return_dict: a dict of names, instead of the loss alone or a list.
        """
        for name, value in kwargs.items():
            raise unknown_argument(self.evaluate, name, value)
        compilation_of(self, "evaluate")
        batch_size = check_positive_int("evaluate", "batch_size", batch_size, optional=True)
        steps = check_positive_int("evaluate", "steps", steps, optional=True)
        source = standardize_source(through_host(self, x), y, sample_weight, None, batch_size, "evaluate", reading_of(self))
        given = CallbackList(callbacks)
        steps = limit_steps(steps, source, batch_size or 32)
        run = evaluation(self, source, batch_size or 32, steps, given.needs_batches("test"))
        every = complete_callbacks(self, given, verbose, 1, run.feed.steps)
        self.stop_evaluating = False
        every.on_test_begin()
        logs = run.epoch(0, every)
        every.on_test_end(logs)
        return dict(sorted(logs.items())) if return_dict else flat_logs(self, logs)

    @hinting
    def predict(
        self,
        x: Data,
        batch_size: int | None = None,
        verbose: Verbose = "auto",
        steps: int | None = None,
        callbacks: Callbacks | None = None,
    ) -> Any:
        """The outputs for some inputs, as NumPy arrays.

        Args:
            x: inputs, as in `fit`.
            batch_size: samples a step, 32 by default.
            steps: the number of batches, where x never ends.
        """
        if self._programs_of_predict is None:
            self._programs_of_predict = Predictor(self)
        return self._programs_of_predict.predict(x, batch_size, verbose, steps, callbacks)

    def jax_state_sync(self) -> None:
        """Does nothing: in each hook of a callback the variables hold what has been trained so far."""

    # One batch

    @hinting
    @busily
    def train_on_batch(
        self,
        x: Data,
        y: Data | None = None,
        sample_weight: Data | None = None,
        class_weight: ClassWeight | None = None,
        return_dict: bool = False,
    ) -> Any:
        """One step on one batch; returns the loss and measures of that batch."""
        samples = one_batch(self, x, y, sample_weight, class_weight, "train_on_batch")
        run = run_of_batch(self, samples, training=True)
        logs = run.epoch(0, CallbackList(), fresh=not self.__measures_go_on__)
        return dict(sorted(logs.items())) if return_dict else flat_logs(self, logs)

    @hinting
    @busily
    def test_on_batch(
        self, x: Data, y: Data | None = None, sample_weight: Data | None = None, return_dict: bool = False
    ) -> Any:
        """The loss and measures of one batch."""
        samples = one_batch(self, x, y, sample_weight, None, "test_on_batch")
        run = run_of_batch(self, samples, training=False)
        logs = run.epoch(0, CallbackList(), fresh=not self.__measures_go_on__)
        return dict(sorted(logs.items())) if return_dict else flat_logs(self, logs)

    def predict_on_batch(self, x: Data) -> Any:
        """The outputs for one batch."""
        return self.predict(x, batch_size=2**30, verbose=0)


def complete_callbacks(
    model: TrainedModel, given: CallbackList, verbose: Verbose, epochs: int, steps: int | None
) -> CallbackList:
    """The given callbacks between the progress bar and the history, in Keras's order."""
    verbose = read_verbose(verbose)
    callbacks = list(given.callbacks)
    if verbose and not any(isinstance(c, ProgbarLogger) for c in callbacks):
        callbacks.append(ProgbarLogger())
    if not any(isinstance(c, History) for c in callbacks):
        callbacks.append(History())
    return CallbackList(callbacks, model=model, epochs=epochs, steps=steps, verbose=verbose)


def one_batch(
    model: TrainedModel, x: Data, y: Data | None, sample_weight: Data | None, class_weight: ClassWeight | None, method: str
) -> Samples:
    """The samples of a call for a single batch."""
    compilation_of(model, method)
    source = standardize_source(through_host(model, x), y, sample_weight, class_weight, None, method, reading_of(model))
    if not isinstance(source, Samples):
        raise TypeError(message(method, "one batch must be arrays", {"x": type(x).__name__}))
    return source


def flat_logs(model: TrainedModel, logs: dict[str, Any]) -> float | list[Any]:
    """The measures as a list in Keras's order: the loss, those of `compile`, the outputs' losses, the rest by name."""
    if len(logs) == 1:
        return next(iter(logs.values()))
    made = compilation_of(model, "evaluate")
    names = [
        *[t.name for t in made.trackers[:1]],
        *[m.name for m in made.measures.metrics],
        *[t.name for t in made.trackers[1:]],
    ]
    if not set(logs) <= set(names):
        names = [each.name for metric in model.metrics for each in getattr(metric, "metrics", [metric])]
    known = [name for name in dict.fromkeys(names) if name in logs]
    return [logs[name] for name in (*known, *sorted(name for name in logs if name not in known))]
