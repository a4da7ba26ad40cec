"""The table of works: what is trained or measured, at which size, and the bar that the project set itself.

A row says everything about a work; the networks that the rows name are in `nets_keras.py`, `nets_jax.py` and
`nets_torch.py`, one builder a library. Only the standard library is imported here: the page of an import time
must not pay for anything else.
"""

from dataclasses import dataclass, replace

IMPLEMENTATIONS = {
    "kerata": "Kerata",
    "keras-jax": "Keras on JAX",
    "keras-tf": "Keras on TensorFlow",
    "torch": "torch eager",
    "jax": "hand-written JAX loop",
}
ALL = tuple(IMPLEMENTATIONS)
# Another state of Kerata, in another environment, that takes turns with this one (`--before`).
BEFORE = "before"
KERAS_API = ("kerata", "keras-jax", "keras-tf")

# What must be importable for an implementation to run.
PACKAGES = {
    "kerata": ("kerata",),
    "keras-jax": ("keras", "jax"),
    "keras-tf": ("keras", "tensorflow"),
    "torch": ("torch",),
    "jax": ("jax",),
}

# The module of the implementations that speak the Keras API, and the backend that it is told to use.
MODULES = {"kerata": ("kerata", ""), "keras-jax": ("keras", "jax"), "keras-tf": ("keras", "tensorflow")}

# Whole networks, of which torch has a plain form beside.
APPLICATIONS = ("ResNet50", "MobileNetV2", "EfficientNetB0", "InceptionV3", "VGG16")


@dataclass(frozen=True)
class Bar:
    """A target: `times` faster than `peer`, or at most `limit` in the measure's own unit."""

    measure: str
    peer: str = ""
    times: float = 0.0
    limit: float = 0.0


@dataclass(frozen=True)
class Work:
    """One row: `kind` picks the way of measuring (see `measures.py`, or the `module` named), `net` the network and its data.

    `own_process`: every repetition is a new process, because what is measured happens once in a process.
    `max_rounds`: more repetitions than this would tell nothing new (a memory run is its own average).
    """

    name: str
    title: str
    kind: str
    net: str = ""
    samples: int = 0
    batch: int = 0
    epochs: int = 0
    planned: int = 0  # epochs that a fit is told, where it is stopped after `epochs`: what a long one is made of
    optimizer: str = "adam"
    repeats: int = 1  # calls in one repetition; their median is the repetition's figure
    progress: bool = False
    own_process: bool = False
    persistent_cache: bool = False
    max_rounds: int = 1000
    module: str = "measures"
    implementations: tuple[str, ...] = ALL
    measures: tuple[tuple[str, str], ...] = (("fit", "s"),)  # (name, unit); smaller is better
    bars: tuple[Bar, ...] = ()


# fmt: off
WORKS = (
    Work(
        "tabular", "ionosphere, 34-34-1, batch 28, 50 epochs, `verbose=0`", "fit", "tabular",
        samples=351, batch=28, epochs=50, repeats=3, bars=(Bar("fit", "keras-jax", 15),),
    ),
    Work(
        "tabular-progress", "the same with the default progress on a terminal", "fit", "tabular",
        samples=351, batch=28, epochs=50, repeats=3, progress=True, implementations=KERAS_API,
        bars=(Bar("fit", "keras-jax", 8),),
    ),
    Work(
        "mlp", "MNIST MLP, 784-512-10, rmsprop, batch 128", "fit", "mlp",
        samples=12_800, batch=128, epochs=4, optimizer="rmsprop", bars=(Bar("fit", "jax", 1 / 1.1),),
    ),
    Work(
        "mlp-dropout", "MNIST MLP with dropout 0.2, 784-512-512-10, rmsprop, batch 128", "fit", "mlp-dropout",
        samples=12_800, batch=128, epochs=3, optimizer="rmsprop", bars=(Bar("fit", "keras-jax", 1.3),),
    ),
    Work(
        "cnn", "MNIST CNN, Conv32-Conv64-Dense10, batch 64", "fit", "cnn",
        samples=1_920, batch=64, epochs=2,
        bars=(Bar("fit", "keras-jax", 3), Bar("fit", "keras-tf", 1), Bar("fit", "torch", 1)),
    ),
    Work(
        "cnn-bn", "32x32 CNN with batch normalization, six convolutions, batch 64, in a fit of 200 epochs", "fit", "cnn-bn",
        samples=640, batch=64, epochs=2, planned=200, repeats=3, bars=(Bar("fit", "keras-jax", 1.6), Bar("fit", "torch", 1)),
    ),
    Work(
        "lstm", "LSTM on reviews, 80 steps, 64 units, batch 32", "fit", "lstm",
        samples=1_600, batch=32, epochs=3, bars=(Bar("fit", "keras-jax", 1.5), Bar("fit", "torch", 1)),
    ),
    Work(
        "texts", "a classifier of raw texts, 25,000 of about 200 words: their words' numbers, embedding 20,000x16, batch 32",
        "fit", "texts", samples=25_000, batch=32, epochs=2, implementations=("kerata", "keras-tf"), max_rounds=3,
        bars=(Bar("fit", "keras-tf", 3),),
    ),
    Work(
        "transformer", "two-block transformer encoder, 64 steps, width 64, 4 heads, batch 32", "fit", "transformer",
        samples=1_600, batch=32, epochs=2, bars=(Bar("fit", "keras-jax", 1), Bar("fit", "torch", 1)),
    ),
    Work(
        "frozen", "a head on a frozen VGG16, 64 pictures of 160x160, batch 32, 10 epochs", "fit", "frozen",
        samples=64, batch=32, epochs=10, implementations=KERAS_API, max_rounds=3,
        bars=(Bar("fit", "keras-jax", 5), Bar("fit", "keras-tf", 5)),
    ),
    Work(
        "frozen-augmented", "the same pictures mirrored, turned and enlarged at random, 2 epochs in a fit of 300 "
        "(as many steps as ten of 2,000 pictures)", "fit", "frozen-augmented",
        samples=64, batch=32, epochs=2, planned=300, implementations=KERAS_API, max_rounds=3,
        bars=(Bar("fit", "keras-jax", 1.3), Bar("fit", "keras-tf", 1.3)),
    ),
    *(Work(
        f"steps-{net.lower()}", f"{net} on pictures of 160x160, batch 8, in a fit of 1,000 epochs", "steps", net,
        samples=128, batch=8, epochs=1, planned=1_000,
        implementations=(*KERAS_API, "torch"), max_rounds=3,
        measures=(("a step", "ms"), ("a fit beside its steps", "s")),
        bars=tuple(Bar("a step", peer, 1) for peer in ("keras-jax", "keras-tf", "torch")),
    ) for net in APPLICATIONS),
    *(Work(
        f"first-{net.lower()}", f"{net} in a fresh process: built, compiled, three steps on pictures of 160x160, batch 8",
        "first", net,
        samples=24, batch=8, epochs=1, own_process=True, implementations=("kerata", "keras-jax"), max_rounds=3,
        measures=(("build and fit", "s"), ("peak of memory", "MiB")),
        bars=(Bar("build and fit", "keras-jax", 1), Bar("peak of memory", "keras-jax", 1)),
    ) for net in APPLICATIONS),
    Work(
        "on-batch", "one batch of 28 at a time by 34-34-1: `train_on_batch`, `test_on_batch`, `fit`", "on-batch", "tabular",
        samples=28, batch=28, epochs=1, repeats=300, implementations=KERAS_API,
        measures=(("train_on_batch", "ms"), ("test_on_batch", "ms"), ("fit of one batch", "ms")),
        bars=tuple(Bar(name, "keras-jax", 1) for name in ("train_on_batch", "test_on_batch", "fit of one batch")),
    ),
    Work(
        "predict-mlp", "`predict` of one sample, 784-512-10", "predict", "mlp", repeats=100,
        measures=(("call", "ms"),), bars=(Bar("call", limit=0.2), Bar("call", "keras-jax", 4)),
    ),
    Work(
        "predict-cnn", "`predict` of one sample, MNIST CNN", "predict", "cnn", repeats=100,
        measures=(("call", "ms"),), bars=(Bar("call", "keras-jax", 1),),
    ),
    Work(
        "import", "import", "import", own_process=True,
        measures=(("in all", "s"), ("beyond `import jax`", "s")), bars=(Bar("beyond `import jax`", limit=0.25),),
    ),
    Work(
        "first-fit", "first fit of the tabular model, from process start", "first", "tabular",
        samples=351, batch=28, epochs=50, own_process=True,
        measures=(("process start to end of fit", "s"), ("build and fit", "s")),
        bars=(Bar("process start to end of fit", "keras-jax", 2),),
    ),
    Work(
        "first-fit-cached", "the same with a filled compilation cache on disk (JAX's own for the others)",
        "first", "tabular", samples=351, batch=28, epochs=50, own_process=True,
        persistent_cache=True, implementations=("kerata", "keras-jax", "jax"),
        measures=(("process start to end of fit", "s"), ("build and fit", "s")),
    ),
    Work(
        "folds", "K-fold loop: a freshly built tabular model of a known structure", "fresh", "tabular",
        samples=351, batch=28, epochs=50,
        measures=(("build", "s"), ("first fit", "s"), ("steady fit", "s"), ("programs compiled", "")),
        bars=(Bar("first fit / steady fit", limit=1.5),),
    ),
    *(Work(
        f"sizes-{net}", f"fits of fresh models on 20 numbers of samples, {title}", "sizes", net,
        samples=samples, batch=batch, epochs=2, repeats=20, own_process=True, max_rounds=3,
        implementations=("kerata", "keras-jax"),
        measures=(("first fit", "s"), ("a fit after the third", "s"), ("programs compiled after the third", "")),
        bars=(Bar("programs compiled after the third", limit=0.0),),
    ) for net, title, samples, batch in (
        ("tabular", "34-34-1", 351, 28), ("cnn-bn", "32x32 CNN with batch normalization", 320, 32),
        ("lstm", "LSTM on reviews", 1_600, 32),
    )),
    Work(
        "memory", "500 times build, fit, discard: resident memory after the 50th model", "memory", "tabular",
        samples=351, batch=28, epochs=1, own_process=True, max_rounds=1, repeats=500,
        measures=(("growth over 100 models", "MiB"), ("programs compiled a model", ""), ("models", "")),
        bars=(Bar("growth over 100 models", limit=1.0),),
    ),
    Work(
        "peak-memory", "peak resident memory of one MNIST MLP epoch, 60,000 images", "peak", "mlp",
        samples=60_000, batch=128, epochs=1, optimizer="rmsprop", own_process=True, max_rounds=3,
        measures=(("peak", "MiB"), ("peak beyond imports and data", "MiB")),
    ),
    Work(
        "reading", "2,000 JPEG files of 500x375 in class folders, `image_dataset_from_directory`, 150x150, batch 32, one pass",
        "reading", "photos", samples=2_000, batch=32, own_process=True, max_rounds=3, module="pictures",
        implementations=("kerata", "keras-tf"),
        measures=(("first epoch", "s"), ("later epoch", "s"), ("first epoch, decoded fast", "s"), ("first batch", "s"),
                  ("first epoch, nothing kept", "s"), ("first epoch, decoded fast, nothing kept", "s")),
        bars=(Bar("first epoch", "keras-tf", 1), Bar("first epoch, nothing kept", "keras-tf", 1),
              Bar("first epoch, decoded fast", "keras-tf", 1.5),
              Bar("first epoch, decoded fast, nothing kept", "keras-tf", 1.5), Bar("later epoch", "keras-tf", 5)),
    ),
    Work(
        "augmenting", "the same files by `ImageDataGenerator`: turned, shifted, sheared, zoomed, mirrored at random, one pass "
        "(torch eager: OpenCV and albumentations in two processes)",
        "augmenting", "photos", samples=1_984, batch=32, own_process=True, max_rounds=3, module="pictures",
        implementations=("kerata", "keras-jax", "torch"),
        measures=(("first epoch", "s"), ("later epoch", "s"), ("first epoch, decoded fast", "s")),
        bars=(Bar("first epoch", "keras-jax", 2.3), Bar("first epoch, decoded fast", "keras-jax", 4.5),
              Bar("later epoch", "keras-jax", 8), Bar("first epoch", "torch", 1.1), Bar("later epoch", "torch", 1.5)),
    ),
    Work(
        "many-files", "a folder of 20,000 JPEG files of 500x375, `image_dataset_from_directory`, 150x150, batch 32",
        "many", "many-photos", samples=20_000, batch=32, own_process=True, max_rounds=3, module="pictures",
        implementations=("kerata", "keras-tf"),
        measures=(("first batch", "s"), ("a pass", "s"), ("growth of memory from the 2,000th picture to the last", "MiB")),
        bars=(Bar("first batch", limit=2.0), Bar("growth of memory from the 2,000th picture to the last", limit=20.0)),
    ),
    Work(
        "cifar-files", "CIFAR-10 in 50,000 files, a CNN of two convolutions behind flips and shifts, batch 64, one epoch",
        "from files", "cifar-files", samples=50_000, batch=64, own_process=True, max_rounds=3, module="pictures",
        implementations=("kerata", "keras-tf"),
        measures=(("from arrays", "s"), ("from files", "s"), ("from files, again", "s")),
        bars=(Bar("from files / from arrays", limit=1.1), Bar("from files, again / from arrays", limit=1.1)),
    ),
    Work(
        "search", "search: 64 trials x 5 folds x 50 epochs of 34-34-1 on ionosphere, batch 28", "search", "tabular",
        samples=351, batch=28, epochs=50, repeats=64, module="searches",
        implementations=("kerata", "keras-jax"),
        measures=(("all trials", "s"), ("all trials, with a file", "s"), ("all trials, the first time", "s"),
                  ("all trials by the default sampler (TPE)", "s"), ("all trials in a loop of its own `fit`", "s"),
                  ("score", ""), ("largest difference of a score to the loop's", "")),
        bars=(Bar("all trials", "keras-jax", 100), Bar("all trials, with a file", "keras-jax", 100),
              Bar("all trials, the first time", "keras-jax", 100),
              Bar("all trials / all trials in a loop of its own `fit`", limit=1 / 3),
              Bar("all trials, with a file / all trials in a loop of its own `fit`", limit=1 / 3),
              Bar("largest difference of a score to the loop's", limit=1e-4)),
    ),
    Work(
        "population", "population of 128 models 34-34-1, batch 28, a model and step", "population", "tabular",
        samples=351, batch=28, epochs=150, repeats=128, module="searches", implementations=("kerata",),
        measures=(("own seeds", "us"), ("one seed", "us"), ("own seeds, with dropout and l2", "us"),
                  ("own seeds, the whole call", "us"), ("one seed, the whole call", "us"),
                  ("own seeds, with dropout and l2, the whole call", "us")),
        bars=(Bar("own seeds", limit=4.0), Bar("one seed", limit=4.0), Bar("own seeds, with dropout and l2", limit=4.0)),
    ),
    Work(
        "crossval", "cross-validation of 12-8-1 on pima, 10 folds x 10 repeats, adam, batch 32, 100 epochs", "crossval", "pima",
        samples=768, batch=32, epochs=100, repeats=10, own_process=True, max_rounds=3, module="searches",
        implementations=("kerata",),
        measures=(("second call", "s"), ("first call", "s"), ("the same in a loop of its own `fit`", "s"),
                  ("largest difference of a fold's loss to the loop's", ""), ("largest difference of a fold's accuracy", ""),
                  ("mean accuracy", "")),
        bars=(Bar("second call", limit=10.0),),
    ),
    Work(
        "structures", "search: 40 trials of 8 to 128 units in 1 to 4 layers x 5 folds x 20 epochs on phoneme, batch 32",
        "structures", "phoneme", samples=5_404, batch=32, epochs=20, repeats=40, own_process=True, max_rounds=3,
        module="structures", implementations=("kerata", "keras-jax"),
        measures=(("all trials, the first time", "s"), ("all trials, processor time", "s"),
                  ("all trials by the default sampler (TPE), afterwards", "s"),
                  ("all trials in a loop of its own `fit`", "s"), ("largest difference of a score to the loop's", "")),
        bars=(Bar("all trials, the first time", "keras-jax", 30),
              Bar("largest difference of a score to the loop's", limit=1e-3)),
    ),
    Work(
        "search-memory", "resident memory of a study of 1,000 trials, 20 at a time, after the 200th", "search-memory",
        "tabular", samples=351, batch=28, epochs=5, repeats=1000, own_process=True, max_rounds=1,
        module="searches", implementations=("kerata",),
        measures=(("growth over 100 trials", "MiB"), ("Python objects more after 100 trials", ""),
                  ("growth over 10 calls of `cross_validate`", "MiB"), ("at the end", "MiB"), ("trials", "")),
        bars=(Bar("growth over 100 trials", limit=1.0), Bar("growth over 10 calls of `cross_validate`", limit=1.0)),
    ),
)
# fmt: on
BY_NAME = {work.name: work for work in WORKS}


def shrink(work: Work) -> Work:
    """The same work, cut down to see that it runs; its figures mean little."""
    return replace(
        work,
        samples=min(work.samples, 2 * work.batch + work.batch // 2) if work.batch else 0,
        epochs=min(work.epochs, 2),
        repeats=min(work.repeats, 5),
    )
