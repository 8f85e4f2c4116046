from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from django.contrib.auth import get_user_model
from django.db import connection

from session_backend.models import Session
from tests.races.actors import ACTORS
from tests.races.database import Database
from tests.races.explorer import Explorer, Performer
from tests.races.models import PlainSession
from tests.races.promises import PROMISES, broken
from tests.races.stage import ALICE, BOB, Scenery, Stage

if TYPE_CHECKING:
    from pytest_django import Settings


class Finding:
    """What came out of the orders of some actors."""

    def __init__(self) -> None:
        # In how many of the plays that were run a promise was broken, and one such order.
        self.broken = Counter[str]()
        self.examples: dict[str, str] = {}
        self.errors: set[str] = set()
        self.endings: dict[Hashable, set[str]] = {}
        self.orders = self.played = self.late = 0


Explore = Callable[..., Finding]


@pytest.fixture
def database(transactional_db: None, tmp_path: Path, settings: Settings) -> Iterator[Database]:
    settings.CACHES = {"default": {"BACKEND": "tests.races.cache.SteppedCache"}}
    with connection.schema_editor() as editor:
        editor.create_model(PlainSession)
    user_model = get_user_model()
    for pk in ALICE, BOB:
        user_model.objects.create(pk=pk, username=f"user {pk}")
    database = Database([Session, PlainSession, user_model], tmp_path)
    yield database
    database.close()
    with connection.schema_editor() as editor:
        editor.delete_model(PlainSession)


@pytest.fixture
def performers(database: Database) -> Iterator[list[Performer]]:
    crew = [Performer(number, database) for number in range(4)]
    yield crew
    for performer in crew:
        performer.close()


@pytest.fixture
def explore(
    database: Database, performers: list[Performer], request: pytest.FixtureRequest
) -> Explore:
    """Play some of the ACTORS in every order, and judge every play."""

    def run(
        cast: str, engine: Any, *, merged: bool = True, mortal: str = "", **scenery: Any
    ) -> Finding:
        names = cast.split()
        finding = Finding()
        with Stage(engine, database, Scenery(**scenery)) as stage:
            parts = [lambda name=name: ACTORS[name](stage) for name in names]
            dying = frozenset(i for i, name in enumerate(names) if name in mortal.split())
            explorer = Explorer(stage, performers, merged=merged, mortal=dying)
            for play in explorer.plays(parts):
                finding.late += bool(stage.witness.late)
                finding.errors |= {repr(r) for r in play.results if isinstance(r, Exception)}
                ending = stage.state(), repr(play.results)
                if ending not in finding.endings:
                    finding.endings[ending] = broken(stage, names, play)
                finding.broken.update(finding.endings[ending])
                for promise in finding.endings[ending]:
                    finding.examples.setdefault(promise, play.order)
        finding.orders, finding.played = explorer.orders, explorer.played
        ledger = request.config.stash.setdefault(LEDGER, {})
        entry = ledger.setdefault((request.function.__name__, name_of(engine)), Counter())
        entry.update(orders=finding.orders, played=finding.played, casts=1, **finding.broken)
        return finding

    return run


@pytest.fixture
def figures(request: pytest.FixtureRequest) -> list[str]:
    """Lines to print at the end of the run."""
    return request.config.stash.setdefault(FIGURES, [])


LEDGER = pytest.StashKey[dict[tuple[str, str], Counter[str]]]()
FIGURES = pytest.StashKey[list[str]]()


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers", "races: takes long to go through (pytest -m races tests/races)"
    )


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if "races" not in config.option.markexpr:
        left_out = [item for item in items if item.get_closest_marker("races")]
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in left_out]


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    lines: list[str] = []
    for (test, engine), counts in config.stash.get(LEDGER, {}).items():
        broken = [f"{name}: {n:,}" for name, n in counts.items() if name in PROMISES]
        lines.append(
            f"{test}: {counts['orders']:,} interleavings of {counts['casts']:,} casts "
            f"({counts['played']:,} run), {engine}: {', '.join(broken) or 'no promise broken'}"
        )
    figures: list[str] = config.stash.get(FIGURES, [])
    lines += figures
    if lines:
        terminalreporter.section("races")
        for line in lines:
            terminalreporter.write_line(line)


def name_of(engine: Any) -> str:
    return f"{engine.__module__}.{engine.__qualname__}"
