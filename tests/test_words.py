"""What a person reads and sees: messages that say what was given and what to do, figures and progress in notebooks."""

import io
import subprocess
import sys

import numpy as np
import pytest

import kerata
from kerata.base.checks import message
from kerata.base.display import is_live
from kerata.search.learning_rates import LearningRates

X = np.ones((4, 2), "float32")


def model_of(units=1, loss="mse", **kwargs):
    model = kerata.Sequential([kerata.Input((2,)), kerata.layers.Dense(units)])
    model.compile("sgd", loss, **kwargs)
    return model


# Numbers and shapes


@pytest.mark.parametrize("value", [np.float32(2.5), np.array(2.5), kerata.ops.array(2.5), 2.5])
def test_numbers_of_every_kind_are_shown_as_numbers(value):
    assert message("here", "a whole number is needed", {"n": value}) == "here: a whole number is needed. Received: n=2.5."


def test_what_may_have_no_shape_is_shown():
    text = message("here", "a shape is needed", {"input": kerata.InputSpec(ndim=2), "others": [kerata.InputSpec(ndim=3)]})
    assert "ndim=2" in text and "ndim=3" in text


@pytest.mark.parametrize("count", [1, 3, 5])
def test_predictions_name_the_shape_that_was_given(count):
    model = model_of()
    for _ in range(2):
        with pytest.raises(ValueError, match=rf"expected shape=\(None, 2\), found shape=\({count}, 7\)"):
            model.predict(np.ones((count, 7)), verbose=0)
        model.predict(X, verbose=0)


def test_flat_labels_of_one_output():
    with pytest.raises(ValueError, match=r"For one output give the labels as a column: y.reshape\(-1, 1\)"):
        model_of(metrics=[kerata.metrics.F1Score(threshold=0.5)]).fit(X, np.array([0, 1, 0, 1]), verbose=0)
    model_of(metrics=[kerata.metrics.F1Score(threshold=0.5)]).fit(X, np.array([[0], [1], [0], [1]]), verbose=0)
    with pytest.raises(ValueError, match=r"one-hot: kerata\.utils\.to_categorical"):
        model_of(3, "sparse_categorical_crossentropy", metrics=["f1_score"]).fit(X, np.array([0, 1, 2, 1]), verbose=0)


def test_text_is_told_what_there_is():
    with pytest.raises(TypeError, match=r"numpy.unique\(values, return_inverse=True\)") as error:
        model_of().fit(X, np.array(["a", "b", "a", "b"]), verbose=0)
    assert "StringLookup" not in str(error.value)


# Names that are not there


@pytest.mark.parametrize(
    ("room", "name", "text"),
    [
        ("layers", "TFSMLayer", "kerata.layers has no 'TFSMLayer', which Keras has and Kerata leaves out so far."),
        ("layers", "TorchModuleWrapper", "leaves out so far"),
        ("layers", "Dens", "kerata.layers has no 'Dens'. Did you mean 'Dense'?"),
        ("export", "TFSMLayer", "leaves out so far"),
        ("optimizers", "Adm", "Did you mean 'Adam'"),
        ("losses", "MeanSquareError", "Did you mean 'MeanSquaredError'"),
        ("metrics", "Acuracy", "Did you mean 'Accuracy'"),
        ("activations", "rely", "Did you mean 'relu'"),
        ("initializers", "HeNormals", "Did you mean 'HeNormal'"),
        ("models", "Secuential", "Did you mean 'Sequential'"),
    ],
)
def test_names_that_are_not_there(room, name, text):
    module = getattr(kerata, room)
    with pytest.raises(AttributeError) as error:
        getattr(module, name)
    assert text in str(error.value)
    assert not hasattr(module, name) and getattr(module, name, 3) == 3
    with pytest.raises(ImportError) as error:
        exec(f"from kerata.{room} import {name}")
    assert text in str(error.value)


def test_the_top_room():
    with pytest.raises(AttributeError, match="kerata has no 'distribution', which Keras has and Kerata leaves out so far"):
        _ = kerata.distribution
    with pytest.raises(AttributeError, match="Did you mean 'Sequential'"):
        _ = kerata.Sequental


def test_what_is_said_to_be_left_out_is_not_there():
    from kerata.base.absent import LEFT_OUT

    for room, names in LEFT_OUT.items():
        module = getattr(kerata, room) if room else kerata
        assert not [name for name in names.split() if name in vars(module)]


# Learning rates


def rates(*last, start=2.0):
    found = np.geomspace(1e-3, 1.0, len(last))
    return LearningRates(found, np.stack([np.full(len(last), start), np.array(last, float)], 1), 1.0)


def test_the_sentence_about_rates_says_what_was_seen():
    found = rates(1.9, 1.0, 0.5, np.inf)
    assert repr(found) == (
        "<Learning rate 0.01 of 4 from 0.001 to 1; it learns up to 0.1, and diverges or learns nothing from 1 on>"
    )
    assert found.highest == pytest.approx(0.1) and found.limit == pytest.approx(1.0)


def test_a_rate_that_learns_again_above_one_that_did_not():
    found = rates(1.9, 1.0, 3.0, 1.2, np.inf, 2.5)
    assert found.limit == pytest.approx(found.rates[4]) and found.highest == pytest.approx(found.rates[3])
    assert all(loss >= 2.0 for loss in found.losses[found.rates >= found.limit])


def test_all_rates_or_none_learn():
    assert "all up to the highest learn" in repr(rates(1.9, 1.0, 0.5)) and rates(1.9, 1.0, 0.5).limit is None
    assert "no rate made the loss lower" in repr(rates(3.0, 4.0, 5.0))


def test_the_picture_of_rates_shades_what_the_sentence_says():
    found = rates(1.9, 1.0, 0.5, np.inf)
    figure = found.plot()
    labels = [text.get_text() for text in figure.axes[0].get_legend().get_texts()]
    assert "diverges or learns nothing" in labels and "not tried" in labels


# Notebooks


class OutStream(io.StringIO):
    """Like the standard output of a notebook's kernel."""


OutStream.__module__ = "ipykernel.iostream"


def test_figures_show_as_pictures(tmp_path):
    history = model_of().fit(X, X[:, 0], epochs=3, verbose=0)
    for figure in (
        kerata.diagnosis.plot_history(history),
        kerata.utils.plot_model(model_of(), tmp_path / "m.png"),
        rates(1.9, 1.0, 0.5).plot(),
    ):
        assert figure._repr_png_().startswith(b"\x89PNG")
    assert (tmp_path / "m.png").stat().st_size > 0


def test_progress_in_a_notebook_is_one_line_that_moves():
    stream = OutStream()
    assert is_live(stream) and not is_live(io.StringIO())
    bar = kerata.callbacks.ProgbarLogger(stream)
    model_of().fit(X, X[:, 0], epochs=2, callbacks=[bar], batch_size=1)
    text = stream.getvalue()
    # What stays is a line an epoch; each is written over from its beginning, without codes that move a cursor.
    assert text.count("\n") == 2 and text.count("\r") >= 2 and "\x1b" not in text


def test_a_log_gets_a_line_an_epoch():
    stream = io.StringIO()
    model_of().fit(X, X[:, 0], epochs=3, callbacks=[kerata.callbacks.ProgbarLogger(stream)])
    assert stream.getvalue().count("\n") == 3 and "\r" not in stream.getvalue()


def test_the_import_leaves_nothing_for_the_search_for_garbage():
    code = """
import gc
import jax.numpy
before = len(gc.get_objects(generation=2))
import kerata
young = len(gc.get_objects(generation=0)) + len(gc.get_objects(generation=1))
print(young < 3000, len(gc.get_objects(generation=2)) - before > 30_000, gc.isenabled(), gc.get_freeze_count() > 0)
"""
    cases = [
        ("", "True True True False"),
        ("import gc; gc.disable()", "False False False False"),
        ("import gc; gc.freeze()", "False False True True"),
    ]
    for head, expected in cases:
        result = subprocess.run([sys.executable, "-c", head + code], capture_output=True, text=True, timeout=120)
        assert result.stdout.strip() == expected, result.stderr


def test_what_draws_and_what_writes_kernels_is_not_imported_before_it_is_needed():
    code = "import kerata, sys; print(any(name in sys.modules for name in ('matplotlib', 'jax.extend.pallas')))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120).stdout.strip() == "False"


# What a person gets wrong


@pytest.mark.parametrize(
    ("run", "kind", "text"),
    [
        (lambda m: m.fit(X, X[:, 0], validation_data=X, verbose=0), ValueError, r"Write validation_data=\(x_val, y_val\)"),
        (
            lambda m: m.fit(X, X[:, 0], sample_weight=np.ones((4, 3)), verbose=0),
            ValueError,
            r"sample_weight \(dense.*\): weights must have shape \(samples,\). Received: shape=\(4, 3\)",
        ),
        (
            lambda m: m.fit(X, X[:, 0], verbose="loud"),
            ValueError,
            "`verbose` must be 0, 1, 2 or 'auto'. Received: verbose='loud'",
        ),
        (lambda m: m.predict(X, verbose="loud"), ValueError, "`verbose` must be 0, 1, 2 or 'auto'"),
        (lambda m: m.compile("sgd", "mse_"), ValueError, "compile: unknown name for `loss` in losses"),
        (
            lambda m: (m.compile("sgd", lambda y: y), m.fit(X, X[:, 0], verbose=0)),
            TypeError,
            r"compile: a function for `loss` must take \(y_true, y_pred\)",
        ),
        (
            lambda m: (m.compile("sgd", "mse", metrics=[lambda y: y]), m.fit(X, X[:, 0], verbose=0)),
            TypeError,
            r"compile: a function for `metrics` must take \(y_true, y_pred\)",
        ),
    ],
)
def test_mistakes(run, kind, text):
    with pytest.raises(kind, match=text):
        run(model_of())


@pytest.mark.parametrize(
    "use",
    [
        lambda path: model_of().save(path),
        lambda path: model_of().save_weights(path),
        lambda path: model_of().load_weights(path),
        kerata.saving.load_model,
        kerata.callbacks.ModelCheckpoint,
        kerata.callbacks.CSVLogger,
    ],
)
@pytest.mark.parametrize("path", [None, 3, ""])
def test_what_is_no_path_is_named(use, path):
    with pytest.raises((TypeError, ValueError), match=rf"`file(path|name)` must be a path\. Received: .*={path!r}"):
        use(path)


def test_weights_of_steps_pass():
    model = kerata.Sequential([kerata.Input((5, 2)), kerata.layers.Dense(1)])
    model.compile("sgd", "mse")
    for weight in (np.ones(4), np.ones((4, 1)), np.ones((4, 5)), np.ones((4, 5, 1))):
        model.fit(np.ones((4, 5, 2)), np.ones((4, 5, 1)), sample_weight=weight, verbose=0)
