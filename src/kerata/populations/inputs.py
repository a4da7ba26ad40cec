"""Samples as the programs of many models take them: behind the layers that run on the host, each model's own."""

import hashlib
import weakref
from collections import OrderedDict

import jax
import numpy as np

from kerata.data.samples import Samples, standardize_arrays
from kerata.data.texts import any_texts
from kerata.models.model import Model
from kerata.populations.group import DeviceData
from kerata.training.host import begins_on_host, through_host

# So many results of layers on the host are kept for models to come.
KEPT = 4

Both = tuple[DeviceData, DeviceData | None]


class Inputs:
    """Data for many models, each equal array on the device once.

    Args:
        samples: the data as it was given; its inputs may be texts.
        held: samples to validate on, where there are such.
    """

    def __init__(self, samples: Samples, held: Samples | None):
        self.samples, self.held = samples, held
        self.as_given: Both | None = None
        self.made: OrderedDict[bytes, Both] = OrderedDict()
        self.known: weakref.WeakKeyDictionary[Model, Both] = weakref.WeakKeyDictionary()

    def of(self, model: Model) -> Both:
        """The samples for a model, and those to validate on."""
        if not begins_on_host(model):
            if self.as_given is None:
                self.as_given = as_given(self.samples), None if self.held is None else as_given(self.held)
            return self.as_given
        if model not in self.known:
            self.known[model] = self._behind(model)
        return self.known[model]

    def _behind(self, model: Model) -> Both:
        """What the layers on the host of a model make of the samples: that of an earlier model where it is the same."""
        samples = behind_host(model, self.samples)
        held = None if self.held is None else behind_host(model, self.held)
        key = digest(samples, held)
        if key not in self.made:
            self.made[key] = DeviceData(samples), None if held is None else DeviceData(held)
            while len(self.made) > KEPT:
                self.made.popitem(last=False)
        self.made.move_to_end(key)
        return self.made[key]


def as_given(samples: Samples) -> DeviceData:
    """Samples for models of which nothing runs on the host; a `TypeError` where there are texts among the inputs."""
    if any_texts(samples.x):
        standardize_arrays(samples.x, "x")
    return DeviceData(samples)


def behind_host(model: Model, samples: Samples) -> Samples:
    """The same samples with what the layers on the host make of their inputs."""
    return Samples(standardize_arrays(through_host(model, samples.x), "x"), samples.y, samples.sample_weight)


def digest(samples: Samples, held: Samples | None) -> bytes:
    """What tells inputs from others: equal for equal arrays only."""
    found = hashlib.blake2b(digest_size=16)
    for leaf in jax.tree.leaves((samples.x, None if held is None else held.x)):
        array = np.ascontiguousarray(leaf)
        found.update(f"{array.dtype}{array.shape}".encode())
        found.update(array.data)
    return found.digest()
