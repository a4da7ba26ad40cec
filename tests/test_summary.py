"""The table of a model's layers says what real Keras's says, and fits the line."""

import keras
import numpy as np
import pytest

import kerata
from kerata.models.summary import format_bytes


def sequential(k):
    L = k.layers
    return k.Sequential(
        [k.Input((28, 28, 1)), L.Conv2D(4, 3), L.MaxPooling2D(), L.Flatten(), L.BatchNormalization(), L.Dense(10, name="head")],
        name="m",
    )


def graph(k):
    L = k.layers
    a, b = k.Input((4,), name="a"), k.Input((4,), name="b")
    shared = L.Dense(4, name="shared")
    inner = k.Sequential([k.Input((4,)), L.Dense(2, name="below")], name="inner")
    both = L.Concatenate(name="both")([shared(b) * 2.0, a])
    shared.trainable = False
    return k.Model([a, b], [inner(shared(a)), both], name="m")


def chain_with_states(k):
    a = k.Input((5, 3), name="a")
    return k.Model(a, k.layers.LSTM(2, return_state=True, name="lstm")(a), name="m")


def unbuilt(k):
    return k.Sequential([k.layers.Dense(3, name="later")], name="m")


def text_of(model, **kwargs):
    lines = []
    model.summary(print_fn=lines.append, **kwargs)
    return "\n".join(lines)


def cells_of(text):
    """Rows of cells, and the lines below the table."""
    rows = [[cell.strip() for cell in line[1:-1].split(line[0])] for line in text.splitlines() if line[:1] in "│┃" and line]
    return rows, [line.rstrip() for line in text.splitlines() if " params: " in line]


OPTIONS = [
    {},
    {"expand_nested": True},
    {"show_trainable": True},
    {"layer_range": ("sh|conv|later|a$|lstm", "both|head|later|lstm")},
]


@pytest.mark.parametrize("options", OPTIONS, ids=["plain", "nested", "trainable", "range"])
@pytest.mark.parametrize("build", [sequential, graph, chain_with_states, unbuilt])
def test_tables_say_what_those_of_keras_say(build, options, monkeypatch):
    monkeypatch.setenv("COLUMNS", "220")
    keras.utils.clear_session()
    (expected, totals), (found, own_totals) = (cells_of(text_of(build(k), line_length=200, **options)) for k in (keras, kerata))
    # Keras lists inputs by depth.
    assert sorted(found) == sorted(expected)
    assert own_totals == totals


def test_parameters_of_the_optimizer_are_counted():
    lines = []
    for k in (keras, kerata):
        model = sequential(k)
        model.compile("adam", "mse")
        model.optimizer.build(model.trainable_variables)
        lines.append(cells_of(text_of(model))[1])
    assert lines[0] == lines[1]
    assert lines[1][-1].startswith(" Optimizer params: ")


@pytest.mark.parametrize("width", [40, 76, 88, 131])
@pytest.mark.parametrize("build", [sequential, graph])
def test_lines_have_the_width_that_was_asked_for(build, width):
    model = build(kerata)
    table = [line for line in text_of(model, line_length=width, expand_nested=True).splitlines() if line[0] in "│┃┏├└┡"]
    assert {len(line) for line in table} == {width}
    # Nothing is cut off, however narrow the column.
    joined = "".join("".join(row[:1]) for row in cells_of("\n".join(table))[0]).replace(" ", "")
    for layer in model.layers:
        assert layer.name in joined


def test_layers_of_a_subclass_show_their_shapes():
    class Two(kerata.Model):
        def __init__(self):
            super().__init__()
            self.first, self.second = kerata.layers.Dense(3), kerata.layers.Dense(2)

        def call(self, x):
            return self.second(self.first(x))

    model = Two()
    assert "0 (unbuilt)" in text_of(model)
    model.compile("sgd", "mse")
    model.fit(np.ones((8, 4), "float32"), np.ones((8, 2), "float32"), verbose=0)
    rows = cells_of(text_of(model))[0]
    assert [row[1:3] for row in rows[1:]] == [["(None, 3)", "15"], ["(None, 2)", "8"]]


def test_bad_options():
    with pytest.raises(ValueError, match="wider line"):
        text_of(sequential(kerata), line_length=20)
    for wanted in (("nothing", "head"), ("conv",), (1, 2)):
        with pytest.raises(ValueError, match="`layer_range` must"):
            text_of(sequential(kerata), layer_range=wanted)


def test_sizes_have_units():
    assert [format_bytes(n) for n in (0, 1023, 1024, 5 * 2**30)] == ["0.00 B", "1023.00 B", "1.00 KB", "5.00 GB"]


def test_it_prints_by_default(capsys):
    sequential(kerata).summary()
    assert "conv2d" in capsys.readouterr().out


def test_a_picture_shows_each_layer_below_what_leads_to_it(tmp_path):
    from kerata.utils.plotting import describe_box, lay_out

    model = graph(kerata)
    rows, edges = lay_out(model)
    place = {op.name: line for line, row in enumerate(rows) for op in row}
    assert sorted(place) == sorted(op.name for op in model._graph.operations)
    assert edges and all(place[start.name] < place[end.name] for start, end in edges)
    assert describe_box(model.get_layer("shared"), True, True, True, True, True) == [
        "shared (Dense), linear",
        "(None, 4)",
        "float32",
        "frozen",
    ]
    for built in (model, sequential(kerata)):
        kerata.utils.plot_model(built, tmp_path / "m.png", show_shapes=True)
        assert (tmp_path / "m.png").read_bytes().startswith(b"\x89PNG")
    with pytest.raises(ValueError, match="only a model that is built"):
        kerata.utils.plot_model(unbuilt(kerata), tmp_path / "m.png")
    with pytest.raises(ValueError, match="'ortho', 'curved'"):
        kerata.utils.plot_model(model, tmp_path / "m.png", splines="round")


def test_a_picture_of_models_within_models(tmp_path):
    from kerata.utils.plotting import expand, lay_out

    x = kerata.Input((8,), name="x")
    deepest = kerata.Sequential([kerata.Input((6,)), kerata.layers.Dense(6, name="deepest")], name="within")
    first = kerata.Input((8,), name="first")
    inner = kerata.Model(first, deepest(kerata.layers.Dense(6, name="middle")(first)), name="inner")
    beside = kerata.layers.Dense(6, name="beside")(x)
    model = kerata.Model(x, kerata.layers.Add(name="sum")([inner(x), beside]))
    rows, edges, frames = expand(*lay_out(model))
    place = {op.name: line for line, row in enumerate(rows) for op in row}
    names = {(start.name, end.name) for start, end in edges}
    assert {("x", "first"), ("first", "middle"), ("deepest", "sum"), ("beside", "sum"), ("x", "beside")} <= names
    assert all(place[start] < place[end] for start, end in names)
    assert [name for name, _ in frames] == ["inner", "within"]
    assert {"first", "middle", "deepest"} <= {op.name for op in frames[0][1]} and "sum" not in {op.name for op in frames[0][1]}
    pictures = []
    for rankdir, splines in (("TB", "ortho"), ("LR", "curved"), ("LR", "line")):
        path = tmp_path / "m.png"
        kerata.utils.plot_model(model, path, expand_nested=True, rankdir=rankdir, splines=splines, dpi=40)
        pictures.append(path.read_bytes())
    assert len(set(pictures)) == 3
