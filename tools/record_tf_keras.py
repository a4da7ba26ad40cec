"""Records what `tf_keras` computes for `tests/test_old_tf_keras.py`. Run it where TensorFlow and tf_keras are installed:

TF_USE_LEGACY_KERAS=1 python tools/record_tf_keras.py tests/tf_keras_numbers.json
"""

import json
import sys

import numpy as np
import tensorflow as tf
import tf_keras as keras

LAYERS = {
    "LSTM": ("LSTM", {"units": 3}),
    "LSTM with its hard sigmoid": ("LSTM", {"units": 3, "recurrent_activation": "hard_sigmoid"}),
    "GRU": ("GRU", {"units": 3}),
    "GRU that resets before": ("GRU", {"units": 3, "reset_after": False}),
    "SimpleRNN": ("SimpleRNN", {"units": 3, "return_sequences": True}),
    "Dense": ("Dense", {"units": 2, "activation": "hard_sigmoid"}),
    "BatchNormalization": ("BatchNormalization", {}),
    "LayerNormalization": ("LayerNormalization", {}),
    "LeakyReLU": ("LeakyReLU", {}),
    "ThresholdedReLU": ("ThresholdedReLU", {"theta": 0.5}),
    "Conv1D": ("Conv1D", {"filters": 2, "kernel_size": 2, "groups": 1, "padding": "causal"}),
    "LocallyConnected1D": ("LocallyConnected1D", {"filters": 2, "kernel_size": 2}),
    "Bidirectional": ("Bidirectional", {"layer": {"units": 2}}),
}
OPTIMIZERS = {
    "SGD": {"learning_rate": 0.1, "momentum": 0.9, "nesterov": True},
    "SGD clipped": {"learning_rate": 0.1, "clipnorm": 0.5},
    "RMSprop": {"learning_rate": 0.1},
    "RMSprop centered": {"learning_rate": 0.1, "centered": True, "momentum": 0.5},
    "Adagrad": {"learning_rate": 0.1},
    "Adadelta": {"learning_rate": 1.0},
    "Adam": {"learning_rate": 0.1, "amsgrad": True},
    "Adamax": {"learning_rate": 0.1},
    "Nadam": {"learning_rate": 0.1},
}
LOSSES = [
    "hinge",
    "squared_hinge",
    "cosine_similarity",
    "binary_crossentropy",
    "mape",
    "msle",
    "kld",
    "poisson",
    "log_cosh",
    "huber",
]


def make(name, arguments):
    if name == "Bidirectional":
        return keras.layers.Bidirectional(keras.layers.LSTM(**arguments["layer"]))
    return getattr(keras.layers, name)(**arguments)


def main():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(2, 4, 3)).astype("float32")
    found = {"x": x.tolist(), "layers": {}, "optimizers": {}, "losses": {}}
    for title, (name, arguments) in LAYERS.items():
        layer = make(name, arguments)
        layer.build((None, 4, 3))
        weights = [rng.normal(size=w.shape).astype("float32") * 0.5 for w in layer.get_weights()]
        if name == "BatchNormalization":
            weights[3] = np.abs(weights[3]) + 0.5
        layer.set_weights(weights)
        outputs = np.asarray(layer(x))
        found["layers"][title] = [name, arguments, [w.tolist() for w in weights], outputs.tolist()]
    gradients = rng.normal(size=(3, 4)).astype("float32")
    found["gradients"] = gradients.tolist()
    for title, arguments in OPTIMIZERS.items():
        weight = tf.Variable(np.float32([1.0, -2.0, 0.5, 0.0]))
        optimizer = getattr(keras.optimizers, title.split()[0])(**arguments)
        for gradient in gradients:
            optimizer.apply_gradients([(tf.constant(gradient), weight)])
        found["optimizers"][title] = [arguments, weight.numpy().tolist()]
    true, said = np.float32([[0, 1, 1], [1, 0, 1]]), rng.uniform(0.05, 0.95, (2, 3)).astype("float32")
    found["targets"] = [true.tolist(), said.tolist()]
    for name in LOSSES:
        found["losses"][name] = np.asarray(keras.losses.get(name)(true, said)).tolist()
    model = keras.Sequential([keras.layers.Dense(3, activation="sigmoid", input_shape=(3,))])
    model.compile("sgd", "binary_crossentropy", metrics=["accuracy", "acc", "mse"])
    model.set_weights([rng.normal(size=(3, 3)), rng.normal(size=3)])
    history = model.fit(said, true, epochs=2, batch_size=2, shuffle=False, verbose=0)
    weights = [np.asarray(w).tolist() for w in model.get_weights()]
    found["fit"] = {"history": {k: [float(v) for v in values] for k, values in history.history.items()}, "weights": weights}
    found["names"] = [keras.layers.MaxPooling2D().name, keras.layers.MaxPooling2D().name, model.layers[0].name]
    with open(sys.argv[1], "w") as file:
        json.dump(found, file)


if __name__ == "__main__":
    main()
