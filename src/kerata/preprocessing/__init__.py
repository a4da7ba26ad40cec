"""Pictures and sequences before they come to a model, under Keras's older names."""

from kerata.preprocessing import image as image
from kerata.preprocessing import sequence as sequence
from kerata.utils import image_dataset_from_directory as image_dataset_from_directory
from kerata.utils import text_dataset_from_directory as text_dataset_from_directory
from kerata.utils import timeseries_dataset_from_array as timeseries_dataset_from_array
