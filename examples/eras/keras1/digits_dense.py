"""Handwritten digits by a dense network, as one wrote it in Keras 1: `kerata run digits_dense.py`."""

from keras.datasets import mnist
from keras.layers.core import Activation, Dense, Dropout
from keras.models import Sequential
from keras.optimizers import SGD
from keras.utils.np_utils import to_categorical

nb_epoch = 3


def build():
    model = Sequential()
    model.add(Dense(output_dim=512, input_dim=784, init="glorot_uniform"))
    model.add(Activation("relu"))
    model.add(Dropout(0.5))
    model.add(Dense(output_dim=10))
    model.add(Activation("softmax"))
    optimizer = SGD(lr=0.1, momentum=0.9, decay=0.1 / nb_epoch, nesterov=True)
    model.compile(loss="categorical_crossentropy", optimizer=optimizer, metrics=["accuracy"])
    return model


if __name__ == "__main__":
    (X_train, y_train), (X_test, y_test) = mnist.load_data()
    X_train, X_test = (X.reshape(len(X), 784).astype("float32") / 255 for X in (X_train, X_test))
    Y_train, Y_test = to_categorical(y_train, 10), to_categorical(y_test, 10)
    model = build()
    history = model.fit(X_train, Y_train, batch_size=128, nb_epoch=nb_epoch, verbose=2, validation_split=0.1)
    print(history.history["val_acc"])
    print("Test accuracy:", model.evaluate(X_test, Y_test, verbose=0)[1])
