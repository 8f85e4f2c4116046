"""Makes the people and signs them in, through the API that a site would use."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.auth.models import User
from django.utils.timezone import now

from demo.devices import DEVICES
from demo.people import Person, SignIn
from demo.places import PLACES
from session_backend.conf import conf

__all__ = ["seed"]

# An address that no place has: of a network kept for documentation (RFC 5737).
UNLOCATED = "203.0.113.77"


def seed(person: Person) -> User:
    """Make the user and sign in their devices, seen as long before now as ``demo.people`` says.

    Seeded sessions of an earlier run end first and any other session is left alone, so that
    running it again brings back all the devices and adds none.
    """
    user = make_user(person)
    addresses = [address_of(sign_in, n) for n, sign_in in enumerate(person.sign_ins, start=1)]
    conf.session_store.get_model_class().objects.filter(user=user, ip__in=addresses).delete()
    for sign_in, address in zip(person.sign_ins, addresses, strict=True):
        make_session(user, sign_in, address)
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
    # A new hash of the same password would end every session, and not only the seeded ones.
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
    # Only the times are set by hand: nobody waits four months for a demonstration.
    store.model.objects.filter(session_key=store.session_key).update(
        created_at=seen - timedelta(days=sign_in.days_old),
        updated_at=seen,
        last_activity=seen,
        expire_date=seen + timedelta(seconds=settings.SESSION_COOKIE_AGE),
    )
