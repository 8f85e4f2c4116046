"""What happens to a session, each as a function for an explorer to play."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.sessions.backends.base import UpdateError
from django.core.cache import caches
from django.db import transaction

from tests.races.explorer import performer
from tests.races.stage import ALICE, KEY, Stage, told

__all__ = ["ACTORS", "OF_USER", "REVOCATIONS"]

Part = Callable[[Stage], Any]


def opened(stage: Stage) -> Any:
    """Return the store of a request that has read its session."""
    store = stage.visitor(KEY)
    stage.witness.loads(lambda: told(store._session))
    return store


def write_into(store: Any) -> None:
    player = performer()
    store["log"] = [*store.get("log", ()), player.number if player else None]


def saved(store: Any) -> bool:
    try:
        store.save()
    except UpdateError:
        return False
    return True


# Requests.


def load(stage: Stage) -> None:
    opened(stage)


def stamp(stage: Stage) -> None:
    opened(stage).stamp()


def save(stage: Stage) -> bool:
    store = opened(stage)
    write_into(store)
    is_saved = saved(store)
    stage.witness.answered()
    return is_saved


def cycle(stage: Stage) -> str:
    """As ``login()`` and ``update_session_auth_hash()``, and the middleware after them."""
    store = opened(stage)
    store.cycle_key()
    stage.witness.answered()
    write_into(store)
    saved(store)
    return str(store.session_key)


# Revocations.


def delete(stage: Stage) -> None:
    stage.visitor(KEY).delete()
    stage.witness.answered()


def flush(stage: Stage) -> None:
    stage.visitor(KEY).flush()
    stage.witness.answered()


def logout(stage: Stage) -> None:
    opened(stage).flush()
    stage.witness.answered()


def delete_row(stage: Stage) -> None:
    stage.model(session_key=KEY).delete()
    stage.witness.answered()


def delete_queryset(stage: Stage) -> None:
    stage.model.objects.filter(pk=KEY).delete()
    stage.witness.answered()


def delete_slice(stage: Stage) -> None:
    stage.model.objects.filter(user=ALICE).order_by("created_at")[:1].delete()
    stage.witness.answered()


def delete_all_of_user(stage: Stage) -> None:
    stage.model.objects.filter(user=ALICE).delete()
    stage.witness.answered()


def delete_user(stage: Stage) -> None:
    get_user_model()(pk=ALICE).delete()
    stage.witness.answered()


# Other things.


def flush_cache(stage: Stage) -> None:
    caches["default"].clear()


# In a transaction.


def within(act: Callable[[Stage], Any], *, commits: bool) -> Part:
    """Let an actor act in a transaction that ends when its turn comes."""

    def part(stage: Stage) -> None:
        with transaction.atomic():
            act(stage)
            transaction.set_rollback(not commits)
        if commits:
            stage.witness.answered()

    return part


def just_delete(stage: Stage) -> None:
    stage.visitor(KEY).delete()


def just_delete_all_of_user(stage: Stage) -> None:
    stage.model.objects.filter(user=ALICE).delete()


def saving(*, commits: bool) -> Part:
    def part(stage: Stage) -> None:
        store = opened(stage)
        write_into(store)
        within(lambda stage: saved(store), commits=commits)(stage)

    return part


ACTORS: dict[str, Part] = {
    "load": load,
    "stamp": stamp,
    "save": save,
    "save_commit": saving(commits=True),
    "save_rollback": saving(commits=False),
    "cycle": cycle,
    "flush_cache": flush_cache,
    "delete": delete,
    "flush": flush,
    "logout": logout,
    "delete_row": delete_row,
    "delete_queryset": delete_queryset,
    "delete_slice": delete_slice,
    "delete_all_of_user": delete_all_of_user,
    "delete_user": delete_user,
    "delete_commit": within(just_delete, commits=True),
    "delete_rollback": within(just_delete, commits=False),
    "delete_all_commit": within(just_delete_all_of_user, commits=True),
    "delete_all_rollback": within(just_delete_all_of_user, commits=False),
}
# After these, if they are not taken back, the key opens nothing.
REVOCATIONS = {n for n in ACTORS if n.startswith("delete") or n in ("flush", "logout")}
# After these, the person has no session, under whatever key.
OF_USER = {"delete_all_of_user", "delete_user", "delete_all_commit"}
