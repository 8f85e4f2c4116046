"""Leaving for Django's sessions, as documented, leaves nothing behind."""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.docs.pages import DOCS, blocks
from tests.switch.site import LEAVING, MIGRATE
from tests.test_packaging import ROOT, run

pytestmark = pytest.mark.packaging

PAGE = list(blocks(DOCS / "how-to/leaving.md"))
COMMANDS = [
    line.removeprefix("python manage.py ")
    for block in PAGE
    for line in block.text.splitlines()
    if line.startswith("python manage.py ")
]

Site = Callable[..., list[Any]]


@pytest.fixture
def site(tmp_path: Path) -> Site:
    """Run steps of the site under an engine and return their results."""
    for block in PAGE:
        file = tmp_path / block.caption
        # The second block for settings.py sets the engine, which the site's argument does.
        if block.language == "python" and not file.exists():
            file.parent.mkdir(exist_ok=True)
            file.write_text(block.text)

    def site(engine: str, *steps: str) -> list[Any]:
        site = ("-m", "tests.switch.site", tmp_path, engine)
        printed = run(sys.executable, *site, *steps, cwd=tmp_path, PYTHONPATH=str(ROOT))
        return [json.loads(line) for line in printed.splitlines()]

    return site


@pytest.mark.parametrize("how", LEAVING)
def test_nothing_is_left(how: str, site: Site) -> None:
    zero, stale = (shlex.join([*shlex.split(line), "-v0"]) for line in COMMANDS)
    _, alice, bob, _ = site("ours", MIGRATE, "sign-in:alice", "sign-in:bob", "revoke:bob")
    _, checked, hers, again, his = site(
        how,
        MIGRATE,
        "command:check --fail-level WARNING",
        f"visit:{alice}",
        f"visit:{alice}",
        f"visit:{bob}",
    )
    stays = how == "leaving"
    assert hers[0] == again[0] == ("alice" if stays else "nobody")
    assert his[0] == "nobody"
    assert checked.startswith("System check identified no issues (")

    site(how, f"command:{zero}")
    _, traces, after = site(
        "django-db", f"command:{stale} --no-input", "traces:session_backend", f"visit:{alice}"
    )
    assert traces == []
    assert after[0] == hers[0]


def test_leftovers_are_found(site: Site) -> None:
    site("ours", MIGRATE)
    (traces,) = site("django-db", "traces:session_backend")
    assert len(traces) > 3
