"""django-impersonate: support acts as a user, from a session of their own."""

from __future__ import annotations

from tests.browsers import LAPTOP, PASSWORD, PHONE, Browser
from tests.docs.integrations.project import LIST, devices, revoke_other, set_up


def main() -> None:
    set_up(
        "impersonate",
        middleware=("impersonate.middleware.ImpersonateMiddleware",),
        urls={
            "accounts/": "django.contrib.auth.urls.urlpatterns",
            "impersonate/": "impersonate.urls.urlpatterns",
        },
    )
    from django.contrib.auth import get_user_model

    from session_backend.models import PastSession

    users = get_user_model().objects
    jane = users.create_superuser("jane", password=PASSWORD, first_name="Jane")
    ana = users.create_user("ana", password=PASSWORD)
    laptop, phone = (Browser(device).sign_in(ana) for device in (LAPTOP, PHONE))
    desk = Browser({**LAPTOP, "REMOTE_ADDR": "192.0.2.1"}).sign_in(jane)
    assert desk.get(f"/impersonate/{ana.pk}/").status_code == 302
    assert len(devices(desk)) == len(devices(laptop)) == 2
    assert desk.row.user == jane

    revoke_other(desk)
    assert sorted(map(len, (devices(laptop), devices(phone)))) == [0, 1]
    desk.post(f"{LIST}revoke-others/")
    assert devices(laptop) == devices(phone) == devices(desk) == []
    for past in PastSession.objects.all():
        assert (past.user, past.reason, past.ended_by) == (ana, "revoked_by_staff", jane)
    assert PastSession.objects.count() == 2

    # The session of support is their own, and does not end.
    desk.get("/impersonate/stop/")
    assert len(devices(desk)) == 1


if __name__ == "__main__":
    main()
