"""Descriptions as YAML, as `to_yaml` of Keras 1 and 2 wrote them, read as plain data.

Old Keras read them in a way that let a file call anything. Here a tag is never more than a list, and a part that is named many
times over counts each time.
"""

import functools
from types import ModuleType
from typing import Any, Protocol

from kerata.base.checks import message
from kerata.base.limits import take_bytes, take_work
from kerata.base.refusals import FileError

TUPLE = "tag:yaml.org,2002:python/tuple"
TEXT = "tag:yaml.org,2002:python/unicode"
MOST_LEVELS = 60
NODE_BYTES = 100


def read_yaml(text: str, owner: str) -> object:
    """The plain data of a YAML text: dicts, lists, texts, numbers; `PyYAML` must be installed."""
    try:
        import yaml
    except ImportError:
        raise ImportError(message(owner, "PyYAML must be installed to read YAML", fix="pip install pyyaml")) from None
    loader = yaml.SafeLoader(text)
    try:
        node = loader.get_single_node()
        if node is None:
            raise FileError(message(owner, "the description is empty"))
        return plain_of(node, loader, yaml, owner, 0)
    except yaml.YAMLError as error:
        raise FileError(message(owner, "the description must be YAML", {"error": str(error)})) from None
    finally:
        loader.dispose()


class YamlNode(Protocol):
    """A node of a text in YAML, as PyYAML reads it."""

    tag: str
    value: Any


def plain_of(node: YamlNode, loader: object, yaml: ModuleType, owner: str, level: int) -> object:
    """A node as plain data; a node that occurs many times counts many times."""
    take_work(1)
    take_bytes(NODE_BYTES)
    if level > MOST_LEVELS:
        raise FileError(message(owner, "the description is nested too deeply", {"levels": f"more than {MOST_LEVELS}"}))
    if isinstance(node, yaml.MappingNode) and node.tag == "tag:yaml.org,2002:map":
        read = functools.partial(plain_of, loader=loader, yaml=yaml, owner=owner, level=level + 1)
        pairs = [(read(key), read(value)) for key, value in node.value]
        if any(not isinstance(key, (str, int)) for key, _ in pairs):
            raise FileError(message(owner, "keys must be texts", {"keys": [str(key) for key, _ in pairs][:5]}))
        return dict(pairs)
    if isinstance(node, yaml.SequenceNode) and node.tag in ("tag:yaml.org,2002:seq", TUPLE):
        return [plain_of(part, loader, yaml, owner, level + 1) for part in node.value]
    if isinstance(node, yaml.ScalarNode):
        if node.tag == TEXT:
            return node.value
        kind = node.tag.removeprefix("tag:yaml.org,2002:")
        if kind in ("null", "bool", "int", "float", "str"):
            return getattr(loader, f"construct_yaml_{kind}")(node)
    raise FileError(
        message(owner, "only plain values are read from YAML, never objects of Python", {"tag": node.tag}, "Do not trust it")
    )
