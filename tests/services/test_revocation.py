"""Real processes: what is revoked is refused, from the next request on, by all of them."""

from __future__ import annotations

import threading

import pytest

from tests.services.conftest import Start
from tests.services.servers import Redis, Site
from tests.services.visitors import SIGNED_IN, Answer, Visitor

pytestmark = pytest.mark.services

REVOCATIONS = 1000
HAMMERS = 4


class Hammer:
    """Thieves who read and write with one cookie, all at once."""

    def __init__(self, site: Site, key: str) -> None:
        self._thieves = [Visitor(site, key) for _ in range(HAMMERS)]
        self._key = key
        self._answers: list[Answer] = []
        self._answered = threading.Semaphore(0)
        self._is_over = threading.Event()
        self._threads = [threading.Thread(target=self._go, args=(n,)) for n in range(HAMMERS)]

    def begin(self) -> None:
        """Begin, and return when some have been answered."""
        for thread in self._threads:
            thread.start()
        for _ in range(HAMMERS // 2):
            self._answered.acquire()

    def end(self) -> list[Answer]:
        """Let each begin one more request, and return all the answers."""
        self._is_over.set()
        for thread in self._threads:
            thread.join()
        return self._answers

    def _go(self, number: int) -> None:
        thief, is_last = self._thieves[number], False
        while not is_last:
            is_last = self._is_over.is_set()
            # What the site made of the cookie does not count: they stole this one.
            thief.key = self._key
            self._answers.append(thief.write() if number % 2 else thief.read())
            self._answered.release()


def hammered(site: Site, number: int) -> tuple[int, int, int]:
    """Revoke sessions while others use them.

    Returns how many of them were let in afterwards, how many requests began after the answer to
    the revocation, and how many of all requests ended in a server's error.
    """
    person = Visitor(site).sign_in()
    let_in = later = errors = 0
    for _ in range(number):
        victim = Visitor(site).sign_in().key
        hammer = Hammer(site, victim)
        hammer.begin()
        revoked = person.revoke(victim)
        answers = hammer.end()
        after = [answer for answer in answers if answer.began > revoked.ended]
        later += len(after)
        let_in += any(answer.status == SIGNED_IN for answer in after)
        errors += sum(answer.status >= 500 for answer in [*answers, revoked])
    return let_in, later, errors


@pytest.mark.parametrize("server", ["gunicorn", "uvicorn"])
def test_every_revoked_cookie_is_refused_at_once(
    server: str, start: Start, database: str, redis: Redis, figures: list[str]
) -> None:
    site = start(server, database, redis.url)
    let_in, later, errors = hammered(site, REVOCATIONS)
    figures.append(
        f"{server}: {let_in} of {REVOCATIONS} revoked cookies were let in, in {later} requests "
        f"that began after the revocation's answer; {errors} answers 5xx"
    )
    assert (let_in, errors) == (0, 0)
    assert later >= REVOCATIONS * HAMMERS


def test_djangos_cached_db_lets_some_in(
    start: Start, database: str, redis: Redis, figures: list[str]
) -> None:
    site = start("gunicorn", database, redis.url, "django.contrib.sessions.backends.cached_db")
    let_in = tried = 0
    while not let_in and tried < REVOCATIONS:
        let_in, tried = hammered(site, 200)[0], tried + 200
    figures.append(f"Django's cached_db under gunicorn: {let_in} of {tried} were let in")
    assert let_in
