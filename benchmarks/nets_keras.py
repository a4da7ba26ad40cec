"""The works in the Keras API: the same code for Kerata and for Keras on any backend."""

import importlib

import numpy as np

from benchmarks.data import KNOWN_WORDS, TEXT_STEPS, VOCABULARY
from benchmarks.works import APPLICATIONS, MODULES, Work


def build(keras, net: str):
    """The named network, not compiled."""
    layers = keras.layers
    if net == "tabular":
        return keras.Sequential(
            [keras.Input((34,)), layers.Dense(34, activation="relu"), layers.Dense(1, activation="sigmoid")]
        )
    if net == "mlp":
        return keras.Sequential(
            [keras.Input((784,)), layers.Dense(512, activation="relu"), layers.Dense(10, activation="softmax")]
        )
    if net == "mlp-dropout":
        return keras.Sequential(
            [
                keras.Input((784,)),
                layers.Dense(512, activation="relu"),
                layers.Dropout(0.2),
                layers.Dense(512, activation="relu"),
                layers.Dropout(0.2),
                layers.Dense(10, activation="softmax"),
            ]
        )
    if net == "cnn":
        return keras.Sequential(
            [
                keras.Input((28, 28, 1)),
                layers.Conv2D(32, 3, activation="relu"),
                layers.MaxPooling2D(2),
                layers.Conv2D(64, 3, activation="relu"),
                layers.MaxPooling2D(2),
                layers.Flatten(),
                layers.Dropout(0.5),
                layers.Dense(10, activation="softmax"),
            ]
        )
    if net == "cnn-bn":
        stack = [keras.Input((32, 32, 3))]
        for filters in (32, 64, 128):
            for _ in range(2):
                stack.append(layers.Conv2D(filters, 3, padding="same", use_bias=False))
                stack.append(layers.BatchNormalization())
                stack.append(layers.Activation("relu"))
            if filters != 128:
                stack.append(layers.MaxPooling2D(2))
        return keras.Sequential([*stack, layers.GlobalAveragePooling2D(), layers.Dense(10, activation="softmax")])
    if net.startswith("frozen"):
        base = keras.applications.VGG16(include_top=False, weights=None, input_shape=(160, 160, 3))
        base.trainable = False
        head = [
            layers.Flatten(),
            layers.Dense(256, activation="relu"),
            layers.Dropout(0.5),
            layers.Dense(10, activation="softmax"),
        ]
        changes = [layers.RandomFlip("horizontal"), layers.RandomRotation(0.1), layers.RandomZoom(0.2)]
        return keras.Sequential([keras.Input((160, 160, 3)), *(changes if net == "frozen-augmented" else ()), base, *head])
    if net == "lstm":
        return keras.Sequential(
            [
                keras.Input((80,), dtype="int32"),
                layers.Embedding(VOCABULARY, 64),
                layers.LSTM(64),
                layers.Dense(1, activation="sigmoid"),
            ]
        )
    if net == "texts":
        words = [f"w{number}" for number in range(KNOWN_WORDS - 2)]
        return keras.Sequential(
            [
                keras.Input((), dtype="string"),
                layers.TextVectorization(KNOWN_WORDS, output_sequence_length=TEXT_STEPS, vocabulary=words),
                layers.Embedding(KNOWN_WORDS, 16),
                layers.GlobalAveragePooling1D(),
                layers.Dense(16, activation="relu"),
                layers.Dense(1, activation="sigmoid"),
            ]
        )
    if net == "transformer":
        tokens = keras.Input((64,), dtype="int32")
        x = layers.Embedding(VOCABULARY, 64)(tokens)
        for _ in range(2):
            attended = layers.MultiHeadAttention(num_heads=4, key_dim=16)(x, x)
            x = layers.LayerNormalization(epsilon=1e-6)(layers.Add()([x, attended]))
            inner = layers.Dense(64)(layers.Dense(128, activation="relu")(x))
            x = layers.LayerNormalization(epsilon=1e-6)(layers.Add()([x, inner]))
        pooled = layers.GlobalAveragePooling1D()(x)
        return keras.Model(tokens, layers.Dense(1, activation="sigmoid")(pooled))
    if net in APPLICATIONS:
        return getattr(keras.applications, net)(weights=None, input_shape=(160, 160, 3), classes=10)
    raise ValueError(f"nets_keras: no such network. Received: net={net!r}.")


class Trainer:
    """A compiled model and its data; `fit` is one call of the library's own `fit`."""

    def __init__(self, implementation: str, work: Work, x: np.ndarray, y: np.ndarray):
        self.keras, self.work, self.x = importlib.import_module(MODULES[implementation][0]), work, x
        self.model = build(self.keras, work.net)
        binary = self.model.output_shape[-1] == 1
        # Targets in the form of the notes: a column of 0 and 1, or one-hot rows.
        self.y = y[:, None].astype(np.float32) if binary else np.eye(10, dtype=np.float32)[y]
        loss = "binary_crossentropy" if binary else "categorical_crossentropy"
        self.model.compile(optimizer=work.optimizer, loss=loss, metrics=["accuracy"])

    def reset(self, seed: int) -> None:
        """Fresh weights and an optimizer at its start, without a new compilation."""
        self.keras.utils.set_random_seed(seed)
        self.model.set_weights(build(self.keras, self.work.net).get_weights())
        rate = float(np.asarray(self.model.optimizer.learning_rate))
        for variable in self.model.optimizer.variables:
            variable.assign(np.zeros(variable.shape, np.asarray(variable).dtype))
        self.model.optimizer.learning_rate = rate

    def fit(self, samples: int | None = None) -> tuple[float, float]:
        """A fit of the first samples; of all by default."""
        verbose = {} if self.work.progress else {"verbose": 0}
        epochs, callbacks = self.work.epochs, []
        if self.work.planned:
            callbacks = [self.keras.callbacks.LambdaCallback(on_epoch_end=self.stop)]
            epochs = self.work.planned
        history = self.model.fit(
            self.x[:samples], self.y[:samples], batch_size=self.work.batch, epochs=epochs, callbacks=callbacks, **verbose
        ).history
        return history["loss"][-1], history["accuracy"][-1]

    def stop(self, epoch: int, logs: dict | None = None) -> None:
        """Ends a fit that is planned to be longer than what is timed of it."""
        self.model.stop_training = epoch + 1 == self.work.epochs

    def predict(self, x: np.ndarray) -> np.ndarray:
        return self.model.predict(x, verbose=0)


def device(implementation: str) -> str:
    if MODULES[implementation][1] == "tensorflow":
        tensorflow = importlib.import_module("tensorflow")
        return "gpu" if tensorflow.config.list_physical_devices("GPU") else "cpu"
    return importlib.import_module("jax").devices()[0].device_kind
