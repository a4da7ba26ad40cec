"""Objects as Keras 2 wrote them into configs, under the names that Keras 3 has for them."""

from kerata.saving.older import deserialize_keras_object as deserialize_keras_object
from kerata.saving.older import serialize_keras_object as serialize_keras_object
