"""`import tensorflow as tf` of old programs: tensors, functions, tapes and data sets, without TensorFlow."""
