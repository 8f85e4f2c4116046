"""django-allauth: signing in and out, and changing the password."""

from __future__ import annotations

from tests.docs.integrations.project import (
    LAPTOP,
    LIST,
    PASSWORD,
    PHONE,
    devices,
    revoke_other,
    set_up,
)


def main() -> None:
    set_up(
        "allauth",
        "allauth.account",
        middleware=("allauth.account.middleware.AccountMiddleware",),
        AUTHENTICATION_BACKENDS=["allauth.account.auth_backends.AuthenticationBackend"],
        ACCOUNT_EMAIL_VERIFICATION="none",
    )
    from django.contrib.auth import get_user_model
    from django.test import Client

    get_user_model().objects.create_user("ana", password=PASSWORD)
    laptop, phone, tablet = (
        Client(headers={"user-agent": agent}) for agent in (LAPTOP, PHONE, PHONE)
    )
    for browser in (laptop, phone, tablet):
        asked = browser.get(LIST)
        assert asked["Location"] == f"/accounts/login/?next={LIST}", asked["Location"]
        answer = browser.post(asked["Location"], {"login": "ana", "password": PASSWORD})
        assert answer["Location"] == LIST, answer

    assert devices(laptop) == ["Chrome on Windows", *["Safari on iPhone"] * 2]
    revoke_other(laptop)
    assert len(devices(laptop)) == 2
    assert sorted(map(len, (devices(phone), devices(tablet)))) == [0, 2]

    passwords = {"oldpassword": PASSWORD, "password1": PASSWORD * 2, "password2": PASSWORD * 2}
    assert laptop.post("/accounts/password/change/", passwords).status_code == 302
    assert devices(laptop) == ["Chrome on Windows"]
    assert devices(phone) == devices(tablet) == []

    assert laptop.post("/accounts/logout/").status_code == 302
    assert devices(laptop) == []


if __name__ == "__main__":
    main()
