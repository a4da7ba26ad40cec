"""The whole product in under a minute: build, fit, look, save, load, predict."""

import numpy as np

import kerata


def test_the_notes_network_learns_and_survives_a_file(tmp_path):
    (x, y), (x_test, y_test) = kerata.datasets.mnist.load_subset()
    x, x_test = (a.reshape(len(a), 784).astype("float32") / 255 for a in (x, x_test))
    model = kerata.models.Sequential()
    model.add(kerata.layers.Dense(64, activation="relu", input_shape=(784,)))
    model.add(kerata.layers.Dropout(0.2))
    model.add(kerata.layers.Dense(10, activation="softmax"))
    model.compile(optimizer="rmsprop", loss="categorical_crossentropy", metrics=["accuracy"])
    history = model.fit(x, kerata.utils.to_categorical(y), epochs=4, batch_size=128, validation_split=0.1, verbose=0)
    assert list(history.history) == ["accuracy", "loss", "val_accuracy", "val_loss"]
    _, accuracy = model.evaluate(x_test, kerata.utils.to_categorical(y_test), verbose=0)
    assert accuracy > 0.85
    path = tmp_path / "model.keras"
    model.save(path)
    again = kerata.models.load_model(path)
    np.testing.assert_array_equal(again.predict(x_test[:7], verbose=0), model.predict(x_test[:7], verbose=0))
    assert again.evaluate(x_test, kerata.utils.to_categorical(y_test), verbose=0)[1] == accuracy
    assert kerata.diagnosis.read_curves(history).best_epoch >= 1
