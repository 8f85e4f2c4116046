"""django-hijack: support signs in as a user, whose list and history say so."""

from __future__ import annotations

from typing import Any

from tests.browsers import LAPTOP, PASSWORD, PHONE, Browser
from tests.docs.integrations.project import LIST, devices, revoke_other, set_up, urlpatterns


def main() -> None:
    set_up("hijack", middleware=("hijack.middleware.HijackUserMiddleware",))
    from django.contrib.auth import get_user_model
    from django.urls import clear_url_caches, include, path

    from session_backend.models import PastSession, Session
    from session_backend.signals import session_started

    urlpatterns.append(path("hijack/", include("hijack.urls")))
    clear_url_caches()
    users = get_user_model().objects
    jane = users.create_superuser("jane", password=PASSWORD, first_name="Jane")
    ana = users.create_user("ana", password=PASSWORD)
    news: list[Any] = []

    def receiver(session: Session, is_new: bool, **kwargs: Any) -> None:
        news.append((session.user, session.impersonator, is_new))

    session_started.connect(receiver)
    laptop, phone = (Browser(device).sign_in(ana) for device in (LAPTOP, PHONE))
    desk = Browser({**LAPTOP, "REMOTE_ADDR": "192.0.2.1"}).sign_in(jane)
    answer = desk.post("/hijack/acquire/", {"user_pk": ana.pk})
    assert answer.status_code == 302, answer.content.decode()
    assert news == [(ana, "", False), (ana, "", True), (jane, "", False), (ana, "Jane", False)]
    assert (desk.row.user, desk.row.impersonator) == (ana, "Jane")
    assert len(devices(desk)) == len(devices(laptop)) == 3

    # Everywhere else, but for support.
    laptop.post(f"{LIST}revoke-others/")
    assert devices(phone) == []
    assert len(devices(desk)) == 2

    revoke_other(desk)
    assert devices(laptop) == []
    past = PastSession.objects.latest("ended_at")
    assert (past.user, past.reason, past.ended_by) == (ana, "revoked_by_staff", jane)

    # Jane is herself again, on a device that she is known to use, and so is Ana.
    desk.post("/hijack/release/")
    assert (desk.row.user, desk.row.impersonator) == (jane, "")
    laptop.sign_in(ana)
    assert news[4:] == [(jane, "", False), (ana, "", False)]


if __name__ == "__main__":
    main()
