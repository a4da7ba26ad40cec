"""Saving and loading: whole models, weights, and the registry of names that files may use."""

from kerata.base.absent import of_saving as __getattr__
from kerata.base.limits import allow as allow
from kerata.base.refusals import FileError as FileError
from kerata.base.registry import CustomObjectScope as CustomObjectScope
from kerata.base.registry import custom_object_scope as custom_object_scope
from kerata.base.registry import get_custom_objects as get_custom_objects
from kerata.base.registry import get_registered_name as get_registered_name
from kerata.base.registry import get_registered_object as get_registered_object
from kerata.base.registry import register_keras_serializable as register_keras_serializable
from kerata.base.serialization import deserialize_keras_object as deserialize_keras_object
from kerata.base.serialization import serialize_keras_object as serialize_keras_object
from kerata.saving.archive import load_model as load_model
from kerata.saving.archive import save_model as save_model
from kerata.saving.editing import KerasFileEditor as KerasFileEditor
from kerata.saving.weights import load_weights as load_weights
from kerata.saving.weights import save_weights as save_weights
