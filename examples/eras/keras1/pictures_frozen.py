"""An own head on a frozen convolutional base, as one wrote it in Keras 1: `kerata run pictures_frozen.py`."""

from keras.datasets import cifar10
from keras.layers import Convolution2D, Dense, GlobalAveragePooling2D, MaxPooling2D
from keras.models import Sequential
from keras.optimizers import Adam
from keras.regularizers import l2
from keras.utils.np_utils import to_categorical


def build():
    base = Sequential()
    base.add(Convolution2D(16, 3, 3, border_mode="same", activation="relu", dim_ordering="tf", input_shape=(32, 32, 3)))
    base.add(MaxPooling2D((2, 2), dim_ordering="tf"))
    base.add(Convolution2D(32, 3, 3, border_mode="same", activation="relu", dim_ordering="tf"))
    base.add(GlobalAveragePooling2D(dim_ordering="tf"))
    base.trainable = False
    model = Sequential()
    model.add(base)
    model.add(Dense(32, activation="relu", W_regularizer=l2(0.001)))
    model.add(Dense(10, activation="softmax"))
    model.compile(optimizer=Adam(lr=0.001), loss="categorical_crossentropy", metrics=["accuracy"])
    return model


def batches(x, y, size=32):
    while True:
        for begin in range(0, len(x) - size + 1, size):
            yield x[begin : begin + size] / 255.0, y[begin : begin + size]


if __name__ == "__main__":
    (x_train, y_train), _ = cifar10.load_data()
    y_train = to_categorical(y_train, 10)
    model = build()
    model.fit_generator(batches(x_train, y_train), samples_per_epoch=3200, nb_epoch=2, verbose=2)
    model.save_weights("head.weights.h5")
