"""Configs of a person's own classes, and weights of a part of a model."""

import keras
import numpy as np
import pytest

import kerata
from kerata import layers, losses, metrics


@kerata.saving.register_keras_serializable(package="own")
class Scale(layers.Layer):
    def __init__(self, factor, function=None, **kwargs):
        super().__init__(**kwargs)
        self.factor, self.function = factor, function

    def call(self, x):
        return x * self.factor

    def get_config(self):
        # A name that stands twice is an error of Python; a function could not be written.
        return dict(factor=self.factor, **super().get_config())


@kerata.saving.register_keras_serializable(package="own")
class Wide(layers.Dense):
    def __init__(self, units, extra=1, **kwargs):
        super().__init__(units * extra, **kwargs)
        self.extra = extra

    def get_config(self):
        config = super().get_config()
        return {**config, "units": self.units // self.extra, "extra": self.extra}


@kerata.saving.register_keras_serializable(package="own")
class Powered(losses.Loss):
    def __init__(self, power, **kwargs):
        super().__init__(**kwargs)
        self.power = power

    def call(self, y_true, y_pred):
        return abs(y_true - y_pred) ** self.power

    def get_config(self):
        return dict(power=self.power, **super().get_config())


@kerata.saving.register_keras_serializable(package="own")
class Counted(metrics.Metric):
    def __init__(self, step, **kwargs):
        super().__init__(**kwargs)
        self.step, self.count = step, self.add_weight(name="count")

    def get_config(self):
        return dict(step=self.step, **super().get_config())


def test_the_config_of_the_base_holds_what_the_base_takes():
    layer = Scale(2.0, function=lambda x: x, name="twice")
    assert set(layer.get_config()) == {"factor", "name", "trainable", "dtype"}
    again = kerata.saving.deserialize_keras_object(kerata.saving.serialize_keras_object(layer))
    assert (again.factor, again.name, again.function) == (2.0, "twice", None)
    wide = Wide(3, extra=2, activation="relu", use_bias=False)
    again = Wide.from_config(wide.get_config())
    assert again.units == 6 and again.use_bias is False and again.activation is kerata.activations.relu
    assert set(Powered(3, name="cubic").get_config()) == {"power", "name", "reduction"}
    assert losses.deserialize(losses.serialize(Powered(3))).power == 3
    assert set(Counted(2).get_config()) == {"step", "name", "dtype"}
    assert metrics.deserialize(metrics.serialize(Counted(2))).step == 2


def test_a_class_without_a_config_of_its_own_still_gets_one():
    class Plain(layers.Layer):
        def __init__(self, factor, **kwargs):
            super().__init__(**kwargs)

    assert Plain(2.0).get_config()["factor"] == 2.0


@pytest.mark.parametrize("library", [kerata, keras])
def test_a_constructor_gets_the_name_of_a_plain_policy(library):
    class Told(library.layers.Dense):
        def __init__(self, *args, dtype=None, **kwargs):
            self.told = dtype
            super().__init__(*args, dtype=dtype, **kwargs)

    assert Told.from_config(library.layers.Dense(2, dtype="bfloat16").get_config()).told == "bfloat16"
    few = Told.from_config(library.layers.Dense(2, dtype="int8_from_bfloat16").get_config())
    assert few.told.quantization_mode == "int8" and few.dtype_policy.name == "int8_from_bfloat16"


@pytest.mark.parametrize("library", [kerata, keras])
def test_arrays_and_tensors_come_back_as_what_they_were(library):
    for value in (np.arange(3, dtype="float32"), library.ops.arange(3, dtype="float32")):
        plain = library.saving.serialize_keras_object(value)
        again = library.saving.deserialize_keras_object(plain)
        assert type(again) is type(value) and library.saving.serialize_keras_object(again) == plain


@pytest.mark.parametrize("library", [kerata, keras])
def test_the_shape_of_a_lambda_stays_a_tuple(library):
    config = library.layers.Lambda(library.activations.relu, output_shape=(6, None)).get_config()
    again = library.layers.Lambda.from_config({**config, "output_shape": [6, None]})
    assert again.get_config()["output_shape"] == (6, None)


def test_true_is_no_size():
    for kind in (layers.UpSampling1D, layers.UpSampling2D):
        with pytest.raises(TypeError, match=r"`size` must be a positive integer. Received: size=True"):
            kind(True)


@pytest.mark.parametrize("library", [kerata, keras])
def test_a_built_in_goes_under_no_registered_name(library):
    plain = {"module": "keras.layers", "class_name": "Dense", "config": {"units": 1}, "registered_name": "shop>Dense"}
    with pytest.raises(ValueError, match=r"entered nowhere|resolved to a Keras built-in"):
        library.saving.deserialize_keras_object(plain)
    assert library.saving.deserialize_keras_object({**plain, "registered_name": "Dense"}).units == 1


def test_a_policy_that_is_set_in_a_map_of_policies():
    policies = kerata.dtype_policies.DTypePolicyMap()
    layer = layers.Dense(2, dtype=policies)
    layer.build((None, 1))
    for name in ("mixed_bfloat16", "float16"):
        layer.dtype_policy = name
        assert layer.dtype_policy is policies and policies[layer.path].name == name
    plain = layers.Dense(2, name="plain")
    plain.build((None, 1))
    with pytest.raises(ValueError, match="a policy alone does not quantize by 'gptq'"):
        plain.dtype_policy = "gptq/4/128_from_float32"
    assert plain.dtype_policy.name == "float32"


def test_a_list_that_holds_itself():
    class Circular(kerata.Model):
        def __init__(self):
            super().__init__()
            self.blocks: list = [layers.Dense(2)]
            self.blocks.append(self.blocks)

        def call(self, x):
            return self.blocks[0](x)

    model = Circular()
    assert model(np.ones((1, 3))).shape == (1, 2) and len(model.weights) == 2


def two():
    return kerata.Sequential([kerata.Input((3,)), layers.Dense(4), layers.Dense(5)])


def test_weights_of_parts_can_be_left_out(tmp_path):
    path, model, new = tmp_path / "part.weights.h5", two(), two()
    old = new.get_weights()
    model.save_weights(path, objects_to_skip=[model.layers[0]])
    new.load_weights(path, objects_to_skip=[new.layers[0]])
    np.testing.assert_array_equal(new.get_weights()[0], old[0])
    np.testing.assert_array_equal(new.get_weights()[2], model.get_weights()[2])
    with pytest.raises(ValueError, match="the file must match the model"):
        two().load_weights(path)
    model.save_weights(path)
    new = two()
    old = new.get_weights()
    new.load_weights(path, objects_to_skip=[new.layers[1]])
    np.testing.assert_array_equal(new.get_weights()[0], model.get_weights()[0])
    np.testing.assert_array_equal(new.get_weights()[2], old[2])


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda path: kerata.models.load_model(path / "none.keras"), "File not found"),
        (lambda path: two().load_weights(path / "none.weights.h5"), "File not found"),
        (lambda path: kerata.models.load_model(path / "model.pkl"), "File format not supported"),
        (lambda path: two().load_weights(path / "model.pkl"), "File format not supported"),
        (lambda path: two().save(path / "model.png"), "Invalid filepath extension for saving"),
        (lambda path: two().save(path / "model.h6", save_format="h5"), "The `save_format` argument is deprecated"),
        (lambda path: two().save(path / "model.keras", zip=True), r"The following argument\(s\) are not supported.*zip=True"),
    ],
)
def test_messages_about_files(call, text, tmp_path):
    with pytest.raises(ValueError, match=text):
        call(tmp_path)


def test_a_missing_file_can_be_caught_as_such(tmp_path):
    with pytest.raises(FileNotFoundError):
        kerata.models.load_model(tmp_path / "none.keras")
