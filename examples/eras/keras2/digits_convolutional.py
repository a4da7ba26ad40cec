"""Handwritten digits by a convolutional network, as one wrote it in Keras 2: `kerata run digits_convolutional.py`."""

from keras.callbacks import EarlyStopping
from keras.datasets import mnist
from keras.layers import BatchNormalization, Conv2D, Dense, Dropout, Flatten, MaxPooling2D
from keras.models import Sequential
from keras.regularizers import l2


def build():
    model = Sequential()
    model.add(
        Conv2D(
            20,
            (4, 4),
            kernel_initializer="he_uniform",
            activation="relu",
            kernel_regularizer=l2(0.001),
            input_shape=(28, 28, 1),
        )
    )
    model.add(MaxPooling2D(pool_size=(2, 2)))
    model.add(BatchNormalization(epsilon=1e-06, momentum=0.9))
    model.add(Dropout(0.3))
    model.add(Flatten())
    model.add(Dense(10, activation="softmax"))
    model.compile(optimizer="sgd", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


if __name__ == "__main__":
    (x_train, y_train), (x_test, y_test) = mnist.load_data()
    x_train, x_test = (x.reshape(len(x), 28, 28, 1).astype("float32") / 255 for x in (x_train, x_test))
    model = build()
    stop = EarlyStopping(monitor="val_loss", patience=2)
    model.fit(x_train, y_train, batch_size=64, epochs=3, verbose=2, validation_split=0.1, callbacks=[stop])
    print("Test accuracy:", model.evaluate(x_test, y_test, verbose=0)[1])
