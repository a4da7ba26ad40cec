"""Where the data sets come from, and the type that they are returned in."""

import numpy as np

KERAS_STORE = "https://storage.googleapis.com/tensorflow/tf-keras-datasets"
TORONTO = "https://www.cs.toronto.edu/~kriz"

# (x, y)
Pair = tuple[np.ndarray, np.ndarray]
