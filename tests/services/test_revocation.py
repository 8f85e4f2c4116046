"""Several processes: a revoked cookie is refused by all of them from the next request on."""

from __future__ import annotations

import threading

import pytest

from tests.services.conftest import Start
from tests.services.servers import Postgres, Redis, Site
from tests.services.visitors import SIGNED_IN, Answer, Visitor

pytestmark = pytest.mark.services

REVOCATIONS = 1000
THIEVES = 4


class Thieves:
    """Several clients that read and write with one stolen cookie, all at once."""

    def __init__(self, site: Site, key: str) -> None:
        self._clients = [Visitor(site, key) for _ in range(THIEVES)]
        self._key = key
        self._answers: list[Answer] = []
        self._answered = threading.Semaphore(0)
        self._is_over = threading.Event()
        self._threads = [threading.Thread(target=self._go, args=(n,)) for n in range(THIEVES)]

    def start(self) -> None:
        """Start, and return after the first responses."""
        for thread in self._threads:
            thread.start()
        for _ in range(THIEVES // 2):
            self._answered.acquire()

    def stop(self) -> list[Answer]:
        """Let each start one more request, and return all responses."""
        self._is_over.set()
        for thread in self._threads:
            thread.join()
        return self._answers

    def _go(self, number: int) -> None:
        client, is_last = self._clients[number], False
        while not is_last:
            is_last = self._is_over.is_set()
            # Ignore what the site made of the cookie: they stole this one.
            client.key = self._key
            self._answers.append(client.write() if number % 2 else client.read())
            self._answered.release()


def revoke_under_load(site: Site, number: int) -> tuple[int, int, int]:
    """Revoke sessions while they are in use.

    Returns how many of them were accepted afterwards, how many requests started after the
    revocation was answered, and how many of all requests were server errors.
    """
    person = Visitor(site).sign_in()
    accepted = later = errors = 0
    for _ in range(number):
        victim = Visitor(site).sign_in().key
        thieves = Thieves(site, victim)
        thieves.start()
        revoked = person.revoke(victim)
        answers = thieves.stop()
        after = [answer for answer in answers if answer.began > revoked.ended]
        later += len(after)
        accepted += any(answer.status == SIGNED_IN for answer in after)
        errors += sum(answer.status >= 500 for answer in [*answers, revoked])
    return accepted, later, errors


@pytest.mark.parametrize("server", ["gunicorn", "uvicorn"])
def test_revoked_cookies_refused_at_once(
    server: str, start: Start, postgres: Postgres, redis: Redis, figures: list[str]
) -> None:
    site = start(server, postgres.url, redis.url)
    accepted, later, errors = revoke_under_load(site, REVOCATIONS)
    figures.append(
        f"{server}: {accepted} of {REVOCATIONS} revoked cookies were accepted, in {later} "
        f"requests that started after the revocation was answered; {errors} answers 5xx"
    )
    assert (accepted, errors) == (0, 0)
    assert later >= REVOCATIONS * THIEVES


def test_djangos_cached_db_accepts_revoked_cookies(
    start: Start, postgres: Postgres, redis: Redis, figures: list[str]
) -> None:
    site = start("gunicorn", postgres.url, redis.url, "django.contrib.sessions.backends.cached_db")
    accepted = tried = 0
    while not accepted and tried < REVOCATIONS:
        accepted, tried = revoke_under_load(site, 200)[0], tried + 200
    figures.append(f"Django's cached_db under gunicorn: {accepted} of {tried} were accepted")
    assert accepted
