"""A bag of settings whose entries are attributes."""

import json
from collections.abc import Iterator
from typing import Any

from kerata.base.checks import did_you_mean, message


class Config:
    """Settings as attributes and as entries, which can be frozen.

    Args:
        kwargs: the first settings.

    >>> config = Config(rate=0.1)
    >>> config.units = 32
    >>> config["rate"], config.units, list(config)
    (0.1, 32, ['rate', 'units'])
    """

    def __init__(self, **kwargs):
        object.__setattr__(self, "_settings", dict(kwargs))
        object.__setattr__(self, "_frozen", False)

    @property
    def frozen(self) -> bool:
        return self._frozen

    def freeze(self) -> None:
        """From now on, a change is an error."""
        object.__setattr__(self, "_frozen", True)

    def unfreeze(self) -> None:
        """Changes are allowed again."""
        object.__setattr__(self, "_frozen", False)

    def _open(self) -> dict[str, Any]:
        if self._frozen:
            raise ValueError(message("Config", "the config is frozen", self._settings, "Call unfreeze() first"))
        return self._settings

    def as_dict(self) -> dict[str, Any]:
        """A copy as a dict."""
        return dict(self._settings)

    def to_json(self) -> str:
        """The settings as JSON."""
        return json.dumps(self._settings)

    def keys(self):
        return self._settings.keys()

    def values(self):
        return self._settings.values()

    def items(self):
        return self._settings.items()

    def pop(self, *args):
        return self._open().pop(*args)

    def update(self, *args, **kwargs) -> None:
        self._open().update(*args, **kwargs)

    def get(self, keyname: str, value=None):
        return self._settings.get(keyname, value)

    def __setattr__(self, name: str, value) -> None:
        self._open()[name] = value

    def __getattr__(self, name: str):
        settings = object.__getattribute__(self, "_settings")
        if name in settings:
            return settings[name]
        raise AttributeError(f"Config has no {name!r}. {did_you_mean(name, list(settings))}".strip())

    def __setitem__(self, key: str, item) -> None:
        self._open()[key] = item

    def __getitem__(self, key: str):
        return self._settings[key]

    def __delitem__(self, key: str) -> None:
        del self._open()[key]

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(self._settings))

    def __len__(self) -> int:
        return len(self._settings)

    def __contains__(self, item: object) -> bool:
        return item in self._settings

    def __repr__(self) -> str:
        return f"<Config {self._settings}>"
