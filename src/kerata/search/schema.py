"""The tables of an Optuna database, as Optuna 3.2 to 5.0 make them.

A study of Kerata is a study of Optuna: `optuna.load_study` and its dashboard open the same database. The statements are
Kerata's own, because Optuna's storage takes some 15 ms a trial, one object at a time, and cannot say "at most so many
trials"; a test compares these tables with those that Optuna makes.
"""

from functools import cache
from types import ModuleType
from typing import TYPE_CHECKING

from kerata.base.checks import message

if TYPE_CHECKING:
    from sqlalchemy import Table
    from sqlalchemy.engine import Connection as DatabaseConnection
    from sqlalchemy.schema import SchemaItem


# What Optuna's migrations call this form of the tables, and the older number that it keeps beside it.
REVISION, SCHEMA_VERSION, MADE_FOR = "v3.2.0.a", 12, "5.0.0"

STATES = ("RUNNING", "COMPLETE", "PRUNED", "FAIL", "WAITING")


def import_sqlalchemy() -> ModuleType:
    """SQLAlchemy, or how to get it."""
    try:
        import sqlalchemy
    except ImportError:
        raise ImportError(
            message(
                "search",
                "a study is kept in a database, which needs the package sqlalchemy",
                fix='Install it: pip install "kerata[search]"',
            )
        ) from None
    return sqlalchemy


class Tables:
    """The tables by name, e.g. `tables.trials`."""

    def __init__(self):
        sa = import_sqlalchemy()
        self.metadata = sa.MetaData()
        self._sa = sa
        direction = sa.Enum("NOT_SET", "MINIMIZE", "MAXIMIZE", name="studydirection")
        number = sa.Integer
        self.studies = sa.Table(
            "studies",
            self.metadata,
            sa.Column("study_id", number, primary_key=True),
            sa.Column("study_name", sa.String(512), index=True, unique=True, nullable=False),
        )
        self.version_info = sa.Table(
            "version_info",
            self.metadata,
            sa.Column("version_info_id", number, primary_key=True, autoincrement=False),
            sa.Column("schema_version", number),
            sa.Column("library_version", sa.String(256)),
            sa.CheckConstraint("version_info_id=1"),
        )
        self.alembic_version = sa.Table(
            "alembic_version",
            self.metadata,
            sa.Column("version_num", sa.String(32), nullable=False),
            sa.PrimaryKeyConstraint("version_num", name="alembic_version_pkc"),
        )
        self.study_directions = self._table(
            "study_directions",
            "study_direction_id",
            "studies",
            False,
            ("objective",),
            sa.Column("direction", direction, nullable=False),
            sa.Column("objective", number, nullable=False),
        )
        self.study_user_attributes = self._attributes("study_user_attribute", "studies")
        self.study_system_attributes = self._attributes("study_system_attribute", "studies")
        self._add_trials()

    def _add_trials(self) -> None:
        """The tables of trials, and of what belongs to them."""
        sa = self._sa
        state = sa.Enum(*STATES, name="trialstate")
        kind = sa.Enum("FINITE", "INF_POS", "INF_NEG", name="trialvaluetype")
        kind_or_nan = sa.Enum("FINITE", "INF_POS", "INF_NEG", "NAN", name="trialintermediatevaluetype")
        number, text, real = sa.Integer, sa.Text, sa.Float(precision=53)
        self.trials = sa.Table(
            "trials",
            self.metadata,
            sa.Column("trial_id", number, primary_key=True),
            sa.Column("number", number),
            sa.Column("study_id", number, sa.ForeignKey("studies.study_id"), index=True),
            sa.Column("state", state, nullable=False),
            sa.Column("datetime_start", sa.DateTime),
            sa.Column("datetime_complete", sa.DateTime),
        )
        self.trial_user_attributes = self._attributes("trial_user_attribute", "trials")
        self.trial_system_attributes = self._attributes("trial_system_attribute", "trials")
        self.trial_params = self._table(
            "trial_params",
            "param_id",
            "trials",
            True,
            ("param_name",),
            sa.Column("param_name", sa.String(512)),
            sa.Column("param_value", real),
            sa.Column("distribution_json", text),
        )
        self.trial_values = self._table(
            "trial_values",
            "trial_value_id",
            "trials",
            False,
            ("objective",),
            sa.Column("objective", number, nullable=False),
            sa.Column("value", real),
            sa.Column("value_type", kind, nullable=False),
        )
        self.trial_intermediate_values = self._table(
            "trial_intermediate_values",
            "trial_intermediate_value_id",
            "trials",
            False,
            ("step",),
            sa.Column("step", number, nullable=False),
            sa.Column("intermediate_value", real),
            sa.Column("intermediate_value_type", kind_or_nan, nullable=False),
        )
        self.trial_heartbeats = self._table(
            "trial_heartbeats", "trial_heartbeat_id", "trials", False, (), sa.Column("heartbeat", sa.DateTime, nullable=False)
        )

    def _table(
        self, name: str, key: str, parent: str, optional: bool, unique: tuple[str, ...], *columns: "SchemaItem"
    ) -> "Table":
        """A table of things that belong to a study or a trial."""
        sa = self._sa
        owner = {"studies": "study_id", "trials": "trial_id"}[parent]
        reference = sa.Column(owner, sa.Integer, sa.ForeignKey(f"{parent}.{owner}"), nullable=optional)
        return sa.Table(
            name,
            self.metadata,
            sa.Column(key, sa.Integer, primary_key=True),
            reference,
            *columns,
            sa.UniqueConstraint(owner, *unique),
        )

    def _attributes(self, name: str, parent: str) -> "Table":
        sa = self._sa
        return self._table(
            f"{name}s", f"{name}_id", parent, True, ("key",), sa.Column("key", sa.String(512)), sa.Column("value_json", sa.Text)
        )

    def create(self, connection: "DatabaseConnection") -> None:
        """Makes the tables that are not there, and says which form they have."""
        self.metadata.create_all(connection)
        connection.execute(self.alembic_version.insert().values(version_num=REVISION))
        connection.execute(
            self.version_info.insert().values(version_info_id=1, schema_version=SCHEMA_VERSION, library_version=MADE_FOR)
        )

    def check(self, connection: "DatabaseConnection", where: str) -> bool:
        """Whether the tables are there; an error where they have another form."""
        names = set(self._sa.inspect(connection).get_table_names())
        if not {"studies", "trials"} & names:
            return False
        revision = None
        if "alembic_version" in names:
            revision = connection.execute(self._sa.select(self.alembic_version.c.version_num)).scalar()
        if revision != REVISION:
            raise ValueError(
                message(
                    "search",
                    f"the database must hold the tables of Optuna 3.2 to 5.0 ({REVISION})",
                    {"storage": where, "form": revision},
                    "Give another storage, or run: optuna storage upgrade",
                )
            )
        return True


@cache
def tables() -> Tables:
    """The tables, made once."""
    return Tables()
