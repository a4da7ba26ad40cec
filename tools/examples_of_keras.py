"""Runs Keras 2.3.1's own example scripts under `kerata run`: `python tools/examples_of_keras.py KERAS [names of scripts]`.

KERAS is the folder of its unpacked source archive; one script needs `six`. Each runs in a process and a folder of its own,
as it stands but for numbers that say how much work is done (`CUTS`): one epoch, two steps, few rows. Data sets and pictures are
random numbers, as are the weights of networks of ImageNet; modules that are not there (`cv2`, `cairocffi`, `editdistance`) have
stand-ins. The share of the scripts that run to the end is printed, with the error of the others.
"""

import argparse
import io
import os
import re
import subprocess
import sys
import tarfile
import tempfile
import textwrap
import time
from pathlib import Path
from typing import Any

import numpy as np

# Script -> what is written in place of what.
CUTS: dict[str, dict[str, str]] = {
    "addition_rnn": {r"TRAINING_SIZE = 50000": "TRAINING_SIZE = 300", r"range\(1, 200\)": "range(1, 2)"},
    "lstm_text_generation": {r"range\(400\)": "range(4)", r"\[0\.2, 0\.5, 1\.0, 1\.2\]": "[0.2]"},
    "conv_lstm": {r"n_samples=1200, n_frames=15": "n_samples=4, n_frames=15", r"\(n_samples=1200\)": "(n_samples=4)"}
    | {r"which = 1004": "which = 2"},
    "conv_filter_visualization": {
        r"visualize_layer\(vgg, LAYER_NAME\)": "visualize_layer(vgg, LAYER_NAME, epochs=1, upscaling_steps=1, "
        "output_dim=(48, 48), filter_range=(0, 4))"
    },
    "deep_dream": {r"iterations = 20": "iterations = 1", r"num_octave = 3": "num_octave = 2"},
    "neural_doodle": {r"num_iterations = 50": "num_iterations = 1", r"maxfun=20": "maxfun=2"},
    "neural_style_transfer": {r"maxfun=20": "maxfun=2", r"img_nrows = 400": "img_nrows = 48"},
    "image_ocr": {r"words_per_epoch = 16000": "words_per_epoch = 128", r"val_split = 0\.2": "val_split = 0.25"}
    | {
        r"rnn_size = 512": "rnn_size = 16",
        r"build_word_list\(16000": "build_word_list(128",
        r"build_word_list\(32000": "build_word_list(128",
    }
    | {
        r"train\(run_name, 0, 20, 128\)": "train(run_name, 0, 1, 128)",
        r"train\(run_name, 20, 25, 512\)": "train(run_name, 1, 2, 512)",
    }
    | {r"self\.num_display_words = 6|num_display_words=6": "num_display_words=2"},
    "mnist_acgan": {
        r"epochs = 100": "epochs = 1",
        r"    x_train = np\.expand_dims": "    x_train, y_train = x_train[:400], y_train[:400]\n"
        "    x_test, y_test = x_test[:100], y_test[:100]\n    x_train = np.expand_dims",
    },
    "reuters_mlp_relu_vs_selu": {r"epochs = 40": "epochs = 1"},
    "lstm_stateful": {r"input_len = 1000": "input_len = 40"},
    "pretrained_word_embeddings": {r"MAX_NUM_WORDS = 20000": "MAX_NUM_WORDS = 200"},
}
ARGUMENTS: dict[str, list[str]] = {
    "class_activation_maps": ["picture.png"],
    "deep_dream": ["picture.png", "dream"],
    "neural_style_transfer": ["picture.png", "style.png", "made", "--iter", "1"],
    "neural_doodle": ["--nlabels", "2", "--style-image", "style.png", "--style-mask", "mask.png", "--target-mask", "mask2.png"]
    + ["--target-image-prefix", "made"],
}
# What must have run before, in the same folder.
BEFORE = {"lstm_seq2seq_restore": "lstm_seq2seq"}
MOST_ROWS, MOST_STEPS = 192, 2
STORY = "1 Mary moved to the {a}.\n2 John went to the {b}.\n3 Where is Mary? \t{a}\t1\n"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("keras")
    parser.add_argument("names", nargs="*")
    parser.add_argument("--inside", action="store_true", help="run one script in this process")
    given, arguments = parser.parse_known_args()
    if given.inside:
        return run_inside(given.keras, [*given.names, *arguments])
    folder = Path(given.keras) / "examples"
    names = given.names or sorted(path.stem for path in folder.glob("*.py"))
    failed: dict[str, str] = {}
    for name in names:
        began = time.perf_counter()
        said = run_script(folder, name)
        print(f"{'ok  ' if said is None else 'FAIL'} {name} {time.perf_counter() - began:.0f} s {said or ''}", flush=True)
        if said is not None:
            failed[name] = said
    print(f"{len(names) - len(failed)} of {len(names)} scripts run to the end: {(len(names) - len(failed)) / len(names):.1%}")
    return int(bool(failed))


def run_script(folder: Path, name: str) -> str | None:
    """The last line of what went wrong; `None` where nothing did."""
    with tempfile.TemporaryDirectory() as place:
        make_files(Path(place))
        for one in (*([BEFORE[name]] if name in BEFORE else []), name):
            source = (folder / f"{one}.py").read_text()
            for pattern, cut in CUTS.get(one, {}).items():
                source = re.sub(pattern, cut, source)
            (Path(place) / f"{one}.py").write_text(source)
            command = [sys.executable, str(Path(__file__).resolve()), f"{one}.py", "--inside", *ARGUMENTS.get(one, [])]
            path = os.pathsep.join([*os.environ.get("PYTHONPATH", "").split(os.pathsep), str(Path(place) / "stand_ins")])
            environment = {**os.environ, "MPLBACKEND": "agg", "PYTHONPATH": path, "HOME": place}
            ran = subprocess.run(command, cwd=place, env=environment, capture_output=True, text=True, errors="replace")
            if ran.returncode:
                lines = [line for line in ran.stderr.splitlines() if re.match(r"[\w.]*(Error|Exception|Exit)", line)]
                return lines[-1] if lines else f"ended with {ran.returncode}"
    return None


# Files of the folder


def make_files(place: Path) -> None:
    """What scripts look for: pictures, pairs of sentences, news and word vectors, and modules that are not there."""
    from PIL import Image

    rng = np.random.default_rng(0)
    for name in ("picture", "style"):
        Image.fromarray(rng.integers(0, 255, (80, 96, 3), "uint8")).save(place / f"{name}.png")
    for name in ("mask", "mask2"):
        Image.fromarray(np.repeat(rng.integers(0, 2, (48, 48, 1), "uint8") * 255, 3, -1)).save(place / f"{name}.png")
    (place / "fra-eng").mkdir()
    pairs = [f"Go {n}.\tVa {n} !" for n in range(200)]
    (place / "fra-eng" / "fra.txt").write_text("\n".join(pairs) + "\n")
    for group in ("alt.atheism", "sci.space"):
        (place / "20_newsgroup" / group).mkdir(parents=True)
        for number in range(20):
            (place / "20_newsgroup" / group / str(10 + number)).write_text(
                f"From: a\n\nthe word {group} is number {number} of all\n"
            )
    (place / "glove.6B").mkdir()
    vector = " ".join(["0.1"] * 100)
    (place / "glove.6B" / "glove.6B.100d.txt").write_text(
        "".join(f"{word} {vector}\n" for word in ("the", "word", "is", "of", "all"))
    )
    stand_ins = place / "stand_ins"
    stand_ins.mkdir()
    for name, text in MODULES.items():
        (stand_ins / f"{name}.py").write_text(textwrap.dedent(text))


MODULES = {
    "editdistance": """
        def eval(a, b):
            return abs(len(a) - len(b))
    """,
    "cv2": """
        import numpy as np
        from PIL import Image

        def imread(path):
            return np.asarray(Image.open(path).convert("RGB"))[..., ::-1]

        def resize(image, size):
            rows = np.linspace(0, image.shape[0] - 1, size[1]).astype(int)
            columns = np.linspace(0, image.shape[1] - 1, size[0]).astype(int)
            return image[rows][:, columns]
    """,
    "cairocffi": """
        FORMAT_RGB24 = FONT_SLANT_NORMAL = FONT_WEIGHT_BOLD = FONT_WEIGHT_NORMAL = 0

        class ImageSurface:
            def __init__(self, form, width, height):
                self.size = width, height

            def get_data(self):
                return bytes([255]) * (4 * self.size[0] * self.size[1])

        class Context:
            def __init__(self, surface):
                pass

            def __enter__(self):
                return self

            def __exit__(self, *exc):
                pass

            def text_extents(self, text):
                return 0, 0, 5 * len(text), 20, 0, 0

            def __getattr__(self, name):
                return lambda *args: None
    """,
}


# Within the process of a script


def run_inside(script: str, arguments: list[str]) -> int:
    from kerata.cli.run import run_program

    stand_in()
    return run_program(script, arguments)


def stand_in() -> None:
    """Little data in place of downloads, random weights, and little work in `fit` and its kin."""
    import kerata
    from kerata.legacy import helpers
    from kerata.legacy.models import OldModel

    rng = np.random.default_rng(0)
    for name, shape, rows in (("mnist", (28, 28), 60_000), ("cifar10", (32, 32, 3), 2_000)):
        setattr(getattr(kerata.datasets, name), "load_data", lambda s=shape, n=rows: pictures(rng, s, n))  # noqa: B010
    for name, classes in (("imdb", 2), ("reuters", 46)):
        setattr(getattr(kerata.datasets, name), "load_data", lambda c=classes, **kwargs: texts(rng, c))  # noqa: B010
        setattr(getattr(kerata.datasets, name), "get_word_index", lambda *args: {"the": 1, "a": 2})  # noqa: B010
    kerata.utils.get_file = helpers.get_file = get_file  # type: ignore[attr-defined]
    for name in ("VGG16", "VGG19", "InceptionV3", "ResNet50"):
        untrained(name)
    whole, judged = OldModel._fit, OldModel._evaluate

    def fit(self: OldModel, arguments: dict[str, Any], per_epoch: int | None = None) -> object:
        arguments["epochs"] = min(arguments.get("epochs") or 1, (arguments.get("initial_epoch") or 0) + 1)
        for key, most in (("steps_per_epoch", MOST_STEPS), ("validation_steps", 1)):
            if arguments.get(key):
                arguments[key] = min(arguments[key], most)
        return whole(self, {key: few(value) if key in DATA else value for key, value in arguments.items()}, per_epoch)

    def evaluate(self: OldModel, arguments: dict[str, Any]) -> object:
        return judged(self, {key: few(value) if key in DATA else value for key, value in arguments.items()})

    OldModel._fit, OldModel._evaluate = fit, evaluate  # type: ignore[method-assign, assignment]


DATA = ("x", "y", "sample_weight", "validation_data")


def few(data: Any) -> Any:
    """The first rows of data."""
    if isinstance(data, dict):
        return {key: few(value) for key, value in data.items()}
    if isinstance(data, (list, tuple)) and any(hasattr(one, "shape") for one in data):
        return type(data)(few(one) for one in data)
    return data[:MOST_ROWS] if isinstance(data, np.ndarray) and data.ndim else data


def pictures(rng: np.random.Generator, shape: tuple[int, ...], most: int) -> tuple[Any, Any]:
    def part(rows: int) -> tuple[np.ndarray, np.ndarray]:
        labels = (np.arange(rows) % 10).astype("uint8")
        return rng.integers(0, 255, (rows, *shape), "uint8"), labels[:, None] if len(shape) == 3 else labels

    # Some scripts say how many there are.
    return part(most), part(10_000)


def texts(rng: np.random.Generator, classes: int) -> tuple[Any, Any]:
    def part(rows: int) -> tuple[np.ndarray, np.ndarray]:
        found = np.empty(rows, object)
        found[:] = [rng.integers(1, 90, rng.integers(20, 60)).tolist() for _ in range(rows)]
        return found, np.arange(rows) % classes

    return part(92), part(46)


def get_file(fname: str, *args: object, **kwargs: object) -> str:
    """A small file in place of one that is downloaded."""
    path = Path.cwd() / fname
    if "babi" in fname:
        path.write_bytes(babi_archive())
    elif "wordlists" in fname:
        # Its name alone counts: the lists lie beside it.
        words = ["".join(chr(97 + int(d)) for d in str(n)) for n in range(1000, 3000)]
        (path.parent / "wordlist_mono_clean.txt").write_text("\n".join(word[:4] for word in words))
        (path.parent / "wordlist_bi_clean.txt").write_text("\n".join(f"{word[:2]} {word[2:]}" for word in words))
        path.write_text("")
    else:
        path.write_text("the will to power and the joy of all that is good beyond good and evil. " * 8)
    return str(path)


def babi_archive() -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as tar:
        for challenge in (
            "en-10k/qa1_single-supporting-fact",
            "en-10k/qa2_two-supporting-facts",
            "en/qa2_two-supporting-facts",
        ):
            for part in ("train", "test"):
                text = "".join(STORY.format(a=a, b=b) for a in ("garden", "kitchen") for b in ("office", "hall")) * 8
                entry = tarfile.TarInfo(f"tasks_1-20_v1-2/{challenge}_{part}.txt")
                entry.size = len(text)
                tar.addfile(entry, io.BytesIO(text.encode()))
    return stream.getvalue()


def untrained(name: str) -> None:
    """Lets a network of ImageNet begin with random numbers."""
    import kerata
    from kerata.legacy import resnet50

    build = getattr(kerata.applications, name)

    def make(*args: Any, **kwargs: Any) -> object:
        return build(*args, **{**kwargs, "weights": None})

    setattr(kerata.applications, name, make)
    if name == "ResNet50":
        for era, form in list(resnet50.FORMS.items()):
            resnet50.FORMS[era] = lambda *args, form=form, **kwargs: form(*args, **{**kwargs, "weights": None})


if __name__ == "__main__":
    sys.exit(main())
