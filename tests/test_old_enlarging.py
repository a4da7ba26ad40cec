"""Pictures that Keras 2 enlarged bilinearly: the numbers are those of `tf.compat.v1.image.resize_bilinear`."""

import numpy as np
import pytest

from kerata import legacy

X = np.arange(12.0).reshape(1, 3, 4, 1)
ROW_OF_THEN, ROW_SINCE = [2, 2.5, 3, 3.5, 4, 4.5, 5, 5], [1, 1.25, 1.75, 2.25, 2.75, 3.25, 3.75, 4]


@pytest.mark.parametrize("era, row", [("keras22", ROW_OF_THEN), ("keras2", ROW_OF_THEN), ("tfkeras2", ROW_SINCE)])
def test_where_the_pixels_lie(era, row):
    keras = getattr(legacy, era)
    K, L = keras.backend, keras.layers
    begin = L.Input((None, None, 1))
    grown = L.UpSampling2D(2, interpolation="bilinear")(begin)
    asked = L.Lambda(lambda x: K.resize_images(x, 2, 2, "channels_last", interpolation="bilinear"))(begin)
    for output in (grown, asked):
        np.testing.assert_allclose(keras.models.Model(begin, output).predict(X, verbose=0)[0, 1, :, 0], row)
    first = keras.models.Sequential([L.UpSampling2D(2, "channels_first", "bilinear", input_shape=(1, 3, 4))])
    np.testing.assert_allclose(first.predict(X.transpose(0, 3, 1, 2), verbose=0)[0, 0, 1], row)


def test_factors_that_differ():
    layers = legacy.keras2.layers
    model = legacy.keras2.models.Sequential([layers.UpSampling2D((3, 2), interpolation="bilinear", input_shape=(3, 4, 1))])
    np.testing.assert_allclose(model.predict(X).sum(), 473.5)
    np.testing.assert_allclose(model.predict(X)[0, 1, :3, 0], [4 / 3, 11 / 6, 7 / 3], rtol=1e-6)
