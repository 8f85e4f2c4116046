"""Wagtail: an editor that is left open polls, and that is not activity."""

from __future__ import annotations

from datetime import timedelta

from tests.browsers import LAPTOP, PASSWORD, Browser
from tests.docs.integrations.project import set_up


def main() -> None:
    set_up(
        "wagtail.users",
        "wagtail.images",
        "wagtail.documents",
        "wagtail.admin",
        "wagtail",
        "modelcluster",
        "taggit",
        urls={
            "accounts/": "django.contrib.auth.urls.urlpatterns",
            "cms/": "wagtail.admin.urls.urlpatterns",
        },
        WAGTAIL_SITE_NAME="mysite",
        WAGTAILADMIN_BASE_URL="http://testserver",
    )
    from django.contrib.auth import get_user_model
    from django.urls import reverse
    from django.utils import timezone

    from session_backend.models import Session

    ana = get_user_model().objects.create_superuser("ana", password=PASSWORD)
    laptop = Browser(LAPTOP)
    assert laptop.login(username="ana", password=PASSWORD)
    editor = reverse("wagtailadmin_pages:edit", args=[2])
    polled = reverse("wagtailadmin_editing_sessions:ping", args=["wagtailcore", "page", 2, 0])
    long_ago = timezone.now() - timedelta(hours=1)

    def was_active() -> bool:
        sessions = Session.objects.for_user(ana)
        return bool(sessions.filter(last_activity__gt=long_ago).update(last_activity=long_ago))

    assert laptop.get(editor).status_code == 200
    assert was_active()
    assert laptop.post(polled).status_code == 200
    assert not was_active()


if __name__ == "__main__":
    main()
