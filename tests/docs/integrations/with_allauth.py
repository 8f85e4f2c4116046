"""django-allauth: signing in and out, and changing the password."""

from __future__ import annotations

from tests.browsers import LAPTOP, PASSWORD, PHONE, Browser
from tests.docs.integrations.project import LIST, devices, revoke_other, set_up


def main() -> None:
    set_up(
        "allauth",
        "allauth.account",
        middleware=("allauth.account.middleware.AccountMiddleware",),
        AUTHENTICATION_BACKENDS=["allauth.account.auth_backends.AuthenticationBackend"],
        ACCOUNT_EMAIL_VERIFICATION="none",
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

    assert laptop.post("/accounts/logout/").status_code == 302
    assert devices(laptop) == []


if __name__ == "__main__":
    main()
