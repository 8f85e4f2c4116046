from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test.utils import CaptureQueriesContext

from session_backend.conf import conf
from session_backend.management.commands import enrichsessions
from session_backend.models import Session
from tests.browsers import LAPTOP, PHONE, Browser
from tests.session_backend.test_locations import record, write

if TYPE_CHECKING:
    from pytest_django import Settings

Run = Callable[..., str]

CHROME = {"device_type": "desktop", "browser": "Chrome", "os": "Windows", "device_model": ""}
SWEDEN = {"country_code": "SE", "country": "Sweden", "city": "Linköping"}
UNPARSED = {"device_type": "unknown", "browser": "", "os": "", "device_model": ""}
NOWHERE = dict.fromkeys(SWEDEN, "")


@pytest.fixture
def geoip(settings: Settings, tmp_path: Path) -> None:
    """A database with the place of the laptop."""
    place = {f"{LAPTOP['REMOTE_ADDR']}/32": record()}
    settings.GEOIP_PATH = write(tmp_path / "city.mmdb", of=place)


def columns(row: Session, *names: str) -> dict[str, Any]:
    return {name: getattr(row, name) for name in names}


def test_devices_and_places_are_looked_up_again(
    alice: User, laptop: Browser, geoip: None, run: Run
) -> None:
    laptop.sign_in(alice)
    Session.objects.update(**UNPARSED, **NOWHERE)
    assert run("enrichsessions") == "Changed 1 session.\n"
    assert columns(laptop.row, *CHROME, *SWEDEN) == CHROME | SWEDEN
    assert run("enrichsessions") == "Changed 0 sessions.\n"
    assert run("enrichsessions", verbosity=0) == ""


def test_a_place_that_is_no_longer_known_is_cleared(alice: User, laptop: Browser, run: Run) -> None:
    laptop.sign_in(alice)
    Session.objects.update(**SWEDEN)
    run("enrichsessions")
    assert columns(laptop.row, *SWEDEN) == NOWHERE


def test_only_derived_columns_written(alice: User, laptop: Browser, run: Run) -> None:
    laptop.sign_in(alice)
    Session.objects.update(**UNPARSED)
    written = (*CHROME, "updated_at")
    others = [f.attname for f in Session._meta.concrete_fields if f.attname not in written]
    before = laptop.row
    run("enrichsessions")
    assert columns(laptop.row, *others) == columns(before, *others)
    assert laptop.row.browser == "Chrome"
    # The version that lists and stores compare.
    assert laptop.row.updated_at > before.updated_at


def test_unchanged_rows_not_written(alice: User, laptop: Browser, run: Run) -> None:
    before = laptop.sign_in(alice).row
    run("enrichsessions")
    assert laptop.row.updated_at == before.updated_at


@pytest.mark.parametrize("engine", ["db", "cached_db"])
def test_concurrent_save_not_lost(db: None, run: Run, settings: Settings, engine: str) -> None:
    settings.SESSION_ENGINE = f"session_backend.backends.{engine}"
    store_class = conf.session_store
    store = store_class(user_agent=PHONE["HTTP_USER_AGENT"], ip=PHONE["REMOTE_ADDR"])
    store.create()
    Session.objects.update(browser="")
    under_way = store_class(store.session_key)
    under_way["colour"] = "blue"
    assert run("enrichsessions") == "Changed 1 session.\n"
    under_way.save()
    assert store_class(store.session_key)["colour"] == "blue"
    assert Session.objects.get().browser == "Safari"


def test_only_changed_columns_written(alice: User, laptop: Browser, run: Run) -> None:
    laptop.sign_in(alice)
    Session.objects.update(browser="Chromium")
    with CaptureQueriesContext(connection) as captured:
        run("enrichsessions")
    (update,) = [query["sql"] for query in captured if query["sql"].startswith("UPDATE")]
    assert "Chrome" in update
    assert f"{connection.ops.quote_name('os')} =" not in update.partition("WHERE")[0]


def test_equal_changes_written_in_one_statement(alice: User, run: Run) -> None:
    for _ in range(3):
        Browser(LAPTOP).sign_in(alice)
        Browser(PHONE).sign_in(alice)
    Session.objects.update(browser="")
    with CaptureQueriesContext(connection) as captured:
        assert run("enrichsessions") == "Changed 6 sessions.\n"
    assert sum(query["sql"].startswith("UPDATE") for query in captured) == 2
    assert set(Session.objects.values_list("browser", flat=True)) == {"Chrome", "Safari"}


def test_it_works_in_batches(alice: User, run: Run) -> None:
    for _ in range(3):
        Browser(LAPTOP).sign_in(alice)
    Session.objects.update(browser="")
    with CaptureQueriesContext(connection) as captured:
        assert run("enrichsessions", batch_size=2) == "Changed 3 sessions.\n"
    assert sum(query["sql"].startswith("UPDATE") for query in captured) == 2


def test_a_session_without_an_address_gets_its_device(
    alice: User, laptop: Browser, run: Run
) -> None:
    laptop.sign_in(alice)
    Session.objects.update(ip=None, browser="")
    assert run("enrichsessions") == "Changed 1 session.\n"
    assert laptop.row.browser == "Chrome"


def test_columns_without_client_kept(
    alice: User, laptop: Browser, phone: Browser, run: Run
) -> None:
    laptop.sign_in(alice)
    Session.objects.update(user_agent="", browser="Lynx")
    phone.sign_in(alice)
    Session.objects.filter(pk=phone.key).update(ip=None, city="Uppsala")
    run("enrichsessions")
    assert laptop.row.browser == "Lynx"
    assert phone.row.city == "Uppsala"


def test_a_dry_run_counts_and_changes_nothing(alice: User, laptop: Browser, run: Run) -> None:
    laptop.sign_in(alice)
    Session.objects.update(browser="")
    assert run("enrichsessions", "--dry-run") == "Would have changed 1 session.\n"
    assert laptop.row.browser == ""


def test_concurrently_touched_session_not_overwritten(
    alice: User, laptop: Browser, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    laptop.sign_in(alice)
    Session.objects.update(browser="")
    recorded_as = enrichsessions.recorded_as

    def seen_elsewhere(*args: Any) -> Any:
        Session.objects.update(user_agent="a new one", browser="Brave")
        return recorded_as(*args)

    monkeypatch.setattr(enrichsessions, "recorded_as", seen_elsewhere)
    assert run("enrichsessions") == "Changed 0 sessions.\n"
    assert laptop.row.browser == "Brave"
