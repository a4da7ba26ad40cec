"""What a model can try: methods whose work is done in `kerata.search`, which stands above the models."""

import importlib
from collections.abc import Callable
from typing import Any

from kerata.base.registry import find_builtin
from kerata.data.samples import Data


def service(name: str) -> Callable[..., Any]:
    """A function that a room above enters when it is imported, which is when it is first needed."""
    importlib.import_module("kerata.search")
    found = find_builtin("services", name)
    assert found is not None
    return found


class Tries:
    """Methods of a compiled model that train copies of it; the model itself stays as it is."""

    def cross_validate(self, x: Data, y: Data | None = None, **kwargs: object) -> Any:
        """Trains a fresh copy on each fold, all folds in one program; see `kerata.search.cross_validate` for the arguments.

        >>> import kerata, numpy as np
        >>> model = kerata.Sequential([kerata.Input((2,)), kerata.layers.Dense(1)])
        >>> model.compile("sgd", "mse")
        >>> len(model.cross_validate(np.ones((12, 2)), np.ones(12), cv=3).models)
        3
        """
        return service("cross_validate")(self, x, y, **kwargs)

    def lr_find(self, x: Data, y: Data | None = None, **kwargs: object) -> Any:
        """Trains copies with learning rates from low to high and suggests one; see `kerata.search.lr_find`."""
        return service("lr_find")(self, x, y, **kwargs)
