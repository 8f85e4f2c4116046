"""REST framework: session authentication, a background view, and an API of sessions."""

from __future__ import annotations

from datetime import timedelta

from tests.browsers import LAPTOP, PASSWORD, PHONE, Browser
from tests.docs.integrations.project import mysite, set_up, urlpatterns


def main() -> None:
    set_up("rest_framework")
    from django.contrib.auth import get_user_model
    from django.urls import path
    from django.utils import timezone
    from rest_framework.routers import DefaultRouter

    from session_backend.models import Session

    views, api = mysite("views"), mysite("api")
    router = DefaultRouter()
    router.register("sessions", api.SessionViewSet, basename="session")
    urlpatterns.extend([*router.urls, path("unread/", views.unread)])

    get_user_model().objects.create_user("ana", password=PASSWORD)
    get_user_model().objects.create_user("bob", password=PASSWORD)
    laptop, phone, visitor = map(Browser, (LAPTOP, PHONE, PHONE))
    for browser, name in ((laptop, "ana"), (phone, "ana"), (visitor, "bob")):
        assert browser.login(username=name, password=PASSWORD)
        # Client.login() makes no request, so the next one records the client.
        assert len(browser.get("/sessions/").json()) == 1 + (browser is phone)

    long_ago = timezone.now() - timedelta(hours=1)
    Session.objects.update(last_activity=long_ago)
    assert laptop.get("/unread/").json() == {"unread": 0}
    assert not Session.objects.exclude(last_activity=long_ago).exists()

    mine, other = sorted(laptop.get("/sessions/").json(), key=lambda row: not row["is_current"])
    assert (mine["device"], mine["is_current"]) == ("Chrome on Windows", True)
    assert (other["device"], other["is_current"]) == ("Safari on iPhone", False)

    assert visitor.delete(f"/sessions/{other['public_id']}/").status_code == 404
    assert laptop.delete(f"/sessions/{other['public_id']}/").status_code == 204
    assert phone.get("/unread/").status_code == 200
    assert [row["public_id"] for row in laptop.get("/sessions/").json()] == [mine["public_id"]]
    assert phone.get("/sessions/").status_code == 403


if __name__ == "__main__":
    main()
