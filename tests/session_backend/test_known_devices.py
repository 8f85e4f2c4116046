"""Sequences of sign-ins, over HTTP, and what the user is told of."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from django.core.management import call_command
from django.utils import timezone

from session_backend.conf import conf
from session_backend.known_devices import COOKIE_AGE
from session_backend.models import PastSession, Session
from session_backend.signals import session_started
from tests.browsers import LAPTOP, PASSWORD, Browser, make_user
from tests.session_backend.helpers import login_data
from tests.session_backend.sign_ins import CASES, NETWORKS, PLACES, USER_AGENTS, Case, SignIn
from tests.session_backend.test_locations import record, write

if TYPE_CHECKING:
    from pytest_django import Settings

TOLD = {"known": False, "new": True, "annoying": True, "missed": False}
WANTED = {"known": False, "new": True, "annoying": False, "missed": True}


@pytest.fixture(scope="module")
def countries(tmp_path_factory: pytest.TempPathFactory) -> Path:
    places = {network: record(None, code, code) for network, code in NETWORKS.items()}
    return write(tmp_path_factory.mktemp("geoip") / "countries.mmdb", of=places)


@pytest.fixture
def started() -> Iterator[list[Any]]:
    """Collect what session_started says: the session, and whether its device is new."""
    messages: list[Any] = []

    def receiver(session: Session, is_new: bool, **kwargs: Any) -> None:
        messages.append((session, is_new))

    session_started.connect(receiver)
    yield messages
    session_started.disconnect(receiver)


class Household:
    """The people of a case, and their browsers."""

    def __init__(self, settings: Settings, countries: Path) -> None:
        self.settings = settings
        self.countries = countries
        settings.GEOIP_PATH = countries
        self.users = {name: make_user(name) for name in ("alice", "bob")}
        self.browsers: dict[str, Browser] = {}

    def browser(self, name: str) -> Browser:
        name = name.rpartition(": ")[2]
        return self.browsers.setdefault(name, Browser({}))

    def sign_in(self, step: SignIn) -> Browser:
        browser = self.browser(step.browser)
        browser.defaults = {
            "HTTP_USER_AGENT": USER_AGENTS[step.user_agent],
            "REMOTE_ADDR": PLACES[step.place],
        }
        # Most people never sign out; some day the cookie is gone.
        browser.cookies.pop("sessionid", None)
        return browser.sign_in(self.users[owner(step)])

    def happens(self, event: str) -> None:
        match event.split():
            case [name, "signs", "out"]:
                self.browser(name).post("/accounts/logout/")
            case [name, "clears", "its", "cookies"]:
                self.browser(name).cookies.clear()
            case ["alice", "is", "signed", "in", *_]:
                Browser({}).force_login(self.users["alice"])
            case ["alice", "has", "a", "session", *_]:
                store = conf.session_store()
                store.update(login_data(self.users["alice"]))
                store.create()
            case ["support", *_]:
                self.sign_in(SignIn("support", "Firefox 144, Linux", "office", ""))
                Session.objects.update(impersonator="Jane")
            case ["alice", "signs", "out", "everywhere"]:
                Session.objects.filter(user=self.users["alice"]).revoke()
            case ["alice", "changes", *_]:
                alice = self.users["alice"]
                alice.set_password(PASSWORD)
                alice.save()
            case ["every", "session", "expires"]:
                Session.objects.update(expire_date=timezone.now())
                call_command("clearsessions", verbosity=0)
            case ["everything", "is", "forgotten"]:
                Session.objects.all().revoke()
                PastSession.objects.all().delete()
            case ["the", "hint", *_]:
                assert Session.objects.filter(os="Windows").update(os="Windows 11")
            case ["the", "site", "has", number, *_]:
                self.settings.GEOIP_PATH = self.countries if number == "a" else None
            case [name, "has", "the", "device", "cookie", "of", *_, other]:
                token = self.browser(other).cookies["device"].value
                self.browser(name).cookies["device"] = token
            case [name, "has", "a", "device", "cookie", *_]:
                self.browser(name).cookies["device"] = "x" * 10_000
            case [name, "has", "garbage", *_]:
                self.browser(name).cookies["device"] = "é;\"'<\\\x7f>"
            case _:
                raise ValueError(event)


def owner(step: SignIn) -> str:
    return step.browser.partition(": ")[0] if ": " in step.browser else "alice"


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("name", CASES)
def test_who_is_told(name: str, settings: Settings, countries: Path, started: list[Any]) -> None:
    household = Household(settings, countries)
    for setting, value in CASES[name].settings.items():
        setattr(settings, setting, value)
    for step in CASES[name].steps:
        if isinstance(step, str):
            household.happens(step)
            continue
        started.clear()
        row = household.sign_in(step).row
        ((session, is_new),) = started
        assert session == row
        assert is_new is TOLD[step.answer], step
        assert (row.new_until is not None) is is_new


def alarms(case: Case, columns: list[int]) -> Iterator[tuple[str, bool]]:
    """Yield each answer of a case, and what the rule that these columns never change would say."""
    seen: dict[str, set[Any]] = {}
    for step in case.steps:
        if isinstance(step, SignIn):
            earlier = seen.setdefault(owner(step), set())
            what = tuple(step[column] for column in columns)
            yield step.answer, bool(earlier) and what not in earlier
            earlier.add(what)


def test_fewer_false_alarms_than_by_simpler_rules() -> None:
    """With ``-s`` it prints the counts."""
    cases = [case for case in CASES.values() if not case.settings]
    told: dict[str, list[tuple[str, bool]]] = {
        "this package": [
            (step.answer, TOLD[step.answer])
            for case in cases
            for step in case.steps
            if isinstance(step, SignIn)
        ]
    }
    rules = {
        "the user agent has changed": [1],
        "the address has changed": [2],
        "either has changed": [1, 2],
    }
    for rule, columns in rules.items():
        told[rule] = [answer for case in cases for answer in alarms(case, columns)]
    counts = {}
    for rule, answers in told.items():
        wrong = Counter(is_told for answer, is_told in answers if is_told != WANTED[answer])
        counts[rule] = (wrong[True], wrong[False])
    print(f"\n{len(CASES)} cases; in {len(cases)} with the default settings:")
    for rule, (false, missed) in counts.items():
        total = len(told[rule])
        print(f"  {rule}: {false} false alarms, {missed} missed, of {total} sign-ins")
    assert len(CASES) >= 40
    assert counts["this package"] == (4, 4)
    assert counts["the user agent has changed"][0] >= 10
    assert counts["the address has changed"][0] >= 20


@pytest.mark.django_db
def test_device_cookie(settings: Settings, alice: Any, laptop: Browser) -> None:
    settings.SESSION_COOKIE_SECURE = True
    cookie = laptop.sign_in(alice).cookies["device"]
    assert cookie["max-age"] == COOKIE_AGE == 400 * 24 * 60 * 60
    assert (cookie["httponly"], cookie["secure"], cookie["samesite"]) == (True, True, "Lax")
    row = laptop.row
    assert row.device_id
    assert cookie.value not in (row.device_id, row.session_data)
    laptop.post("/accounts/logout/")
    assert laptop.cookies["device"].value == cookie.value
    assert laptop.sign_in(alice).row.device_id == row.device_id


@pytest.mark.django_db
@pytest.mark.parametrize("name", [None, ""])
def test_no_device_cookie(settings: Settings, name: Any, alice: Any, laptop: Browser) -> None:
    settings.SESSION_BACKEND_DEVICE_COOKIE = name
    assert set(laptop.sign_in(alice).cookies) == {"sessionid", "csrftoken"}
    assert laptop.row.device_id == ""


@pytest.mark.django_db
def test_no_device_cookie_before_a_sign_in(laptop: Browser) -> None:
    laptop.get("/accounts/login/")
    assert "device" not in laptop.cookies


@pytest.mark.django_db
def test_the_name_comes_back_with_the_device(alice: Any, laptop: Browser) -> None:
    Session.objects.filter(pk=laptop.sign_in(alice).row.pk).update(name="Work laptop")
    laptop.post("/accounts/logout/")
    assert laptop.sign_in(alice).row.name == "Work laptop"
    assert Browser(LAPTOP).sign_in(alice).row.name == ""
    bob = make_user("bob")
    assert laptop.sign_in(bob).row.name == ""
