"""Handwritten digits by a dense network, as one wrote it in `tf.keras`: `kerata run digits_dense.py`."""

from tensorflow.keras.datasets import mnist
from tensorflow.keras.layers import Dense, Dropout
from tensorflow.keras.models import Sequential
from tensorflow.keras.optimizers import SGD, schedules
from tensorflow.keras.utils import to_categorical

epochs = 3


def build():
    model = Sequential()
    model.add(Dense(512, activation="relu", input_shape=(784,)))
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
