"""django-allauth: signing in and out, changing the password, and proving who one is again."""

from __future__ import annotations

from datetime import timedelta

from tests.browsers import LAPTOP, PASSWORD, PHONE, Browser
from tests.docs.integrations.project import LIST, devices, revoke_other, set_up


def main() -> None:
    set_up(
        "allauth",
        "allauth.account",
        middleware=("allauth.account.middleware.AccountMiddleware",),
        AUTHENTICATION_BACKENDS=["allauth.account.auth_backends.AuthenticationBackend"],
        ACCOUNT_EMAIL_VERIFICATION="none",
        SESSION_UI_REAUTHENTICATE_AFTER=600,
    )
    from django.contrib.auth import get_user_model

    get_user_model().objects.create_user("ana", password=PASSWORD)
    firefox = "Mozilla/5.0 (X11; Linux x86_64; rv:143.0) Gecko/20100101 Firefox/143.0"
    desk = {**LAPTOP, "HTTP_USER_AGENT": firefox}
    laptop, phone, desktop = map(Browser, (LAPTOP, PHONE, desk))
    for browser in (laptop, phone, desktop):
        asked = browser.get(LIST)
        assert asked["Location"] == f"/accounts/login/?next={LIST}", asked["Location"]
        answer = browser.post(asked["Location"], {"login": "ana", "password": PASSWORD})
        assert answer["Location"] == LIST, answer

    assert devices(laptop) == ["Chrome on Windows", "Firefox on Linux", "Safari on iPhone"]
    revoke_other(laptop)
    assert len(devices(laptop)) == 2
    assert sorted(map(len, (devices(phone), devices(desktop)))) == [0, 2]

    passwords = {"oldpassword": PASSWORD, "password1": PASSWORD * 2, "password2": PASSWORD * 2}
    assert laptop.post("/accounts/password/change/", passwords).status_code == 302
    assert devices(laptop) == ["Chrome on Windows"]
    assert devices(phone) == devices(desktop) == []

    reauthentication(laptop, phone)

    assert laptop.post("/accounts/logout/").status_code == 302
    assert devices(laptop) == []


def reauthentication(laptop: Browser, phone: Browser) -> None:
    """Sign out the phone long after the sign-in, with allauth's page and without a password."""
    from django.contrib.auth import get_user_model

    form = {"login": "ana", "password": PASSWORD * 2}
    phone.post("/accounts/login/", form)
    assert len(devices(laptop)) == 2
    public_id = str(phone.row.public_id)
    age()
    asked = laptop.post(f"{LIST}revoke/", {"session": public_id})
    assert "Please enter your password" in asked.content.decode()

    # Its own page counts.
    answer = laptop.post(f"/accounts/reauthenticate/?next={LIST}", {"password": "wrong"})
    assert answer.status_code == 200
    answer = laptop.post(f"/accounts/reauthenticate/?next={LIST}", {"password": PASSWORD * 2})
    assert answer["Location"] == LIST
    assert laptop.post(f"{LIST}revoke/", {"session": public_id}).status_code == 303
    assert len(devices(laptop)) == 1

    # Who has neither a password nor a second factor signs in again: allauth has no page for that.
    phone.post("/accounts/login/", form)
    user = get_user_model().objects.get()
    password = user.password
    user.set_unusable_password()
    user.save()
    laptop.force_login(user)
    age()
    asked = laptop.post(f"{LIST}revoke/", {"session": public_id})
    assert asked["Location"] == LIST
    asked = laptop.post(f"{LIST}revoke/", {"session": "others"}, follow=True)
    assert [url.partition("?")[0] for url, _ in asked.redirect_chain] == [
        "/accounts/login/",
        f"{LIST}reauthenticate/",
    ]
    assert "Please sign out and sign in again" in asked.content.decode()
    user.password = password
    user.save()
    answer = laptop.post("/accounts/login/", form)
    assert len(devices(laptop)) == 2, answer


def age() -> None:
    """Have it be long ago that anyone proved who they are."""
    from django.core.cache import cache
    from django.utils import timezone

    from session_backend.models import Session

    Session.objects.update(authenticated_at=timezone.now() - timedelta(seconds=601))
    cache.clear()


if __name__ == "__main__":
    main()
