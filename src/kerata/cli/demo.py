"""`kerata demo`: the notes' network on MNIST."""

import time
from pathlib import Path
from typing import Any

from kerata import datasets, layers, models
from kerata.diagnosis import plot_history, read_curves
from kerata.engine.random import set_random_seed
from kerata.utils.numerical import to_categorical


def run_demo(full: bool = False, epochs: int = 10, output: str = "kerata-demo.png", seed: int = 0) -> dict[str, Any]:
    """Trains 784 - Dense 512 relu - Dense 10 softmax on MNIST, draws the curves and reads them.

    Args:
        full: all 60,000 pictures, downloaded once; otherwise the 5,000 that the package ships.
        epochs: how often to go through them.
        output: where to save the picture of the curves.
        seed: of the weights and the order.

    Returns:
        Test loss and accuracy, seconds of training, the reading, the picture's path.
    """
    (x_train, y_train), (x_test, y_test) = datasets.mnist.load_data() if full else datasets.mnist.load_subset()
    x_train = x_train.reshape(len(x_train), 784).astype("float32") / 255
    x_test = x_test.reshape(len(x_test), 784).astype("float32") / 255
    set_random_seed(seed)
    model = models.Sequential(
        [layers.Dense(512, activation="relu", input_shape=(784,)), layers.Dense(10, activation="softmax")]
    )
    model.compile(optimizer="rmsprop", loss="categorical_crossentropy", metrics=["accuracy"])
    print(f"MNIST: {len(x_train)} pictures to learn from, {len(x_test)} to test on")
    print(f"784 - Dense 512 relu - Dense 10 softmax: {model.count_params():,} weights, rmsprop, batches of 128\n")
    began = time.perf_counter()
    history = model.fit(x_train, to_categorical(y_train, 10), epochs=epochs, batch_size=128, validation_split=0.1)
    seconds = time.perf_counter() - began
    loss, accuracy = model.evaluate(x_test, to_categorical(y_test, 10), verbose=0)
    reading = read_curves(history)
    path = Path(output)
    plot_history(history, path)
    print(f"\nTest accuracy {accuracy:.4f} (loss {loss:.4f}) after {seconds:.1f} s of training.")
    print(reading.sentence)
    print(f"The curves are in {path}.")
    return {"loss": loss, "accuracy": accuracy, "seconds": seconds, "reading": reading, "picture": path}
