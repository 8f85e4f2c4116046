"""What can happen to the session on Alice's laptop: requests, and revocations."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib.auth import get_user, get_user_model, login, update_session_auth_hash
from django.contrib.sessions.backends.base import UpdateError
from django.core.cache import caches
from django.db import transaction
from django.test import RequestFactory

from session_backend.history import Reason
from session_ui.views import SessionRevokeView
from tests.races.explorer import actor
from tests.races.site import ALICE, BACKEND, BOB, LAPTOP, PHONE, Site

__all__ = ["ACTORS", "GONE", "OF_USER", "OTHERS", "REASONS"]

# What a request returns that could not save its session.
GONE = "gone"
Act = Callable[[Site], Any]


def read(site: Site, key: str = LAPTOP) -> Any:
    """Return the store of a request that has read its session."""
    store = site.visitor(key)
    site.history.load(key, lambda: site.version(store._session))
    return store


def write(site: Site) -> Any:
    store, worker = read(site), actor()
    store["log"] = [*store.get("log", ()), worker.number if worker else None]
    return store


def save(site: Site, store: Any) -> str:
    """Save as the middleware does, which answers 400 if the session is gone."""
    try:
        store.save()
    except UpdateError:
        return GONE
    return acknowledge(site, store)


def acknowledge(site: Site, store: Any) -> str:
    site.history.acknowledge(store.session_key, site.version(store._session))
    return str(store.session_key)


def load(site: Site) -> None:
    read(site)


def save_in_transaction(site: Site, *, commits: bool) -> str | None:
    store = write(site)
    try:
        with transaction.atomic():
            store.save()
            transaction.set_rollback(not commits)
    except UpdateError:
        return GONE
    return acknowledge(site, store) if commits else None


def load_and_roll_back(site: Site) -> None:
    """As a view that raises an error, with ATOMIC_REQUESTS."""
    with transaction.atomic():
        read(site)
        transaction.set_rollback(True)


def cycle(site: Site) -> str:
    """As ``login()`` and ``update_session_auth_hash()``, and the middleware after them."""
    store, worker = read(site), actor()
    store.cycle_key()
    site.history.acknowledge()
    store["log"] = [*store.get("log", ()), worker.number if worker else None]
    return save(site, store)


def write_and_cycle(site: Site) -> str:
    store = write(site)
    store.cycle_key()
    return acknowledge(site, store)


def request_of(site: Site, key: str) -> Any:
    request: Any = RequestFactory().post("/")
    request.session = read(site, key)
    request.htmx = None
    request.user = get_user(request)
    return request


def sign_in(site: Site) -> str:
    request = request_of(site, LAPTOP)
    login(request, get_user_model()(pk=ALICE, password="secret"), BACKEND)
    return save(site, request.session)


def change_password(site: Site) -> str | None:
    """As Django's PasswordChangeView, on the phone."""
    request = request_of(site, PHONE)
    if not request.user.is_authenticated:
        return None
    request.user.password = "changed"
    request.user.save(update_fields=["password"])
    update_session_auth_hash(request, request.user)
    return save(site, request.session)


def revoke_others(site: Site) -> bool:
    """As the button on the laptop that signs out everywhere else."""
    request = request_of(site, LAPTOP)
    if not request.user.is_authenticated:
        return False
    view = SessionRevokeView(session="others")
    # The answer is what the page says.
    view.answer = lambda status, **options: status  # type: ignore[method-assign]
    view.setup(request)
    return "out of date" not in str(view.post(request))


def revoke_row(site: Site) -> None:
    for row in site.model.objects.filter(pk=LAPTOP):
        row.revoke(by=get_user_model()(pk=ALICE))


def revoke_queryset(site: Site) -> None:
    site.model.objects.filter(pk=LAPTOP).revoke(by=get_user_model()(pk=BOB))


def clear(site: Site) -> None:
    """As ``clearsessions`` two weeks later, for sessions that were not saved meanwhile."""
    site.model.objects.filter(expire_date__lte=site.expire_date).clear()


def delete_slice(site: Site) -> None:
    site.model.objects.filter(user=ALICE).order_by("created_at")[:1].delete()


def delete_all_of_user(site: Site) -> None:
    site.model.objects.filter(user=ALICE).delete()


def delete(site: Site) -> None:
    site.visitor(LAPTOP).delete()


def in_transaction(act: Act, *, commits: bool) -> Act:
    def acts(site: Site) -> None:
        with transaction.atomic():
            act(site)
            transaction.set_rollback(not commits)

    return acts


def acknowledged(acts: dict[str, Act]) -> dict[str, Act]:
    def wrapped(act: Act) -> Act:
        def acts(site: Site) -> Any:
            result = act(site)
            site.history.acknowledge()
            return result

        return acts

    return {name: wrapped(act) for name, act in acts.items()}


# These end a session if it still has its key.
BY_KEY = acknowledged(
    {
        "delete": delete,
        "flush": lambda site: site.visitor(LAPTOP).flush(),
        "sign_out": lambda site: read(site).flush(),
        "revoke_row": revoke_row,
        "revoke_queryset": revoke_queryset,
        "delete_slice": delete_slice,
        "delete_commit": in_transaction(delete, commits=True),
        "delete_rollback": in_transaction(delete, commits=False),
        "delete_all_rollback": in_transaction(delete_all_of_user, commits=False),
    }
)
# After these the user has no session, whatever its key.
OF_USER = acknowledged(
    {
        "delete_all_of_user": delete_all_of_user,
        "delete_user": lambda site: get_user_model()(pk=ALICE).delete(),
        "delete_all_commit": in_transaction(delete_all_of_user, commits=True),
    }
)
ACTORS: dict[str, Act] = {
    "load": load,
    "touch": lambda site: read(site).touch(),
    "save": lambda site: save(site, write(site)),
    "save_commit": lambda site: save_in_transaction(site, commits=True),
    "save_rollback": lambda site: save_in_transaction(site, commits=False),
    "cycle": cycle,
    "write_and_cycle": write_and_cycle,
    **BY_KEY,
    **OF_USER,
}
# In need of a phone, a visitor who has not signed in, a legacy engine, or a cache that is empty.
OTHERS: dict[str, Act] = {
    "sign_in": sign_in,
    "change_password": change_password,
    "revoke_others": revoke_others,
    "load_and_roll_back": load_and_roll_back,
    "clear": clear,
    "flush_cache": lambda site: caches["default"].clear(),
}

# Why the history may say that a session ended which these have ended.
REASONS = {
    **dict.fromkeys(["delete", "flush", "sign_out", "delete_commit"], (Reason.SIGNED_OUT.value,)),
    **dict.fromkeys(["revoke_row", "delete_slice", *OF_USER], (Reason.REVOKED.value,)),
    "revoke_queryset": (Reason.REVOKED_BY_STAFF.value,),
    "clear": (Reason.EXPIRED.value,),
    # On a page where Django finds another password, the session of the page ends.
    "revoke_others": (Reason.REVOKED.value, Reason.PASSWORD_CHANGED.value),
}
