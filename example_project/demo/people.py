"""The two users, and their sign-ins."""

from __future__ import annotations

from datetime import timedelta
from typing import NamedTuple

__all__ = ["PEOPLE", "Person", "SignIn"]


class SignIn(NamedTuple):
    """A sample session: a device from ``DEVICES`` in a city from ``PLACES``, or None."""

    device: str
    city: str | None
    days_old: int
    seen: timedelta
    ipv6: bool = False


class Person(NamedTuple):
    """A sample user. The demo prints the password."""

    username: str
    first_name: str
    last_name: str
    password: str
    is_librarian: bool
    sign_ins: list[SignIn]
    past: list[SignIn]
    """Sessions that have ended, when they were last seen."""


# Used less than SESSION_COOKIE_AGE (two weeks) ago: older sessions would have expired.
ALICE = [
    SignIn("Safari on iPhone", "Linköping", 41, timedelta(minutes=4)),
    SignIn("Chrome on Windows", "Linköping", 6, timedelta(hours=2)),
    SignIn("Firefox on Linux", "Berlin", 23, timedelta(hours=9), ipv6=True),
    SignIn("Safari on iPad", "Copenhagen", 64, timedelta(days=1, hours=3)),
    SignIn("Safari on Mac", "Edinburgh", 12, timedelta(days=1, hours=20)),
    SignIn("Chrome on Android", "Lisbon", 19, timedelta(days=3)),
    SignIn("Edge on Windows", "Toronto", 30, timedelta(days=5), ipv6=True),
    SignIn("Internet Explorer 11", "Kraków", 118, timedelta(days=8)),
    SignIn("Bingbot", "Seattle", 9, timedelta(days=9)),
    SignIn("Unknown", None, 13, timedelta(days=11)),
]
BOB = [
    SignIn("Chrome on Galaxy Tab", "Melbourne", 17, timedelta(minutes=11)),
    SignIn("Firefox on Mac", "Auckland", 4, timedelta(hours=1), ipv6=True),
    SignIn("Samsung Internet", "Singapore", 35, timedelta(hours=6)),
    SignIn("Chrome on ChromeOS", "Tokyo", 8, timedelta(hours=22)),
    SignIn("Chrome on iPhone", "São Paulo", 52, timedelta(days=2)),
    SignIn("Firefox on Android", "Nairobi", 27, timedelta(days=4), ipv6=True),
    SignIn("Silk on Kindle", "New York", 71, timedelta(days=6)),
    SignIn("BlackBerry", "Cape Town", 140, timedelta(days=7)),
    SignIn("Googlebot", "Chicago", 10, timedelta(days=10)),
    SignIn("Unknown", None, 12, timedelta(days=12)),
]
ALICES_PAST = [
    SignIn("Samsung Internet", "Prague", 2, timedelta(days=1, hours=5)),
    SignIn("Firefox on Mac", "Linköping", 16, timedelta(days=4, hours=2)),
]
BOBS_PAST = [SignIn("Safari on iPad", "Auckland", 5, timedelta(days=2, hours=7))]

PEOPLE = [
    Person("alice", "Alice", "Ferrier", "quiet-heron-reads", True, ALICE, ALICES_PAST),
    Person("bob", "Bob", "Okonkwo", "amber-fox-borrows", False, BOB, BOBS_PAST),
]
