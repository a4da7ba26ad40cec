"""What a seed stands for: a model, how it is compiled, and how it is trained."""

from typing import Any

import numpy as np

from random_layers import attention, layer_for, merging_pair, operation_for
from random_models import Draw, layer_of, make_inputs, perform
from random_training import draw_compile, draw_head, draw_routine, draw_sets


def draw_inputs(d: Draw, few: bool = False) -> list[dict[str, Any]]:
    count = 1 if few or d.some(0.65) else d.randint(2, 3)
    return [draw_input(d) for _ in range(count)]


def draw_input(d: Draw) -> dict[str, Any]:
    kind = d.pick(
        "vector", "vector", "sequence", "sequence", "sequence", "words", "words", "words", "picture", "picture", "volume"
    )
    if kind == "vector":
        return {"kind": kind, "shape": (d.randint(1, 7),), "dtype": "float32"}
    if kind == "sequence":
        shape = (d.randint(3, 7), d.randint(1, 5))
        found: dict[str, Any] = {"kind": kind, "shape": shape, "dtype": "float32", "empty": d.some(0.4)}
        if d.some(0.25):
            found["declared"] = (None, shape[1])
        return found
    if kind == "words":
        found = {
            "kind": kind,
            "shape": (d.randint(3, 7),),
            "dtype": d.pick("int32", "int32", "float32"),
            "words": d.randint(4, 12),
        }
        if d.some(0.2):
            found["declared"] = (None,)
        if d.some(0.1):
            return {"kind": "pages", "shape": (d.randint(2, 3), d.randint(3, 5)), "dtype": "int32", "words": found["words"]}
        if d.some(0.1):
            return {"kind": "label", "shape": (), "dtype": "int32", "words": found["words"]}
        return found
    if kind == "picture":
        shape = (d.randint(5, 8), d.randint(5, 8), d.randint(1, 4))
        found = {"kind": kind, "shape": shape, "dtype": "float32"}
        if d.some(0.15):
            found["declared"] = (None, None, shape[2])
        return found
    return {"kind": kind, "shape": (d.randint(3, 5), d.randint(3, 5), d.randint(3, 4), d.randint(1, 2)), "dtype": "float32"}


WORDS = ("Embedding", "ReversibleEmbedding", "CategoryEncoding")


def penalizes(what: Any) -> bool:
    """Whether a layer adds a loss of what it gives: of several calls, Keras counts that of the last one."""
    return "ActivityRegularization" in repr(what) or "activity_regularizer" in repr(what)


class Builder:
    """Draws a description node by node, and has Keras say of each whether it is possible.

    Args:
        keras: real Keras.
        d: random choices.
        inputs: descriptions of inputs.
        sequential: whether every node takes what the one before made.
    """

    def __init__(self, keras: Any, d: Draw, inputs: list[dict[str, Any]], sequential: bool):
        self.keras, self.d, self.inputs, self.sequential = keras, d, inputs, sequential
        self.nodes: list[dict[str, Any]] = []
        self.made: list[Any] = []
        self.tensors = make_inputs(keras, inputs)
        self.uses = [0] * len(self.tensors)
        self.batch = inputs[0].get("batch")

    def add(self, what: Any, take: list[int], more: dict[str, Any] | None = None) -> bool:
        """Adds a node, unless Keras refuses it or it makes something too large."""
        try:
            layer = layer_of(self.keras, what, self.made)
            doing = self.nodes[what[1]]["do"] if what[0] == "again" else what
            results = perform(self.keras, doing, layer, [self.tensors[t] for t in take], more)
        except Exception:  # whatever Keras says: it is not possible
            return False
        if not results or any(self._unfit(t) for t in results):
            return False
        self.nodes.append({"do": what, "take": take, **({"with": more} if more else {})})
        self.made.append(layer)
        self.tensors += results
        self.uses += [0] * len(results)
        for t in take:
            self.uses[t] += 1
        return True

    def _unfit(self, tensor: Any) -> bool:
        shape = getattr(tensor, "shape", ())
        sizes = [s for s in shape[1:] if s is not None]
        return (
            len(shape) < 2
            or len(shape) > 5
            or shape[0] != self.batch
            or int(np.prod(sizes or [1])) > 400
            or 0 in sizes
            or "float" not in str(tensor.dtype)
            or shape[-1] is None
        )

    def knows(self, tensor: int) -> bool:
        return all(size is not None for size in self.shape(tensor))

    def shape(self, tensor: int) -> tuple:
        return tuple(self.tensors[tensor].shape[1:])

    def start(self) -> None:
        """Turns numbers of words into vectors."""
        for index, given in enumerate(self.inputs):
            if self._is_words(index):
                d = self.d
                if given["kind"] == "words" and d.some(0.1):
                    counted = {"num_tokens": given["words"], "output_mode": d.pick("multi_hot", "count", "one_hot")}
                    assert self.add(("layer", "CategoryEncoding", counted), [index])
                    continue
                more: dict[str, Any] = {"input_dim": given["words"], "output_dim": d.randint(2, 5), "mask_zero": d.some(0.6)}
                if d.some(0.2):
                    more["embeddings_regularizer"] = "l2"
                if d.some(0.1):
                    more["embeddings_constraint"] = "unit_norm"
                kind = "ReversibleEmbedding" if d.some(0.1) else "Embedding"
                assert self.add(("layer", kind, more), [index])
            elif given.get("empty"):
                assert self.add(("layer", "Masking", {"mask_value": 0.0}), [index])

    def grow(self) -> None:
        d, last = self.d, len(self.tensors) - 1
        floats = [t for t in range(len(self.tensors)) if "float" in str(self.tensors[t].dtype) and not self._is_words(t)]
        # What nothing has used yet comes first, so that models are deep.
        take = last if d.some(0.7) or not floats else d.choice(floats)
        if self.sequential:
            take = last
        if take not in floats:
            take = d.choice(floats)
        roll = d.random()
        if self.sequential or roll < 0.55:
            self.add(layer_for(d, self.shape(take)), [take])
        elif roll < 0.70:
            self.add(operation_for(d, self.shape(take)), [take])
        elif roll < 0.92:
            self.merge(take, floats)
        elif roll < 0.96:
            self.reuse(take)
        else:
            self.nest(take)

    def _is_words(self, tensor: int) -> bool:
        return tensor < len(self.inputs) and self.inputs[tensor]["kind"] in ("words", "pages", "label")

    def merge(self, take: int, floats: list[int]) -> None:
        d = self.d
        same = [t for t in floats if self.shape(t) == self.shape(take)]
        ranked = [t for t in floats if len(self.shape(t)) == len(self.shape(take))]
        wide = [t for t in ranked if self.shape(t)[:-1] == self.shape(take)[:-1]]
        roll = d.randrange(12)
        if roll < 3:
            others = [d.choice(same) for _ in range(d.randint(1, 2))]
            name = d.pick("Add", "Multiply", "Average", "Maximum", "Minimum", "Subtract")
            self.add(("layer", name, {}), [take, *others[: 1 if name == "Subtract" else 2]])
        elif roll < 5:
            self.add(("layer", "Concatenate", {"axis": -1}), [take, d.choice(wide)])
        elif roll == 5:
            self.add(("layer", "Concatenate", {"axis": 1}), [take, d.choice(ranked)])
        elif roll == 6:
            self.add(("layer", d.pick("Add", "Multiply", "Maximum"), {}), [take, d.choice(floats)])
        elif roll < 9:
            self.add(merging_pair(d), [take, d.choice(same)])
        elif roll == 9:
            what = ("layer", "Dot", {"axes": d.pick(1, -1, (1, 1), (1, 2), 2), "normalize": d.some(0.3)})
            self.add(what, [take, d.choice(floats)])
        elif roll == 10:
            self.remember(take, [t for t in floats if len(self.shape(t)) == 1])
        else:
            self.attend(take, [t for t in floats if len(self.shape(t)) == 2])

    def attend(self, take: int, sequences: list[int]) -> None:
        if len(self.shape(take)) == 2 and sequences:
            what, causal = attention(self.d)
            self.add(what, [take, self.d.choice(sequences)], causal)

    def remember(self, take: int, vectors: list[int]) -> None:
        """A recurrent layer that begins with states from elsewhere."""
        d = self.d
        # Beside a state, Keras loses the mask of what goes in.
        if len(self.shape(take)) != 2 or not vectors or getattr(self.tensors[take], "_keras_mask", None) is not None:
            return
        start = d.choice(vectors)
        units = self.shape(start)[0]
        kind = d.pick("LSTM", "GRU", "SimpleRNN")
        what: Any = ("layer", kind, {"units": units, "return_sequences": d.some(0.5), "return_state": d.some(0.3)})
        count = 2 if kind == "LSTM" else 1
        if d.some(0.2):
            what, count = ("layer", "Bidirectional", {"layer": what}), 2 * count
        self.add(what, [take, *[start] * count])

    def reuse(self, take: int) -> None:
        """A layer once more, on another tensor."""
        fitting = [
            i
            for i, node in enumerate(self.nodes)
            if node["do"][0] in ("layer", "own")
            and len(node["take"]) == 1
            and not penalizes(node["do"])
            # Kerata refuses what is no word's number.
            and not (node["do"][1] in WORDS and not self._is_words(take))
        ]
        if fitting:
            self.add(("again", self.d.choice(fitting)), [take])

    def nest(self, take: int) -> None:
        """A model as a layer."""
        shape = self.shape(take)
        if any(s is None for s in shape):
            return
        dtype = str(self.tensors[take].dtype)
        inner = Builder(self.keras, self.d, [{"kind": "any", "shape": shape, "dtype": dtype}], self.d.some(0.5))
        for _ in range(self.d.randint(1, 3)):
            inner.grow()
        if inner.nodes:
            last = len(inner.tensors) - 1
            form = "sequential" if inner.sequential else self.d.pick("functional", "functional", "subclass")
            what = ("model", inner.describe([last], form))
            if self.add(what, [take]) and self.d.some(0.3) and not penalizes(what):
                same = [t for t in range(len(self.tensors)) if self.shape(t) == shape and not self._is_words(t)]
                self.add(("again", len(self.nodes) - 1), [self.d.choice(same)])

    def describe(self, outputs: list[int], form: str) -> dict[str, Any]:
        return {"form": form, "inputs": self.inputs, "nodes": self.nodes, "outputs": outputs}


POLICIES = ("mixed_bfloat16", "mixed_float16", "mixed_float16", "bfloat16")


def draw(keras: Any, seed: int) -> dict[str, Any]:
    """What a seed stands for.

    Returns:
        {"seed", "policy", "model", "kinds" of targets, "compile", "sets" of data with their sizes, "weights" of samples,
        "by name" and "x by name" for data as dicts, "routine"}.
    """
    d = Draw(seed)
    policy = d.choice(POLICIES) if d.some(0.08) else None
    d.dropping = d.some(0.04)
    form = d.pick("sequential", "functional", "functional", "functional", "subclass")
    inputs = draw_inputs(d, few=form == "sequential")
    if d.some(0.06):
        fix_batches(d, inputs)
    named = form != "sequential" and d.some(0.3)
    if named:
        for place, given in enumerate(inputs):
            given["name"] = "zyx"[place] + "_in"
    before = keras.config.dtype_policy()
    try:
        keras.config.set_dtype_policy(policy or "float32")
        builder = Builder(keras, d, inputs, sequential=form == "sequential")
        grow(builder, form)
        outputs, kinds, names = add_heads(builder, named)
    finally:
        keras.config.set_dtype_policy(before)
    model = builder.describe(outputs, form)
    dress(d, model, form, names)
    by_name = names is not None and bool(model.get("named outputs") or (form != "subclass" and d.some(0.6)))
    x_by_name = named and bool(model.get("named inputs") or (form != "subclass" and d.some(0.4)))
    sets, size = draw_sets(d, inputs[0].get("batch"))
    description: dict[str, Any] = {
        "seed": seed,
        "policy": policy,
        "model": model,
        "kinds": kinds,
        "sets": sets,
        "by name": by_name,
        "x by name": x_by_name,
    }
    description["weights"] = draw_weights(d, kinds)
    called = names if form != "subclass" or model.get("named outputs") else None
    description["compile"] = draw_compile(d, kinds, called, halves="'bfloat16'" in repr((policy, model)))
    if "float16'" in repr((policy, model)) and "Nadam" in repr(description["compile"]):
        # Where the loss is scaled, Keras forgets Nadam's product of momenta.
        description["compile"]["optimizer"] = "sgd"
    description["routine"] = draw_routine(d, description, size)
    return description


def fix_batches(d: Draw, inputs: list[dict[str, Any]]) -> None:
    """Batches of one size, known beforehand."""
    size = d.randint(2, 5)
    for given in inputs:
        given["batch"] = size


def grow(builder: Builder, form: str) -> None:
    d = builder.d
    builder.start()
    wanted = len(builder.nodes) + (d.randint(1, 5) if form == "sequential" else d.randint(2, 8))
    for _ in range(40):
        if len(builder.nodes) >= wanted:
            break
        builder.grow()


def dress(d: Draw, model: dict[str, Any], form: str, names: list[str] | None) -> None:
    """What a model is called by, its class, how it is put together."""
    if form == "sequential":
        model["added"] = d.some(0.3)
        model["deferred"] = d.some(0.15) and "batch" not in model["inputs"][0]
    if form == "functional" and d.some(0.12):
        model["class"] = d.pick("Penalized", "Watched")
    if form == "sequential" and d.some(0.06):
        model["class"] = "Careful"
    if form == "functional" and names is not None:
        model["named inputs"] = d.some(0.4)
    if names is not None:
        model["output names"] = names
        model["named outputs"] = d.some(0.4)


def draw_weights(d: Draw, kinds: list[dict[str, Any]]) -> str | None:
    """What sample weights there are: one a sample, one a step, none."""
    roll = d.random()
    # Keras broadcasts weights of samples over steps from the right.
    if roll < 0.3 and not any(k["steps"] for k in kinds):
        return "samples"
    return "steps" if roll < 0.4 and all(k["steps"] and k["kind"] != "letters" for k in kinds) else None


def add_heads(builder: Builder, named: bool) -> tuple[list[int], list[dict[str, Any]], list[str] | None]:
    """One or two outputs, each with the kind of its targets; their names, where they have some."""
    d = builder.d
    count = 1 if builder.sequential or d.some(0.75) else 2
    unused = [t for t in range(len(builder.tensors)) if not builder.uses[t] and not builder._is_words(t)]
    outputs: list[int] = []
    kinds: list[dict[str, Any]] = []
    names = ["second_head", "a_head"][:count] if named else None
    for number in range(count):
        start = len(builder.tensors) - 1 if number == 0 else d.choice(unused or [len(builder.tensors) - 1])
        if number == 0 and len(unused) > 1 and not builder.sequential:
            start = join(builder, unused)
        steps = len(builder.shape(start)) == 2 and d.some(0.4)
        kind, units, act = draw_head(d, steps and builder.shape(start)[0] is not None)
        if len(builder.shape(start)) > 1 and not steps:
            reduce_to_vector(builder, start)
            start = len(builder.tensors) - 1
        outer = {"name": names[number]} if names else {}
        if steps and d.some(0.3) and builder.shape(start)[0] is not None:
            inner = ("layer", "Dense", {"units": units, "activation": act})
            added = builder.add(("layer", "TimeDistributed", {"layer": inner, **outer}), [start])
        else:
            added = builder.add(("layer", "Dense", {"units": units, "activation": act, **outer}), [start])
        assert added
        outputs.append(len(builder.tensors) - 1)
        kinds.append({"kind": kind, "units": units, "steps": steps})
    return outputs, kinds, names


def join(builder: Builder, unused: list[int]) -> int:
    """What nothing has used yet, in one vector, so that all that was drawn takes part."""
    vectors = []
    for tensor in unused:
        if len(builder.shape(tensor)) > 1:
            reduce_to_vector(builder, tensor)
            tensor = len(builder.tensors) - 1
        vectors.append(tensor)
    while len(vectors) > 1:
        if builder.add(("layer", "Concatenate", {"axis": -1}), vectors):
            return len(builder.tensors) - 1
        # Too large together.
        vectors = vectors[1:]
    return vectors[0]


def reduce_to_vector(builder: Builder, tensor: int) -> None:
    d, shape = builder.d, builder.shape(tensor)
    for _ in range(20):
        if len(shape) == 2:
            what = d.pick(
                ("layer", "Flatten", {}),
                ("layer", "GlobalAveragePooling1D", {}),
                ("layer", "GlobalMaxPooling1D", {}),
                ("layer", "LSTM", {"units": 3}),
                ("layer", "GRU", {"units": 3}),
                ("layer", "Bidirectional", {"layer": ("layer", "LSTM", {"units": 2})}),
                ("operation", "slice", {"index": ((None, None), -1)}) if not builder.sequential else ("layer", "Flatten", {}),
            )
        else:
            rank = len(shape) - 1
            what = d.pick(("layer", "Flatten", {}), ("layer", f"Global{d.pick('Average', 'Max')}Pooling{rank}D", {}))
        if what[1] == "Flatten" and not builder.knows(tensor):
            continue
        if builder.add(what, [tensor]):
            return
    raise AssertionError(f"no way to a vector from {shape}")
