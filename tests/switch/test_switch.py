"""Switching from any other session package, from PyPI, signs nobody out."""

from __future__ import annotations

import json
import os
import venv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.browsers import LAPTOP
from tests.switch.site import ENGINES, MIGRATE
from tests.test_packaging import ROOT, run

pytestmark = pytest.mark.packaging

SITE = ("-m", "tests.switch.site")
DJANGO = os.environ.get("PACKAGING_DJANGO", "Django~=5.2.0")
# django-user-sessions 2.0 imports pkg_resources, which newer versions of setuptools lack.
PEERS = ["django-user-sessions", "setuptools<81", "django-qsessions", "django-allauth"]
# It requires Django before 6.0.
NG = "django-user-sessions-ng"
NG_INSTALLS = DJANGO.startswith("Django~=5")

FROM = {"django": "sessions", "allauth": "sessions", "ng": "django_user_sessions_ng"}
TABLES = {
    "sessions": "django_session",
    "user_sessions": "user_sessions_session",
    "qsessions": "qsessions_session",
    "django_user_sessions_ng": "django_user_sessions_ng_user_sessions",
}
WITH_ROWS = [name for name in ENGINES if name not in ("django-cache", "django-file")]

Site = Callable[..., list[Any]]


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make an environment with this distribution and the peers."""
    folder = tmp_path_factory.mktemp("peers")
    venv.create(folder, with_pip=True)
    python = folder / "bin" / "python"
    peers = [*PEERS, NG] if NG_INSTALLS else PEERS
    run(python, "-m", "pip", "install", "--quiet", ROOT, DJANGO, *peers, cwd=folder)
    return python


@pytest.fixture
def site(python: Path, tmp_path: Path) -> Site:
    """Run steps of the site under an engine and return their results."""

    def site(engine: str, *steps: str) -> list[Any]:
        path = {"PYTHONPATH": str(ROOT)}
        printed = run(python, "-Wignore", *SITE, tmp_path, engine, *steps, cwd=tmp_path, **path)
        return [json.loads(line) for line in printed.splitlines()]

    return site


def peer(name: str) -> tuple[str, str]:
    """Return the app label of an engine and its table."""
    if name.startswith("ng-") and not NG_INSTALLS:
        pytest.skip(f"{NG} does not install with {DJANGO}")
    first = name.partition("-")[0]
    label = FROM.get(first, first)
    return label, TABLES[label]


@pytest.mark.parametrize("name", WITH_ROWS)
def test_migratesessions_signs_nobody_out(name: str, site: Site) -> None:
    label, table = peer(name)
    _, alice, bob = site(name, MIGRATE, "sign-in:alice", "sign-in:bob")

    _, moved, keys, (row,), hers, his, revoked, _, after, known = site(
        "ours",
        MIGRATE,
        f"command:migratesessions --from {label}",
        f"old-keys:{table}",
        "rows:alice",
        f"visit:{alice}",
        f"visit:{bob}",
        "revoke:alice",
        f"command:migratesessions --from {label}",
        f"visit:{alice}",
        "rows:bob",
    )

    assert moved.startswith(f"Moved 2 sessions from {table}.")
    assert ("usersessions_usersession has the client of 2" in moved) == (name == "allauth")
    assert keys == []
    # Before the next visit.
    if label != "sessions" or name == "allauth":
        assert (row["ip"], row["browser"], row["os"]) == ("89.160.20.112", "Chrome", "Windows")
    if label not in ("sessions", "django_user_sessions_ng") or name == "allauth":
        assert (row["user_agent"], row["device_type"]) == (LAPTOP["HTTP_USER_AGENT"], "desktop")
    assert hers == ["alice", alice]
    assert his == ["bob", bob]
    assert revoked == 1
    assert after[0] == "nobody"
    (row,) = known
    assert row["ip"] == "89.160.20.112"
    # If the site goes back to the old engine, its cache must not sign anyone in.
    assert [who for who, _ in site(name, f"visit:{alice}", f"visit:{bob}")] == ["nobody"] * 2


@pytest.mark.parametrize("name", [name for name in ENGINES if name != "allauth"])
def test_cookie_of_old_engine_adopted(name: str, site: Site) -> None:
    _, table = peer(name)
    _, alice, bob = site(name, MIGRATE, "sign-in:alice", "sign-in:bob")

    _, _, hers, again, keys, revoked, after = site(
        f"ours+{name}",
        MIGRATE,
        "command:check",
        f"visit:{alice}",
        f"visit:{alice}",
        f"old-keys:{table}",
        "revoke:alice",
        f"visit:{alice}",
    )

    assert hers == again == ["alice", alice]
    assert alice not in keys
    assert revoked == 1
    assert after[0] == "nobody"
    ((who, _),) = site(name, f"visit:{alice}")
    assert who == "nobody"
    # The other is untouched, and is moved at the end.
    assert site(name, f"visit:{bob}") == [["bob", bob]]
    assert site(f"ours+{name}", f"visit:{bob}") == [["bob", bob]]


@pytest.mark.parametrize("name", [name for name in WITH_ROWS if name != "allauth"])
def test_migratesessions_after_adoption(name: str, site: Site) -> None:
    label, table = peer(name)
    _, alice, bob = site(name, MIGRATE, "sign-in:alice", "sign-in:bob")
    site(f"ours+{name}", MIGRATE, f"visit:{alice}")
    printed, hers, his = site(
        "ours", f"command:migratesessions --from {label}", f"visit:{alice}", f"visit:{bob}"
    )
    assert printed == f"Moved 1 session from {table}.\n"
    assert hers == ["alice", alice]
    assert his == ["bob", bob]
