from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

import pytest
from django.contrib.auth import get_user_model
from django.contrib.sessions.backends.cache import SessionStore as LegacyStore
from django.core.management import CommandError
from django.db.models import F
from django.utils.timezone import now

from session_backend.fields import Digest
from session_backend.models import PastSession, Session, SessionQuerySet
from session_backend.signals import session_ended
from tests.browsers import LAPTOP, PHONE, Browser, make_user
from tests.session_backend.helpers import login_data

if TYPE_CHECKING:
    from pytest_django import Settings

Run = Callable[..., str]

pytestmark = pytest.mark.usefixtures("site")

DAY = timedelta(days=1)


@pytest.fixture
def people(db: None) -> dict[str, Browser]:
    """The browsers of some people, and of an anonymous visitor."""
    kinds: dict[str, dict[str, bool]] = {
        "alice": {},
        "bob": {},
        "clerk": {"is_staff": True},
        "owner": {"is_superuser": True},
    }
    browsers = {name: Browser(PHONE).sign_in(make_user(name, **kinds[name])) for name in kinds}
    visitor = Browser(LAPTOP)
    visitor.get("/write/")
    return {**browsers, "visitor": visitor}


def left(people: dict[str, Browser]) -> str:
    """Return whose sessions are alive, by making a request with each cookie."""
    for browser in people.values():
        browser.get("/read/")
    return " ".join(name for name, browser in people.items() if browser.key)


def past() -> set[tuple[str, str, None]]:
    columns = ("user__username", "reason", "ended_by")
    return set(PastSession.objects.values_list(*columns))


# Which sessions.


@pytest.mark.parametrize(
    ("options", "number", "survivors"),
    [
        (["--user", "alice"], 1, "bob clerk owner visitor"),
        (["--user", "alice", "bob"], 2, "clerk owner visitor"),
        (["--user", "alice", "--user", "bob"], 2, "clerk owner visitor"),
        (["--staff"], 2, "alice bob visitor"),
        (["--all"], 5, ""),
    ],
)
def test_whose_sessions_end(
    engine: str, run: Run, people: Any, options: list[str], number: int, survivors: str
) -> None:
    assert left(people) == "alice bob clerk owner visitor"
    noun = "session" if number == 1 else "sessions"
    assert run("revokesessions", *options) == f"Revoked {number} {noun}.\n"
    assert left(people) == survivors
    ended = {name for name in people if name not in survivors.split()} - {"visitor"}
    assert past() == {(name, "revoked_by_staff", None) for name in ended}
    assert run("revokesessions", *options) == "Revoked 0 sessions.\n"


@pytest.mark.parametrize(
    ("options", "survivors"),
    [
        (["--before", "2026-05-03"], "bob clerk owner visitor"),
        (["--before", "2026-05-03 12:00"], "clerk owner visitor"),
        (["--before", "2026-05-03T02:00+02:00"], "bob clerk owner visitor"),
        (["--before", "2026-05-03 12:00", "--user", "alice", "clerk"], "bob clerk owner visitor"),
        (["--before", "2026-05-05", "--staff"], "alice bob owner visitor"),
        (["--before", "2100-01-01"], ""),
        (["--before", "2026-05-05", "--all"], "owner visitor"),
    ],
)
def test_sessions_from_before_a_time_end(
    run: Run, people: dict[str, Browser], options: list[str], survivors: str
) -> None:
    for name, day, hour in (("alice", 2, 23), ("bob", 3, 11), ("clerk", 4, 0)):
        created_at = datetime(2026, 5, day, hour, tzinfo=timezone.utc)
        Session.objects.filter(user__username=name).update(created_at=created_at)
    run("revokesessions", *options)
    assert left(people) == survivors


@pytest.mark.parametrize(
    ("options", "survivors"),
    [
        (["--inactive-for", "30"], "bob clerk owner visitor"),
        (["--inactive-for", "3", "--staff"], "alice bob owner visitor"),
        (["--inactive-for", "3", "--before", "2026-05-03"], "bob clerk owner visitor"),
    ],
)
def test_unused_sessions_end(
    run: Run, people: dict[str, Browser], options: list[str], survivors: str
) -> None:
    for name, days in (("alice", 31), ("bob", 29), ("clerk", 4), ("owner", 2)):
        rows = Session.objects.filter(user__username=name)
        rows.update(last_activity=now() - days * DAY)
    Session.objects.filter(user__username="alice").update(created_at="2026-01-01T00:00Z")
    run("revokesessions", *options)
    assert left(people) == survivors


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ([], "Which sessions"),
        (["--dry-run"], "Which sessions"),
        (["--user", "alice", "zoe", "yan"], "There is no user yan, zoe."),
        (["--user", "alice", "--all"], "not allowed with argument"),
        (["--user"], "expected at least one argument"),
        (["--before", "yesterday"], "is not a date or time such as"),
        (["--before", "2026-02-30"], "is not a date or time such as"),
        (["--inactive-for", "0"], "is not a number of days"),
        (["--inactive-for", "-1"], "is not a number of days"),
        (["--inactive-for", "99999"], "is not a number of days"),
        (["--all", "--batch-size", "501"], "is not a number from 1 to 500"),
    ],
)
def test_a_selection_that_is_none_ends_nothing(
    run: Run, people: dict[str, Browser], options: list[str], message: str
) -> None:
    with pytest.raises(CommandError, match=message):
        run("revokesessions", *options)
    assert left(people) == " ".join(people)


def test_users_without_staff(
    run: Run, people: dict[str, Browser], monkeypatch: pytest.MonkeyPatch
) -> None:
    meta = get_user_model()._meta
    others = [field for field in meta.concrete_fields if not field.name.startswith("is_s")]
    monkeypatch.setitem(meta.__dict__, "concrete_fields", others)
    with pytest.raises(CommandError, match="has no column is_staff"):
        run("revokesessions", "--staff")


def test_a_dry_run_ends_nothing(run: Run, people: dict[str, Browser]) -> None:
    assert run("revokesessions", "--all", "--dry-run") == "Would revoke 5 sessions.\n"
    assert run("revokesessions", "--user=bob", "--dry-run") == "Would revoke 1 session.\n"
    assert left(people) == " ".join(people)
    assert not PastSession.objects.exists()


def test_verbosity_0_prints_nothing(run: Run, people: dict[str, Browser]) -> None:
    assert run("revokesessions", "--all", verbosity=0) == ""
    assert left(people) == ""


@pytest.mark.django_db(transaction=True)
def test_receivers_are_told(run: Run, people: dict[str, Browser]) -> None:
    told: list[tuple[str, Any]] = []

    def receiver(reason: str, by: Any, **kwargs: Any) -> None:
        told.append((reason, by))

    session_ended.connect(receiver)
    try:
        run("revokesessions", "--user", "alice", "bob", "--batch-size=1")
    finally:
        session_ended.disconnect(receiver)
    assert told == [("revoked_by_staff", None)] * 2


# While the site is running.


def meanwhile(monkeypatch: pytest.MonkeyPatch, act: Callable[[], object]) -> None:
    """Do something once, after the first batch."""
    revoke, pending = SessionQuerySet.revoke, [act]

    def revoke_and_act(self: SessionQuerySet, **options: Any) -> int:
        count = revoke(self, **options)
        if pending:
            pending.pop()()
        return count

    monkeypatch.setattr(SessionQuerySet, "revoke", revoke_and_act)


def test_who_signs_in_meanwhile_stays_signed_in(
    run: Run, people: dict[str, Browser], monkeypatch: pytest.MonkeyPatch
) -> None:
    alice = get_user_model().objects.get(username="alice")
    new = Browser(LAPTOP)
    meanwhile(monkeypatch, lambda: new.sign_in(alice))
    printed = run("revokesessions", "--all", "--batch-size=1").splitlines()
    assert printed[0] == "Revoked 5 sessions."
    assert printed[1].startswith("Left 1 session that began after ")
    assert left({**people, "new": new}) == "new"


def test_a_visitor_who_signs_in_meanwhile_stays_signed_in(
    run: Run, people: dict[str, Browser], monkeypatch: pytest.MonkeyPatch
) -> None:
    alice = get_user_model().objects.get(username="alice")
    for number, row in enumerate(Session.objects.all()):
        Session.objects.filter(pk=row.pk).update(session_key=Digest(f"{number:040}"))
    # Last of all, so the command has not come to it yet.
    visitor = Browser(LAPTOP)
    visitor.get("/write/")
    meanwhile(monkeypatch, lambda: visitor.sign_in(alice))
    assert "Revoked 5 sessions." in run("revokesessions", "--all", "--batch-size=1")
    assert left({"visitor": visitor}) == "visitor"


def test_a_session_that_gets_a_new_key_meanwhile_ends(
    run: Run, people: dict[str, Browser], monkeypatch: pytest.MonkeyPatch
) -> None:
    def change_key() -> None:
        last = Session.objects.order_by("session_key").last()
        assert last
        Session.objects.filter(pk=last.pk).update(session_key=Digest("0" * 40))

    meanwhile(monkeypatch, change_key)
    assert "Revoked 5 sessions." in run("revokesessions", "--all", "--batch-size=1")
    assert not Session.objects.exists()


def test_a_session_that_is_used_meanwhile_is_not_unused(
    run: Run, people: dict[str, Browser], monkeypatch: pytest.MonkeyPatch
) -> None:
    Session.objects.update(last_activity=F("last_activity") - 40 * DAY)

    def use() -> None:
        last = Session.objects.order_by("session_key").last()
        assert last
        Session.objects.filter(pk=last.pk).update(last_activity=now())

    meanwhile(monkeypatch, use)
    assert "Revoked 4 sessions." in run("revokesessions", "--inactive-for=30", "--batch-size=1")
    assert Session.objects.count() == 1


def test_it_can_be_interrupted_and_run_again(
    engine: str, run: Run, people: dict[str, Browser], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt() -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        meanwhile(patch, interrupt)
        with pytest.raises(CommandError, match="Run the command again") as raised:
            run("revokesessions", "--all", "--batch-size=1")
    assert raised.value.returncode == 130
    assert len(left(people).split()) == 4
    assert run("revokesessions", "--all") == "Revoked 4 sessions.\n"
    assert left(people) == ""
    assert {name for name, _, _ in past()} == {"alice", "bob", "clerk", "owner"}


# Sessions that are still in the legacy engine.


@pytest.fixture
def legacy(settings: Settings, people: dict[str, Browser]) -> dict[str, Browser]:
    """The browsers of Alice and Bob with cookies from before the switch."""
    settings.SESSION_BACKEND_LEGACY_ENGINE = "django.contrib.sessions.backends.cache"
    found = {}
    for name in ("alice", "bob"):
        store = LegacyStore()
        store.update(login_data(get_user_model().objects.get(username=name)))
        store.save()
        found[name] = Browser(LAPTOP)
        found[name].cookies["sessionid"] = str(store.session_key)
    return found


def test_sessions_of_users_not_adopted_yet_end(run: Run, legacy: dict[str, Browser]) -> None:
    assert "Revoked 1 session." in run("revokesessions", "--user", "alice")
    hers, his = (browser.get("/read/").content for browser in legacy.values())
    assert hers.startswith(b"anonymous")
    assert his.startswith(b"bob")


@pytest.mark.parametrize(
    "options",
    [
        ["--all"],
        ["--before=2100-01-01"],
        ["--user=alice", "--before=2100-01-01"],
        ["--staff", "--inactive-for=1"],
    ],
)
def test_what_cannot_reach_those_is_refused(
    run: Run, legacy: dict[str, Browser], people: dict[str, Browser], options: list[str]
) -> None:
    with pytest.raises(CommandError, match="not been adopted yet would stay alive"):
        run("revokesessions", *options)
    assert Session.objects.count() == len(people)


def test_without_the_setting_they_open_nothing(
    run: Run, legacy: dict[str, Browser], settings: Settings
) -> None:
    settings.SESSION_BACKEND_LEGACY_ENGINE = None
    run("revokesessions", "--all")
    for browser in legacy.values():
        assert browser.get("/read/").content.startswith(b"anonymous")


def test_a_dry_run_refuses_no_adoption(run: Run, legacy: dict[str, Browser]) -> None:
    run("revokesessions", "--user", "alice", "--dry-run")
    assert legacy["alice"].get("/read/").content.startswith(b"alice")
