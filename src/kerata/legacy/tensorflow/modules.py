"""`tf.Module`: an object whose attributes hold variables, layers and other modules."""

from collections.abc import Iterator

from kerata.engine.variable import Variable
from kerata.layers.layer import Layer


class Module:
    """What holds variables.

    Args:
        name: its name.

    >>> class Scale(Module):
    ...     def __init__(self):
    ...         super().__init__()
    ...         self.parts = [Variable(2.0), Variable(0.0, trainable=False)]
    >>> len(Scale().variables), len(Scale().trainable_variables)
    (2, 1)
    """

    def __init__(self, name: str | None = None):
        self._name = name

    @property
    def name(self) -> str:
        return self.__dict__.get("_name") or type(self).__name__.lower()

    @property
    def variables(self) -> tuple[Variable, ...]:
        """All variables, of its attributes in the order of their names."""
        return tuple({id(one): one for one in held(self, set())}.values())

    @property
    def trainable_variables(self) -> tuple[Variable, ...]:
        return tuple(one for one in self.variables if one.trainable)

    @property
    def submodules(self) -> tuple[object, ...]:
        """All modules and layers below, in the order of their attributes' names."""
        return tuple(one for one in modules_in(self, set()) if one is not self)

    @classmethod
    def with_name_scope(cls, method: object) -> object:
        """The method itself."""
        return method


def modules_in(value: object, seen: set[int]) -> Iterator[object]:
    """The modules and layers in a structure of such, lists and dicts."""
    if id(value) in seen:
        return
    seen.add(id(value))
    if isinstance(value, Layer):
        yield from value._flatten_layers()
    elif isinstance(value, Module):
        yield value
        for _, part in sorted(vars(value).items()):
            yield from modules_in(part, seen)
    elif isinstance(value, (list, tuple, dict)):
        for part in value.values() if isinstance(value, dict) else value:
            yield from modules_in(part, seen)


def held(value: object, seen: set[int]) -> Iterator[Variable]:
    """The variables in a structure of modules, layers, lists and dicts."""
    if id(value) in seen:
        return
    seen.add(id(value))
    if isinstance(value, Variable):
        yield value
    elif isinstance(value, Layer):
        yield from value.variables
    elif isinstance(value, Module):
        for _, part in sorted(vars(value).items()):
            yield from held(part, seen)
    elif isinstance(value, (list, tuple, dict)):
        for part in value.values() if isinstance(value, dict) else value:
            yield from held(part, seen)
