"""What Keras 3.15.1's own tests of operations asked for, held against Keras."""

import jax
import keras
import numpy as np
import pytest

import kerata
from kerata import KerasTensor, ops


def test_rows_are_counted_as_far_as_their_largest_number():
    x, weights = np.array([[1, 1, 2, 6], [0, 3, 3, 6]]), np.array([[0.5, 0, 3, 2], [1, 1, 4, 2]], "float32")
    for given in (None, weights):
        np.testing.assert_array_equal(ops.bincount(x, given, minlength=3), keras.ops.bincount(x, given, minlength=3))


def test_sizes_that_follow_from_numbers_are_not_known():
    x = KerasTensor((2, 4))
    assert ops.unique(x).shape == (None,)
    values, index, inverse = ops.unique(x, axis=0, return_index=True, return_inverse=True)
    assert (values.shape, index.shape, inverse.shape) == ((None, 4), (None,), (2,))
    assert [one.shape for one in ops.nonzero(x)] == [one.shape for one in ops.where(x)] == [(None,), (None,)]
    assert ops.segment_sum(KerasTensor((None, 4)), KerasTensor((5,), "int32")).shape == (None, 4)
    assert ops.bincount(KerasTensor((3, 4), "int32")).shape == (3, None)
    # A graph with such an operation computes on arrays.
    function = kerata.Function(x, 2 * ops.unique(x))
    np.testing.assert_array_equal(function(np.array([[1, 2, 2, 1], [3, 1, 1, 3]], "float32")), [2, 4, 6])

    class Chosen(kerata.Layer):
        def call(self, x):
            return ops.take(x, ops.where(np.array([True, False, True]))[0], axis=1)

    # What is known is known.
    assert Chosen()(kerata.Input((3,))).shape == (None, 2)


@pytest.mark.parametrize(
    ("call", "kind"),
    [
        (lambda o, t: o.dot(t((2, 3)), t((2, 3))), ValueError),
        (lambda o, t: o.add(t((4, 3)), t((2, 3))), ValueError),
        (lambda o, t: o.cond(t((), "bool"), lambda: o.ones((3,)), lambda: o.ones((4,))), ValueError),
        (lambda o, t: o.linalg.eigh(t((10, 20, 15))), ValueError),
        (lambda o, t: o.linalg.cholesky(np.ones((2, 3), "float32")), ValueError),
        (lambda o, t: o.linalg.qr(t((3,))), ValueError),
        (lambda o, t: o.view_as_complex(np.ones(3, "float32")), ValueError),
        (lambda o, t: o.extract_sequences(np.float32(3), 1, 1), ValueError),
        (lambda o, t: o.segment_sum(np.ones(3), np.zeros(4, int), 2), ValueError),
        (lambda o, t: o.convert_to_numpy(t((2,))), ValueError),
        (lambda o, t: list(t((2,))), NotImplementedError),
        (lambda o, t: setattr(t((2,)), "shape", (3,)), AttributeError),
        (lambda o, t: o.image.extract_patches(np.ones((1, 4, 4, 1)), "5"), TypeError),
        (lambda o, t: o.image.extract_patches_3d(np.ones((1, 4, 4, 4, 1)), (4, 4)), TypeError),
    ],
    ids=range(14),
)
def test_errors_are_of_the_class_that_keras_raises(call, kind):
    for library in (keras, kerata):
        with pytest.raises(kind):
            call(library.ops, library.KerasTensor)


def test_a_vector_for_each_matrix_is_solved_for():
    rng = np.random.default_rng(0)
    a, b = rng.random((4, 3, 3)).astype("float32") + 2 * np.eye(3, dtype="float32"), rng.random((4, 3)).astype("float32")
    np.testing.assert_allclose(ops.linalg.solve(a, b), np.linalg.solve(a, b[..., None])[..., 0], rtol=1e-4)
    assert ops.linalg.solve(KerasTensor((None, 3, 3)), KerasTensor((None, 3))).shape == (None, 3)
    factor = np.linalg.cholesky(a @ a.transpose(0, 2, 1))
    for upper in (False, True):
        given = factor.transpose(0, 2, 1) if upper else factor
        product = factor @ factor.transpose(0, 2, 1)
        np.testing.assert_allclose(ops.linalg.cholesky_inverse(given, upper) @ product, np.stack([np.eye(3)] * 4), atol=1e-4)


def test_factors_of_a_normalization_may_have_all_axes():
    rng = np.random.default_rng(0)
    x, factor = (rng.random((2, 3, 4)).astype("float32") for _ in range(2))
    for name, extra in (("layer_normalization", (factor[::-1],)), ("rms_normalization", ())):
        mine, theirs = (getattr(library.ops, name)(x, factor, *extra) for library in (kerata, keras))
        np.testing.assert_allclose(mine, theirs, rtol=1e-5, atol=1e-6)
    with pytest.warns(UserWarning, match="You passed `rms_scaling=True`, which is deprecated"):
        mine = ops.layer_normalization(x, factor[0, 0], factor[0, 1], rms_scaling=True)
    with pytest.warns(UserWarning):
        theirs = keras.ops.layer_normalization(x, factor[0, 0], factor[0, 1], rms_scaling=True)
    np.testing.assert_allclose(mine, theirs, rtol=1e-5)


def test_derivatives_and_small_pictures_of_symbolic_tensors():
    value, slope = ops.linalg.jvp(ops.sin, (KerasTensor((None, 7)),), (KerasTensor((None, 7)),))
    assert value.shape == slope.shape == (None, 7)
    assert ops.image.pad_images(KerasTensor((None, None, 3)), 2, 3, target_height=20, target_width=30).shape == (20, 30, 3)


def test_operations_of_ones_own_say_what_they_were_given():
    class Scale(kerata.Operation):
        def __init__(self, alpha, *, beta=1.0, name=None):
            super().__init__(name=name)

    class Shift(kerata.Operation):
        def __init__(self, by=2):
            super().__init__()

    class Own(Scale):
        def get_config(self):
            return {**super().get_config(), "alpha": 3}

    assert Scale(0.2, name="s").get_config() == {"alpha": 0.2, "beta": 1.0, "name": "s"}
    assert Shift().get_config() == {"by": 2}
    assert Own(1, name="o").get_config() == {"name": "o", "alpha": 3}
    assert Scale.from_config(Scale(0.2).get_config()).name.startswith("scale")
    with pytest.raises(NotImplementedError, match="only objects with"):
        Scale(object()).get_config()
    with pytest.raises(ValueError, match="without the character `/`"):
        Scale(1, name="a/b")


def test_a_function_takes_inputs_of_its_shapes():
    first, second = KerasTensor((2, 3)), KerasTensor((2, 3))
    function = kerata.Function([first, second], ops.add(first, second))
    with pytest.raises(ValueError, match=r"must have the shape \(2, 3\). Received: shape=\(4, 3\)"):
        function([np.ones((4, 3)), np.ones((2, 3))])
    assert kerata.utils.get_source_inputs(function.output) == [first, second]


def test_operators_of_variables_and_tensors_are_keras_s():
    numbers, other = np.array([1.26, 0.0, 2.0], "float32"), np.array([4, 2, 0])
    for library in (keras, kerata):
        v, w = library.Variable(numbers), library.Variable(other, dtype="int32")
        np.testing.assert_array_equal([v & w, v | w, v ^ w, True ^ w], [[1, 0, 0], [1, 1, 1], [0, 1, 1], [0, 0, 1]])
        np.testing.assert_allclose([round(v, 1), +v], [[1.3, 0, 2], numbers])
        np.testing.assert_array_equal(~library.Variable([True, False], dtype="bool"), [False, True])
        np.testing.assert_allclose([v.assign_add(numbers), v.assign(numbers), v.assign_sub([1, 1, 1])][2], numbers - 1)
        x, y = library.Input((3,)), library.Input((3,), dtype="int32")
        function = library.Function([x, y], [~x, x ^ y, 3 & y, round(x, 1)])
        found = [np.asarray(one)[0] for one in function([numbers[None], other[None]])]
        np.testing.assert_allclose(np.stack(found), [[0, 1, 0], [0, 1, 1], [1, 1, 0], [1.3, 0, 2]], rtol=1e-6)
        with pytest.raises(TypeError):
            bool(v)
        for name in ("regularizer", "constraint"):
            with pytest.raises(ValueError):
                setattr(v, name, 3)
        with pytest.raises(TypeError):
            v.overwrite_with_gradient = 1
        with pytest.raises(ValueError):
            library.Variable(1.0, name="a/b")


def test_what_else_keras_s_operations_take():
    x = np.arange(24, dtype="float32").reshape(2, 3, 4)
    np.testing.assert_array_equal(ops.repeat(x, [1, 2], axis=0), np.repeat(x, [1, 2], axis=0))
    assert ops.repeat(KerasTensor((2, 3)), [2]).shape == (12,)
    for call in (
        lambda o: o.diagonal(x, axis1=1, axis2=-2),
        lambda o: o.fold(np.ones((1, 2, 3, 4)), (4, 4), 2),
        lambda o: o.istft((x[0, 0], x[0, 0]), 4, 2, 4),
    ):
        for library in (keras, kerata):
            with pytest.raises(ValueError):
                call(library.ops)
    with pytest.raises(ValueError, match="`axis` must be below 3"):
        ops.split(x, 2, axis=10)
    with pytest.raises(ValueError, match="`axis` must be below 3"):
        ops.unstack(x, axis=3)
    shape = (None, 25, 25, 3)
    found = ops.image.scale_and_translate(KerasTensor((None, 20, 20, 3)), shape, np.ones(2), np.ones(2), (1, 2), "linear")
    assert found.shape == shape
    spectrum = ops.stft(np.sin(np.arange(64, dtype="float32")), 8, 2, 8, window=None)
    mine, theirs = (library.ops.istft(spectrum, 8, 2, 8, window=None) for library in (kerata, keras))
    np.testing.assert_allclose(mine[4:-4], theirs[4:-4], atol=1e-5)


def test_a_draw_without_a_seed_is_no_constant_of_a_program():
    for random in (keras.random, kerata.random):
        with pytest.raises(ValueError):
            jax.jit(lambda random=random: random.normal((2,)))()
    first, second = (jax.jit(lambda: kerata.random.normal((2,), seed=3))() for _ in range(2))
    np.testing.assert_array_equal(first, second)
    # A derivative is computed anew in every call.
    slope = jax.grad(lambda w: (w * kerata.random.normal((2,))).sum())
    assert slope(1.0) != slope(1.0)


def test_a_mapped_function_is_written_to_a_file(tmp_path):
    @kerata.saving.register_keras_serializable("ops")
    def doubled(x):
        return x + x

    x = kerata.Input((3,))
    model = kerata.Model(x, ops.vectorized_map(doubled, x))
    again = kerata.Model.from_config(model.get_config())
    np.testing.assert_array_equal(again(np.ones((2, 3))), np.full((2, 3), 2.0))


def test_an_operation_of_ones_own_may_be_quantized():
    class Plain(kerata.Operation):
        def call(self, x):
            return x

        def quantized_call(self, x):
            return x + 1

    operation = Plain()
    assert operation(1) == 1
    operation.quantization_mode = "int8"
    assert operation(1) == 2
