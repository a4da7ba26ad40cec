"""A wave that goes on from batch to batch, by a stateful LSTM of Keras 2: `kerata run waves_stateful.py`."""

import numpy as np
from keras.layers import LSTM, Dense, TimeDistributed
from keras.models import Sequential

batch, timesteps = 4, 5


def build():
    model = Sequential()
    model.add(LSTM(16, batch_input_shape=(batch, timesteps, 1), return_sequences=True, stateful=True))
    model.add(TimeDistributed(Dense(1)))
    model.compile(loss="mse", optimizer="sgd")
    return model


if __name__ == "__main__":
    steps = np.arange(batch * 200 * timesteps) * 0.05
    waves = np.sin(steps).reshape(batch, 200, timesteps, 1).transpose(1, 0, 2, 3)
    model = build()
    for epoch in range(3):
        losses = [model.train_on_batch(now, after) for now, after in zip(waves[:-1], waves[1:])]
        model.reset_states()
        print(epoch, np.mean(losses))
