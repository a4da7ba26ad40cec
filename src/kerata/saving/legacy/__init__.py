"""Files of Keras 1, Keras 2, `tf.keras` and Keras 3's `.h5`: each read into one intermediate form, and one builder for that."""
