"""Runs several actors in every order in which their steps can fall.

An actor is a function that is played in a thread of its own. Whatever others can see of it, a
command to the cache, a statement, a COMMIT, goes through :func:`step`; between two steps only
one thread runs, and the explorer says whose step is next. It goes through all the choices depth
first. Threads cannot be set back, so every order is played from the start.

*Merged* exploration leaves out what is already known. What an actor does next follows from the
answers that it got, so the shared state and every actor's answers are the whole state of a play;
from a state that was met before, the same plays follow as they did then. Every state that can be
reached is reached and every step out of it is taken, the plays not run differ from those that
were only in the order of what came before. How many there are is counted along (a state's number
of endings is the sum over its choices), and a test compares it with plays that are run one by one.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol, TypeVar

__all__ = ["Actor", "Explorer", "Killed", "Performer", "Play", "performer", "step"]

T = TypeVar("T")
Actor = Callable[[], Any]


class Killed(BaseException):
    """Ends an actor where it stands, as the end of its process would."""


class Choice(NamedTuple):
    """What happens next: a performer takes a step, or its process ends instead."""

    number: int
    dies: bool = False


class Backstage(Protocol):
    """What a performer's thread needs."""

    def enter(self) -> None:
        """Prepare the thread."""

    def leave(self) -> None:
        """Clean up."""

    def is_conflict(self, error: Exception) -> bool:
        """Tell whether a step failed because another actor holds a lock."""


class Scene(Protocol):
    """What the actors share."""

    def reset(self) -> None:
        """Set everything back to the beginning."""

    def state(self) -> Hashable:
        """Return all that is shared."""


_here = threading.local()


def performer() -> Performer | None:
    """Return the performer whose thread this is, None outside of a play."""
    return getattr(_here, "performer", None)


def step(action: Callable[[], T], *, frees: bool = False) -> T:
    """Take a step when it is this performer's turn; ``frees`` says that it ends locks."""
    player = performer()
    return action() if player is None else player.step(action, frees)


class Performer:
    """A thread that plays one actor after another."""

    def __init__(self, number: int, backstage: Backstage) -> None:
        self.number = number
        self.is_done = True
        self._backstage = backstage
        self._actor: Actor | None = None
        self._turn = _locked()
        self._is_ready = _locked()
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._work, daemon=True)
        self._thread.start()
        self._is_ready.acquire()
        if self._failure is not None:
            raise self._failure

    def begin(self, actor: Actor, director: Explorer) -> None:
        """Play an actor; it stops at its first step."""
        # What the actor learned from its steps: with it, it is known what it does next.
        self.answers: list[Hashable] = []
        # Called when its next turn comes, before it takes the step.
        self.at_next_turn: Callable[[], None] | None = None
        self.result: Any = None
        self.steps = 0
        self.is_done = self.is_dead = self.is_blocked = self.gives_up = False
        self._actor = actor
        self._director = director
        self.resume()

    def close(self) -> None:
        """End the thread."""
        self._actor = None
        self.resume()
        self._thread.join()

    def step(self, action: Callable[[], T], frees: bool) -> T:
        while True:
            if not self.is_dead:
                self._director.proceed(self)
            if self.is_dead:
                raise Killed
            if self.at_next_turn is not None:
                self.at_next_turn()
                self.at_next_turn = None
            try:
                result = action()
            except Exception as error:
                if self.gives_up or not self._backstage.is_conflict(error):
                    raise
                self.is_blocked = True
                continue
            self.steps += 1
            if frees:
                self._director.unblock()
            return result

    def state(self) -> Hashable:
        if self.is_done:
            return self.is_dead, repr(self.result)
        return self.steps, tuple(self.answers), self.is_blocked

    def resume(self) -> None:
        self._turn.release()

    def rest(self) -> None:
        self._turn.acquire()

    def _work(self) -> None:
        _here.performer = self
        try:
            self._backstage.enter()
        except BaseException as error:
            self._failure = error
            return
        finally:
            self._is_ready.release()
        self.rest()
        while self._actor is not None:
            try:
                self.result = self._actor()
            except BaseException as error:
                self.result = error
            self.is_done = True
            self._director.unblock()
            self._director.proceed(self)
        self._backstage.leave()


@dataclass
class Play:
    """One order of steps, played to its end."""

    order: str
    results: list[Any]


@dataclass
class _Fork:
    choices: list[Choice]
    state: Hashable
    taken: int = 0
    endings: int = 0

    @property
    def choice(self) -> Choice:
        return self.choices[self.taken]


class Explorer:
    """Plays a cast of actors in every order.

    ``mortal`` are the numbers of the actors that may die before any of their steps but the
    first. ``orders`` counts the plays that there are, ``played`` those that were run.
    """

    def __init__(
        self,
        scene: Scene,
        performers: Sequence[Performer],
        *,
        merged: bool = False,
        mortal: frozenset[int] = frozenset(),
    ) -> None:
        self.orders = self.played = 0
        self._scene = scene
        self._performers = performers
        self._merged = merged
        self._mortal = mortal
        self._crew: Sequence[Performer] = ()
        self._curtain = _locked()
        # The play that runs: the forks on its way, and how many of them it has passed. Depth
        # None: between plays, where every performer gives the turn back.
        self._path: list[_Fork] = []
        self._depth: int | None = None
        self._known: dict[Hashable, int] = {}
        self._endings = 1
        self._error: BaseException | None = None

    def plays(self, cast: Sequence[Actor]) -> Iterator[Play]:
        """Yield every play that is run, at its end."""
        self._crew = self._performers[: len(cast)]
        path = self._path
        while True:
            try:
                self._play(cast)
            except BaseException:
                self._abandon()
                raise
            if all(player.is_done for player in self._crew):
                order = "".join(f"{f.choice.number}{'x' * f.choice.dies}" for f in path)
                yield Play(order, [player.result for player in self._crew])
            self._abandon()
            path[-1].endings += self._endings
            while path[-1].taken + 1 == len(path[-1].choices):
                fork = path.pop()
                self._known[fork.state] = fork.endings
                if not path:
                    self.orders += fork.endings
                    return
                path[-1].endings += fork.endings
            path[-1].taken += 1

    def proceed(self, player: Performer) -> None:
        """Give the turn to whoever is next; returns when it is this player's again."""
        following = self._next()
        if following is not player:
            self._give(following)
            player.rest()

    def unblock(self) -> None:
        """Let all try again that waited for a lock."""
        for player in self._crew:
            player.is_blocked = False

    def _play(self, cast: Sequence[Actor]) -> None:
        """Follow the path, and go on along first choices to the end or to a known state."""
        self.played += 1
        self._endings = 1
        self._scene.reset()
        for player, actor in zip(self._crew, cast, strict=True):
            player.begin(actor, self)
            self._curtain.acquire()
        self._depth = 0
        self._give(self._next())
        self._curtain.acquire()
        self._depth = None
        if self._error is not None:
            raise self._error

    def _give(self, player: Performer | None) -> None:
        if player is None:
            self._curtain.release()
        else:
            player.resume()

    def _next(self) -> Performer | None:
        """Take the next choice of the play; None where there is none."""
        if self._depth is None:
            return None
        try:
            choice = self._choose(self._depth)
        except BaseException as error:
            self._error = error
            return None
        if choice is None:
            return None
        self._depth += 1
        player = self._crew[choice.number]
        player.is_dead = choice.dies
        # All that are left are blocked: this one gets its database's error for that.
        player.gives_up = player.is_blocked
        player.is_blocked = False
        return player

    def _choose(self, depth: int) -> Choice | None:
        choices = self._choices()
        if not choices:
            return None
        if depth == len(self._path):
            state = self._state() if self._merged else None
            if self._merged and state in self._known:
                self._endings = self._known[state]
                return None
            self._path.append(_Fork(choices, state))
        fork = self._path[depth]
        if fork.choices != choices:
            raise AssertionError("An actor did not repeat itself: it is not deterministic.")
        return fork.choice

    def _choices(self) -> list[Choice]:
        active = [player for player in self._crew if not player.is_done]
        free = [player for player in active if not player.is_blocked] or active
        dying = [player for player in active if player.number in self._mortal and player.steps]
        return [Choice(p.number) for p in free] + [Choice(p.number, dies=True) for p in dying]

    def _state(self) -> Hashable:
        return self._scene.state(), tuple(player.state() for player in self._crew)

    def _abandon(self) -> None:
        for player in self._crew:
            if not player.is_done:
                player.is_dead = True
                player.resume()
                self._curtain.acquire()


def _locked() -> threading.Lock:
    lock = threading.Lock()
    lock.acquire()
    return lock
