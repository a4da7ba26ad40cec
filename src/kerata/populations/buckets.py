"""Buckets: models that differ in the width of their layers, trained by the program of one wide model.

A dense layer whose kernel, bias and following kernel are filled up with zeros computes what the narrow one does: a feature that
is not there is 0, and so are the gradients of all its weights, in every step. So a member of a bucket is an ordinary member of
the wide model; only its first state is filled up, and what is shown of its state is cut out of it. Which layers and optimizers
leave zeros alone, they say themselves (`keeps_zeros`). What is not known to be exact keeps a program of its own.
"""

from collections.abc import Hashable, Iterable
from dataclasses import dataclass, field
from typing import Any, cast

from kerata.base.registry import home_of
from kerata.base.serialization import config_of
from kerata.data.samples import Data
from kerata.engine.hyper import Hyperparameter
from kerata.engine.module import modules_of
from kerata.engine.structure import is_ours
from kerata.layers.layer import Layer
from kerata.models.chains import chain_of
from kerata.models.cloning import clone_model
from kerata.models.model import Model
from kerata.populations.adapting import adapt_layers, adapting
from kerata.populations.group import Group, structure_key
from kerata.populations.member import Member
from kerata.populations.padding import Padding
from kerata.training.plan import Batch
from kerata.training.prepare import build_for

# What one more bucket costs, its two programs compiled and traced, in seconds of a processor.
BUCKET_SECONDS = 1.8
# With all of XLA's passes its training takes so much longer to compile, and a step that share of the time.
THOROUGH_SECONDS, THOROUGH_SHARE = 0.8, 0.82
# What a step of a member costs: for itself, for each weight, and for each weight and sample of a batch.
STEP_SECONDS, WEIGHT_SECONDS, SAMPLE_SECONDS = 4e-6, 1.5e-9, 0.9e-10
# Widths of buckets are multiples of the first, and of the second beyond it: kernels are computed in tiles, and a bucket
# of a round size is one that later trials fit into.
SMALL_TILE, TILE = 8, 16


@dataclass
class Shape:
    """What of a model's structure a bucket may change.

    Attributes:
        skeleton: the structure of the model with free widths of 1.
        widths: the numbers of features of its free layers.
        products: for each product of inputs and a kernel, the inputs and the units: a free layer's place in `widths` as
            (place, 0), anything else as (-1, number).
    """

    skeleton: Hashable
    widths: tuple[int, ...]
    products: list[tuple[tuple[int, int], tuple[int, int]]]

    def weights(self, widths: tuple[int, ...]) -> int:
        """Weights of all kernels of such a model with other widths."""

        def size(end: tuple[int, int]) -> int:
            return widths[end[0]] if end[0] >= 0 else end[1]

        return sum(size(inputs) * size(units) for inputs, units in self.products)


@dataclass
class Cluster:
    """Structures that are to be trained by one program.

    Attributes:
        shape: of one of them.
        widths: of the program.
        parts: the groups of the structures.
        steps: of all their members.
        made: whether the program is there already.
    """

    shape: Shape
    widths: tuple[int, ...]
    parts: list[Any] = field(default_factory=list)
    steps: int = 0
    made: bool = False

    def seconds(self, batch_size: int) -> float:
        """What training costs, compiling included."""
        if not self.parts:
            return 0.0
        work = self.work(batch_size)
        if self.made:
            return work
        return BUCKET_SECONDS + min(work, THOROUGH_SHARE * work + THOROUGH_SECONDS)

    def work(self, batch_size: int) -> float:
        """What the steps cost, by programs that were compiled in a hurry."""
        each = STEP_SECONDS + self.shape.weights(self.widths) * (WEIGHT_SECONDS + SAMPLE_SECONDS * batch_size)
        return self.steps * each

    def is_brief(self, batch_size: int) -> bool:
        """Whether the work is too little for thorough compiling."""
        return (1 - THOROUGH_SHARE) * self.work(batch_size) < THOROUGH_SECONDS

    def joined(self, other: "Cluster") -> "Cluster":
        """One bucket for both."""
        widths = rounded(tuple(map(max, self.widths, other.widths)))
        made = any(one.made and one.widths == widths for one in (self, other))
        return Cluster(self.shape, widths, self.parts + other.parts, self.steps + other.steps, made)


class Buckets:
    """Puts members of several structures into buckets, those of earlier calls among them."""

    def __init__(self):
        self.shapes: dict[Hashable, Shape | None] = {}
        # By skeleton and way of training, and by widths.
        self.groups: dict[Hashable, dict[tuple[int, ...], tuple[Shape, Group]]] = {}
        self.paddings: dict[tuple[int, int], Padding] = {}

    def arrange(self, members: Iterable[Member]) -> None:
        """Moves members into buckets where that is exact and takes less time than a program for each structure."""
        own: dict[int, list[Member]] = {}
        for member in members:
            if member.group.why_alone is None and member.group.structure is not None:
                own.setdefault(id(member.group), []).append(member)
        clusters: dict[Hashable, list[Cluster]] = {}
        for some in own.values():
            group = some[0].group
            shape = self._shape_of(group)
            if shape is not None:
                steps = sum(-(-member.size // group.batch_size) * member.epochs for member in some)
                place = (id(group.samples), shape.skeleton, group.batch_size, group.shuffle)
                clusters.setdefault(place, []).append(Cluster(shape, shape.widths, [group], steps))
        for place, wanted in clusters.items():
            made = self.groups.setdefault(place, {})
            there = [Cluster(shape, widths, made=True) for widths, (shape, _) in made.items()]
            for cluster in merged(wanted + there, wanted[0].parts[0].batch_size):
                # One structure alone keeps its own program.
                if cluster.made or len(cluster.parts) > 1:
                    self._fill(cluster, made, own)

    def _fill(self, cluster: Cluster, made: dict[tuple[int, ...], tuple[Shape, Group]], own: dict[int, list[Member]]) -> None:
        first = cluster.parts[0]
        if cluster.widths not in made:
            twin = with_widths(first.model, cluster.widths, first.example, counting=True)
            bucket = Group(twin, first.data, first.held_data, first.batch_size, first.shuffle)
            bucket.is_bucket = bucket.is_brief = True
            made[cluster.widths] = cluster.shape, bucket
        bucket = made[cluster.widths][1]
        bucket.is_brief = bucket.is_brief and cluster.is_brief(first.batch_size)
        for group in cluster.parts:
            place = (id(group), id(bucket))
            if place not in self.paddings:
                self.paddings[place] = Padding(group, bucket, counted(group.model))
            for member in own[id(group)]:
                member.pad(bucket, self.paddings[place])

    def _shape_of(self, group: Group) -> Shape | None:
        """What is free in the model of a group; `None` where a bucket is not known to be exact."""
        key = structure_key(group.model)
        if key not in self.shapes:
            self.shapes[key] = find_shape(group.model, key, group.example)
        return self.shapes[key]


def find_shape(model: Model, key: Hashable, example: Batch) -> Shape | None:
    """What is free in a prepared model of a known structure; `None` where a bucket is not known to be exact."""
    free = free_layers(model)
    if not free or not model.optimizer.keeps_zeros or not is_ours(type(model.optimizer)):
        return None
    # What adapts to the data must stand where the data comes in.
    if any(layer is not (chain_of(model) or [None])[0] for layer in adapting(model)):
        return None
    widths = tuple(features_of(layer) for layer in free)
    # A copy by config must hold everything that the model's structure does.
    if structure_key(with_widths(model, widths, example)) != key:
        return None
    skeleton = structure_key(with_widths(model, (1,) * len(free), example))
    return Shape(skeleton, widths, products_of(model, free))


def rounded(widths: tuple[int, ...]) -> tuple[int, ...]:
    """Widths that many structures fit into.

    >>> rounded((3, 16, 17, 100))
    (8, 16, 32, 112)
    """
    return tuple(-(-w // tile) * tile for w in widths for tile in (SMALL_TILE if w <= TILE else TILE,))


def merged(clusters: list[Cluster], batch_size: int) -> list[Cluster]:
    """Joins clusters two by two, as long as that saves time."""
    every, present = list(clusters), list(range(len(clusters)))
    gains: dict[tuple[int, int], float] = {}
    while True:
        pairs = [(i, j) for place, i in enumerate(present) for j in present[place + 1 :]]
        for i, j in pairs:
            if (i, j) not in gains:
                gains[i, j] = gain_of(every[i], every[j], batch_size)
        i, j = max(pairs, key=gains.__getitem__, default=(0, 0))
        if gains.get((i, j), 0.0) <= 0:
            return [every[i] for i in present if every[i].parts]
        joined = every[i].joined(every[j])
        # An empty bucket is there for others, unless it is this one.
        empty = {k for k in (i, j) if not every[k].parts and every[k].widths != joined.widths}
        present = [k for k in present if k not in (i, j) or k in empty] + [len(every)]
        every.append(joined)


def gain_of(a: Cluster, b: Cluster, batch_size: int) -> float:
    """The seconds that one bucket for both saves."""
    if not a.parts and not b.parts:
        return 0.0
    return a.seconds(batch_size) + b.seconds(batch_size) - a.joined(b).seconds(batch_size)


# Models


def free_layers(model: Model) -> list[Layer]:
    """The layers whose number of features may be filled up."""
    return [stretch[0] for stretch in free_stretches(model)]


def free_stretches(model: Model) -> list[list[Layer]]:
    """Each layer whose number of features may be filled up, and what comes after, up to the next product: all of it leaves
    zeros alone."""
    found: list[list[Layer]] = []
    waiting: list[Layer] = []
    for layer in chain_of(model) or []:
        plain = is_plain(layer)
        if layer.features_argument is not None:
            if waiting and plain:
                found.append(waiting)
            waiting = [layer] if plain and layer.keeps_zeros else []
        elif waiting:
            waiting = [*waiting, layer] if plain and layer.keeps_zeros else []
    return found


def counted(model: Model) -> dict[str, int]:
    """The numbers of features of all layers in such stretches, by their paths."""
    sizes = {id(layer): features_of(stretch[0]) for stretch in free_stretches(model) for layer in stretch}
    return {path: sizes[id(module)] for path, module in modules_of(model) if id(module) in sizes}


def is_plain(layer: Layer) -> bool:
    """Whether a layer is built-in, its penalties leave zeros alone, and nothing is projected."""
    home = home_of(type(layer))
    if home is None or home[0] != "layers" or not is_ours(type(layer)):
        return False
    penalties = [layer.activity_regularizer, *(v.regularizer for v in layer.weights)]
    kept = all(p is None or (is_ours(type(p)) and p.keeps_zeros) for p in penalties)
    return kept and all(v.constraint is None for v in layer.weights)


def features_of(layer: Layer) -> int:
    return int(layer.__dict__[str(layer.features_argument)])


def products_of(model: Model, free: list[Layer]) -> list[tuple[tuple[int, int], tuple[int, int]]]:
    """See `Shape.products`."""
    places = {id(layer): place for place, layer in enumerate(free)}
    products: list[tuple[tuple[int, int], tuple[int, int]]] = []
    before: tuple[int, int] | None = None
    for layer in chain_of(model) or []:
        if layer.features_argument is not None:
            place = places.get(id(layer), -1)
            units = (place, 0 if place >= 0 else features_of(layer))
            inputs = before if before is not None and before[0] >= 0 else (-1, int(layer.weights[0].shape[0]))
            products.append((inputs, units))
            before = units
    return products


def with_widths(model: Model, widths: tuple[int, ...], example: Batch, counting: bool = False) -> Model:
    """A new prepared model like a given one, with other numbers of features in its free layers.

    Args:
        model: the model.
        widths: for each of its free layers.
        example: some samples, for their shapes.
        counting: whether layers that draw at random take the number of features that are there as a hyperparameter.
    """
    wanted = dict(zip(map(id, free_layers(model)), widths, strict=True))

    def new(layer: Layer) -> Layer:
        config = config_of(layer)
        if id(layer) in wanted:
            config[str(layer.features_argument)] = wanted[id(layer)]
        return type(layer).from_config(config)

    twin = clone_model(model, clone_function=new)
    for stretch in free_stretches(twin) if counting else ():
        for layer in stretch:
            if isinstance(vars(type(layer)).get("counted_features"), Hyperparameter):
                layer.counted_features = features_of(stretch[0])
    build_for(twin, example, "fit")
    adapt_layers(twin, cast(Data, example[0]))
    twin.optimizer.build(twin.trainable_variables)
    return twin
