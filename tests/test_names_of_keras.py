"""Small modules of Keras's public API against Keras: trees, boxes, scopes, policies, settings, progress."""

import collections
import io
import itertools
import re
import sys

import jax
import jax.numpy as jnp
import keras
import numpy as np
import pytest

import kerata

Pair = collections.namedtuple("Pair", ["first", "second"])
STRUCTURES = [
    1,
    None,
    [],
    [1, [2, (3, None)]],
    {"b": [1, 2], "a": {"c": 3}},
    Pair(1, [2, 3]),
    collections.OrderedDict([("b", 1), ("a", 2)]),
    collections.defaultdict(list, {"b": 1, "a": [2]}),
    collections.deque([1, (2, 3)]),
    (np.ones(2).tolist(), "text"),
]
every_structure = pytest.mark.parametrize("structure", STRUCTURES, ids=lambda s: type(s).__name__)


@every_structure
def test_trees(structure):
    ours, theirs = kerata.tree, keras.tree
    assert ours.is_nested(structure) == theirs.is_nested(structure)
    assert ours.flatten(structure) == theirs.flatten(structure)
    assert ours.flatten_with_path(structure) == theirs.flatten_with_path(structure)
    assert ours.map_structure(str, structure) == theirs.map_structure(str, structure)
    assert type(ours.map_structure(str, structure)) is type(theirs.map_structure(str, structure))
    assert ours.map_structure(repr, structure, none_is_leaf=False) == theirs.map_structure(repr, structure, none_is_leaf=False)
    leaves = [f"leaf {n}" for n in range(len(ours.flatten(structure)))]
    assert ours.pack_sequence_as(structure, leaves) == theirs.pack_sequence_as(structure, leaves)
    assert ours.lists_to_tuples(structure) == theirs.lists_to_tuples(structure)
    for down in (True, False):

        def change(part):
            return kerata.tree.MAP_TO_NONE if part == 2 else sum(part) if isinstance(part, list) and part == [1, 2] else None

        def change_theirs(part):
            return keras.tree.MAP_TO_NONE if part == 2 else sum(part) if isinstance(part, list) and part == [1, 2] else None

        assert ours.traverse(change, structure, down) == theirs.traverse(change_theirs, structure, down)


@pytest.mark.parametrize(("a", "b"), [*itertools.combinations_with_replacement(STRUCTURES[2:], 2)])
def test_comparisons_of_trees(a, b):
    for name in ("assert_same_structure", "assert_same_paths"):
        said = []
        for library in (kerata, keras):
            try:
                getattr(library.tree, name)(a, b)
                said.append(True)
            except ValueError:
                said.append(False)
        assert said[0] == said[1], name


def test_more_of_trees():
    for library in (kerata, keras):
        assert library.tree.map_structure(lambda a, b: a + b, {"a": 1, "b": (2,)}, {"b": (3,), "a": 4}) == {"a": 5, "b": (5,)}
        assert library.tree.map_structure_up_to([1, 2], len, [[3, 4], [5]]) == [2, 1]
        assert library.tree.map_shape_structure(lambda s: len(s), {"a": (None, 3), "b": [(2,), (2, 3)]}) == {
            "a": 2,
            "b": [1, 2],
        }
        with pytest.raises(ValueError):
            library.tree.map_structure(lambda a, b: a, [1], [1, 2])
        with pytest.raises(ValueError):
            library.tree.pack_sequence_as([1, 2], [1])
    variable = kerata.Variable(np.ones(3))
    assert kerata.tree.flatten([variable])[0] is variable


CORNERS = np.random.default_rng(0).uniform(1, 20, (2, 3, 2)).astype("float32")
BOXES = np.concatenate([CORNERS, CORNERS + np.random.default_rng(1).uniform(1, 15, (2, 3, 2)).astype("float32")], -1)
FORMS = ("xyxy", "yxyx", "xywh", "center_xywh", "center_yxhw", "rel_xyxy", "rel_yxyx", "rel_xywh", "rel_center_xywh")


def same(name, *args, **kwargs):
    found, expected = (getattr(library.utils.bounding_boxes, name)(*args, **kwargs) for library in (kerata, keras))
    for a, b in zip(jax.tree.leaves(found), jax.tree.leaves(expected), strict=True):
        assert a.dtype == b.dtype
        np.testing.assert_allclose(np.asarray(a), np.asarray(b), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("source", FORMS)
def test_forms_of_boxes(source):
    for target in FORMS:
        same("convert_format", BOXES, source, target, 40, 30)
    same("compute_iou", BOXES, BOXES[:, :2] + 1, source, image_shape=(40, 30, 3))


def test_what_is_done_with_boxes():
    given = {"boxes": BOXES * 2 - 10, "labels": np.arange(6).reshape(2, 3)}
    same("clip_to_image_size", given, height=30, width=25)
    same("clip_to_image_size", {**given, "boxes": given["boxes"] / 20}, bounding_box_format="rel_xyxy")
    same("crop", BOXES, 3, 4, 10, 12)
    same("pad", BOXES, 3, 4)
    angle, zero = np.array([30.0, -75.0], "float32"), np.zeros(2, "float32")
    same("affine_transform", BOXES, angle, zero, zero, zero + 1, zero, zero, 40, 30)
    arguments = (BOXES, angle, zero + 0.2, zero - 0.1, zero + 1.3, zero + 10, zero + 5, 40, 30)
    same("affine_transform", *arguments, center_x=0.2, center_y=0.7)
    same("compute_iou", BOXES[0], BOXES[1], "xyxy")
    same("compute_iou", BOXES - 12, BOXES[:, ::-1] - 15, "xyxy", use_masking=True, mask_val=-7)
    same("compute_ciou", BOXES, BOXES[:, ::-1], "xyxy")
    for form in ("center_yxhw", "center_xywh"):
        more = {"variance": [0.1, 0.1, 0.2, 0.2], "image_shape": (40, 30, 3)}
        same("encode_box_to_deltas", BOXES[0], BOXES, "xyxy", "xywh", form, **more)
        same("decode_deltas_to_boxes", BOXES[0], BOXES / 30, "xyxy", "rel_xyxy", form, **more)
    same("decode_deltas_to_boxes", {"p3": BOXES[0]}, {"p3": BOXES / 30}, "xyxy", "xywh")
    for call in (
        lambda b: b.convert_format(BOXES, "xyxy", "rel_xyxy"),
        lambda b: b.convert_format(BOXES[..., :3], "xyxy", "xywh"),
        lambda b: b.convert_format(BOXES, "xyzw", "xywh"),
        lambda b: b.clip_to_image_size(given),
        lambda b: b.encode_box_to_deltas(BOXES, BOXES, "xyxy", "xyxy", variance=[1.0]),
    ):
        with pytest.raises(ValueError):
            call(kerata.utils.bounding_boxes)


def test_a_stateless_scope_is_that_of_keras():
    for library in (kerata, keras):
        variable, other = library.Variable(np.ones(2, "float32")), library.Variable(np.zeros(2, "float32"))
        layer = library.layers.ActivityRegularization(l2=1.0)

        def value(x, variable=variable, other=other, layer=layer, library=library):
            with library.StatelessScope([(variable, x)], collect_losses=True) as scope:
                other.assign(variable.value * 2)
                scope.add_loss(jnp.sum(variable.value))
                scope.add_update((variable, x + 1))
            return sum(scope.losses) + jnp.sum(scope.get_current_value(other) * scope.get_current_value(variable))

        np.testing.assert_allclose(jax.grad(value)(jnp.array([3.0, 4.0])), [15.0, 19.0])
        np.testing.assert_array_equal(np.asarray(variable.value), [1, 1])
        np.testing.assert_array_equal(np.asarray(other.value), [0, 0])
        assert library.StatelessScope().get_current_value(variable) is None
        with pytest.raises(ValueError):
            library.StatelessScope([(variable, np.ones(3))])
    with pytest.raises(TypeError, match="pairs of a variable"):
        kerata.StatelessScope([("name", np.ones(3))])


def test_names_devices_and_memory():
    with kerata.name_scope("outer"):
        assert kerata.Variable(np.ones(2), name="inner").path == "outer/inner"
    with kerata.device("cpu:0"):
        assert jnp.ones(1).devices() == {jax.devices("cpu")[0]}
    with kerata.device(jax.devices()[0]):
        jnp.ones(1)
    for wrong in ("gpu:77", "abacus:0", "cpu:x"):
        with pytest.raises(ValueError, match="no such device"):
            kerata.device(wrong)
    with pytest.raises(TypeError, match="takes a name"):
        kerata.device(3)
    layer = kerata.layers.Dense(3)
    layer.build((None, 4))
    x = jnp.ones((2, 4))
    plain, saving = (jax.grad(lambda x, f=f: jnp.sum(jnp.sin(f(x))))(x) for f in (layer, kerata.remat(layer)))
    np.testing.assert_allclose(plain, saving, rtol=1e-6)


def test_policies():
    for name in ("float32", "mixed_bfloat16", "bfloat16"):
        for library in (kerata, keras):
            policies = library.dtype_policies
            policy = policies.get(name)
            assert policies.serialize(policy)["config"] == {"name": name} and policy.quantization_mode is None
            assert policies.deserialize(policies.serialize(policy)) == policy == policies.get(policies.serialize(policy))
            assert policy.convert_input(np.ones(2, "float32"), True, "float16").dtype == "float16"
            assert policy.convert_input(np.ones(2, "int32"), True, "float16").dtype == "int32"
            assert policy.convert_input(np.ones(2, "float32"), False, "float16").dtype == "float32"
            assert policy.convert_input("text", True, "float16") == "text"
    assert kerata.dtype_policies.get(None).name == "float32"
    assert kerata.layers.Dense(2, dtype=kerata.FloatDTypePolicy("float16")).compute_dtype == "float16"
    kerata.mixed_precision.set_global_policy("mixed_bfloat16")
    try:
        assert kerata.mixed_precision.global_policy() == kerata.mixed_precision.Policy("mixed_bfloat16")
        assert kerata.layers.Dense(2).compute_dtype == "bfloat16"
    finally:
        kerata.mixed_precision.set_global_policy("float32")


def test_configs_that_are_bags_of_settings():
    for library in (kerata, keras):
        config = library.utils.Config(rate=0.1, units=3)
        config.depth = 2
        config["name"] = "n"
        assert list(config) == ["depth", "name", "rate", "units"] and len(config) == 4 and "rate" in config
        assert config.as_dict() == {"rate": 0.1, "units": 3, "depth": 2, "name": "n"} and config.get("none", 7) == 7
        assert config.to_json() == '{"rate": 0.1, "units": 3, "depth": 2, "name": "n"}'
        config.update({"rate": 0.2})
        del config["name"]
        assert config.pop("units") == 3 and dict(config.items()) == {"rate": 0.2, "depth": 2}
        config.freeze()
        for change in (lambda c: setattr(c, "rate", 1), lambda c: c.pop("rate"), lambda c: c.update(a=1)):
            with pytest.raises(ValueError, match="frozen"):
                change(config)
        assert config.frozen
        config.unfreeze()
        config.rate = 0.5
        assert config.rate == 0.5 and list(config.keys()) == ["rate", "depth"] and list(config.values()) == [0.5, 2]
        with pytest.raises(AttributeError, match="rate"):
            _ = config.rat


def test_bars_of_loops_of_ones_own(monkeypatch):
    """The numbers that are shown are Keras's."""
    for given in ({}, {"stateful_metrics": ["b"]}, {"stateless_metrics": ["b"]}):
        shown = []
        for library in (kerata, keras):
            stream = io.StringIO()
            monkeypatch.setattr(sys, "stdout", stream)
            bar = library.utils.Progbar(4, verbose=2, **given)
            bar.update(2, [("a", 1.0), ("b", 3.0)])
            bar.add(1, [("a", 4.0), ("b", 6.0)])
            bar.update(4, [("a", 8.0), ("b", 9.0)])
            shown.append([float(number) for number in re.findall(r"[ab]:? (\d+\.\d+)", stream.getvalue())])
        assert shown[0] == shown[1] == [8.0, 9.0]
    bar = kerata.utils.Progbar(None, verbose=0)
    bar.update(2, [("a", 1.0)])
    bar.add(2, [("a", 4.0)])
    assert bar.means == {"a": 2.5}
    with pytest.raises(ValueError, match="only one of the two"):
        kerata.utils.Progbar(3, stateful_metrics=["a"], stateless_metrics=["b"])


@pytest.mark.parametrize("data_format", ["channels_last", "channels_first"])
def test_a_convolution_with_another_kernel(data_format):
    """`convolution_op` is Keras's, and a subclass that overrides it changes what the layer computes."""
    x = np.random.default_rng(0).normal(size=(2, 4, 6, 5)).astype("float32")
    found = []
    for library in (kerata, keras):

        class Standardized(library.layers.Conv2D):
            def convolution_op(self, inputs, kernel, ops=library.ops):
                return super().convolution_op(inputs, kernel - ops.mean(kernel))

        layer = Standardized(3, 2, strides=2, padding="same", activation="relu", data_format=data_format)
        layer.build(x.shape)
        rng = np.random.default_rng(1)
        layer.set_weights([rng.normal(size=w.shape).astype("float32") for w in layer.get_weights()])
        plain = library.layers.Conv2D(3, 2, padding="same", data_format=data_format)
        kernel = rng.normal(size=layer.get_weights()[0].shape).astype("float32")
        found.append([np.asarray(layer(x)), np.asarray(plain.convolution_op(x, kernel))])
    for ours, theirs in zip(*found, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-5)


def test_specifications_of_inputs():
    for library in (kerata, keras):
        spec = library.InputSpec(shape=(None, 3), axes={-1: 3}, dtype="float32")
        again = library.InputSpec.from_config(spec.get_config())
        assert spec.get_config() == again.get_config() and again.shape == (None, 3)
    assert kerata.InputSpec(ndim=2).get_config() == keras.InputSpec(ndim=2).get_config()
