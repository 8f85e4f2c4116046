"""Each command is killed with SIGKILL halfway, and the next run finishes its work."""

from __future__ import annotations

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from session_backend.fields import Digest
from tests.session_backend.commands.mirror import Answer, serving
from tests.session_backend.commands.process import EXPIRED, SESSIONS
from tests.session_backend.test_locations import write

ROOT = Path(__file__).parents[3]
SMALL = "--batch-size=10"


def start(database: Path, *arguments: str, **env: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "tests.session_backend.commands.process", *arguments],
        cwd=ROOT,
        env=os.environ
        | {
            "DJANGO_SETTINGS_MODULE": "tests.settings",
            "DATABASE_URL": f"sqlite:///{database}",
            "SESSION_ENGINE": "session_backend.backends.db",
        }
        | env,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def finish(database: Path, *arguments: str) -> str:
    """Run a command to its end and return what it printed."""
    process = start(database, *arguments)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    return out


def kill(database: Path, statement: int, *arguments: str) -> None:
    process = start(database, str(statement), *arguments)
    process.communicate(timeout=60)
    assert process.returncode == -signal.SIGKILL


def ask(database: Path, sql: str) -> set[str]:
    with closing(sqlite3.connect(database)) as connection:
        return {row[0] for row in connection.execute(sql)}


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    database = tmp_path_factory.mktemp("prepared") / "db.sqlite3"
    finish(database, "0", "prepare")
    return database


@pytest.fixture
def database(prepared: Path, tmp_path: Path) -> Path:
    return Path(shutil.copy(prepared, tmp_path / "db.sqlite3"))


PAST = "SELECT session_key FROM session_backend_pastsession"
OLD = "SELECT session_key FROM django_session"
OURS = "SELECT session_key FROM session_backend_session WHERE expire_date > datetime('now')"


@pytest.mark.parametrize("statement", [3, 8, 10])
def test_migratesessions(statement: int, database: Path) -> None:
    before = {Digest.of(key) for key in ask(database, OLD)}
    kill(database, statement, "migratesessions", "--from=sessions", SMALL)
    old, ours = {Digest.of(key) for key in ask(database, OLD)}, ask(database, OURS)
    assert not old & ours
    assert old | ours == before
    assert old
    finish(database, "0", "migratesessions", "--from=sessions", SMALL)
    assert ask(database, OLD) == set()
    assert ask(database, OURS) == before
    assert len(before) == SESSIONS


def test_clearsessions(database: Path) -> None:
    sessions = "SELECT session_key FROM session_backend_session"
    # Between the INSERT of the third batch and its DELETE.
    kill(database, 9, "clearsessions", SMALL)
    left = ask(database, sessions)
    assert len(left) == EXPIRED - 20
    assert not left & ask(database, PAST)
    finish(database, "0", "clearsessions", SMALL)
    assert ask(database, sessions) == set()
    assert ask(database, PAST) >= left


def test_clearsessions_of_past_sessions(database: Path) -> None:
    finish(database, "0", "clearsessions", SMALL)
    with closing(sqlite3.connect(database)) as connection:
        connection.execute(
            "UPDATE session_backend_pastsession SET ended_at = '2020-01-01 ' || "
            "printf('%02d', rowid % 24) || ':00:00'"
        )
        connection.commit()
    before = ask(database, PAST)
    kill(database, 6, "clearsessions", SMALL)
    left = ask(database, PAST)
    assert set() < left < before
    finish(database, "0", "clearsessions", SMALL)
    assert ask(database, PAST) == set()


def test_revokesessions(database: Path) -> None:
    sessions = "SELECT session_key FROM session_backend_session"
    # Between the INSERT of the third batch and its DELETE.
    kill(database, 9, "revokesessions", "--all", SMALL)
    left = ask(database, sessions)
    assert len(left) == EXPIRED - 20
    assert not left & ask(database, PAST)
    assert finish(database, "0", "revokesessions", "--all", SMALL).startswith("Revoked 20 sessions")
    assert ask(database, sessions) == set()
    assert ask(database, PAST) >= left


def test_enrichsessions(database: Path) -> None:
    right = "SELECT session_key FROM session_backend_session WHERE browser = 'curl'"
    kill(database, 3, "enrichsessions", SMALL)
    assert len(ask(database, right)) == 20
    finish(database, "0", "enrichsessions", SMALL)
    assert len(ask(database, right)) == EXPIRED


def test_download_geoip_db(database: Path, tmp_path: Path) -> None:
    folder = tmp_path / "geoip"
    folder.mkdir()
    old = write(folder / "GeoLite2-City.mmdb").read_bytes()
    new = write(tmp_path / "new.mmdb", ip_version=4).read_bytes()
    settings = tmp_path / "geoip_settings.py"
    settings.write_text(f"from tests.settings import *\nGEOIP_PATH = {str(folder)!r}\n")
    env = {
        "PYTHONPATH": os.pathsep.join([str(ROOT), str(tmp_path)]),
        "DJANGO_SETTINGS_MODULE": "geoip_settings",
        "no_proxy": "127.0.0.1",
    }
    with serving() as mirror:
        arguments = ("0", "download_geoip_db", f"--url={mirror.put('/db', new)}")
        mirror.answers["/db"] = Answer(new, halves=True)
        process = start(database, *arguments, **env)
        assert mirror.sent_half.wait(30)
        process.kill()
        process.communicate(timeout=60)
        assert (folder / "GeoLite2-City.mmdb").read_bytes() == old
        mirror.release.set()
        process = start(database, *arguments, **env)
        _, err = process.communicate(timeout=60)
        assert process.returncode == 0, err
    assert (folder / "GeoLite2-City.mmdb").read_bytes() == new
