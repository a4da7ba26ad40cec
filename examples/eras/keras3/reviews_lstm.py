"""Reviews of films by an LSTM, as one writes it today: `python reviews_lstm.py`."""

from kerata.datasets import imdb
from kerata.layers import LSTM, Dense, Embedding, Input
from kerata.models import Sequential
from kerata.utils import pad_sequences

num_words, maxlen = 2000, 80


def build():
    model = Sequential()
    model.add(Input(shape=(maxlen,)))
    model.add(Embedding(num_words, 32))
    model.add(LSTM(32))
    model.add(Dense(1, activation="sigmoid"))
    model.compile(loss="binary_crossentropy", optimizer="adam", metrics=["accuracy"])
    return model


if __name__ == "__main__":
    (x_train, y_train), (x_test, y_test) = imdb.load_data(num_words=num_words)
    x_train, x_test = (pad_sequences(x, maxlen=maxlen) for x in (x_train, x_test))
    model = build()
    model.fit(x_train, y_train, batch_size=32, epochs=2, verbose=2, validation_data=(x_test, y_test))
    print(model.predict(x_test[:5]) > 0.5)
