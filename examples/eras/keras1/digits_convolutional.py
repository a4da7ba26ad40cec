"""Handwritten digits by a convolutional network, as one wrote it in Keras 1: `kerata run digits_convolutional.py`."""

from keras.callbacks import EarlyStopping
from keras.datasets import mnist
from keras.layers.convolutional import Convolution2D, MaxPooling2D
from keras.layers.core import Dense, Dropout, Flatten
from keras.layers.normalization import BatchNormalization
from keras.models import Sequential
from keras.regularizers import l2


def build():
    model = Sequential()
    model.add(
        Convolution2D(
            20,
            4,
            4,
            border_mode="valid",
            init="he_uniform",
            activation="relu",
            W_regularizer=l2(0.001),
            dim_ordering="tf",
            input_shape=(28, 28, 1),
        )
    )
    model.add(MaxPooling2D(pool_size=(2, 2), dim_ordering="tf"))
    model.add(
        BatchNormalization(epsilon=1e-06, mode=0, axis=-1, momentum=0.9, weights=None, beta_init="zero", gamma_init="one")
    )
    model.add(Dropout(0.3))
    model.add(Flatten())
    model.add(Dense(10, activation="softmax"))
    model.compile(optimizer="sgd", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


if __name__ == "__main__":
    (X_train, y_train), (X_test, y_test) = mnist.load_data()
    X_train, X_test = (X.reshape(len(X), 28, 28, 1).astype("float32") / 255 for X in (X_train, X_test))
    model = build()
    stop = EarlyStopping(monitor="val_loss", patience=2)
    model.fit(X_train, y_train, batch_size=64, nb_epoch=3, verbose=2, validation_split=0.1, callbacks=[stop])
    print("Test accuracy:", model.evaluate(X_test, y_test, verbose=0)[1])
