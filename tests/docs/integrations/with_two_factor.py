"""django-two-factor-auth: a one-time password, and a device that is remembered."""

from __future__ import annotations

from typing import Any

from tests.browsers import LAPTOP, PASSWORD, PHONE, Browser
from tests.docs.integrations.project import LIST, devices, revoke_other, set_up

SIGN_IN = "/account/login/"


def main() -> None:
    set_up(
        "django_otp",
        "django_otp.plugins.otp_static",
        "django_otp.plugins.otp_totp",
        "two_factor",
        middleware=("django_otp.middleware.OTPMiddleware",),
        urls={"": "two_factor.urls.urlpatterns"},
        TWO_FACTOR_REMEMBER_COOKIE_AGE=3600,
    )
    from django.contrib.auth import get_user_model
    from django_otp.oath import TOTP
    from django_otp.plugins.otp_totp.models import TOTPDevice

    from session_backend.models import Session

    ana = get_user_model().objects.create_user("ana", password=PASSWORD)
    device = TOTPDevice.objects.create(user=ana, name="default")

    def step(browser: Browser, name: str, **fields: str) -> Any:
        answers = {f"{name}-{field}": value for field, value in fields.items()}
        answers["login_view-current_step"] = name
        return browser.post(f"{SIGN_IN}?next={LIST}", answers)

    def token() -> str:
        # A token works once, and after a wrong one the next has to wait.
        TOTPDevice.objects.update(last_t=-1, throttling_failure_count=0)
        one_time = TOTP(device.bin_key, device.step, device.t0, device.digits, device.drift)
        return f"{one_time.token():06d}"

    laptop, phone = map(Browser, (LAPTOP, PHONE))
    for before, browser in enumerate((laptop, phone)):
        assert browser.get(LIST)["Location"] == f"{SIGN_IN}?next={LIST}"
        step(browser, "auth", username="ana", password=PASSWORD)
        # The password was right, and yet the session has no user.
        assert devices(browser) == []
        assert Session.objects.for_user(ana).count() == before
        answer = step(browser, "token", otp_token=token(), remember="on")
        assert answer["Location"] == LIST, answer.content.decode()
    assert devices(laptop) == ["Chrome on Windows", "Safari on iPhone"]
    revoke_other(laptop)
    assert devices(phone) == []

    # The phone is remembered: it gives the password again, and no second factor.
    assert any(name.startswith("remember-cookie") for name in phone.cookies)
    assert step(phone, "auth", username="ana", password=PASSWORD)["Location"] == LIST
    assert len(devices(phone)) == 2


if __name__ == "__main__":
    main()
