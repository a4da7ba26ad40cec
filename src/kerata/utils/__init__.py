"""Utilities, under Keras's names."""

from kerata.base.absent import of_utils as __getattr__
from kerata.base.files import get_file as get_file
from kerata.base.registry import CustomObjectScope as CustomObjectScope
from kerata.base.registry import custom_object_scope as custom_object_scope
from kerata.base.registry import get_custom_objects as get_custom_objects
from kerata.base.registry import get_registered_name as get_registered_name
from kerata.base.registry import get_registered_object as get_registered_object
from kerata.base.registry import register_keras_serializable as register_keras_serializable
from kerata.base.serialization import deserialize_keras_object as deserialize_keras_object
from kerata.base.serialization import serialize_keras_object as serialize_keras_object
from kerata.data.pydataset import PyDataset as PyDataset
from kerata.data.pydataset import Sequence as Sequence
from kerata.engine.random import set_random_seed as set_random_seed
from kerata.engine.session import clear_session as clear_session
from kerata.training.steps import pack_x_y_sample_weight as pack_x_y_sample_weight
from kerata.training.steps import unpack_x_y_sample_weight as unpack_x_y_sample_weight
from kerata.utils.numerical import normalize as normalize
from kerata.utils.numerical import to_categorical as to_categorical
from kerata.utils.plotting import plot_model as plot_model
from kerata.utils.sequences import pad_sequences as pad_sequences
