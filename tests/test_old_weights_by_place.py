"""`load_weights(path, True)`: what stands second is `by_name` in Keras 1, 2 and `tf.keras` to 2.11, by their sources."""

import numpy as np
import pytest

from kerata import legacy


@pytest.mark.parametrize("era", ["keras1", "keras22", "keras2", "tfkeras2"])
def test_what_stands_second_says_that_weights_are_found_by_name(era, tmp_path):
    keras = getattr(legacy, era)

    def model(*names):
        made = keras.models.Sequential()
        for name in names:
            size = {"output_dim" if era == "keras1" else "units": 2}
            made.add(keras.layers.Dense(**size, name=name, input_shape=(2,)))
        return made

    written, read = model("a", "b"), model("b", "c")
    written.set_weights([np.full(one.shape, n + 1.0) for n, one in enumerate(written.get_weights())])
    before = read.get_weights()[2]
    written.save_weights(str(tmp_path / "w.h5"))
    read.load_weights(str(tmp_path / "w.h5"), True)
    kernel, bias, other, _ = read.get_weights()
    assert (kernel == 3).all() and (bias == 4).all() and (other == before).all()
    read.load_weights(str(tmp_path / "w.h5"))
    assert [one.mean() for one in read.get_weights()] == [1, 2, 3, 4]
