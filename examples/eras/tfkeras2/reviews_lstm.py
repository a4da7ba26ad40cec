"""Reviews of films by an LSTM, as one wrote it in `tf.keras`: `kerata run reviews_lstm.py`."""

from tensorflow.keras.datasets import imdb
from tensorflow.keras.layers import LSTM, Dense, Embedding
from tensorflow.keras.models import Sequential
from tensorflow.keras.preprocessing.sequence import pad_sequences

num_words, maxlen = 2000, 80


def build():
    model = Sequential()
    model.add(Embedding(num_words, 32, input_length=maxlen))
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
