"""Runs a few actors in every order of their steps.

An actor is a function that runs in a thread of its own. Whatever the others can notice, a cache
command, a statement or a COMMIT, goes through :func:`step`; between two steps only one thread
runs. A *schedule* says whose step comes next. Schedules are explored depth first; a thread cannot
be rewound, so each of them is run from the start.

With ``merge``, a run ends at a state that was reached before: what an actor does next depends only
on the answers it got, so the shared state and all the answers are the whole state of a run, and
what follows is known. It is counted but not run again. A test compares this with running it.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol, TypeVar

__all__ = [
    "ALL",
    "LOST_ANSWER",
    "REFUSED",
    "Explorer",
    "Killed",
    "Run",
    "Worker",
    "actor",
    "do_nothing",
    "step",
]

T = TypeVar("T")
# How a step can turn out: the actor's process ends before it, or the command fails, before or
# after it took effect.
DONE, KILLED, REFUSED, LOST_ANSWER = "", "killed", "(fails)", "(done, but the answer is lost)"
# The key of the number of schedules in the counts of what was found.
ALL = "schedules"


class Killed(BaseException):
    """Ends an actor between two steps, as the end of its process would."""


class World(Protocol):
    """What the actors share."""

    def connect(self) -> None: ...
    def disconnect(self) -> None: ...
    def reset(self) -> None: ...
    def state(self) -> Hashable: ...
    def is_waiting(self, error: Exception) -> bool:
        """Tell whether a step failed because another actor holds a lock."""


class Run(NamedTuple):
    """A schedule that was run to its end: what the actors returned, and what they did."""

    results: list[Any]
    log: list[str]


_thread = threading.local()


def actor() -> Worker | None:
    """Return the worker whose thread this is, None outside of a run."""
    return getattr(_thread, "worker", None)


def step(
    action: Callable[[], T], what: str, *, releases: bool = False, failures: Sequence[str] = ()
) -> T:
    """Take a step when the schedule says so.

    ``what`` is for people, ``releases`` says that locks are released, ``failures`` how it can fail.
    """
    worker = actor()
    return action() if worker is None else worker.step(action, what, releases, failures)


def do_nothing() -> None:
    """Stand for a call before a step, where there is none."""


class Worker:
    """A thread that runs one actor after another, a step at a time."""

    def __init__(self, number: int, world: World) -> None:
        self.number = number
        self.is_done = True
        self.result: Any = None
        self._world = world
        self._act: Callable[[], Any] | None = None
        self._resumed, self._paused = threading.Lock(), threading.Lock()
        self._resumed.acquire()
        self._paused.acquire()
        self._thread = threading.Thread(target=self._work, daemon=True)
        self._thread.start()
        self._paused.acquire()
        if isinstance(self.result, BaseException):
            raise self.result

    def start(self, act: Callable[[], Any], log: list[str]) -> None:
        """Run an actor up to its first step."""
        self.answers: list[Hashable] = []
        self.failures: Sequence[str] = ()
        self.is_done = self.is_blocked = False
        self._act, self._log = act, log
        self._before_step: Callable[[], None] = do_nothing
        self.advance(DONE)

    def advance(self, outcome: str) -> None:
        """Let the actor take its step and run up to the next one, or to its end."""
        # A blocked actor is chosen when all are: it gets its database's error for that.
        self._gives_up, self.is_blocked, self.has_released = self.is_blocked, False, False
        self._outcome = outcome
        self._resumed.release()
        self._paused.acquire()

    def close(self) -> None:
        self._act = None
        self._resumed.release()
        self._thread.join()

    def state(self) -> Hashable:
        return repr(self.result) if self.is_done else (tuple(self.answers), self.is_blocked)

    def before_step(self, call: Callable[[], None]) -> None:
        """Make a call when the next step is taken."""
        self._before_step = call

    def step(
        self, action: Callable[[], T], what: str, releases: bool, failures: Sequence[str]
    ) -> T:
        while True:
            self.failures = failures
            if self._outcome != KILLED:
                self._pause()
            if self._outcome == KILLED:
                raise Killed
            self._before_step()
            self._before_step = do_nothing
            self._log.append(f"{self.number} {what} {self._outcome}".strip())
            if self._outcome != REFUSED:
                try:
                    result = action()
                except Exception as error:
                    if self._gives_up or not self._world.is_waiting(error):
                        self.answers.append(repr(error))
                        raise
                    self._log[-1] += " (waits)"
                    self.is_blocked = True
                    continue
            self.answers.append(self._outcome)
            if self._outcome != DONE:
                raise TimeoutError
            self.has_released = releases
            return result

    def _pause(self) -> None:
        self._paused.release()
        self._resumed.acquire()

    def _work(self) -> None:
        _thread.worker = self
        try:
            self._world.connect()
        except BaseException as error:
            self.result = error
            self._paused.release()
            return
        self._pause()
        while self._act is not None:
            try:
                self.result = self._act()
            except BaseException as error:
                self.result = error
            self.is_done = self.has_released = True
            self._pause()
        self._world.disconnect()


@dataclass
class Fork:
    """A point of a schedule where it can go on in several ways."""

    # Whose step is next, and how it turns out.
    choices: list[tuple[int, str]]
    state: Hashable
    taken: int = 0
    # What was found in the schedules through here.
    found: Counter[str] = field(default_factory=Counter)


class Explorer:
    """Runs actors in all schedules.

    ``check`` is called at the end of each run and returns what it found. The actors numbered in
    ``mortal`` may be killed before any of their steps but the first. In each schedule at most
    ``faults`` of the steps that can fail do.
    """

    def __init__(
        self,
        world: World,
        workers: Sequence[Worker],
        check: Callable[[Run], Iterable[str]],
        *,
        merge: bool = False,
        mortal: Sequence[int] = (),
        faults: int = 0,
    ) -> None:
        self.runs = 0
        self._world = world
        self._workers = workers
        self._check = check
        self._merge = merge
        self._mortal = mortal
        self._faults = faults
        self._known: dict[Hashable, Counter[str]] = {}

    def explore(self, acts: Sequence[Callable[[], Any]]) -> Counter[str]:
        """Return in how many schedules each thing was found; ``ALL`` counts all of them."""
        path: list[Fork] = []
        while True:
            path_found = self._run(acts, path)
            path[-1].found += path_found
            while path[-1].taken + 1 == len(path[-1].choices):
                fork = path.pop()
                self._known[fork.state] = fork.found
                if not path:
                    return fork.found
                path[-1].found += fork.found
            path[-1].taken += 1

    def _run(self, acts: Sequence[Callable[[], Any]], path: list[Fork]) -> Counter[str]:
        """Follow the path, then go on with first choices, to the end or to a known state."""
        self.runs += 1
        self._world.reset()
        log: list[str] = []
        workers, faults, depth = self._workers[: len(acts)], self._faults, 0
        for worker, act in zip(workers, acts, strict=True):
            worker.start(act, log)
        try:
            while choices := self._choices(workers, faults):
                if depth == len(path):
                    actors = tuple(worker.state() for worker in workers)
                    state = self._merge and (self._world.state(), actors, faults)
                    if self._merge and state in self._known:
                        return self._known[state]
                    path.append(Fork(choices, state))
                if path[depth].choices != choices:
                    raise AssertionError("An actor did not repeat itself: it is not deterministic.")
                number, outcome = choices[path[depth].taken]
                faults -= outcome in (REFUSED, LOST_ANSWER)
                workers[number].advance(outcome)
                if workers[number].has_released:
                    for worker in workers:
                        worker.is_blocked = False
                depth += 1
            return Counter([ALL, *self._check(Run([worker.result for worker in workers], log))])
        finally:
            for worker in workers:
                if not worker.is_done:
                    worker.advance(KILLED)

    def _choices(self, workers: Sequence[Worker], faults: int) -> list[tuple[int, str]]:
        active = [worker for worker in workers if not worker.is_done]
        free = [worker for worker in active if not worker.is_blocked] or active
        choices = [(worker.number, DONE) for worker in free]
        choices += [(w.number, KILLED) for w in active if w.number in self._mortal and w.answers]
        if faults:
            choices += [(w.number, failure) for w in free for failure in w.failures]
        return choices
