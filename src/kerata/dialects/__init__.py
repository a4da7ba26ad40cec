"""Eras of Keras as tables: old names, arguments, their order, defaults and meanings, and the functions that read them."""

from kerata.dialects.eras import ERAS as ERAS
from kerata.dialects.eras import canonical as canonical
from kerata.dialects.eras import find_row as find_row
from kerata.dialects.eras import hint as hint
from kerata.dialects.eras import names as names
from kerata.dialects.functions import find_function as find_function
from kerata.dialects.table import Row as Row
from kerata.dialects.translation import translate_arguments as translate_arguments
from kerata.dialects.translation import translate_config as translate_config
