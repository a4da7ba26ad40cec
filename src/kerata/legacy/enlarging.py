"""Pictures that are enlarged bilinearly by layers that programs of Keras 2 derive from `UpSampling2D`."""

from kerata.layers.retired import enlarge

ERAS = ("keras22", "keras2")


class Enlarging:
    """Classes that are derived from `UpSampling2D` of the eras; that itself leads to `CornerUpSampling2D`."""

    def call(self, inputs):
        if "_stands_for" in vars(type(self)) or self.interpolation != "bilinear" or self._era not in ERAS:  # type: ignore[attr-defined]
            return super().call(inputs)  # type: ignore[misc]
        return enlarge(inputs, self.size, 1 if self.data_format == "channels_last" else 2)  # type: ignore[attr-defined]
