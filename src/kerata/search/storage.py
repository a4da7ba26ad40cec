"""The storage of a study: an Optuna database that several processes and machines may share.

A trial is finished once the transaction that says so is committed.
"""

import json
import math
import os
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from kerata.base.checks import did_you_mean, message
from kerata.search.connection import Connection, Transaction
from kerata.search.constraints import CONSTRAINTS, read_constraints
from kerata.search.curves import thin_epochs
from kerata.search.domain import Domain
from kerata.search.fingerprint import check_card
from kerata.search.records import COMPLETE, FAILED, PRUNED, RUNNING, WAITING, Trial
from kerata.search.workers import forget, is_gone, new_worker

if TYPE_CHECKING:
    from sqlalchemy import Table

TO_OPTUNA = {COMPLETE: "COMPLETE", PRUNED: "PRUNED", FAILED: "FAIL", RUNNING: "RUNNING", WAITING: "WAITING"}
OF_OPTUNA = {state: ours for ours, state in TO_OPTUNA.items()}
# Optuna's pictures need no more points of a curve; all of them are kept with the histories.
MOST_STEPS = 1000
# Keys of what Kerata keeps beside Optuna's own columns.
CARD, SPACE, PARAMS, RECORD, HISTORIES, OWNER = (
    f"kerata:{name}" for name in ("study", "space", "params", "record", "histories", "owner")
)


@dataclass
class Row(Trial):
    """A trial with what only the storage needs.

    Attributes:
        id: its key in the database.
        notes: what the sampler keeps with it.
        rungs: the objective at the epochs where it was compared.
        curve: the objective after each epoch, the mean over the folds, for Optuna's pictures and its dashboard.
    """

    id: int = -1
    notes: dict[str, Any] = field(default_factory=dict)
    rungs: dict[int, float] = field(default_factory=dict)
    curve: list[float] = field(default_factory=list)

    def record(self) -> dict[str, Any]:
        """What is written when it is finished, without curves and parameters."""
        return {
            "score": self.score,
            "scores": self.scores,
            "epochs": self.epochs,
            "best_epochs": self.best_epochs,
            "seconds": self.seconds,
            "error": self.error,
            "started": self.started,
            "ended": self.ended,
            "model_files": self.model_files,
            **({"values": self.values} if self.values else {}),
            "parameters": self.parameters,
            "rungs": {str(k): v for k, v in self.rungs.items()},
        }


class Database(Connection):
    """One study in a database.

    Args:
        where: a path of an SQLite file, a URL of SQLAlchemy, or `None` for a database in memory.
        name: the study's name; `None` for the only one there is.
        create: whether a database or a study that is not there is made by `enter`.
    """

    def __init__(self, where: str | os.PathLike | None, name: str | None, create: bool = True):
        super().__init__(where, create)
        self.name, self.worker = name, new_worker()

    # The study

    def enter(self, card: dict[str, Any]) -> dict[str, Any]:
        """Opens the study, or makes it; a study of another kind is an error, and stays as it is.

        Args:
            card: what the study is: its objective, space, data, folds; all of it must agree.

        Returns:
            The card that is there.
        """
        sa, t = self._sa, self._tables
        with self.transaction() as connection:
            if self.url.get_backend_name() == "postgresql":
                # Two processes that begin at once must not both make the tables.
                connection.execute(sa.text("SELECT pg_advisory_xact_lock(7202319)"))
            if not t.check(connection, self.where):
                t.create(connection)
            self.id = self._find(connection)
            if self.id >= 0:
                there = self._attribute(connection, CARD)
                if there is None:
                    raise ValueError(
                        message(
                            "search",
                            "the storage holds a study of this name that Kerata did not make",
                            {"name": self.name, "storage": self.where},
                            "Give another name",
                        )
                    )
                check_card(there, card, self.name, self.where)
                return there
            connection.execute(t.studies.insert().values(study_name=self.name))
            self.id = self._find(connection)
            several = card["direction"] if isinstance(card["direction"], list) else [card["direction"]]
            ways = ["MAXIMIZE" if way == "max" else "MINIMIZE" for way in several]
            rows = [{"study_id": self.id, "direction": way, "objective": place} for place, way in enumerate(ways)]
            connection.execute(t.study_directions.insert(), rows)
            self._set_attribute(connection, CARD, card)
            self._set_attribute(connection, SPACE, card["space"])
            return card

    def look(self) -> dict[str, Any]:
        """Opens a study that is there, and returns its card."""
        sa, t = self._sa, self._tables
        with self.transaction(reading=True) as connection:
            there = t.check(connection, self.where)
            names = list(connection.execute(sa.select(t.studies.c.study_name)).scalars()) if there else []
            if self.name is None and len(names) == 1:
                self.name = names[0]
            if self.name not in names:
                expected = "give the name of the study" if self.name is None else "there is no study of that name"
                fix = ("Studies there: " + ", ".join(names) if self.name is None else did_you_mean(self.name, names)) or ""
                raise ValueError(message("search", expected, {"name": self.name, "storage": self.where}, fix if names else ""))
            self.id = self._find(connection)
            card = self._attribute(connection, CARD)
        if card is None:
            raise ValueError(
                message(
                    "search",
                    "Kerata did not make this study",
                    {"name": self.name, "storage": self.where},
                    "Open it with optuna.load_study",
                )
            )
        return card

    def _find(self, connection: Transaction) -> int:
        studies = self._tables.studies
        found = connection.execute(self._sa.select(studies.c.study_id).where(studies.c.study_name == self.name)).scalar()
        return -1 if found is None else found

    def _attribute(self, connection: Transaction, key: str) -> Any:
        table = self._tables.study_user_attributes
        text = connection.execute(
            self._sa.select(table.c.value_json).where(table.c.study_id == self.id, table.c.key == key)
        ).scalar()
        return None if text is None else json.loads(text)

    def _set_attribute(self, connection: Transaction, key: str, value: object) -> None:
        table = self._tables.study_user_attributes
        connection.execute(table.delete().where(table.c.study_id == self.id, table.c.key == key))
        connection.execute(table.insert().values(study_id=self.id, key=key, value_json=json.dumps(value)))

    def space(self) -> dict[str, Domain]:
        """The domains of all hyperparameters that any trial had."""
        with self.transaction(reading=True) as connection:
            return {name: Domain.of_dict(plain) for name, plain in (self._attribute(connection, SPACE) or {}).items()}

    # Trials

    def claim(self, count: int, total: int | None) -> list[Row]:
        """Takes trials for this process: those that wait or whose process is gone first, then new ones.

        Args:
            count: at most so many.
            total: the study never has more trials than this.
        """
        sa, t = self._sa, self._tables
        mine = t.trials.c.study_id == self.id
        with self.transaction(locked=True) as connection:
            there = connection.execute(sa.select(sa.func.count(), sa.func.max(t.trials.c.number)).where(mine)).one()
            taken = self._abandoned(connection)[:count]
            first = 0 if there[1] is None else there[1] + 1
            room = count - len(taken) if total is None else min(count - len(taken), total - there[0])
            numbers = list(range(first, first + max(room, 0)))
            now = datetime.now(UTC).replace(tzinfo=None)
            if taken:
                ids = [row.id for row in taken]
                connection.execute(
                    t.trials.update().where(t.trials.c.trial_id.in_(ids)).values(state="RUNNING", datetime_start=now)
                )
                for table in (t.trial_heartbeats, t.trial_system_attributes):
                    what = table.c.trial_id.in_(ids)
                    if table is t.trial_system_attributes:
                        what = what & (table.c.key == OWNER)
                    connection.execute(table.delete().where(what))
            if numbers:
                new = {"study_id": self.id, "state": "RUNNING", "datetime_start": now}
                connection.execute(t.trials.insert(), [{**new, "number": number} for number in numbers])
                there = connection.execute(
                    sa.select(t.trials.c.number, t.trials.c.trial_id).where(mine, t.trials.c.number >= first)
                ).all()
                ids_of = dict(map(tuple, there))
                taken += [Row(number, {}, RUNNING, id=ids_of[number]) for number in numbers]
            if taken:
                owner = json.dumps(self.worker)
                connection.execute(
                    t.trial_system_attributes.insert(),
                    [{"trial_id": row.id, "key": OWNER, "value_json": owner} for row in taken],
                )
                clock = self._clock(connection)
                connection.execute(t.trial_heartbeats.insert(), [{"trial_id": row.id, "heartbeat": clock} for row in taken])
        for row in taken:
            row.state, row.started = RUNNING, time.time()
        return sorted(taken, key=lambda row: row.number)

    def _abandoned(self, connection: Transaction) -> list[Row]:
        """Trials that wait, or whose process is gone, in order."""
        sa, t = self._sa, self._tables
        what = sa.select(t.trials.c.trial_id, t.trials.c.number, t.trials.c.state).where(
            t.trials.c.study_id == self.id, t.trials.c.state.in_(("RUNNING", "WAITING"))
        )
        found = connection.execute(what.order_by(t.trials.c.number)).all()
        if not found:
            return []
        ids = [row.trial_id for row in found]
        attributes = self._read_attributes(connection, t.trial_system_attributes, ids)
        beats = dict(
            map(
                tuple,
                connection.execute(
                    sa.select(t.trial_heartbeats.c.trial_id, t.trial_heartbeats.c.heartbeat).where(
                        t.trial_heartbeats.c.trial_id.in_(ids)
                    )
                ).all(),
            )
        )
        clock = self._clock(connection)
        params = self._read_attributes(connection, t.trial_user_attributes, ids, (PARAMS,))
        rows = []
        for id, number, state in found:
            owner = attributes.get(id, {}).pop(OWNER, None)
            silence = (clock - beats[id]).total_seconds() if id in beats else math.inf
            if state == "WAITING" or is_gone(owner, silence):
                notes = attributes.get(id, {})
                rows.append(Row(number, params.get(id, {}).get(PARAMS) or {}, id=id, notes=notes))
        return rows

    def note(self, rows: list[Row], domains: dict[str, Domain], new: bool = True, alone: Iterable[int] = ()) -> list[Row]:
        """Writes the values of trials that begin, so that they can be taken again with the same ones.

        Args:
            rows: trials of this process.
            domains: of all hyperparameters.
            new: whether some of them may not be known to the storage yet.
            alone: numbers of trials whose values no other trial may have.

        Returns:
            Those whose values another trial has; they are not written.
        """
        t, alone = self._tables, set(alone)
        with self.transaction(locked=True) as connection:
            met = self._met(connection, [row for row in rows if row.number in alone])
            rows = [row for row in rows if row.id not in met]
            ids = [row.id for row in rows]
            if new:
                there = self._attribute(connection, SPACE) or {}
                ours = {name: domain.as_dict() for name, domain in domains.items() if name not in there}
                self._set_attribute(connection, SPACE, {**there, **ours})
            table = t.trial_user_attributes
            connection.execute(table.delete().where(table.c.trial_id.in_(ids), table.c.key == PARAMS))
            connection.execute(t.trial_params.delete().where(t.trial_params.c.trial_id.in_(ids)))
            self._insert(
                connection, table, [{"trial_id": row.id, "key": PARAMS, "value_json": json.dumps(row.params)} for row in rows]
            )
            self._insert(
                connection,
                t.trial_params,
                [
                    {
                        "trial_id": row.id,
                        "param_name": name,
                        "param_value": domains[name].optuna_number(value),
                        "distribution_json": domains[name].optuna_json(),
                    }
                    for row in rows
                    for name, value in row.params.items()
                ],
            )
            notes = [(row.id, key, value) for row in rows for key, value in row.notes.items()]
            if notes:
                table = t.trial_system_attributes
                connection.execute(table.delete().where(table.c.trial_id.in_(ids), table.c.key != OWNER))
                self._insert(
                    connection,
                    table,
                    [{"trial_id": id, "key": key, "value_json": json.dumps(value)} for id, key, value in notes],
                )
        return list(met.values())

    def _met(self, connection: Transaction, rows: list[Row]) -> dict[int, Row]:
        """Those of some trials, by key, whose values another trial of the study has."""
        table, trials = self._tables.trial_user_attributes, self._tables.trials
        wanted = {row.id: json.dumps(row.params) for row in rows}
        if not wanted:
            return {}
        what = self._sa.select(table.c.value_json).where(
            table.c.key == PARAMS,
            table.c.value_json.in_(set(wanted.values())),
            table.c.trial_id.not_in(list(wanted)),
            table.c.trial_id.in_(self._sa.select(trials.c.trial_id).where(trials.c.study_id == self.id)),
        )
        there = set(connection.execute(what).scalars())
        return {row.id: row for row in rows if wanted[row.id] in there}

    def finish(self, rows: list[Row]) -> list[Row]:
        """Writes finished trials, and returns those that were this process's to finish.

        A process that was silent for too long may find its trial in other hands: what the other has counts.
        """
        t = self._tables
        with self.transaction(locked=True) as connection:
            owners = self._read_attributes(connection, t.trial_system_attributes, [row.id for row in rows], (OWNER,))
            rows = [row for row in rows if (owners.get(row.id, {}).get(OWNER) or {}).get("mark") == self.worker["mark"]]
            if not rows:
                return []
            ids = [row.id for row in rows]
            still = set(
                connection.execute(
                    self._sa.select(t.trials.c.trial_id).where(t.trials.c.trial_id.in_(ids), t.trials.c.state == "RUNNING")
                ).scalars()
            )
            rows = [row for row in rows if row.id in still]
            bind = self._sa.bindparam
            if not rows:
                return []
            now = datetime.now(UTC).replace(tzinfo=None)
            connection.execute(
                t.trials.update().where(t.trials.c.trial_id == bind("id")).values(state=bind("to"), datetime_complete=now),
                [{"id": row.id, "to": TO_OPTUNA[row.state]} for row in rows],
            )
            self._insert(
                connection,
                t.trial_values,
                [
                    {"trial_id": row.id, "objective": place, "value": value, "value_type": "FINITE"}
                    for row in rows
                    if row.state == COMPLETE
                    for place, value in enumerate(row.values or [row.score])
                ],
            )
            self._insert(
                connection,
                t.trial_intermediate_values,
                [
                    {"trial_id": row.id, "step": place + 1, **intermediate(row.curve[place])}
                    for row in rows
                    for place in thin_epochs(len(row.curve), MOST_STEPS)
                ],
            )
            self._insert(
                connection,
                t.trial_user_attributes,
                [
                    {"trial_id": row.id, "key": key, "value_json": json.dumps(value)}
                    for row in rows
                    for key, value in ((RECORD, row.record()), (HISTORIES, row.histories))
                ],
            )
            self._insert(
                connection,
                t.trial_system_attributes,
                [
                    {"trial_id": row.id, "key": CONSTRAINTS, "value_json": json.dumps(row.constraints)}
                    for row in rows
                    if row.constraints
                ],
            )
        return rows

    def release(self) -> None:
        """Gives back what this process has taken and not finished, for others and for the next run."""
        sa, t = self._sa, self._tables
        if self.id < 0:
            return
        with self.transaction(locked=True) as connection:
            running = sa.select(t.trials.c.trial_id).where(t.trials.c.study_id == self.id, t.trials.c.state == "RUNNING")
            ids = list(connection.execute(running).scalars())
            owners = self._read_attributes(connection, t.trial_system_attributes, ids, (OWNER,))
            mine = [id for id in ids if (owners.get(id, {}).get(OWNER) or {}).get("mark") == self.worker["mark"]]
            if mine:
                connection.execute(t.trials.update().where(t.trials.c.trial_id.in_(mine)).values(state="WAITING"))

    def beat(self, ids: list[int]) -> None:
        """Says that this process still works on its trials."""
        if ids:
            table = self._tables.trial_heartbeats
            with self.transaction() as connection:
                clock = self._clock(connection)
                connection.execute(table.update().where(table.c.trial_id.in_(ids)).values(heartbeat=clock))

    def read(self, skip: Iterable[int] = (), histories: bool = False) -> list[Row]:
        """The trials as they are, in order.

        Args:
            skip: numbers of finished trials that need not be read again.
            histories: whether with their curves.
        """
        sa, t = self._sa, self._tables
        skip = set(skip)
        with self.transaction(reading=True) as connection:
            found = connection.execute(
                sa.select(t.trials.c.trial_id, t.trials.c.number, t.trials.c.state)
                .where(t.trials.c.study_id == self.id)
                .order_by(t.trials.c.number)
            ).all()
            found = [row for row in found if row.number not in skip]
            ids = [row.trial_id for row in found]
            keys = (PARAMS, RECORD, HISTORIES) if histories else (PARAMS, RECORD)
            attributes = self._read_attributes(connection, t.trial_user_attributes, ids, keys)
            notes = self._read_attributes(connection, t.trial_system_attributes, ids)
            waiting = {row.id for row in self._abandoned(connection)}
            others = self._read_optunas(connection, [id for id in ids if RECORD not in attributes.get(id, {})])
        rows = []
        for id, number, state in found:
            kept = attributes.get(id, {})
            params, values = others.get(id, ({}, []))
            record = kept.get(RECORD) or ({"score": values[0], "scores": values[:1]} if values else {})
            if len(values) > 1:
                record["values"] = values
            rungs = {int(step): value for step, value in record.pop("rungs", {}).items()}
            own = notes.get(id, {})
            record["constraints"] = read_constraints(own)
            own.pop(OWNER, None)
            state = WAITING if id in waiting else OF_OPTUNA[state]
            rows.append(
                Row(
                    number,
                    kept.get(PARAMS) or params or own.get("fixed_params") or {},
                    state,
                    histories=kept.get(HISTORIES) or [],
                    id=id,
                    notes=own,
                    rungs=rungs,
                    **record,
                )
            )
        return rows

    def _read_optunas(self, connection: Transaction, ids: list[int]) -> dict[int, tuple[dict[str, Any], list[float]]]:
        """Hyperparameters, and the value of each objective, of trials that Optuna itself has finished, by key."""
        t = self._tables
        found: dict[int, tuple[dict[str, Any], list[float]]] = {}
        for start in range(0, len(ids), 500):
            some = ids[start : start + 500]
            done = self._sa.select(t.trials.c.trial_id).where(
                t.trials.c.trial_id.in_(some), t.trials.c.state.in_(("COMPLETE", "PRUNED", "FAIL"))
            )
            found.update({id: ({}, []) for id in connection.execute(done).scalars()})
            params = self._sa.select(
                t.trial_params.c.trial_id,
                t.trial_params.c.param_name,
                t.trial_params.c.param_value,
                t.trial_params.c.distribution_json,
            ).where(t.trial_params.c.trial_id.in_(list(found)))
            for id, name, value, text in connection.execute(params):
                found[id][0][name] = of_optuna(value, json.loads(text))
            values = self._sa.select(t.trial_values.c.trial_id, t.trial_values.c.value).where(
                t.trial_values.c.trial_id.in_([id for id in some if id in found]), t.trial_values.c.value_type == "FINITE"
            )
            for id, value in connection.execute(values.order_by(t.trial_values.c.objective)):
                found[id][1].append(value)
        return found

    def best(self, count: int, direction: str) -> list[tuple[int, float]]:
        """(number, score) of the best complete trials that keep their constraints, the best first; of equals the first."""
        t = self._tables
        value = t.trial_values.c.value
        what = (
            self._sa.select(t.trials.c.number, value)
            .join(t.trial_values, t.trial_values.c.trial_id == t.trials.c.trial_id)
            .where(t.trials.c.study_id == self.id, t.trials.c.state == "COMPLETE", t.trial_values.c.objective == 0)
        )
        order = value.desc() if direction == "max" else value
        with self.transaction(reading=True) as connection:
            broken = self._infeasible(connection)
            found = connection.execute(what.order_by(order, t.trials.c.number).limit(count + len(broken)))
            return [(number, score) for number, score in found if number not in broken][:count]

    def values(self) -> dict[int, list[float]]:
        """The value of each objective of all complete trials that keep their constraints."""
        t, found = self._tables, {}
        what = (
            self._sa.select(t.trials.c.number, t.trial_values.c.value)
            .join(t.trial_values, t.trial_values.c.trial_id == t.trials.c.trial_id)
            .where(t.trials.c.study_id == self.id, t.trials.c.state == "COMPLETE")
            .order_by(t.trials.c.number, t.trial_values.c.objective)
        )
        with self.transaction(reading=True) as connection:
            broken = self._infeasible(connection)
            for number, value in connection.execute(what):
                if number not in broken:
                    found.setdefault(number, []).append(value)
        return found

    def _infeasible(self, connection: Transaction) -> set[int]:
        """The trials that break a constraint."""
        t = self._tables
        keys = t.trial_system_attributes.c.key
        what = (
            self._sa.select(t.trials.c.number, keys, t.trial_system_attributes.c.value_json)
            .join(t.trial_system_attributes, t.trial_system_attributes.c.trial_id == t.trials.c.trial_id)
            .where(t.trials.c.study_id == self.id, self._sa.or_(keys == CONSTRAINTS, keys.startswith(f"{CONSTRAINTS}:")))
        )
        found = connection.execute(what)
        return {number for number, key, text in found if any(v > 0 for v in read_constraints({key: json.loads(text)}))}

    def finished(self, numbers: Iterable[int]) -> set[int]:
        """Which of some trials are finished."""
        t = self._tables
        what = self._sa.select(t.trials.c.number).where(
            t.trials.c.study_id == self.id,
            t.trials.c.number.in_(list(numbers)),
            t.trials.c.state.in_(("COMPLETE", "PRUNED", "FAIL")),
        )
        with self.transaction(reading=True) as connection:
            return set(connection.execute(what).scalars())

    def pending(self) -> int:
        """How many trials some process of Kerata has taken and not finished, or will take."""
        t = self._tables
        own = self._sa.select(t.trial_system_attributes.c.trial_id).where(t.trial_system_attributes.c.key == OWNER)
        what = self._sa.select(self._sa.func.count()).where(
            t.trials.c.study_id == self.id,
            self._sa.or_(t.trials.c.state == "WAITING", (t.trials.c.state == "RUNNING") & t.trials.c.trial_id.in_(own)),
        )
        with self.transaction(reading=True) as connection:
            return connection.execute(what).scalar()

    def counts(self) -> dict[str, int]:
        """How many trials there are of each state; those of a process that is gone wait."""
        sa, t = self._sa, self._tables
        with self.transaction(reading=True) as connection:
            found = connection.execute(
                sa.select(t.trials.c.state, sa.func.count()).where(t.trials.c.study_id == self.id).group_by(t.trials.c.state)
            ).all()
            waiting = len(self._abandoned(connection))
        counts = {OF_OPTUNA[state]: count for state, count in found}
        going = counts.pop(RUNNING, 0) + counts.pop(WAITING, 0) - waiting
        return {**counts, **{state: count for state, count in ((RUNNING, going), (WAITING, waiting)) if count}}

    def _clock(self, connection: Transaction) -> datetime:
        """The database's time, in UTC: the clocks of several machines differ."""
        now = connection.execute(self._sa.select(self._sa.func.now())).scalar()
        return now.astimezone(UTC).replace(tzinfo=None) if now.tzinfo else now

    def _read_attributes(
        self, connection: Transaction, table: "Table", ids: list[int], keys: tuple[str, ...] = ()
    ) -> dict[int, dict]:
        """Attributes by trial and key."""
        found: dict[int, dict[str, Any]] = {}
        for start in range(0, len(ids), 500):  # databases limit how many values a statement has
            what = self._sa.select(table.c.trial_id, table.c.key, table.c.value_json).where(
                table.c.trial_id.in_(ids[start : start + 500])
            )
            if keys:
                what = what.where(table.c.key.in_(keys))
            for id, key, text in connection.execute(what):
                found.setdefault(id, {})[key] = json.loads(text)
        return found

    @staticmethod
    def _insert(connection: Transaction, table: "Table", rows: list[dict[str, Any]]) -> None:
        if rows:
            connection.execute(table.insert(), rows)

    def close(self) -> None:
        """Closes the connections; what this process has not finished is for others to take."""
        super().close()
        forget(self.worker)


def intermediate(value: float) -> dict[str, Any]:
    """A value of an epoch as Optuna's tables hold it."""
    if math.isfinite(value):
        return {"intermediate_value": value, "intermediate_value_type": "FINITE"}
    kind = "NAN" if math.isnan(value) else "INF_POS" if value > 0 else "INF_NEG"
    return {"intermediate_value": None, "intermediate_value_type": kind}


def of_optuna(value: float, distribution: dict[str, Any]) -> object:
    """The value that a number in Optuna's tables stands for."""
    kind, bounds = distribution["name"], distribution["attributes"]
    if kind == "CategoricalDistribution":
        return bounds["choices"][int(value)]
    return int(value) if kind.startswith("Int") else float(value)
