"""A regression in cross-validation, as one writes it today: `python regression_folds.py`."""

import numpy as np
from sklearn.model_selection import KFold

from kerata.callbacks import LearningRateScheduler
from kerata.layers import Activation, BatchNormalization, Dense, Input
from kerata.models import Sequential
from kerata.optimizers import SGD
from kerata.regularizers import l2


def step_decay(epoch):
    return 0.05 * 0.5 ** (epoch // 2)


def build():
    model = Sequential()
    model.add(Input(shape=(44,)))
    model.add(Dense(34, kernel_initializer="he_normal", kernel_regularizer=l2(0.001)))
    model.add(BatchNormalization(momentum=0.9))
    model.add(Activation("softplus"))
    model.add(Dense(1))
    model.compile(loss="mse", optimizer=SGD(learning_rate=0.05, momentum=0.9, global_clipnorm=1.0), metrics=["mae"])
    return model


if __name__ == "__main__":
    rng = np.random.RandomState(0)
    X = rng.normal(size=(600, 44)).astype("float32")
    y = X[:, :3].sum(axis=1, keepdims=True)
    scores = []
    for train, test in KFold(n_splits=5, shuffle=True, random_state=0).split(X):
        model = build()
        model.fit(X[train], y[train], batch_size=28, epochs=5, verbose=0, callbacks=[LearningRateScheduler(step_decay)])
        scores.append(model.evaluate(X[test], y[test], verbose=0)[1])
    print("Mean absolute error of the folds:", scores)
