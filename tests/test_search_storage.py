"""Storage of studies: killed, shared, foreign, full. What is asserted inside the processes is in `search_worker.py`."""

import importlib.util
import json
import math
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from kerata.search import connection as connections
from kerata.search import workers
from kerata.search.connection import file_system, make_url
from kerata.search.domain import Domain
from kerata.search.fingerprint import check_card
from kerata.search.records import COMPLETE, FAILED
from kerata.search.schema import tables
from kerata.search.storage import Database
from kerata.search.study import load_study
from kerata.search.workers import is_gone, new_worker

HERE = Path(__file__).parent
importlib.import_module("sqlalchemy")


def load(path):
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


worker = load(HERE / "search_worker.py")
postgres = load(HERE.parent / "tools" / "postgres.py")


def work(*arguments):
    """The worker in a process of its own: it forks, which a process that has computed must not."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", str(HERE / "search_worker.py"), *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])


@pytest.fixture(scope="session")
def postgres_url():
    if postgres.find_programs() is None:
        pytest.skip("there is no PostgreSQL on this machine; Debian: apt install postgresql")
    importlib.import_module("psycopg")
    with postgres.server() as url:
        yield url


SPACE = {"rate": Domain("float", 1e-4, 1e-1, True), "kind": Domain("choice", choices=("a", "b"))}
CARD = {
    "objective": "val_loss",
    "direction": "min",
    "space": {name: domain.as_dict() for name, domain in SPACE.items()},
    "data": {"samples": {"arrays": ["float32[3, 2]"], "hash": "1"}},
    "folds": None,
    "epochs": 3,
}


def open_database(where=None, name="study", card=CARD):
    database = Database(where, name)
    database.enter(card)
    return database


def finish(database, rows, score=0.5):
    for row in rows:
        row.params = row.params or {"rate": 0.01, "kind": "b"}
        row.state, row.score, row.scores, row.histories = COMPLETE, score, [score], [{"loss": [1.0, score]}]
    database.note(rows, SPACE)
    return database.finish(rows)


# Killed and shared


def test_killed_at_random_moments(tmp_path):
    found = work("kill", tmp_path / "study.db", tmp_path, 60, 8, 0)
    assert found["finished by killed processes"] > 0, "no process was killed late enough for the test to say anything"


@pytest.mark.slow
def test_killed_at_50_random_moments(tmp_path):
    found = work("kill", tmp_path / "study.db", tmp_path, 400, 50, 1)
    assert found["finished by killed processes"] > 40 and found["begun and killed"] > 10


def test_two_processes_share_a_file(tmp_path):
    shares = work("share", tmp_path / "study.db", tmp_path, 40)
    assert min(shares) > 0


def test_two_processes_share_postgres(tmp_path, postgres_url):
    shares = work("share", postgres_url, tmp_path, 40)
    assert min(shares) > 0


def test_file_and_postgres_hold_the_same_table(tmp_path, postgres_url):
    for where in (postgres_url, tmp_path / "study.db"):
        worker.search(where, folder=tmp_path / "models", trials=12, name="same").run()
    tables = [
        [(t.number, t.params, t.state, t.score) for t in load_study(where, "same").trials]
        for where in (postgres_url, tmp_path / "study.db")
    ]
    assert tables[0] == tables[1] and len(tables[0]) == 12


@pytest.mark.slow
def test_killed_on_postgres(tmp_path, postgres_url):
    found = work("kill", postgres_url.replace("/postgres", "/template1"), tmp_path, 100, 10, 2)
    assert found["finished by killed processes"] > 0


# Claims


def test_claims_never_exceed_the_total():
    database = open_database()
    assert [row.number for row in database.claim(3, 5)] == [0, 1, 2]
    assert [row.number for row in database.claim(3, 5)] == [3, 4]
    assert database.claim(3, 5) == []
    assert [row.number for row in database.claim(3, None)] == [5, 6, 7]


def test_trials_of_a_dead_owner_are_taken_again_with_their_values(tmp_path):
    first = open_database(tmp_path / "s.db")
    rows = first.claim(3, 5)
    for row in rows:
        row.params = {"rate": 0.001 * (row.number + 1), "kind": "a"}
    first.note(rows, SPACE)
    finish(first, rows[:1])
    second = open_database(tmp_path / "s.db")
    assert [row.number for row in second.claim(2, 5)] == [3, 4], "the owner lives: its trials stay with it"
    assert second.counts() == {"complete": 1, "running": 4}
    workers.forget(first.worker)
    assert second.counts() == {"complete": 1, "running": 2, "waiting": 2}
    assert [row.state for row in second.read()] == ["complete", "waiting", "waiting", "running", "running"]
    again = second.claim(9, 5)
    assert [(row.number, row.params) for row in again] == [(1, rows[1].params), (2, rows[2].params)]
    assert first.finish(rows[1:]) == [], "what was taken away is not the first one's to finish"
    assert len(finish(second, again)) == 2 and second.finish(again) == [], "nor is it finished twice"


def test_released_trials_are_taken_again(tmp_path):
    first = open_database(tmp_path / "s.db")
    first.claim(3, 3)
    first.release()
    assert first.counts() == {"waiting": 3}
    assert [row.number for row in open_database(tmp_path / "s.db").claim(2, 3)] == [0, 1]


def test_who_is_gone(monkeypatch):
    mine = new_worker()
    assert not is_gone(mine, 1e9)
    workers.forget(mine)
    assert is_gone(mine, 0.0), "a study of this process that has ended"
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    theirs = {**new_worker(), "pid": child.pid, "start": workers.start_of(child.pid)}
    assert not is_gone(theirs, 1e9), "on this machine a process that lives is not given up"
    assert is_gone({**theirs, "start": "1"}, 0.0), "the number belongs to another process now"
    child.kill()
    assert workers.start_of(child.pid) is None or child.wait() is not None
    child.wait()
    assert is_gone(theirs, 0.0)
    far = {**theirs, "machine": "another", "host": "far away"}
    assert not is_gone(far, 30.0) and is_gone(far, 1e3)
    assert not is_gone(None, math.inf), "a trial that Optuna itself runs is not Kerata's to take"


def test_beats_keep_a_distant_owner_alive(tmp_path, monkeypatch):
    first = open_database(tmp_path / "s.db")
    first.worker = {**first.worker, "machine": "another", "host": "far away"}
    rows = first.claim(1, 2)
    second = open_database(tmp_path / "s.db")
    monkeypatch.setattr(workers, "SILENCE_SECONDS", 0.0)
    with first.transaction() as connection:
        connection.exec_driver_sql("UPDATE trial_heartbeats SET heartbeat = '2020-01-01 00:00:00'")
    monkeypatch.setattr(workers, "SILENCE_SECONDS", 90.0)
    first.beat([rows[0].id])
    assert [row.number for row in second.claim(1, 2)] == [1]
    with first.transaction() as connection:
        connection.exec_driver_sql("UPDATE trial_heartbeats SET heartbeat = '2020-01-01 00:00:00'")
    assert [row.number for row in second.claim(1, 2)][:1] == [0]


# Optuna's database


def test_tables_are_those_that_optuna_makes(tmp_path):
    optuna = importlib.import_module("optuna")
    import sqlite3

    open_database(tmp_path / "ours.db")
    optuna.storages.RDBStorage(f"sqlite:///{tmp_path / 'theirs.db'}")

    def body(sql):
        return re.sub(r"\s+", " ", sql or "").rstrip(") ").partition("(")[2]

    def schema(path):
        with sqlite3.connect(path) as connection:
            found = connection.execute("SELECT name, sql FROM sqlite_master").fetchall()
        # The order of columns makes no difference.
        return {name: sorted(part.strip() for part in re.split(r",(?![^()]*\))", body(sql))) for name, sql in found}

    assert schema(tmp_path / "ours.db") == schema(tmp_path / "theirs.db")


@pytest.mark.parametrize("kind", ["file", "postgres"])
def test_optuna_opens_the_study(tmp_path, request, kind):
    optuna = importlib.import_module("optuna")
    where = request.getfixturevalue("postgres_url") if kind == "postgres" else f"sqlite:///{tmp_path / 's.db'}"
    database = open_database(where, "for-optuna")
    rows = database.claim(3, 9)
    rows[2].curve = [0.9, math.nan, -math.inf]
    finish(database, rows[:2])
    finish(database, rows[2:], 0.25)
    theirs = optuna.load_study(study_name="for-optuna", storage=database.url.render_as_string(hide_password=False))
    assert [(trial.number, trial.value) for trial in theirs.trials] == [(0, 0.5), (1, 0.5), (2, 0.25)]
    assert theirs.trials[2].params == {"rate": 0.01, "kind": "b"}
    found = theirs.trials[2].intermediate_values
    assert found[1] == 0.9 and math.isnan(found[2]) and found[3] == -math.inf and len(found) == 3
    assert theirs.trials[2].datetime_complete >= theirs.trials[2].datetime_start
    # What Optuna enqueues is taken first, under its number.
    theirs.enqueue_trial({"rate": 0.05})
    taken = database.claim(1, 9)
    assert [(row.number, row.notes["fixed_params"]) for row in taken] == [(3, {"rate": 0.05})]
    assert theirs.ask().number == 4
    assert [row.number for row in database.claim(1, 9)] == [5]


def test_optunas_own_study_of_the_name_is_left_alone(tmp_path):
    optuna = importlib.import_module("optuna")
    where = f"sqlite:///{tmp_path / 's.db'}"
    optuna.create_study(study_name="study", storage=where).ask()
    with pytest.raises(ValueError, match="that Kerata did not make"):
        open_database(where)
    assert len(optuna.load_study(study_name="study", storage=where).trials) == 1
    assert open_database(where, "another").claim(1, 1)[0].number == 0


# Foreign, broken, full


OTHERS = [
    ("objective", "val_accuracy", "the objective differs"),
    ("direction", "max", "the direction differs"),
    ("space", {"rate": Domain("float", 1e-4, 1.0, True).as_dict(), "kind": SPACE["kind"].as_dict()}, "the space differs"),
    ("data", {"samples": {"arrays": ["float32[3, 2]"], "hash": "2"}}, "the data differs"),
    ("folds", "5 folds, ab", "the folds differs"),
    ("epochs", 4, "the number of epochs differs"),
]


@pytest.mark.parametrize("key, value, text", OTHERS, ids=[key for key, *_ in OTHERS])
def test_a_storage_of_another_study_is_refused_and_stays(tmp_path, key, value, text):
    database = open_database(tmp_path / "s.db")
    finish(database, database.claim(1, 1))
    before = (tmp_path / "s.db").read_bytes(), database.read(histories=True), database.look()
    with pytest.raises(ValueError, match=text) as caught:
        open_database(tmp_path / "s.db", card={**CARD, key: value})
    assert "Give this study another name" in str(caught.value) and "name='study'" in str(caught.value)
    assert ((tmp_path / "s.db").read_bytes(), database.read(histories=True), database.look()) == before


def test_the_message_names_what_differs_only():
    other = {**CARD, "space": {**CARD["space"], "rate": {"kind": "int"}}}
    with pytest.raises(ValueError) as caught:
        check_card(CARD, other, "study", "s.db")
    assert "rate" in str(caught.value) and "'kind': {'kind': 'choice'" not in str(caught.value)


def test_storages_that_cannot_be(tmp_path):
    (tmp_path / "text.db").write_text("no database at all" * 100)
    with pytest.raises(ValueError, match="must be an SQLite file"):
        open_database(tmp_path / "text.db")
    assert (tmp_path / "text.db").read_text() == "no database at all" * 100
    open_database(tmp_path / "half.db").close()
    whole = (tmp_path / "half.db").read_bytes()
    (tmp_path / "half.db").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ValueError, match=r"the storage is damaged.*\.recover"):
        open_database(tmp_path / "half.db")
    with pytest.raises(FileNotFoundError, match="the folder of the storage must exist"):
        open_database(tmp_path / "nowhere" / "s.db")
    with pytest.raises(FileNotFoundError, match="no such storage"):
        load_study(tmp_path / "s.db")
    assert not (tmp_path / "s.db").exists()
    with pytest.raises(TypeError, match="a path, a URL or None"):
        make_url(3)
    with pytest.raises(ValueError, match="a path or a URL"):
        make_url("sqlite//://x")
    with pytest.raises(ConnectionError, match="does not answer") as caught:
        importlib.import_module("psycopg")
        open_database("postgresql://someone:secret@127.0.0.1:1/none")
    assert "secret" not in str(caught.value)
    open_database(tmp_path / "s.db", "one"), open_database(tmp_path / "s.db", "two")
    with pytest.raises(ValueError, match="Studies there: one, two"):
        load_study(tmp_path / "s.db")
    with pytest.raises(ValueError, match="no study of that name"):
        load_study(tmp_path / "s.db", "three")


def test_tables_of_a_later_optuna_are_refused(tmp_path):
    database = open_database(tmp_path / "s.db")
    with database.transaction() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = 'v9.0.0.a'")
    with pytest.raises(ValueError, match=r"tables of Optuna 3.2 to 5.0 \(v3.2.0.a\). Received: .*v9.0.0.a"):
        open_database(tmp_path / "s.db")


def test_a_full_disk_says_so_and_keeps_what_was_committed(tmp_path):
    runner = worker.PretendRunner()
    path = tmp_path / "s.db"
    first = worker.search(path, trials=10, runner=runner).run()
    before = [(t.number, t.score) for t in first.trials]
    search = worker.search(path, trials=60, runner=worker.PretendRunner(), batch=10)
    fill = search._probe

    def probe():
        fill()
        original = Database._make_engine

        def limited(self):
            engine = original(self)
            with engine.connect() as connection:
                pages = connection.exec_driver_sql("PRAGMA page_count").scalar()
            from sqlalchemy import event

            event.listen(
                engine,
                "engine_connect",
                lambda c: c.connection.driver_connection.execute(f"PRAGMA max_page_count={pages + 8}").close(),
            )
            return engine

        Database._make_engine = limited
        restore.append(original)

    restore: list = []
    search._probe = probe
    try:
        with pytest.raises(OSError, match="the disk of the storage must have room") as caught:
            search.run()
    finally:
        Database._make_engine = restore[0]
    assert "finished trials are kept" in str(caught.value)
    there = {t.number: t.score for t in load_study(path, "study").trials if t.state == COMPLETE}
    assert all(there[number] == score for number, score in before)
    again = worker.search(path, trials=60, runner=(rest := worker.PretendRunner()), batch=10).run()
    assert len(again.trials) == 60 and sorted(rest.trained) == sorted(set(range(60)) - set(there))


@pytest.mark.skipif(os.geteuid() != 0 if hasattr(os, "geteuid") else True, reason="only root can mount a small disk")
def test_a_disk_that_is_really_full(tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=600k", "none", str(disk)], capture_output=True).returncode:
        pytest.skip("mounting is not allowed here")
    try:
        with pytest.raises(OSError, match="must have room"):
            worker.search(disk / "s.db", trials=2000, batch=20).run()
        done = {t.number: t.score for t in load_study(disk / "s.db").trials if t.state == COMPLETE}
        assert done
        # More room: the script goes on.
        subprocess.run(["mount", "-o", "remount,size=4m", str(disk)], check=True)
        runner = worker.PretendRunner()
        more = len(done) + 40
        study = worker.search(disk / "s.db", trials=more, batch=20, runner=runner).run()
        assert not set(runner.trained) & set(done)
        assert {t.number: t.score for t in study.trials if t.number in done} == done
    finally:
        subprocess.run(["umount", "--lazy", str(disk)], check=False)


def test_files_on_a_network_use_the_slower_journal(tmp_path, monkeypatch):
    assert file_system(Path("/proc/x")) == "proc" or sys.platform != "linux"
    monkeypatch.setattr(connections, "file_system", lambda path: "nfs4")
    with pytest.warns(UserWarning, match="lies on a network.*PostgreSQL"):
        database = open_database(tmp_path / "s.db")
    with database.transaction() as connection:
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "delete"
        assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 2
    monkeypatch.setattr(connections, "file_system", lambda path: "ext4")
    with open_database(tmp_path / "near.db").transaction() as connection:
        assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"


def test_records_come_back_whole():
    database = open_database()
    rows = database.claim(2, 2)
    rows[0].rungs, rows[0].epochs, rows[0].best_epochs, rows[0].model_files = {1: 0.5}, [3, 2], [2, 2], ["a.keras"]
    rows[1].state, rows[1].error = FAILED, "the loss became NaN"
    finish(database, rows[:1], 1 / 3)
    database.finish(rows[1:])
    one, two = database.read(histories=True)
    assert (one.score, one.rungs, one.epochs, one.best_epochs) == (1 / 3, {1: 0.5}, [3, 2], [2, 2])
    assert one.model_files == ["a.keras"]
    assert one.histories == [{"loss": [1.0, 1 / 3]}] and one.params == {"rate": 0.01, "kind": "b"}
    assert (two.state, two.error, two.score) == (FAILED, "the loss became NaN", None)
    assert database.read(skip=[0])[0].number == 1 and database.read()[0].histories == []
    assert database.best(5, "min") == [(0, 1 / 3)] and database.finished([0, 1, 2]) == {0, 1}
    assert tables() is tables()
