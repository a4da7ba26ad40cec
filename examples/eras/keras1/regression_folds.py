"""A regression in cross-validation, as one wrote it in Keras 1: `kerata run regression_folds.py`."""

import numpy as np
from keras.callbacks import LearningRateScheduler
from keras.layers import Activation, BatchNormalization, Dense
from keras.models import Sequential
from keras.optimizers import SGD
from keras.regularizers import l2
from sklearn.model_selection import KFold


def step_decay(epoch):
    return 0.05 * 0.5 ** (epoch // 2)


def build():
    model = Sequential()
    model.add(Dense(output_dim=34, input_dim=44, init="he_normal", W_regularizer=l2(0.001)))
    model.add(BatchNormalization(mode=0, axis=1, momentum=0.9))
    model.add(Activation("softplus"))
    model.add(Dense(output_dim=1))
    model.compile(loss="mse", optimizer=SGD(lr=0.05, momentum=0.9, clipnorm=1.0), metrics=["mae"])
    return model


if __name__ == "__main__":
    rng = np.random.RandomState(0)
    X = rng.normal(size=(600, 44)).astype("float32")
    y = X[:, :3].sum(axis=1, keepdims=True)
    scores = []
    for train, test in KFold(n_splits=5, shuffle=True, random_state=0).split(X):
        model = build()
        model.fit(X[train], y[train], batch_size=28, nb_epoch=5, verbose=0, callbacks=[LearningRateScheduler(step_decay)])
        scores.append(model.evaluate(X[test], y[test], verbose=0)[1])
    print("Mean absolute error of the folds:", scores)
