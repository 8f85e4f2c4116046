"""What can happen to the session on Alice's laptop: requests, and revocations."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.contrib.auth import get_user, get_user_model, login, update_session_auth_hash
from django.contrib.sessions.backends.base import UpdateError
from django.core.cache import caches
from django.db import transaction
from django.test import RequestFactory

from session_backend.binding import endpoints
from session_backend.binding.state import cookie_name
from session_backend.history import Reason
from session_ui.views import SessionRevokeView
from tests.races.explorer import actor
from tests.races.site import ALICE, BACKEND, BOB, CHALLENGE, DEVICE_KEY, LAPTOP, PHONE, Site
from tests.session_backend.binding.browser import Key

__all__ = ["ACTORS", "BINDING", "GONE", "OF_USER", "OTHERS", "REASONS"]

# What a request returns that could not save its session.
GONE = "gone"
Act = Callable[[Site], Any]
THIEFS_KEY = Key()


def read(site: Site, key: str = LAPTOP) -> Any:
    """Return the store of a request that has read its session."""
    store = site.visitor(key)
    load = lambda: site.version(store._session)  # noqa: E731
    site.history.load(key, load, lambda: site.give_cookie(store))
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


def sign_in_elsewhere(site: Site) -> str:
    """As on a device that has no session yet."""
    request: Any = RequestFactory().post("/")
    request.session = site.visitor()
    request.session.update({"name": "a new session", "log": []})
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


def register(site: Site, key: Key = DEVICE_KEY) -> int:
    """As a browser that registers its key after the sign-in."""
    return ask(site, endpoints.register, key.sign(CHALLENGE, registers=True))


def refresh(site: Site) -> int:
    """As a browser that knows what to sign."""
    return ask(site, endpoints.refresh, DEVICE_KEY.sign(CHALLENGE))


def refresh_in_two_steps(site: Site) -> int:
    """As a browser that asks first."""
    request = request_to_bind(site, "")
    response = endpoints.refresh(request)
    challenge = response.headers.get("Secure-Session-Challenge", "").partition(";")[0].strip('"')
    return ask(site, endpoints.refresh, DEVICE_KEY.sign(challenge))


def request_to_bind(site: Site, proof: str) -> Any:
    headers = {"Secure-Session-Response": proof, "Sec-Secure-Session-Id": "laptop"}
    request = RequestFactory().post("/", secure=True, headers=headers)
    request.COOKIES = {settings.SESSION_COOKIE_NAME: LAPTOP}
    return request


def ask(site: Site, endpoint: Any, proof: str) -> int:
    """Send a proof, and keep the cookie for it; it is refused if the session is not there."""
    request, statuses = request_to_bind(site, proof), []

    def send() -> Any:
        response = endpoint(request)
        statuses.append(response.status_code)
        if cookie := response.cookies.get(cookie_name()):
            site.bound_cookie = cookie.value
        is_gone = response.status_code == 204 or b'"continue": false' in response.content
        return None if is_gone else site.history.latest(LAPTOP)

    site.history.load(LAPTOP, send)
    return int(statuses[0])


def forge(site: Site) -> None:
    """As a thief who has the cookie and another key."""
    endpoints.refresh(request_to_bind(site, THIEFS_KEY.sign(CHALLENGE)))


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
    "sign_in_elsewhere": sign_in_elsewhere,
    "sign_in_limited": sign_in,
    # As a load, on a machine whose clock is ahead.
    "come_back_late": load,
    "change_password": change_password,
    "revoke_others": revoke_others,
    "load_and_roll_back": load_and_roll_back,
    "clear": clear,
    "flush_cache": lambda site: caches["default"].clear(),
}
# In need of a session that is bound to its device, or is to be.
BINDING: dict[str, Act] = {
    "register": register,
    "register_other": lambda site: register(site, THIEFS_KEY),
    "refresh": refresh,
    "refresh_in_two_steps": refresh_in_two_steps,
    **acknowledged({"forge": forge}),
}

# Why the history may say that a session ended which these have ended.
REASONS = {
    **dict.fromkeys(["delete", "flush", "sign_out", "delete_commit"], (Reason.SIGNED_OUT.value,)),
    **dict.fromkeys(["revoke_row", "delete_slice", *OF_USER], (Reason.REVOKED.value,)),
    "revoke_queryset": (Reason.REVOKED_BY_STAFF.value,),
    "clear": (Reason.EXPIRED.value,),
    "come_back_late": (Reason.IDLE.value,),
    **dict.fromkeys(["sign_in_elsewhere", "sign_in_limited"], (Reason.LIMIT.value,)),
    **dict.fromkeys(["register", "register_other", "forge"], (Reason.BINDING_FAILED.value,)),
    # On a page where Django finds another password, the session of the page ends.
    "revoke_others": (Reason.REVOKED.value, Reason.PASSWORD_CHANGED.value),
}
