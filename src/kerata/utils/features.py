"""What a `FeatureSpace` is made of: how a column becomes numbers, and which columns are crossed."""

from collections.abc import Sequence

from kerata.base.checks import check_choice, check_positive_int
from kerata.base.registry import builtin
from kerata.base.serialization import deserialize_keras_object
from kerata.engine.module import Module
from kerata.engine.naming import auto_name
from kerata.layers.layer import Layer
from kerata.layers.pictures import DataLayer
from kerata.layers.preprocessing import Discretization, Hashing, IntegerLookup, Normalization, Rescaling, StringLookup

# Feature types by name -> what each takes from the feature space besides its name.
KINDS = {
    "float": (),
    "float_normalized": (),
    "float_rescaled": (),
    "float_discretized": ("num_discretization_bins",),
    "integer_categorical": (),
    "string_categorical": (),
    "integer_hashed": ("hashing_dim",),
    "string_hashed": ("hashing_dim",),
}


@builtin("features")
class TFDIdentity(DataLayer):
    """A column as it is, in the layer's type of floats.

    Shapes: any; the output's is the input's.
    """

    mixes_samples = False

    def call(self, x):
        return x.astype(self.compute_dtype)

    def compute_output_shape(self, input_shape):
        return tuple(input_shape)


@builtin("features")
class Feature(Module):
    """A column: its type, the layer that makes numbers of it, and how these go on.

    Args:
        dtype: of the column, `"float32"`, `"int32"` or `"string"`.
        preprocessor: a layer.
        output_mode: `"float"` or `"int"` for what the layer gives, `"one_hot"` for a one among zeros.
    """

    def __init__(self, dtype, preprocessor, output_mode):
        self.output_mode = check_choice("Feature", "output_mode", output_mode, ("int", "one_hot", "float"))
        self.dtype = dtype
        self.preprocessor: Layer = deserialize_keras_object(preprocessor) if isinstance(preprocessor, dict) else preprocessor


@builtin("features")
class Cross(Module):
    """Columns that are looked at together: a number for each combination, by its hash.

    Args:
        feature_names: of the columns.
        crossing_dim: how many numbers there are.
        output_mode: `"one_hot"` or `"int"`.
    """

    def __init__(self, feature_names, crossing_dim, output_mode="one_hot"):
        self.output_mode = check_choice("Cross", "output_mode", output_mode, ("int", "one_hot"))
        self.feature_names: Sequence[str] = tuple(feature_names)
        self.crossing_dim = check_positive_int("Cross", "crossing_dim", crossing_dim)

    @property
    def name(self) -> str:
        return "_X_".join(self.feature_names)


class FeatureKinds:
    """The types of features, as functions that make one."""

    @classmethod
    def cross(cls, feature_names, crossing_dim, output_mode="one_hot") -> Cross:
        """Columns that are looked at together; see `Cross`."""
        return Cross(feature_names, crossing_dim, output_mode)

    @classmethod
    def feature(cls, dtype, preprocessor, output_mode) -> Feature:
        """A column with a layer of your own; see `Feature`."""
        return Feature(dtype, preprocessor, output_mode)

    @classmethod
    def float_rescaled(cls, scale=1.0, offset=0.0, name=None) -> Feature:
        """x scale + offset."""
        name = name or auto_name("float_rescaled")
        return Feature("float32", Rescaling(scale, offset, name=f"{name}_preprocessor"), "float")

    @classmethod
    def float_normalized(cls, name=None) -> Feature:
        """(x - mean) / deviation, of the data of `adapt`."""
        name = name or auto_name("float_normalized")
        return Feature("float32", Normalization(axis=-1, name=f"{name}_preprocessor"), "float")

    @classmethod
    def float_discretized(cls, num_bins, bin_boundaries=None, output_mode="one_hot", name=None) -> Feature:
        """The range that a number falls into: `num_bins` of them, of the data of `adapt`, or between given bounds."""
        name = name or auto_name("float_discretized")
        known = {"num_bins": num_bins} if bin_boundaries is None else {"bin_boundaries": bin_boundaries}
        return Feature("float32", Discretization(**known, name=f"{name}_preprocessor"), output_mode)

    @classmethod
    def integer_categorical(cls, max_tokens=None, num_oov_indices=1, output_mode="one_hot", name=None) -> Feature:
        """Whole numbers by their place in the vocabulary that `adapt` reads."""
        name = name or auto_name("integer_categorical")
        layer = IntegerLookup(max_tokens, num_oov_indices, name=f"{name}_preprocessor")
        return Feature("int32", layer, output_mode)

    @classmethod
    def string_categorical(cls, max_tokens=None, num_oov_indices=1, output_mode="one_hot", name=None) -> Feature:
        """Texts by their place in the vocabulary that `adapt` reads."""
        name = name or auto_name("string_categorical")
        layer = StringLookup(max_tokens, num_oov_indices, name=f"{name}_preprocessor")
        return Feature("string", layer, output_mode)

    @classmethod
    def string_hashed(cls, num_bins, output_mode="one_hot", name=None) -> Feature:
        """Texts by their hash."""
        name = name or auto_name("string_hashed")
        return Feature("string", Hashing(num_bins, name=f"{name}_preprocessor"), output_mode)

    @classmethod
    def integer_hashed(cls, num_bins, output_mode="one_hot", name=None) -> Feature:
        """Whole numbers by their hash."""
        name = name or auto_name("integer_hashed")
        return Feature("int32", Hashing(num_bins, name=f"{name}_preprocessor"), output_mode)

    # Last, since it hides Python's name from what follows in the class.
    @classmethod
    def float(cls, name=None) -> Feature:
        """Numbers as they are."""
        name = name or auto_name("float")
        return Feature("float32", TFDIdentity(dtype="float32", name=f"{name}_preprocessor"), "float")
