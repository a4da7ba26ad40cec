"""The eras, and the rows of their tables by name."""

from kerata.dialects import keras1, keras2, tfkeras2
from kerata.dialects.table import Row, Table

ERAS: dict[str, dict[str, Table]] = {
    "keras1": keras1.TABLES,
    "keras2": keras2.TABLES,
    "keras22": keras2.TABLES_BEFORE_2_3,
    "tfkeras2": tfkeras2.TABLES,
}
SPOKEN = {"keras1": "Keras 1", "keras2": "Keras 2", "keras22": "Keras 2 before 2.3", "tfkeras2": "tf.keras"}


def find_row(era: str, kind: str, name: str) -> Row | None:
    """The row of a name, e.g. `find_row("keras1", "layers", "Convolution2D")`; `None` if the era's tables have none."""
    table = ERAS[era].get(kind)
    return table[name] if table is not None and name in table else None


def canonical(era: str, kind: str, name: str) -> str:
    """The name that another spelling stands for: `Conv2D` for `Convolution2D` in Keras 2, the other way in Keras 1."""
    table = ERAS[era].get(kind)
    if table is None or name not in table:
        return name
    today, signature = table.lines[name]
    return today if signature is None and today != name and today in table else name


def names(era: str, kind: str) -> list[str]:
    """All names that the tables of an era have for a kind, in their order."""
    table = ERAS[era].get(kind)
    return [] if table is None else list(table.lines)


def hint(owner: str, argument: str) -> str:
    """What a modern constructor or method says of an argument that it does not know, and an era did; "" if none did.

    >>> hint("Dense", "output_dim")
    'Keras 1 called it `output_dim`; today `units`. To run old code as it is: kerata run.'
    """
    for era, tables in ERAS.items():
        for table in tables.values():
            for name, (today, signature) in table.lines.items():
                if signature is None or owner not in (name, today):
                    continue
                found = table[name].argument(argument)
                if found is None or found.new == argument:
                    continue
                said = f"{SPOKEN[era]} called it `{argument}`; today `{found.new}`" if found.new else _gone(era, argument)
                return f"{said}. To run old code as it is: kerata run."
    return ""


def _gone(era: str, argument: str) -> str:
    return f"{SPOKEN[era]} had `{argument}`, which means nothing today"
