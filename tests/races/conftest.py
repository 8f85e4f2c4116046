from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
from django.contrib.auth import get_user_model
from django.db import connection

from session_backend.fields import Digest
from session_backend.models import PastSession, Session
from tests.races.actors import ACTORS, BINDING, OTHERS
from tests.races.database import Database
from tests.races.django_db import PlainSession
from tests.races.explorer import ALL, Explorer, Run, Worker
from tests.races.invariants import broken
from tests.races.site import ALICE, BOB, Site, Start

if TYPE_CHECKING:
    from pytest_django import Settings


class Findings(NamedTuple):
    """The results of running some actors in every order."""

    # How many schedules there are, and how many were run.
    schedules: int
    runs: int
    # How many schedules broke an invariant, and one of them in words.
    broken: Counter[str]
    examples: dict[str, str]
    # How the runs ended, and what was broken then.
    endings: dict[Hashable, set[str]]


Explore = Callable[..., Findings]


@pytest.fixture
def database(transactional_db: None, tmp_path: Path, settings: Settings) -> Iterator[Database]:
    settings.CACHES = {"default": {"BACKEND": "tests.races.cache.SteppedCache"}}
    with connection.schema_editor() as editor:
        editor.create_model(PlainSession)
    user_model = get_user_model()
    for pk in ALICE, BOB:
        user_model.objects.create(pk=pk, username=f"user {pk}", password="secret")
    database = Database([PastSession, Session, PlainSession, user_model], tmp_path)
    yield database
    database.close()
    with connection.schema_editor() as editor:
        editor.delete_model(PlainSession)


@pytest.fixture
def explore(database: Database) -> Iterator[Explore]:
    """Run some of the ACTORS in every order, and check the invariants after each run."""
    site = Site(database)
    workers = [Worker(number, site) for number in range(4)]

    def explore(
        actors: str,
        engine: Any,
        *,
        merge: bool = True,
        mortal: str = "",
        faults: int = 0,
        **start: Any,
    ) -> Findings:
        names = actors.split()
        examples: dict[str, str] = {}
        endings: dict[Hashable, set[str]] = {}

        def check(run: Run) -> set[str]:
            ending = site.state(), repr(run.results)
            if ending not in endings:
                endings[ending] = broken(site, names, run)
                log = "\n".join([*run.log, repr(run.results)])
                for key in site.keys:
                    log = log.replace(Digest.of(key), key.strip("-"))
                for invariant in endings[ending]:
                    examples.setdefault(invariant, log)
            return endings[ending]

        with site.starting(engine, Start(**start)):
            acts = [lambda name=name: (ACTORS | OTHERS | BINDING)[name](site) for name in names]
            dying = [number for number, name in enumerate(names) if name == mortal]
            explorer = Explorer(site, workers, check, merge=merge, mortal=dying, faults=faults)
            found = explorer.explore(acts)
        return Findings(found.pop(ALL), explorer.runs, found, examples, endings)

    yield explore
    for worker in workers:
        worker.close()
