"""Groups: what members of one structure share, from the compiled programs to the way they are trained."""

import math
import threading
import time
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Any, Protocol

import jax
import jax.numpy as jnp
import numpy as np

from kerata.callbacks.history import History
from kerata.data.samples import Samples
from kerata.engine import program
from kerata.engine.noting import noting_draws
from kerata.engine.placement import Placement
from kerata.engine.random import make_key, seeded, seeded_wholly
from kerata.engine.room import Programs
from kerata.engine.seeds import law, seeded_by
from kerata.engine.types import Array, Described, Tree
from kerata.kernels.products import noting_shared_inputs
from kerata.models.copying import fresh_model
from kerata.models.model import Model
from kerata.optimizers.beginnings import forget_state
from kerata.populations.side_by_side import make_many
from kerata.training.feeds import PADDED_BYTES, bucket, pad_rows
from kerata.training.padding import adds_up
from kerata.training.plan import Batch, Plan
from kerata.training.prepare import Prepared, build_for, last_prepared, prepare_built
from kerata.training.trained import TrainedModel

# Arrays by role: lists for "trainable", "others", "slots" and "metrics", and the "counters".
State = dict[str, list[np.ndarray]]
# Validation goes over samples in larger batches than training, where they are small.
HELD_BATCH = 256
SMALL_SAMPLE = 4096


def plan_of(model: TrainedModel) -> Plan:
    """The plan of training a prepared model."""
    return last_prepared(model).plan


def structure_key(model: Model) -> Hashable:
    """Equal for models, built for the same data, that can be members of one group."""
    prepared = prepare_built(model)
    structure = prepared.structure
    return ("one", id(model)) if structure is None else (structure, tuple(prepared.step.result_names()))


@dataclass
class GroupFindings:
    """What is found out about the programs of a structure.

    Attributes:
        axes: the axis of each array of the state that counts the members, where they share their batches.
    """

    axes: dict[str, Any] | None = None


class Sized(Protocol):
    """What a group's programs depend on of a member: the number of its samples, and those that it is validated on."""

    size: int
    held: np.ndarray | None


class Seats(Protocol):
    """What a program is compiled for of a shard: how many members, whether each has an order of its own, and where."""

    width: int
    own: bool
    placement: Placement
    axes: dict[str, Any]


class DeviceData:
    """Samples on the device, once for all members.

    Args:
        samples: the data.
    """

    def __init__(self, samples: Samples):
        self.samples, self.size = samples, samples.size
        self.placed: dict[tuple[Placement, int], Any] = {}
        self.lock = threading.Lock()
        self.rows = samples.size

    def first(self, count: int) -> tuple[Any, Any, Any]:
        """The first samples, for their shapes."""
        return self.samples.slice(0, min(count, self.size)).tree

    @property
    def sample_bytes(self) -> int:
        return self.samples.nbytes // self.size

    def pad(self, rows: int, least: int) -> None:
        """Makes room for whole batches; before any of them is trained.

        Args:
            rows: one of a few sizes, so that the same program takes data of other sizes.
            least: what is read. Where the data is large, there is no more room than that.
        """
        self.rows = max(self.rows, rows if self.samples.nbytes <= PADDED_BYTES else least)

    def at(self, placement: Placement) -> Tree:
        """The arrays at a place."""
        with self.lock:
            if (placement, self.rows) not in self.placed:
                # What was there has less room: another group has larger batches.
                for key in [key for key in self.placed if key[0] == placement]:
                    del self.placed[key]
                tree = jax.tree.map(lambda a: pad_rows(a, self.rows), self.samples.tree)
                self.placed[placement, self.rows] = placement.put_samples(tree)
            return self.placed[placement, self.rows]


class Draws:
    """Draws the initial state of a structure for one seed after the other, which building a model for each takes 40 times as
    long.

    It repeats what the initializers did when one model was built. Whether that is all that a seed decides is seen from a
    second model, and only then it is relied on.

    Args:
        plan: of a fresh model.
        draws: its variables with their initializers, in the order in which they were made; an initializer without a variable
            where it took a seed.
        state: its state.
        under: gives the block within which a seed counts.
    """

    def __init__(self, plan: Plan, draws: list[tuple[Any, Any]], state: State, under: Callable[..., Any] = seeded):
        self.under = under
        places = {id(v): (role, i) for role, variables in plan.variables.items() for i, v in enumerate(variables)}
        self.steps = [(initializer, None if v is None else (v.shape, v.dtype, places.get(id(v)))) for v, initializer in draws]
        self.base = state
        self.proven: bool | None = None

    def state(self, seed: int) -> State:
        """The state of a new model built under a seed."""
        state = {**self.base, **{role: list(self.base[role]) for role in ("trainable", "others", "slots", "metrics")}}
        with self.under(seed):
            if law().is_late:
                for initializer, _ in self.steps:
                    if (owner := seeded_by(initializer)) is not None:
                        owner.forget_seed()
            for initializer, variable in self.steps:
                if variable is None:
                    if not law().is_late:
                        initializer.take_seed()
                    continue
                shape, dtype, place = variable
                value = initializer(shape, dtype=dtype)
                if place is not None:
                    role, index = place
                    state[role][index] = np.array(value, self.base[role][index].dtype)
        return state

    def compare(self, seed: int, state: State) -> None:
        """Takes the state of a model that was built under a seed as the proof."""
        same = jax.tree.map(lambda a, b: a.shape == b.shape and a.tobytes() == b.tobytes(), self.state(seed), state)
        self.proven = all(jax.tree.leaves(same))


class Group:
    """Members of one structure.

    Args:
        model: a compiled model, prepared for the data, that stands for all of them.
        data: the samples.
        held_data: samples to validate on, where they are not rows of `data`.
        batch_size: samples a step.
        shuffle: whether each epoch has an order of its own.
        make: gives another such model, compiled, with initial weights drawn under the present seed; a copy if `None`.
    """

    # Whether members may be narrower than the model that stands for them; see `populations.buckets`.
    is_bucket = False
    # Whether training is so short that compiling counts more.
    is_brief = False
    # Why the members are trained by `fit`, one after the other; `None` where one program trains many.
    why_alone: str | None = None

    def __init__(
        self,
        model: Model,
        data: DeviceData,
        held_data: DeviceData | None,
        batch_size: int,
        shuffle: bool,
        make: Callable[[], Any] | None = None,
    ):
        self.data, self.size = data, data.size
        self.held_data = held_data
        self._begin(model, batch_size, shuffle, make)
        tested = prepare_built(model, training=False)
        self.test_plan: Plan = tested.plan
        self.masked, self.held_masked = self._may_pad(self.prepared), self._may_pad(tested)
        self.train_names = self.plan.step.result_names()
        self.test_names = [f"val_{name}" for name in self.test_plan.step.result_names()]
        owners = self.plan.hypers.owners
        working = getattr(model.optimizer, "inner_optimizer", model.optimizer)
        self.optimizer_numbers = {name: i for i, (owner, name) in enumerate(owners) if owner is working}
        self.test_numbers = len(self.test_plan.hypers.owners)
        places = {id(v): (role, i) for role, variables in self.plan.variables.items() for i, v in enumerate(variables)}
        self.places = [places[id(v)] for v in model.weights if id(v) in places]
        # (place of a weight, place of its average) of those that become their averages after training.
        averages = [working.optimizer_state.find(("average", v)) for v in self.plan.trainable] if working.use_ema else []
        self.averages = [(i, places[id(v)][1]) for i, v in enumerate(averages) if v is not None]
        self.programs = Programs()
        self.validates = self.selects = self.ragged = self.held_ragged = self.weighs = False
        # Whether some members have fewer batches than others.
        self.uneven = self.held_uneven = False
        self.capacity = self.held_capacity = self.held_batch = 0
        self._log_places: dict[bool, list[tuple[str, int]]] = {}
        self.findings = program.findings_of(self.structure, GroupFindings)

    @property
    def samples(self) -> Samples:
        """The data."""
        return self.data.samples

    def _begin(self, model: Model, batch_size: int, shuffle: bool, make: Callable[[], Any] | None) -> None:
        """What a group knows of its model, however the members are trained."""
        self.model, self.batch_size, self.shuffle = model, batch_size, shuffle
        self.prepared = prepare_built(model)
        self.plan, self.structure = self.prepared.plan, self.prepared.structure
        # Where everything is built-in, a copy has all that a builder could give.
        self.make = (lambda: fresh_model(model)) if make is None or self.structure is not None else make
        self.under = seeded if self.structure is not None else seeded_wholly
        self.compile_seconds = 0.0
        self.weights = sum(math.prod(v.shape) for v in self.plan.trainable)
        self.starts: dict[Any, State] = {}
        self.draws: Draws | None = None
        self.lock = threading.RLock()
        self.widths: dict[bool, int] = {}
        self.notes: dict[str, Any] = {}

    def _may_pad(self, prepared: Prepared) -> bool:
        """Whether batches of any size may be filled up: members differ in the number of their samples."""
        return prepared.may_pad(self.example, self.batch_size, None)

    def log_places(self, held: bool) -> list[tuple[str, int]]:
        """The names of an epoch's measures, sorted, each with its place among the numbers of training and validation."""
        if held not in self._log_places:
            # The last number of each is the step of the first bad loss.
            names = [*self.train_names, None, *(self.test_names if held else [])]
            self._log_places[held] = sorted({name: place for place, name in enumerate(names) if name is not None}.items())
        return self._log_places[held]

    def settle(self, members: list[Any]) -> None:
        """Fixes sizes once all members are known, so that they run the same programs."""
        sizes = {member.size for member in members}
        held = {0 if member.held is None else len(member.held) for member in members}
        self.selects = any(member.rows is not None for member in members)
        self.weighs = any(member.weight is not None for member in members)
        paddable = self.masked and self.held_masked
        self.ragged = paddable and len(sizes) > 1
        self.uneven = len({-(-size // self.batch_size) for size in sizes}) > 1
        self.capacity = bucket(max(sizes), self.batch_size)
        ordered = not self.shuffle and not self.selects
        self.data.pad(bucket(self.size, self.batch_size), filled(self.size, self.batch_size) if ordered else self.size)
        for member in members if self.weighs else ():
            member.weight = np.ones(self.size, np.float32) if member.weight is None else member.weight
        self.validates = self.held_data is not None or max(held) > 0
        if not self.validates:
            return
        largest = self.held_data.size if self.held_data is not None else max(held)
        self.held_ragged = paddable and self.held_data is None and len(held) > 1
        self.held_batch = self.batch_size
        if self.held_masked and adds_up(self.plan) and self.data.sample_bytes <= SMALL_SAMPLE:
            self.held_batch = max(min(HELD_BATCH, bucket(largest, 8)), min(self.batch_size, HELD_BATCH))
        self.held_capacity = bucket(largest, self.held_batch)
        self.held_uneven = len({-(-size // self.held_batch) for size in held}) > 1
        if self.held_data is not None:
            self.held_data.pad(self.held_capacity, filled(largest, self.held_batch))

    def size_key(self, member: Sized) -> Hashable:
        """Equal for members whose sizes allow the same programs."""
        if self.masked and self.held_masked:
            return None
        return member.size, 0 if member.held is None else len(member.held)

    def parts(self, size: int) -> list[tuple[int, int, int, int]]:
        """(offset, batch size, batches, whether measures begin anew) of an epoch."""
        return cut(size, self.batch_size, self.masked)

    def held_parts(self, size: int) -> list[tuple[int, int, int, int]]:
        return cut(size, self.held_batch, self.held_masked)

    # Programs

    def axes(self, shared: bool) -> dict[str, Any]:
        """The axis of each array of the state that counts the members of a shard.

        Args:
            shared: whether members have their batches in common. Then a kernel that multiplies them is one with all
                members' units side by side, (inputs, members, units): one large product, and nothing is transposed.
        """
        first: dict[str, Any] = {role: [0] * len(variables) for role, variables in self.plan.variables.items()}
        if not shared:
            return {**first, "counters": 0}
        with self.lock:
            if self.findings.axes is None:
                self.findings.axes = self._find_shared_axes(first)
            return {**self.findings.axes, "counters": 0}

    def _find_shared_axes(self, axes: dict[str, list[int]]) -> dict[str, list[int]]:
        plan, found = self.plan, []

        def step(state: dict[str, Any], numbers: Array, batch: Batch) -> Tree:
            with noting_shared_inputs() as kernels:
                valid = jnp.ones(self.batch_size) if self.masked else None
                out = jax.vmap(lambda s, n: plan.step(s, n, jnp.zeros(2, jnp.uint32), batch, valid))(state, numbers)
            found.extend(any(leaf is kernel for kernel in kernels) for leaf in state["trainable"])
            return out

        def many(a: Described) -> jax.ShapeDtypeStruct:
            return jax.ShapeDtypeStruct((2, *a.shape), jax.dtypes.canonicalize_dtype(a.dtype))

        state: dict[str, Any] = {role: [many(v) for v in variables] for role, variables in plan.variables.items()}
        state["counters"] = jax.ShapeDtypeStruct((2, 2), jnp.int32)
        batch = jax.tree.map(lambda a: jax.ShapeDtypeStruct((self.batch_size, *a.shape[1:]), a.dtype), self.example)
        jax.eval_shape(step, state, many(plan.hypers.vector()), batch)
        for index, kernel in enumerate(plan.trainable):
            if found[index]:
                axes["trainable"][index] = 1
                own = plan.optimizer.optimizer_state.table.get(kernel, {}).values()
                alike = {id(slot) for slot in own if slot.shape == kernel.shape}
                for place, slot in enumerate(plan.slots):
                    if id(slot) in alike:
                        axes["slots"][place] = 1
        return axes

    def program(
        self, mode: str, batch_size: int, shard: Seats, ragged: bool, args: tuple, own: bool | None = None
    ) -> program.Runnable:
        """The compiled program for a shard."""
        own = shard.own if own is None else own
        kind = "shuffled" if "order" in args[3] else "ordered"
        masked = self.masked if mode == "train" else self.held_masked
        uneven = ragged and (self.uneven if mode == "train" else self.held_uneven)
        # Where members share their batches, states are laid out in another way, also where validation knows no orders.
        key: tuple[Any, ...] = (mode, kind, batch_size, shard.width, own, ragged, uneven, shard.own)
        # Validation is short in any case.
        brief = self.is_bucket and (self.is_brief or mode == "test")
        key += (brief,)
        name = f"many {key} {masked} {self.weighs}"
        key += (shard.placement, self.data.rows, None if self.held_data is None else self.held_data.rows)
        found = self.programs.get(key)
        if found is not None:
            return found
        with self.lock:
            found = self.programs.get(key)
            if found is None:
                plan = self.plan if mode == "train" else self.test_plan

                def make() -> Callable[..., Any]:
                    return make_many(plan, batch_size, masked, kind, shard.width, own, ragged, uneven, shard.axes)

                began = time.perf_counter()
                weak = (1,) if mode == "train" else ()
                many, at = shard.width > 1, shard.placement
                self.programs[key] = found = program.obtain(
                    name, self.structure, make, args, donate=(0,), weak=weak, many=many, placement=at, brief=brief
                )
                self.compile_seconds += time.perf_counter() - began
            return found

    # Members' states

    def state_of(self, model: Model | None) -> State:
        """The state of a prepared model, as host arrays."""
        plan = self.plan if model is self.model or model is None else plan_of(model)
        state = {role: [v.numpy() for v in variables] for role, variables in plan.variables.items()}
        state["counters"] = np.array([int(model.optimizer.steps.numpy()), -1], np.int32)  # type: ignore[assignment]
        return state

    def fresh_state(
        self, seed: int | None, adapt: Callable[[Model], object] | None = None, key: tuple[int, int] | None = None
    ) -> State:
        """The state of a new model with initial weights drawn from a seed, as a copy built under that seed would have."""
        with self.lock:
            known = seed if adapt is None else key
            if known is not None and known in self.starts:
                return self.starts[known]
            number = int(make_key()[0]) if seed is None else seed
            if adapt is None and self.draws is not None and self.draws.proven:
                state = self.draws.state(number)
            else:
                with self.under(number), noting_draws() as draws:
                    twin = self.twin(adapt)
                    state = self.state_of(twin)
                if adapt is None:
                    if self.draws is None:
                        self.draws = Draws(plan_of(twin), draws, state, self.under)
                    elif self.draws.proven is None:
                        self.draws.compare(number, state)
            if known is not None:
                self.starts[known] = state
            return state

    def numbers_of(self, model: Model) -> np.ndarray:
        """The hyperparameters of a prepared model of the structure."""
        return plan_of(model).hypers.vector()

    def twin(self, adapt: Callable[[Model], object] | None = None) -> Model:
        """A fresh model of the group's structure, built and prepared like the first.

        Args:
            adapt: gives it other weights, before the optimizer sees them.
        """
        twin = self.make()
        build_for(twin, self.example, "fit")
        if adapt is not None:
            adapt(twin)
            # A copy of a compiled model has an optimizer that has seen its weights.
            forget_state(twin.optimizer)
        twin.optimizer.build(twin.trainable_variables)
        return twin

    @property
    def example(self) -> Batch:
        """The first samples, for their shapes."""
        return self.data.first(self.batch_size)

    def fill(self, model: Model, numbers: np.ndarray, state: State, history: History | None) -> Model:
        """Gives a prepared model of the structure a member's numbers, state and history."""
        plan = plan_of(model)
        for (owner, name), number in zip(plan.hypers.owners, numbers.tolist(), strict=True):
            setattr(owner, name, number)
        for role, variables in plan.variables.items():
            for variable, value in zip(variables, state[role], strict=True):
                variable.store(np.array(value))
        if history is not None:
            history.set_model(model)
            model.history = history
        return model

    def make_model(self, numbers: np.ndarray, state: State, history: History | None) -> Model:
        """An ordinary model with a member's numbers and state; takes nothing from the process's random numbers."""
        with self.under(0):
            twin = self.twin()
        return self.fill(twin, numbers, state, history)


def filled(size: int, batch_size: int) -> int:
    """The samples of whole batches.

    >>> filled(100, 32), filled(96, 32)
    (128, 96)
    """
    return -(-size // batch_size) * batch_size


def cut(size: int, batch_size: int, masked: bool) -> list[tuple[int, int, int, int]]:
    """(offset, batch size, batches, whether measures begin anew) for the samples of an epoch."""
    if masked:
        return [(0, batch_size, -(-size // batch_size), 1)]
    full, rest = divmod(size, batch_size)
    parts = [(0, batch_size, full, 1)] if full else []
    return parts + ([(full * batch_size, rest, 1, int(not full))] if rest else [])
