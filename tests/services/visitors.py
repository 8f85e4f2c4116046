"""Visitors of the site, and the responses they get."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.client import HTTPConnection, HTTPException
from statistics import median
from typing import NamedTuple

from tests.services.servers import HOST, Site

__all__ = ["Answer", "Crowd", "Visitor"]

SIGNED_IN = 200


class Answer(NamedTuple):
    status: int
    began: float
    ended: float
    text: str = ""

    @property
    def seconds(self) -> float:
        return self.ended - self.began


class Visitor:
    """A client with a cookie."""

    def __init__(self, site: Site, key: str = "") -> None:
        self.key = key
        self._site = site
        self._prefix = "/a" if site.is_async else "/"

    def sign_in(self) -> Visitor:
        assert self._get("/sign-in/").status == SIGNED_IN
        return self

    def read(self) -> Answer:
        return self._get(f"{self._prefix}read/")

    def write(self) -> Answer:
        return self._get(f"{self._prefix}write/")

    def revoke(self, key: str) -> Answer:
        return self._get(f"/revoke/{key}/")

    def _get(self, path: str) -> Answer:
        # A connection for each request: any worker may answer.
        connection = HTTPConnection(HOST, self._site.port, timeout=60)
        began = time.monotonic()
        try:
            connection.request("GET", path, headers={"Cookie": f"sessionid={self.key}"})
            response = connection.getresponse()
            text = response.read().decode()
        except (OSError, HTTPException):
            return Answer(599, began, time.monotonic())
        finally:
            connection.close()
        ended = time.monotonic()
        for cookie in response.headers.get_all("Set-Cookie", ()):
            name, _, value = cookie.partition(";")[0].partition("=")
            if name == "sessionid":
                self.key = value.strip('"')
        return Answer(response.status, began, ended, text)


class Crowd:
    """Visitors who send one request after another, all at once."""

    def __init__(self, site: Site, size: int, *, writes: float) -> None:
        self.answers: list[Answer] = []
        self._visitors = [Visitor(site).sign_in() for _ in range(size)]
        self._writes = writes
        self._is_over = threading.Event()

    @contextmanager
    def busy(self) -> Iterator[Crowd]:
        threads = [threading.Thread(target=self._live, args=(v,)) for v in self._visitors]
        for thread in threads:
            thread.start()
        try:
            yield self
        finally:
            self._is_over.set()
            for thread in threads:
                thread.join()

    def _live(self, visitor: Visitor) -> None:
        chance = random.Random(visitor.key)
        while not self._is_over.is_set():
            is_write = chance.random() < self._writes
            self.answers.append(visitor.write() if is_write else visitor.read())

    def statuses(self, wanted: Callable[[Answer], bool] = lambda answer: True) -> Counter[int]:
        return Counter(answer.status for answer in self.answers if wanted(answer))

    def median(self, wanted: Callable[[Answer], bool] = lambda answer: True) -> float:
        return median(answer.seconds for answer in self.answers if wanted(answer))
