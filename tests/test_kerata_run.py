"""`kerata run`: programs as they were written, each in the Keras of its time."""

import json
import os
import re
import subprocess
import sys
import tokenize
from pathlib import Path

import numpy as np
import pytest

import kerata
from kerata.cli.run import cells_of, encoding_of, run_program
from kerata.legacy.detection import find_era, old_idioms
from quickly import XLA_FLAGS

SOURCE = str(Path(__file__).resolve().parents[1] / "src")


def run(tmp_path, text, *words, name="program.py", program=()):
    """(exit status, output, what is said beside) of a program under `kerata run`."""
    path = tmp_path / name
    path.write_text(text)
    done = subprocess.run(
        [sys.executable, "-m", "kerata", "run", *words, str(path), *program],
        capture_output=True,
        text=True,
        timeout=300,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": SOURCE, "XLA_FLAGS": XLA_FLAGS},
    )
    return done.returncode, done.stdout, done.stderr


KERAS_1 = """
import numpy as np
import keras
from keras.models import Sequential, Model
from keras.layers import Input, merge, Merge
from keras.layers.core import Dense, Dropout, Activation, Flatten, Reshape
from keras.layers.convolutional import Convolution2D, MaxPooling2D
from keras.layers.recurrent import LSTM
from keras.optimizers import SGD
from keras.utils import np_utils
from keras.regularizers import l2

np.random.seed(0)
x = np.random.rand(60, 64)
y = np_utils.to_categorical(np.random.randint(0, 3, 60), nb_classes=3)
model = Sequential()
model.add(Reshape((8, 8, 1), input_shape=(64,)))
model.add(Convolution2D(4, 3, 3, border_mode='same', W_regularizer=l2(0.01), init='he_normal', dim_ordering='tf'))
model.add(MaxPooling2D(pool_size=(2, 2), dim_ordering='tf'))
model.add(Flatten())
model.add(Dense(output_dim=3, init='uniform'))
model.add(Activation('softmax'))
model.compile(loss='categorical_crossentropy', optimizer=SGD(lr=0.1, decay=1e-6, momentum=0.9), metrics=['accuracy'])
history = model.fit(x, y, nb_epoch=2, batch_size=20, verbose=0, validation_split=0.2)
print(keras.__version__, sorted(history.history))
print(model.layers[1].name, model.predict_classes(x, verbose=0).shape, len(model.evaluate(x, y, verbose=0)))

def batches():
    while True:
        yield x[:20], y[:20]

history = model.fit_generator(batches(), samples_per_epoch=60, nb_epoch=2, verbose=0,
    validation_data=batches(), nb_val_samples=20)
print(sorted(history.history), model.optimizer.iterations.numpy())

a, b = Input(shape=(64,)), Input(shape=(64,))
joined = merge([Dense(4)(a), Dense(4)(b)], mode='concat', concat_axis=1)
two = Model(input=[a, b], output=Dense(3, activation='softmax')(joined))
two.compile('rmsprop', 'categorical_crossentropy')
two.fit([x, x], y, nb_epoch=1, verbose=0)

left, right = Sequential(), Sequential()
left.add(Dense(4, input_dim=64))
right.add(Dense(4, input_dim=64))
both = Sequential()
both.add(Merge([left, right], mode='sum'))
both.add(Dense(3, activation='softmax'))
both.compile('adam', 'categorical_crossentropy', metrics=['accuracy'])
both.fit([x, x], y, nb_epoch=1, verbose=0)
print(both.predict([x, x]).shape, LSTM(3).inner_activation.__name__, LSTM(3, input_dim=2, weights=None).output_dim)
"""

KERAS_2 = """
from __future__ import print_function
import sys
import numpy as np
import keras
from keras import backend as K
from keras.layers import Conv2D, Dense, Flatten, MaxPooling2D
from keras.models import Sequential
from keras.callbacks import Callback, EarlyStopping, ModelCheckpoint

x, y = np.random.rand(32, 8, 8, 1), keras.utils.to_categorical(np.random.randint(0, 3, 32), 3)
model = Sequential([Conv2D(4, (3, 3), activation='relu', input_shape=(8, 8, 1)), MaxPooling2D(), Flatten()])
model.add(Dense(3, activation='softmax', name='last'))
model.compile(loss=keras.losses.categorical_crossentropy, optimizer=keras.optimizers.Adadelta(), metrics=['accuracy'])

class Watch(Callback):
    def on_epoch_end(self, epoch, logs={}):
        print(epoch, sorted(logs), self.params['metrics'])

history = model.fit(x, y, epochs=1, verbose=0, validation_data=(x, y), callbacks=[
    Watch(), EarlyStopping(monitor='val_acc'), ModelCheckpoint('{epoch:02d}-{val_acc:.2f}.hdf5', save_weights_only=True)])
print(keras.__version__, len(history.history['val_acc']), len(history.history['val_accuracy']), sys.argv[1:])
K.set_value(model.optimizer.lr, 0.5)
print(float(K.get_value(model.optimizer.lr)), model.get_layer('last').output_shape)
"""

OWN_LAYERS = """
import numpy as np
from keras import backend as K
from keras.engine.topology import Layer, InputSpec
from keras.layers import Dense, Lambda
from keras.models import Sequential
from keras import initializations

class Scale(Layer):
    def __init__(self, output_dim, **kwargs):
        self.output_dim = output_dim
        self.init = initializations.get('glorot_uniform')
        super(Scale, self).__init__(**kwargs)

    def build(self, input_shape):
        self.W = self.add_weight((input_shape[1], self.output_dim), initializer=self.init, name='{}_W'.format(self.name))
        self.gain = K.variable(np.ones(self.output_dim), name='gain')
        self.still = K.variable(np.ones(self.output_dim), name='still')
        self.trainable_weights = [self.W, self.gain]
        super(Scale, self).build(input_shape)

    def call(self, x, mask=None):
        y = K.dot(x, self.W) * self.gain * self.still
        return K.in_train_phase(y, y + 100.)

    def get_output_shape_for(self, input_shape):
        return (input_shape[0], self.output_dim)

class Wide(Dense):
    def __init__(self, **kwargs):
        super(Wide, self).__init__(output_dim=6, activation=lambda t: K.tanh(t), **kwargs)

x = np.random.rand(16, 4).astype('float32')
model = Sequential([Scale(3, input_shape=(4,)), Wide(), Dense(1)])
print(len(model.layers[0].trainable_weights), model.output_shape, isinstance(model.layers[1], Dense))

def loss(y_true, y_pred):
    return K.mean(K.square(y_true - y_pred), axis=-1)

def spread(y_true, y_pred):
    return K.mean(K.abs(y_pred))

model.compile(optimizer='sgd', loss=loss, metrics=[spread])
before = [w.copy() for w in model.layers[0].get_weights()]
history = model.fit(x, np.ones((16, 1)), nb_epoch=1, verbose=0)
print(sorted(history.history), [bool(np.any(a != b)) for a, b in zip(before, model.layers[0].get_weights())])
inner = K.function([model.layers[0].input, K.learning_phase()], [model.layers[0].output])
print(round(float(np.mean(inner([x, 0])[0] - inner([x, 1])[0])), 3))
slope = K.gradients(K.sum(model.output), [model.input])[0]
print(K.function([model.input, K.learning_phase()], [slope])([x, 1])[0].shape)
"""

TF_KERAS = """
import numpy as np
import tensorflow as tf
from tensorflow import keras
from tensorflow.keras import layers
from tensorflow.keras.layers import LSTM, GRU
from tensorflow.keras.preprocessing.text import Tokenizer
from tensorflow.keras.preprocessing.sequence import pad_sequences

words = Tokenizer(num_words=10, oov_token='<x>')
words.fit_on_texts(['the cat sat', 'the dog'])
x = pad_sequences(words.texts_to_sequences(['the bird sat', 'dog']), maxlen=4)
model = tf.keras.Sequential([layers.Embedding(10, 4, input_length=4), GRU(3), layers.Dense(1, activation='sigmoid')])
model.compile(optimizer=tf.keras.optimizers.Adam(lr=0.01), loss='binary_crossentropy', metrics=['acc'])
history = model.fit(x, np.array([0, 1]), epochs=1, verbose=0)
print(tf.__version__ > '2', sorted(history.history), model.layers[1].reset_after, model.layers[1].name, x.tolist())
"""


def test_a_program_of_keras_1(tmp_path):
    status, out, said = run(tmp_path, KERAS_1)
    assert status == 0, said
    assert out.splitlines() == [
        "1.2.2 ['acc', 'loss', 'val_acc', 'val_loss']",
        "convolution2d_1 (60,) 2",
        "['acc', 'loss', 'val_acc', 'val_loss'] 12",
        "(60, 3) legacy_hard_sigmoid 3",
    ]
    first = said.splitlines()[0]
    assert first.startswith("kerata run: program.py is run as Keras 1, by `") and "in line" in first


def test_a_program_of_keras_2(tmp_path):
    status, out, said = run(tmp_path, KERAS_2, "--quiet", program=("--depth", "3"))
    assert status == 0, said
    assert said == ""
    lines = out.splitlines()
    assert lines[0] == "0 ['accuracy', 'loss', 'val_accuracy', 'val_loss'] ['loss', 'accuracy', 'val_loss', 'val_accuracy']"
    assert lines[1:] == ["2.3.1 1 1 ['--depth', '3']", "0.5 (None, 3)"]
    assert len(list(tmp_path.glob("01-0.*.hdf5"))) == 1


def test_layers_losses_and_gradients_of_a_users_own(tmp_path):
    status, out, said = run(tmp_path, OWN_LAYERS)
    assert status == 0, said
    assert out.splitlines() == ["2 (None, 1) True", "['loss', 'spread'] [True, True, False]", "100.0", "(16, 4)"]


def test_a_program_of_tf_keras(tmp_path):
    status, out, said = run(tmp_path, TF_KERAS)
    assert status == 0, said
    assert out.splitlines() == ["True ['acc', 'loss'] True gru [[0, 2, 1, 4], [0, 0, 0, 5]]"]


def test_a_notebook(tmp_path):
    cells = [
        {"cell_type": "markdown", "source": ["# A network"]},
        {"cell_type": "code", "source": ["%matplotlib inline\n", "!pip install keras\n", "import keras"]},
        {"cell_type": "code", "source": "print(keras.__version__)"},
    ]
    status, out, said = run(tmp_path, json.dumps({"cells": cells}), "--dialect", "keras1", name="net.ipynb")
    assert (status, out) == (0, "1.2.2\n"), said
    assert "run as keras1, as --dialect says" in said


TAPE = """
import tensorflow as tf
import keras
class M(keras.Model):
    def train_step(self, data):
        with tf.GradientTape() as tape: loss = self(data)
"""
ERAS = [
    # Layers and functions that came after 2.3: of today, or of TensorFlow where a program names it; not those of its own.
    ("import keras\nfrom keras import layers\nlayers.Conv1DTranspose(filters=2, kernel_size=3)", "keras3"),
    ("import keras\nkeras.utils.timeseries_dataset_from_array(x, y, 3)\nmodel.fit(x, epochs=2)", "keras3"),
    ("import tensorflow as tf\nfrom keras.layers import TextVectorization, Dense\nDense(units=2)", "tfkeras2"),
    ("import keras\nfrom my import LayerNormalization\nLayerNormalization()\nmodel.fit(x, epochs=2)", "keras2"),
    ("import keras\nmodel.fit(x, y, nb_epoch=3)", "keras1"),
    ("from keras.layers import Convolution2D\nConvolution2D(20, 4, 4)", "keras1"),
    ("from keras.layers.core import Dense\nDense(3, kernel_initializer='zeros')", "keras2"),
    ("import keras\nmodel.fit_generator(g, steps_per_epoch=3)", "keras2"),
    ("import tensorflow as tf\ntf.keras.Sequential()", "tfkeras2"),
    ("from tensorflow.keras.layers import Dense", "tfkeras2"),
    ("from tensorflow.keras.layers import Dense\noutput_dim = 3\nnb_epoch = 2", "tfkeras2"),
    ("import keras\nfrom keras import ops", "keras3"),
    ("print 'Python 2'\nfrom keras.models import Sequential\nmodel.fit(x, y, nb_epoch = 2)", "keras1"),
    ("import keras", "keras2"),
    # Names of the program's own say nothing of the era.
    (
        "from keras import initializers\nfrom keras.layers import Layer\nclass Attention(Layer):\n"
        "    def __init__(self, W_regularizer=None, **kwargs):\n        self.init = initializers.get('glorot_uniform')\n"
        "        self.W_regularizer = W_regularizer\n        super(Attention, self).__init__(**kwargs)\n"
        "x = Attention(W_regularizer='l2')(x)",
        "keras2",
    ),
    (
        "import keras\ndef train(nb_epoch, border_mode='same'):\n    model.fit(x, y, epochs=nb_epoch)\ntrain(nb_epoch=3)",
        "keras2",
    ),
    ("import keras\nnb_epoch = 3\ninit = 'he'\nsubsample = (2, 2)\nmodel.fit(x, y, epochs=nb_epoch)", "keras2"),
    ("from keras.models import Model\nfrom mine import conv\nconv(x, nb_filter=3)\nModel(inputs=a, outputs=b)", "keras2"),
    ("import keras, sacred\nsacred.config(nb_epoch=3)\nmodel.fit(x, y, 32, 10)", "keras2"),
    (
        "import keras\nclass A:\n    def cut(self):\n        self.crop(border_mode=1)\n    def crop(self, border_mode): pass",
        "keras2",
    ),
    ("import keras\ntrainer = make()\ntrainer.run(nb_epoch=3)\nmodel.fit(x, y)", "keras2"),
    ("import keras\nclass T:\n    def run(self, nb_epoch): pass\nt = T()\nt.run(nb_epoch=3)", "keras2"),
    ("import keras\nsettings = dict(nb_epoch=3)\nmodel.fit(x, y)", "keras2"),
    ("import keras\nclass T:\n    def log(self, epochs): pass\nT().log(epochs=2)\nmodel.fit(x, y, nb_epoch=3)", "keras1"),
    ("import keras\nd.scale(units=3)\nmodel.fit(x, y, nb_epoch=3)", "keras1"),
    ("from keras.layers import *\nConvolution1D(8, filter_length=3, border_mode='same')", "keras1"),
    ("from keras.layers import merge\nmerge([a, b], mode='concat', output_dim=3, dropout_W=0.1)", "keras1"),
    # Keras 2 took the arguments of Keras 1.
    (
        "from keras.layers import Dense\nDense(3, init='he_normal', kernel_regularizer='l2')\nmodel.fit(x, y, nb_epoch=3)",
        "keras2",
    ),
    ("from keras.layers import Dense, concatenate\nmodel.fit(x, y, nb_epoch=3)", "keras2"),
    ("from keras.models import Model\nModel(input=a, output=b)\nmodel.fit(x, y, nb_epoch=3)", "keras1"),
    # What is passed on to Keras says it, whoever passes it.
    ("import keras\nclass Net:\n    def fit(self, x, y):\n        self.model.fit(x, y, nb_epoch=3)", "keras1"),
    (
        "import keras\ndef model():\n    return keras.models.Sequential()\nmodel = model()\nmodel.fit(x, y, **{'nb_epoch': 3})",
        "keras1",
    ),
    (
        "from keras.layers import Dense\nclass My(Dense):\n    def __init__(self): super().__init__(3, W_regularizer='l2')",
        "keras1",
    ),
    (
        "from keras.engine.topology import Layer\nclass My(Layer):\n    def get_output_shape_for(self, s):\n        return s",
        "keras1",
    ),
    (
        "import keras\nclass Bar(keras.callbacks.Callback):\n    def on_train_begin(self, logs): self.params['nb_epoch']",
        "keras1",
    ),
    ("from keras.layers import LSTM\nLSTM(8, dropout_W=0.2, dropout_U=0.2)", "keras1"),
    ("from keras.layers import Dense\nDense(output_dim=8, init='uniform')", "keras1"),
    ("from keras.layers import ZeroPadding2D\nZeroPadding2D(padding=(1, 1))\nmodel.fit(x, y, nb_epoch=3)", "keras1"),
    ("from keras import backend as K\nK.set_image_dim_ordering('th')", "keras1"),
    ("from keras import backend as K\nK.set_image_dim_ordering('th')\nmodel.fit(x, y, epochs=3)", "keras2"),
    # TensorFlow 1 beside Keras 2, and tf.keras by other names.
    ("import tensorflow as tf\nfrom keras import backend as K\nK.set_session(tf.Session())\nmodel.fit(x, epochs=2)", "keras2"),
    ("import tensorflow.keras as keras\nmodel.fit(x, y, epochs=3)", "tfkeras2"),
    ("import tensorflow as tf\nfrom tensorflow import keras\nkeras.layers.Dense(3)", "tfkeras2"),
    ("import tensorflow as tf\nkeras = tf.keras\nkeras.layers.Dense(3)", "tfkeras2"),
    ("import keras\nimport numpy as np\nx = keras.ops.zeros(3)\nmodel.fit(x, epochs=3)", "keras3"),
    ("import os\nos.environ['KERAS_BACKEND'] = 'jax'\nimport keras", "keras3"),
    # What came after Keras 2.3, without a word that only one later era has.
    ("import keras\nx = keras.layers.MultiHeadAttention(2, 8)(x, x)\nmodel.fit(x, y, epochs=3)", "keras3"),
    ("from keras import layers as L\nL.Rescaling(1 / 255)", "keras3"),
    ("import keras\nmodel.compile(keras.optimizers.AdamW(1e-3))\nmodel.fit(x, y, epochs=3)", "keras3"),
    ("from keras.utils import PyDataset\nmodel.fit(x, y, epochs=3)", "keras3"),
    ("import keras\nkeras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])", "keras3"),
    ("import keras\nmodel.save('folder/model.keras')\nmodel.fit(x, y, epochs=3)", "keras3"),
    ("import keras\nos.path.expanduser('~/.keras')\nmodel.fit(x, y, epochs=3)", "keras2"),
    (
        "try:\n    from keras.layers import LayerNormalization\nexcept ImportError:\n    from other import LayerNormalization\n"
        "import keras\nmodel.fit(x, y, epochs=3)",
        "keras2",
    ),
    ("import keras\nclass Gan:\n    def train_step(self, x): pass\nmodel.fit(x, y, epochs=3)", "keras2"),
    ("import jax\nimport keras\nclass M(keras.Model):\n    def train_step(self, state, data): pass", "keras3"),
    # A step with a tape is one of tf.keras, whatever else is said, unless it asks for what only Keras 3 has.
    (TAPE, "tfkeras2"),
    ("import os\nos.environ['KERAS_BACKEND'] = 'tensorflow'\n" + TAPE, "tfkeras2"),
    (TAPE + "keras.ops.mean(x)\n", "tfkeras2"),
    (TAPE + "keras.ops.mean(x)\nkeras.quantizers.get('int8')\n", "keras3"),
    ("import keras\nkeras.layers.MultiHeadAttention(2, 8)\nkeras.preprocessing.text.Tokenizer()", "tfkeras2"),
]


@pytest.mark.parametrize(("source", "era"), ERAS)
def test_the_era_is_found(source, era):
    assert find_era(source).era == era


def test_numpy_has_the_names_of_then_while_a_program_runs(tmp_path, capsys):
    program = tmp_path / "old.py"
    program.write_text("import keras\nimport numpy as np\nprint(np.zeros(2, np.float).dtype, np.int(3.5), np.int32(2))\n")
    assert run_program(str(program), []) == 0
    said = capsys.readouterr()
    assert said.out.startswith("float64 3 2")
    assert "`np.float` is gone from NumPy, and is float again in this run: write float." in said.err
    assert not hasattr(np, "int") and not hasattr(np, "float")


def test_a_program_that_splits_by_what_may_be_empty_splits_as_then(tmp_path, capsys):
    program = "import re\nimport keras\nprint([x.strip() for x in re.split('(\\\\W+)?', 'in the hall.') if x.strip()])\n"
    (tmp_path / "old.py").write_text(program)
    before = re.split
    assert run_program(str(tmp_path / "old.py"), []) == 0 and re.split is before
    said = capsys.readouterr()
    assert said.out == "['in', 'the', 'hall', '.']\n" and "`re.split` by what may be empty" in said.err


def test_what_today_no_longer_takes_is_said():
    said = old_idioms("import numpy as np\nprint 'x'\nfor i in xrange(np.int(3)): pass\n")
    assert [line.partition(":")[0] for line in said] == ["line 2", "line 3", "line 3"]
    assert old_idioms("print('x')\nnp.int32(3)\n") == []


IN_A_SESSION = """
import importlib.util

import kerata


class Events:
    def register(self, event, function):
        self.function = function


class Shell:
    events = Events()


kerata.install_as_keras("keras1")
from tensorflow.keras.layers import Convolution2D

assert Convolution2D(2, 3, 4).kernel_size == (3, 4)
kerata.legacy.uninstall()
kerata.load_ipython_extension(Shell())
Shell.events.function(type("Info", (), {"raw_cell": "x = 1"}))
assert importlib.util.find_spec("keras").origin is not None
Shell.events.function(type("Info", (), {"raw_cell": "import keras\\nmodel.fit(x, y, nb_epoch=3)"}))
assert importlib.import_module("keras").__version__ == "1.2.2"
print("to the end")
"""


def test_in_a_session_and_in_a_notebook():
    # In a process of its own: in this one real Keras may look for TensorFlow, find ours, and keep it.
    done = subprocess.run([sys.executable, "-c", IN_A_SESSION], capture_output=True, text=True)
    assert done.stdout.endswith("to the end\n"), done.stderr
    with pytest.raises(ValueError, match="`era` must be one of 'keras1'"):
        kerata.install_as_keras("keras9")


def test_mistakes_end_with_one_clear_line(tmp_path, capsys):
    assert run_program(str(tmp_path / "none.py"), []) == 2
    assert "there is no file" in capsys.readouterr().err
    (tmp_path / "old.py").write_text("import keras\nprint 'x'\n")
    assert run_program(str(tmp_path / "old.py"), []) == 2
    said = capsys.readouterr().err
    assert "line 2: this Python cannot read it" in said and "`print x` is Python 2" in said
    (tmp_path / "broken.ipynb").write_text("{")
    assert run_program(str(tmp_path / "broken.ipynb"), []) == 2
    assert "cannot be read" in capsys.readouterr().err


def test_a_program_may_name_its_encoding(tmp_path, capsys):
    path = tmp_path / "old.py"
    path.write_bytes("# -*- coding: latin-1 -*-\nprint('Übung')\n".encode("latin-1"))
    assert run_program(str(path), []) == 0 and capsys.readouterr().out == "Übung\n"
    path.write_text("# coding: nowhere\n")
    assert run_program(str(path), []) == 2
    assert "cannot be read: unknown encoding" in capsys.readouterr().err
    (tmp_path / "model.py").write_bytes(b"\x89HDF\r\n\x1a\n")
    assert run_program(str(tmp_path / "model.py"), []) == 2
    assert "it is the file of a model, and no program: `kerata inspect` says what it holds" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["utf-8-unix", "UTF8", "cp1252", "koi8_u", "iso-8859-15", "utf-8-sig", "latin-1-dos"])
def test_encodings_of_python_are_read(name, tmp_path):
    path = tmp_path / "old.py"
    path.write_text(f"#!/usr/bin/env python\n# vim: set fileencoding={name} :\n")
    with path.open("rb") as file:
        assert encoding_of(path) == tokenize.detect_encoding(file.readline)[0]


def test_a_program_makes_python_look_for_no_module_of_an_encoding(tmp_path, monkeypatch):
    path = tmp_path / "old.py"
    path.write_text("# coding: evil_module\n")
    monkeypatch.setattr(tokenize, "detect_encoding", None)
    with pytest.raises(ValueError, match="unknown encoding: evil_module"):
        encoding_of(path)


def test_magics_become_comments():
    text = json.dumps({"cells": [{"cell_type": "code", "source": "if x:\n    %time f()\ny = 1\n%%bash"}]})
    assert cells_of(text) == "if x:\n    # %time f()\n    pass\ny = 1\n# %%bash\n"
