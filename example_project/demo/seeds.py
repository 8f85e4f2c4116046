"""Creates the users and signs them in, through the public API."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.auth.models import User
from django.db.models import F
from django.utils.timezone import now

from demo.devices import DEVICES
from demo.people import Person, SignIn
from demo.places import PLACES
from session_backend.conf import conf
from session_backend.models import PastSession

__all__ = ["seed"]

# Reserved for documentation (RFC 5737), so it has no location.
UNLOCATED = "203.0.113.77"


def seed(person: Person) -> User:
    """Create the user and their sample sessions.

    The sample sessions of an earlier run are replaced; other sessions are left alone.
    """
    user = make_user(person)
    sign_ins = [*person.sign_ins, *person.past]
    addresses = [address_of(sign_in, n) for n, sign_in in enumerate(sign_ins, start=1)]
    for model in (conf.session_store.get_model_class(), PastSession):
        model.objects.filter(user=user, ip__in=addresses).delete()
    for sign_in, address in zip(sign_ins, addresses, strict=True):
        make_session(user, sign_in, address)
    past = {"user": user, "ip__in": addresses[len(person.sign_ins) :]}
    conf.session_store.get_model_class().objects.filter(**past).revoke(by=user)
    PastSession.objects.filter(**past).update(ended_at=F("last_activity"))
    return user


def make_user(person: Person) -> User:
    user, _ = User.objects.update_or_create(
        username=person.username,
        defaults={
            "first_name": person.first_name,
            "last_name": person.last_name,
            "email": f"{person.username}@fernbank.example",
            "is_staff": person.is_librarian,
            "is_superuser": person.is_librarian,
            "is_active": True,
            "date_joined": datetime(2023, 5, 14, tzinfo=timezone.utc),
        },
    )
    # A new hash, even of the same password, would end the user's other sessions too.
    if not user.check_password(person.password):
        user.set_password(person.password)
        user.save(update_fields=["password"])
    return user


def address_of(sign_in: SignIn, number: int) -> str:
    if sign_in.city is None:
        return UNLOCATED
    return PLACES[sign_in.city].address(number, ipv6=sign_in.ipv6)


def make_session(user: User, sign_in: SignIn, address: str) -> None:
    store = conf.session_store(user_agent=DEVICES[sign_in.device], ip=address)
    # What django.contrib.auth.login() puts into a session.
    store[SESSION_KEY] = str(user.pk)
    store[BACKEND_SESSION_KEY] = settings.AUTHENTICATION_BACKENDS[0]
    store[HASH_SESSION_KEY] = user.get_session_auth_hash()
    store.create()

    seen = now() - sign_in.seen
    # Nobody waits four months for a demo.
    store.model.objects.filter(session_key=store.session_key).update(
        created_at=seen - timedelta(days=sign_in.days_old),
        updated_at=seen,
        last_activity=seen,
        expire_date=seen + timedelta(seconds=settings.SESSION_COOKIE_AGE),
    )
    if sign_in.days_old > 7:
        # Seen since, unlike the latest.
        store.model.objects.filter(session_key=store.session_key).update(new_until=None)
