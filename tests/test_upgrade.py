"""`kerata upgrade`: old programs in today's words, with the numbers that they had."""

import ast
import importlib
import json
import runpy
import sys
from pathlib import Path

import numpy as np
import pytest

import kerata
from kerata.cli.main import main
from kerata.cli.upgrading import upgrade
from kerata.cli.upgrading.edits import Source
from kerata.cli.upgrading.modules import Modules
from kerata.cli.upgrading.names import Names
from kerata.legacy import install_as_keras, uninstall
from kerata.legacy.installing import ROOTS
from kerata.legacy.namespaces import paths

FOLDER = Path(__file__).parents[1] / "examples" / "eras"
EXAMPLES = sorted(path for era in ("keras1", "keras2", "tfkeras2") for path in (FOLDER / era).glob("*.py"))


@pytest.fixture(autouse=True)
def real_keras_steps_aside():
    """Other tests import real Keras, which would stay what `import keras` gives."""
    hidden = {name: sys.modules.pop(name) for name in list(sys.modules) if name.partition(".")[0] in ROOTS}
    yield
    uninstall()
    sys.modules.update(hidden)


def lines(text, era=None):
    return upgrade(text, era).source.splitlines()


PIECES = [
    ("keras1", "Convolution2D(20, 4, 5, border_mode='same')", "Conv2D(20, (4, 5), padding='same')"),
    ("keras1", "Convolution2D(n, 3, 3)  # a comment", "Conv2D(n, 3)  # a comment"),
    ("keras1", "Dense(output_dim=3, init='normal', W_regularizer=None)", None),
    ("keras1", "LSTM(32, consume_less='gpu')", None),
    (
        "keras1",
        "Deconvolution2D(3, 4, 4, output_shape=(None, 13, 13, 3), subsample=(2, 2))",
        "Conv2DTranspose(3, 4, strides=(2, 2), output_padding=(1, 1))",
    ),
    ("keras1", "Deconvolution2D(3, 4, 4, (n, 14, 14, 3), subsample=(2, 2))", "Conv2DTranspose(3, 4, strides=(2, 2))"),
    ("keras1", "MaxPooling2D((2, 2), border_mode='valid')", "MaxPooling2D((2, 2), padding='valid')"),
    ("keras1", "Dropout(p=0.5)", "Dropout(rate=0.5)"),
    ("keras2", "LSTM(32, implementation=2)", "LSTM(32)"),
    ("keras2", "LeakyReLU(alpha=0.2)", "LeakyReLU(negative_slope=0.2)"),
    ("keras2", "Dense(10, 'relu')", "Dense(10, 'relu')"),
    ("keras22", "GRU(4)", 'GRU(4, recurrent_activation="legacy_hard_sigmoid", reset_after=False)'),
    ("tfkeras2", "GRU(4)", "GRU(4)"),
]
WRITTEN = {
    "Dense(output_dim=3, init='normal', W_regularizer=None)": (
        'Dense(units=3, kernel_initializer="random_normal", kernel_regularizer=None)'
    ),
    "LSTM(32, consume_less='gpu')": (
        'LSTM(32, recurrent_initializer=keras.initializers.Orthogonal(gain=1.1), recurrent_activation="legacy_hard_sigmoid")'
    ),
}


@pytest.mark.parametrize(("era", "old", "new"), PIECES)
def test_a_call_is_written_as_a_person_would(era, old, new):
    name = old.partition("(")[0]
    root = "tensorflow.keras" if era == "tfkeras2" else "keras"
    found = lines(f"from {root}.layers import {name}\nlayer = {old}", era)
    assert found[0] == f"from kerata.layers import {(new or WRITTEN[old]).partition('(')[0]}"
    assert "".join(found[1:]).replace("import kerata as keras", "").replace("    ", "") == "layer = " + (new or WRITTEN[old])


MODEL = """from tensorflow import keras
class Net(keras.Model):
    def __init__(self):
        super().__init__()
        self.drop, self.dense = keras.layers.{0}(1), keras.layers.Dense(1)
    def call(self, {1}):  # forward
        return self.dense(self.drop(inputs))
class Wider(Net):
    def call(self, {1}):
        return super().call(inputs)
"""


@pytest.mark.parametrize(
    ("layer", "old", "new"),
    [
        ("Dropout", "inputs", "inputs, training=None"),
        ("BatchNormalization", "inputs, *, flag=2", "inputs, training=None, *, flag=2"),
        ("GaussianNoise", "inputs: object, mask=(1, 2)", "inputs: object, mask=(1, 2), training=None"),
        ("Dropout", "inputs, training=False", "inputs, training=False"),
        ("Dropout", "inputs, **kwargs", "inputs, **kwargs"),
        ("Dense", "inputs", "inputs"),
    ],
)
def test_a_call_of_a_model_hears_of_training(layer, old, new):
    """Before Keras 3, `fit` told layers in a `call` without `training` too."""
    found = upgrade(MODEL.format(layer, old), "tfkeras2").source
    assert found == MODEL.format(layer, new).replace("from tensorflow import keras", "import kerata as keras")


def test_modules_names_and_methods():
    old = """\
import numpy as np
import keras
from keras import backend as K
from keras.layers.core import Dense, Flatten as Flat
from keras.layers.recurrent import SimpleRNN
from keras.utils import np_utils
from keras.preprocessing.text import Tokenizer


class Mine(Dense):
    def __init__(self, size, **kwargs):
        super(Mine, self).__init__(output_dim=size, init="he_uniform", **kwargs)

    def get_output_shape_for(self, input_shape):
        return input_shape


def train(model, x, y):
    y = np_utils.to_categorical(y, 10)
    model.add(keras.layers.core.Activation("relu"))
    model.compile("adagrad", "mse", metrics=["accuracy"])
    history = model.fit(x, y, nb_epoch=3)
    model.fit_generator(generate(x), samples_per_epoch=100, nb_epoch=2)
    print(history.history["acc"], K.mean(K.variable(x)), model.predict_classes(x))
"""
    done = upgrade(old)
    assert done.era == "keras1"
    assert (
        done.source
        == """\
import numpy as np
import kerata as keras
from kerata import backend as K, utils as np_utils
from kerata.layers import Dense, Flatten as Flat, SimpleRNN
from kerata.legacy.text import Tokenizer


class Mine(Dense):
    def __init__(self, size, **kwargs):
        super(Mine, self).__init__(units=size, kernel_initializer="he_uniform", **kwargs)

    def compute_output_shape(self, input_shape):
        return input_shape


def train(model, x, y):
    y = np_utils.to_categorical(y, 10)
    model.add(keras.layers.Activation("relu"))
    model.compile(keras.optimizers.ClassicAdagrad(epsilon=1e-08), "mse", metrics=["accuracy"])
    history = model.fit(x, y, epochs=3)
    model.fit(generate(x), steps_per_epoch=100, epochs=2)
    print(history.history["accuracy"], K.mean(K.variable(x)), model.predict_classes(x))
"""
    )
    assert [(line, text.partition(":")[0]) for line, text in done.notes] == [
        (23, "this counted samples; today it counts batches"),
        (24, "`predict_classes` is not there today"),
    ]


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_an_upgraded_example_learns_as_it_did(path, tmp_path):
    era = path.parent.name
    done = upgrade(path.read_text())
    assert done.era == era and "keras1" not in done.source
    (tmp_path / path.name).write_text(done.source)
    install_as_keras(era)
    try:
        old = runpy.run_path(str(path), run_name="example")["build"]()
    finally:
        uninstall()
    new = runpy.run_path(str(tmp_path / path.name), run_name="example")["build"]()
    rng = np.random.RandomState(0)
    shapes = [(8 if size is None else size, *rest) for size, *rest in (t.shape for t in new.inputs)]
    rows = 2 * shapes[0][0]
    x = [rng.rand(rows, *shape[1:]).astype("float32") for shape in shapes]
    x = [np.floor(one * 2000) for one in x] if path.stem == "reviews_lstm" else x
    y = rng.rand(rows, *new.output_shape[1:]).astype("float32")
    # As probabilities, so that no error is certain: those of Keras 1 cost no more than 16.
    y = y / y.sum(-1, keepdims=True) if new.output_shape[-1] > 1 else y
    y = rng.randint(0, 10, rows) if path.stem == "digits_convolutional" else y
    new.set_weights([variable.numpy() for variable in old.weights])
    losses = []
    for model in (old, new):
        kerata.utils.set_random_seed(4)
        told = {"nb_epoch": 2} if model is old and era == "keras1" else {"epochs": 2}
        history = model.fit(x if len(x) > 1 else x[0], y, batch_size=shapes[0][0], shuffle=False, verbose=0, **told)
        losses.append(history.history["loss"])
    np.testing.assert_allclose(losses[0], losses[1], rtol=1e-5)


def test_the_command_shows_writes_and_checks(tmp_path, capsys):
    path = tmp_path / "old.py"
    path.write_text("from keras.layers import Convolution2D\nlayer = Convolution2D(3, 2, 2)\nlayer.to_yaml()\n")
    assert main(["upgrade", "--dialect", "keras1", str(path)]) == 0
    said = capsys.readouterr()
    assert "-layer = Convolution2D(3, 2, 2)\n" in said.out and "+layer = Conv2D(3, 2)\n" in said.out
    assert "line 3: `to_yaml` is not there today" in said.err and "Convolution2D" in path.read_text()
    assert main(["upgrade", "--check", "--dialect", "keras1", str(tmp_path)]) == 1
    assert capsys.readouterr().out == ""
    assert main(["upgrade", "--write", "--dialect", "keras1", str(tmp_path)]) == 0
    assert path.read_text() == "from kerata.layers import Conv2D\nlayer = Conv2D(3, 2)\nlayer.to_yaml()\n"
    assert main(["upgrade", "--check", str(path), str(tmp_path / "none.py")]) == 2
    path.write_text("print 'a'\nmodel.fit(x, nb_epoch=2)\n")
    capsys.readouterr()
    assert main(["upgrade", str(path)]) == 2
    assert "`print x` is Python 2" in capsys.readouterr().err


def test_an_upgraded_program_keeps_its_encoding(tmp_path):
    path = tmp_path / "old.py"
    path.write_bytes("# coding: latin-1\nmodel.fit(x, y, nb_epoch=2)  # Übung\n".encode("latin-1"))
    assert main(["upgrade", "--write", str(path)]) == 0
    assert path.read_bytes() == "# coding: latin-1\nmodel.fit(x, y, epochs=2)  # Übung\n".encode("latin-1")


def test_a_notebook_keeps_its_cells_and_magics(tmp_path):
    cells = [
        {"cell_type": "markdown", "source": ["# Title"]},
        {
            "cell_type": "code",
            "source": ["%matplotlib inline\n", "from keras.layers import Dense"],
            "outputs": [],
            "execution_count": 1,
        },
        {"cell_type": "code", "source": "if True:\n    !ls\nlayer = Dense(output_dim=3)", "outputs": [{"a": 1}]},
    ]
    path = tmp_path / "old.ipynb"
    path.write_text(json.dumps({"cells": cells, "metadata": {}, "nbformat": 4}))
    assert main(["upgrade", "--write", "--dialect", "keras1", str(path)]) == 0
    found = json.loads(path.read_text())["cells"]
    assert found[0] == cells[0] and found[2]["outputs"] == [{"a": 1}]
    assert found[1]["source"] == ["%matplotlib inline\n", "from kerata.layers import Dense"]
    assert found[2]["source"] == "if True:\n    !ls\nlayer = Dense(units=3)"


@pytest.mark.parametrize("era", ["keras1", "keras22", "keras2", "tfkeras2"])
def test_every_module_of_an_era_has_one_of_today_or_is_named(era):
    """Programs with `keras.applications.vgg16` ended in an error of Python's."""
    modules = Modules(Source(""), Names(ast.parse(""), era))
    gone = [path for path in paths(era) if modules.module_of(path) is None]
    assert gone == ["keras.legacy", "keras.legacy.interfaces", "keras.wrappers"]
    for path in set(paths(era)) - set(gone):
        importlib.import_module(f"kerata.{modules.module_of(path)}".rstrip("."))


def test_networks_schedules_and_policies_stand_in_their_modules():
    text = (
        "from tensorflow.keras.applications.vgg16 import VGG16, preprocess_input\n"
        "from tensorflow.keras.applications.imagenet_utils import decode_predictions\n"
        "from tensorflow.keras.applications import mobilenet\n"
        "from tensorflow.keras.optimizers import schedules\n"
        "from tensorflow.keras.optimizers.schedules import ExponentialDecay\n"
        "from tensorflow.keras import mixed_precision\n"
    )
    assert upgrade(text, "tfkeras2").source == (
        "from kerata.applications.vgg16 import VGG16, preprocess_input\n"
        "from kerata.applications.imagenet_utils import decode_predictions\n"
        "from kerata.applications import mobilenet\n"
        "from kerata.optimizers import schedules\n"
        "from kerata.optimizers.schedules import ExponentialDecay\n"
        "from kerata import mixed_precision\n"
    )


def test_what_an_upgrade_needs_is_imported_before_it_is_used():
    """Notebooks import in the middle as well: there `keras` came after the line that needs it."""
    text = (
        "from keras.models import Sequential\n"
        "import numpy\n"
        "model = Sequential()\n"
        "model.compile('adam', 'mse')\n"
        "from keras.layers import Dropout\n"
    )
    assert upgrade(text, "keras1").source == (
        "from kerata.models import Sequential\n"
        "import kerata as keras\n"
        "import numpy\n"
        "model = Sequential()\n"
        "model.compile(keras.optimizers.Adam(epsilon=1e-08), 'mse')\n"
        "from kerata.layers import Dropout\n"
    )


def test_keras_that_comes_in_the_middle_is_imported_where_it_is_needed():
    text = (
        "from keras.models import Sequential\n"
        "model = Sequential()\n"
        "model.compile('rmsprop', 'mse')\n"
        "import keras\n"
        "other = keras.models.Sequential()\n"
    )
    source = upgrade(text, "keras2").source
    assert source.index("import kerata as keras") < source.index("keras.optimizers.ClassicRMSprop")
    early = "import keras\n" + text
    assert upgrade(early, "keras2").source.count("import kerata as keras") == 2


@pytest.mark.parametrize("era", ["keras2", "tfkeras2"])
def test_what_is_added_to_a_model_is_named(era):
    text = (
        "from keras.models import Model\n"
        "class Mine(Layer):\n"
        "    def call(self, x):\n"
        "        self.add_loss(x)\n"
        "vae = Model(i, o)\n"
        "vae.add_loss(loss)\n"
        "vae.add_metric(kl, name='kl')\n"
    )
    assert [line for line, said in upgrade(text, era).notes if "of a model is not there" in said] == [6, 7]


def test_tensorflow_goes_where_only_its_keras_was_used_and_is_named_else():
    text = "import tensorflow as tf\nfrom tensorflow.keras.layers import Dense\nmodel = tf.keras.Sequential([Dense(2)])\n"
    done = upgrade(text, "tfkeras2")
    assert done.source == "import kerata as keras\nfrom kerata.layers import Dense\nmodel = keras.Sequential([Dense(2)])\n"
    assert not done.notes
    done = upgrade(text + "tf.random.set_seed(1)\n", "tfkeras2")
    assert done.source.startswith("import tensorflow as tf\n")
    assert [line for line, _ in done.notes] == [1]
    assert "kerata run" in done.notes[0][1]


def test_names_of_files_that_mean_another_form_today_are_named():
    text = (
        "from keras.callbacks import ModelCheckpoint\n"
        "path = 'best.h5'\n"
        "ModelCheckpoint(path)\n"
        "ModelCheckpoint('w.hdf5', save_weights_only=True)\n"
        "ModelCheckpoint('best.keras', save_weights_only=False)\n"
        "model.save_weights('w.h5')\n"
        "model.save_weights('w.weights.h5')\n"
        "layer.get_output_at(0)\n"
    )
    notes = upgrade(text, "keras2").notes
    assert [line for line, _ in notes] == [3, 4, 6, 8]
    assert ["'.keras'" in note for _, note in notes] == [True, False, False, False]


@pytest.mark.parametrize(
    "way",
    ["from tensorflow.keras.optimizers.legacy import {}", "import tensorflow as tf\nx = tf.keras.optimizers.legacy.{}(0.1)"],
)
def test_optimizers_whose_rule_was_another_are_named(way):
    assert [text for _, text in upgrade(way.format("Adam"), "tfkeras2").notes] == []
    (said,) = [text for _, text in upgrade(way.format("Nadam"), "tfkeras2").notes]
    assert "kerata.optimizers.ClassicNadam" in said


def test_models_that_h5_files_of_today_do_not_take_are_named():
    text = """from keras.models import Sequential, Model
from keras.layers import LSTM, Input
m = Sequential([LSTM(3, input_shape=(4, 2), recurrent_activation='hard_sigmoid')])
m.save('model.h5')
m.save_weights('w.h5')
"""
    notes = [note for note in upgrade(text, "keras2").notes if ".keras" in note[1]]
    assert [line for line, _ in notes] == [4] and "hard sigmoid of then" in notes[0][1]
    states = "from keras.layers import LSTM\nx = LSTM(3)(a, initial_state=[b, c])\nm.save('model.h5')\n"
    assert any(line == 3 and "states" in note for line, note in upgrade(states, "keras2").notes)
    assert not any("'.h5' file of today" in note for _, note in upgrade("import keras\nm.save('model.h5')\n", "keras2").notes)


def test_arguments_of_functions_have_the_names_of_today():
    text = """from keras import backend as K
from keras.activations import relu
from keras.losses import sparse_categorical_crossentropy
from keras.utils import to_categorical
z = K.sum(K.dot(K.dot(x=a, y=b), y=c))
y = relu(z, alpha=0.1)
t = to_categorical(y, 3)
t = to_categorical(y, 3, 'int32')
l = sparse_categorical_crossentropy(y, p, False, 1)
"""
    result = upgrade(text, "tfkeras2")
    assert "K.dot(K.dot(x1=a, x2=b), x2=c)" in result.source and "relu(z, negative_slope=0.1)" in result.source
    assert {8, 9} <= {line for line, _ in result.notes} and 7 not in {line for line, _ in result.notes}


FREEZING = """import keras
from keras.layers import BatchNormalization, Dense
norm = BatchNormalization()
norm.trainable = False
other = Dense(3, trainable=False)
"""
MASKING = """from keras.layers import Embedding, LSTM
a = Embedding(9, 3, mask_zero=True)
b = LSTM(3, return_sequences=True)
"""
WEIGHING = (
    "from keras.models import Sequential\nm = Sequential()\nm.fit(x, y, sample_weight=w)\nm.fit(x, y, sample_weight=None)\n"
)
ENLARGING = """from keras import backend as K
from keras.layers import UpSampling2D
a = UpSampling2D((2, 2), interpolation='bilinear')
b = UpSampling2D((2, 2))
c = K.resize_images(x, 2, 2, 'channels_last', interpolation='bilinear')
"""


ADVERSARIAL = """
from keras.models import Model, Sequential
from keras.layers import Dense, Input
critic = Sequential([Dense(1, input_dim=2)])
critic.compile('adam', 'mse')
critic.trainable = False
z = Input((3,))
both = Model(z, critic(Dense(2)(z)))
both.compile('adam', 'mse')
critic.train_on_batch(x, y)
"""


@pytest.mark.parametrize("era", ["keras1", "keras2", "tfkeras2"])
@pytest.mark.parametrize(
    "old, new, lines",
    [
        ("", "", [6]),
        ("critic.trainable =", "for layer in critic.layers:\n    layer.trainable =", [7]),
        ("critic.train_on", "critic.trainable = True\ncritic.train_on", []),
        ("critic.train_on", "both.train_on", []),
        ("critic.trainable = False\n", "", []),
        (
            "critic.compile('adam', 'mse')\ncritic.trainable = False",
            "critic.trainable = False\ncritic.compile('adam', 'mse')",
            [],
        ),
    ],
)
def test_what_is_frozen_after_it_was_compiled_and_trained_all_the_same_is_named(era, old, new, lines):
    notes = [note for note in upgrade(ADVERSARIAL.replace(old, new, 1), era).notes if "learns nothing" in note[1]]
    assert [line for line, _ in notes] == lines
    assert all("critic.trainable = True before its train_on_batch" in said for _, said in notes)


@pytest.mark.parametrize(
    "text, era, lines, word",
    [
        (FREEZING, "keras1", [4, 5], "moved its averages"),
        (FREEZING, "keras2", [4, 5], "normalizing by the batch"),
        (FREEZING, "keras22", [4, 5], "normalizing by the batch"),
        (FREEZING, "tfkeras2", [], ""),
        (FREEZING.replace("BatchNormalization", "Dense"), "keras2", [], ""),
        (
            "from keras.applications.resnet50 import ResNet50\nfor layer in ResNet50().layers:\n    layer.trainable = False\n",
            "keras2",
            [3],
            "normalizing by the batch",
        ),
        (
            "from keras.applications.vgg16 import VGG16\nfor layer in VGG16().layers:\n    layer.trainable = False\n",
            "keras2",
            [],
            "",
        ),
        (MASKING, "keras2", [2], "number of all steps"),
        (MASKING, "keras22", [], ""),
        (MASKING.replace(", return_sequences=True", ""), "keras2", [], ""),
        (WEIGHING, "keras22", [3], "whose weight is 0"),
        (WEIGHING, "keras2", [], ""),
        (ENLARGING, "keras2", [3, 5], "CornerUpSampling2D"),
        (ENLARGING, "tfkeras2", [], ""),
    ],
)
def test_what_is_computed_otherwise_today_is_named(text, era, lines, word):
    notes = [note for note in upgrade(text, era).notes if "lay elsewhere" in note[1] or "of then" in note[1]]
    assert [line for line, _ in notes] == lines and all(word in said for _, said in notes)


def test_a_size_of_enlarged_pictures_that_is_computed_is_named():
    text = "from keras.layers import Deconvolution2D\na = Deconvolution2D(3, 4, 4, (n, size, size, 3))\n"
    assert [line for line, said in upgrade(text, "keras1").notes if "output_padding" in said] == [2]


def test_what_is_not_there_today_is_named_however_it_is_called():
    text = """from tensorflow import keras
from tensorflow.keras.experimental import WideDeepModel
line = keras.experimental.LinearModel(1)
rate = keras.experimental.CosineDecay(0.1, 10)
cell = keras.layers.AbstractRNNCell
"""
    done = upgrade(text, "tfkeras2")
    assert [line for line, _ in done.notes] == [2, 3, 5]
    (both, alone, cell) = [note for _, note in done.notes]
    assert both.startswith("`WideDeepModel` of keras.experimental is not there today: write Model([wide, deep]")
    assert alone.startswith("`LinearModel` of keras.experimental is not there today: write Sequential([Dense(units")
    assert cell == "`AbstractRNNCell` is not in kerata.layers today"
    assert (
        "keras.experimental.LinearModel(1)" in done.source and "keras.optimizers.schedules.CosineDecay(0.1, 10)" in done.source
    )
    old = upgrade("import keras\nx = keras.layers.merge([a, b], mode='sum')\n")
    assert (old.source, old.notes) == ("import kerata as keras\nx = keras.layers.add([a, b])\n", [])


def test_reductions_are_written_by_name():
    text = "import tensorflow as tf\nbce = tf.keras.losses.BinaryCrossentropy(reduction=tf.keras.losses.Reduction.NONE)\n"
    done = upgrade(text)
    assert done.source == 'import kerata as keras\nbce = keras.losses.BinaryCrossentropy(reduction="none")\n' and not done.notes


def test_names_behind_a_star_are_those_that_a_program_takes():
    old = """\
from keras.models import *
from keras.layers import *
from keras.optimizers import *
from keras.layers import Dense as D
from keras.metrics import *


class Flatten:
    pass


model = Model(Input((4,)), merge([a, b], mode="concat"))
model.compile(Adam(lr=1e-4), Flatten())
"""
    new = """\
from kerata.models import Model
from kerata.layers import Dense as D, Input, concatenate
from kerata.optimizers import Adam
from keras.metrics import *


class Flatten:
    pass


model = Model(Input((4,)), concatenate([a, b]))
model.compile(Adam(learning_rate=1e-4, epsilon=1e-08), Flatten())
"""
    done = upgrade(old, "keras1")
    assert done.source == new
    assert done.notes == [(5, "`import *` is left as it is: name what is imported")]


def test_what_is_needed_is_imported_where_the_last_import_joins_another_one():
    old = "from keras.layers import Dense\nfrom keras.layers import LSTM\nx = Dense(3, init='he_normal')\n"
    assert lines(old, "keras1")[:2] == ["from kerata.layers import LSTM, Dense", "import kerata as keras"]


def test_arguments_of_callbacks_are_left_out_renamed_or_named():
    old = """\
from keras.callbacks import ModelCheckpoint, ReduceLROnPlateau, TensorBoard
a = TensorBoard("logs", histogram_freq=1, batch_size=32, write_grads=True)
b = ReduceLROnPlateau(epsilon=1e-3, patience=2)
c = ModelCheckpoint("a.keras", period=5)
plot(h.history['lr'], mine["lr"])
"""
    done = upgrade(old, "keras2")
    a, b, _, plot = done.source.splitlines()[1:]
    assert a == 'a = TensorBoard("logs", histogram_freq=1)' and b == "b = ReduceLROnPlateau(min_delta=1e-3, patience=2)"
    assert plot == """plot(h.history['learning_rate'], mine["lr"])"""
    assert done.notes == [
        (4, "`ModelCheckpoint` has no `period` today: save_freq=, which counts batches, or a callback of your own")
    ]


def test_words_that_an_embedding_left_out_are_named():
    text = "from keras.layers import Embedding\nEmbedding(9, 4, dropout=0.)\nEmbedding(9, 4, dropout=0.2)\n"
    done = upgrade(text, "keras1")
    assert "dropout" not in done.source and [line for line, _ in done.notes] == [3]


@pytest.mark.parametrize("era", ["keras1", "keras2", "tfkeras2"])
def test_measures_of_ones_own_that_hear_another_shape_are_named(era):
    module = "tensorflow.keras" if era == "tfkeras2" else "keras"
    old = f"""\
from {module} import backend as K
def f1(y_true, y_pred):
    return K.sum(y_true * y_pred)
def dice(y_true, y_pred):
    return K.sum(K.flatten(y_true) * K.flatten(y_pred))
model.compile("adam", "binary_crossentropy", metrics=[f1, "accuracy"])
model.compile("adam", "binary_crossentropy", metrics=[dice])
model.compile("adam", loss="categorical_crossentropy", metrics=[f1])
"""
    notes = upgrade(old, era).notes
    assert [(line, text[:44]) for line, text in notes] == [(6, "targets of shape (samples,) came to `f1` as ")]


def test_layers_that_are_found_by_a_counted_name_are_named():
    old = """\
from keras.layers import Dense
Dense(4, name="dense_7")
model.get_layer("dense_7")
model.get_layer(name="conv2d_1")
model.get_layer("attention")
model._make_predict_function()
"""
    assert [line for line, _ in upgrade(old, "keras2").notes] == [4, 6]
    assert [line for line, _ in upgrade(old, "tfkeras2").notes] == [6]
