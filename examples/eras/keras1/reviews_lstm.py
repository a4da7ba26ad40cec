"""Reviews of films by an LSTM, as one wrote it in Keras 1: `kerata run reviews_lstm.py`. Its gates have the hard sigmoid."""

from keras.datasets import imdb
from keras.layers.core import Dense
from keras.layers.embeddings import Embedding
from keras.layers.recurrent import LSTM
from keras.models import Sequential
from keras.preprocessing import sequence

nb_words, maxlen = 2000, 80


def build():
    model = Sequential()
    model.add(Embedding(input_dim=nb_words, output_dim=32, input_length=maxlen))
    model.add(LSTM(output_dim=32, inner_init="orthogonal", forget_bias_init="one"))
    model.add(Dense(output_dim=1, activation="sigmoid"))
    model.compile(loss="binary_crossentropy", optimizer="adam", metrics=["accuracy"])
    return model


if __name__ == "__main__":
    (X_train, y_train), (X_test, y_test) = imdb.load_data(nb_words=nb_words)
    X_train, X_test = (sequence.pad_sequences(X, maxlen=maxlen) for X in (X_train, X_test))
    model = build()
    model.fit(X_train, y_train, batch_size=32, nb_epoch=2, verbose=2, validation_data=(X_test, y_test))
    print(model.predict_classes(X_test[:5]))
