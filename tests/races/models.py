"""The table of Django's own engines, which the site under test does not have."""

from __future__ import annotations

from django.contrib.sessions.base_session import AbstractBaseSession

__all__ = ["PlainSession"]


class PlainSession(AbstractBaseSession):
    """As ``django.contrib.sessions.models.Session``."""

    class Meta(AbstractBaseSession.Meta):
        app_label = "races"
        db_table = "races_plain_session"
