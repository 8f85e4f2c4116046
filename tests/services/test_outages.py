"""Redis and PostgreSQL fail under load: users stay signed in, and revoked sessions stay revoked."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable

import pytest

from tests.services.conftest import Start
from tests.services.servers import Postgres, Proxy, Redis, Site
from tests.services.visitors import SIGNED_IN, Answer, Crowd, Visitor

pytestmark = pytest.mark.services

PEOPLE = 6
INTERVAL = 2
SOCKET_TIMEOUT = 0.5
# More than there are workers, so that each of them gets a request.
TIMES = 12


def revoked_meanwhile(site: Site, break_it: Callable[[], object]) -> list[str]:
    """Sign five devices in, break something, and revoke their sessions; return their keys."""
    person = Visitor(site).sign_in()
    devices = [Visitor(site).sign_in() for _ in range(5)]
    keys = [device.key for device in devices]
    for device in devices:
        assert device.write().status == SIGNED_IN
    break_it()
    for key in keys:
        assert person.revoke(key).status == SIGNED_IN
    return keys


def accepted(site: Site, keys: list[str]) -> int:
    """Return how many requests with these cookies are accepted, by any of the workers."""
    return sum(Visitor(site, key).read().status == SIGNED_IN for key in keys for _ in range(TIMES))


@pytest.mark.parametrize("server", ["gunicorn", "uvicorn"])
def test_redis_fails_under_load(
    server: str, start: Start, postgres: Postgres, redis: Redis, figures: list[str]
) -> None:
    proxy = Proxy(redis.port)
    site = start(server, postgres.url, proxy.url)
    crowd = Crowd(site, PEOPLE, writes=0.1)
    late = {}
    with crowd.busy():
        time.sleep(1)

        keys = revoked_meanwhile(site, lambda: redis.stop(signal.SIGKILL))
        time.sleep(INTERVAL)
        late["killed"] = accepted(site, keys)
        redis.start()
        time.sleep(1)

        stopped = time.monotonic()
        keys = revoked_meanwhile(site, lambda: redis.send(signal.SIGSTOP))
        time.sleep(INTERVAL)
        late["stopped"] = accepted(site, keys)
        time.sleep(max(0.0, stopped + 10 - time.monotonic()))
        thawed = time.monotonic()
        redis.send(signal.SIGCONT)
        time.sleep(1)

        keys = revoked_meanwhile(site, proxy.cut)
        time.sleep(INTERVAL)
        proxy.restore()
        late["cut"] = accepted(site, keys)

        keys = revoked_meanwhile(site, lambda: redis.send_command("FLUSHALL"))
        for _ in range(20):
            redis.send_command("FLUSHALL")
            time.sleep(INTERVAL / 20)
        late["flushed"] = accepted(site, keys)
    proxy.close()

    def is_while_stopped(answer: Answer) -> bool:
        return stopped < answer.began < thawed

    statuses, waited = crowd.statuses(), crowd.median(is_while_stopped)
    figures.append(
        f"{server}, Redis killed, stopped for 10 s, cut off {proxy.cuts} times and flushed: "
        f"answers {dict(statuses)}; while it was stopped a median of {waited * 1000:.0f} ms over "
        f"{sum(crowd.statuses(is_while_stopped).values())} requests; revoked cookies accepted "
        f"an interval later: {late}"
    )
    assert proxy.cuts
    assert set(statuses) == {SIGNED_IN}
    assert waited <= SOCKET_TIMEOUT
    assert not any(late.values())


def test_redis_is_full(start: Start, postgres: Postgres, redis: Redis) -> None:
    """With its default policy, a full Redis refuses writes and accepts deletes."""
    site = start("gunicorn", postgres.url, redis.url)
    person = Visitor(site).sign_in()
    assert person.write().text == "1"
    # From then on saves do not invalidate, as in any session older than the interval.
    time.sleep(INTERVAL + 1)
    assert [person.read().text for _ in range(TIMES)] == ["1"] * TIMES
    keys = revoked_meanwhile(site, lambda: redis.send_command("CONFIG SET maxmemory 1"))
    assert accepted(site, keys) == 0
    for count in range(2, 6):
        assert person.write().text == str(count)
        time.sleep(1.2)
        assert [person.read().text for _ in range(TIMES)] == [str(count)] * TIMES


@pytest.mark.parametrize("server", ["gunicorn", "uvicorn"])
def test_postgresql_restarts_under_load(
    server: str, start: Start, postgres: Postgres, redis: Redis, figures: list[str]
) -> None:
    site = start(server, postgres.url, redis.url)
    crowd = Crowd(site, PEOPLE, writes=0.3)
    with crowd.busy():
        time.sleep(2)
        down = time.monotonic()
        postgres.stop(signal.SIGINT)
        time.sleep(2)
        postgres.start()
        up = time.monotonic()
        time.sleep(4)

    def is_apart(answer: Answer) -> bool:
        return answer.ended < down or answer.began > up

    statuses = crowd.statuses()
    figures.append(
        f"{server}, PostgreSQL restarted: answers {dict(statuses)}; before and after it was down "
        f"{dict(crowd.statuses(is_apart))}"
    )
    assert set(statuses) <= {SIGNED_IN, 500, 503}
    assert set(crowd.statuses(is_apart)) == {SIGNED_IN}
    assert statuses[500] + statuses[503]
    # They are still signed in: the last responses to everyone were pages.
    assert crowd.statuses(lambda answer: answer.began > up + 1)[SIGNED_IN] >= PEOPLE
