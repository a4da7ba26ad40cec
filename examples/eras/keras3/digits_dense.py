"""Handwritten digits by a dense network, as one writes it today: `python digits_dense.py`."""

from kerata.datasets import mnist
from kerata.layers import Dense, Dropout, Input
from kerata.models import Sequential
from kerata.optimizers import SGD, schedules
from kerata.utils import to_categorical

epochs = 3


def build():
    model = Sequential()
    model.add(Input(shape=(784,)))
    model.add(Dense(512, activation="relu"))
    model.add(Dropout(0.5))
    model.add(Dense(10, activation="softmax"))
    optimizer = SGD(learning_rate=schedules.InverseTimeDecay(0.1, 1, 0.1 / epochs), momentum=0.9, nesterov=True)
    model.compile(loss="categorical_crossentropy", optimizer=optimizer, metrics=["accuracy"])
    return model


if __name__ == "__main__":
    (x_train, y_train), (x_test, y_test) = mnist.load_data()
    x_train, x_test = (x.reshape(len(x), 784).astype("float32") / 255 for x in (x_train, x_test))
    y_train, y_test = to_categorical(y_train, 10), to_categorical(y_test, 10)
    model = build()
    history = model.fit(x_train, y_train, batch_size=128, epochs=epochs, verbose=2, validation_split=0.1)
    print(history.history["val_accuracy"])
    print("Test accuracy:", model.evaluate(x_test, y_test, verbose=0)[1])
