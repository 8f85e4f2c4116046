"""A session as a row that knows its user, its device, its place and when it was last seen."""

from __future__ import annotations

from copy import copy
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeVar

from django.conf import settings
from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.contrib.sessions.base_session import AbstractBaseSession, BaseSessionManager
from django.db import models, router
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from session_backend.client import Client
from session_backend.conf import conf
from session_backend.devices import DeviceType, device_label, parse_device
from session_backend.fields import Digest, SessionKeyField
from session_backend.locations import locate, location_info, place_label
from session_backend.owner import owner_of
from session_backend.querysets import SessionQuerySet
from session_backend.signals import announce, session_ended

if TYPE_CHECKING:
    from session_backend.backends.db import SessionStore

__all__ = ["AbstractSession", "Session", "SessionManager"]

Row = TypeVar("Row", bound="AbstractSession")


class _SavingManager(BaseSessionManager[Row]):
    def save(self, session_key: str, session_dict: dict[str, Any], expire_date: datetime) -> Row:
        """Write the data of a session and leave what its row knows besides; without any, end it."""
        columns = {
            "session_data": self.encode(session_dict),
            "expire_date": expire_date,
            "updated_at": timezone.now(),
            **owner_of(session_dict)._asdict(),
        }
        row = self.model(session_key=session_key, **columns)
        if not session_dict:
            row.end()
            return row
        with self.model.get_session_store_class().revoking([row.session_key]):
            if not self.filter(pk=row.session_key).update(**columns):
                row.save(force_insert=True)
        return row


# Django's manager of sessions, with the methods of SessionQuerySet.
SessionManager = _SavingManager.from_queryset(SessionQuerySet, "SessionManager")


class AbstractSession(AbstractBaseSession):
    """The columns and methods of a session, for a site that adds columns of its own.

    Such a site writes a model that inherits from this and a ``SessionStore`` whose
    ``get_model_class`` returns it, as Django describes under "Extending
    database-backed session engines".
    """

    # Django's own manager builds ``Session(key, data, date)`` by position: these three are
    # first, and in this order.
    session_key = SessionKeyField(_("session"), max_length=40, primary_key=True)
    session_data = models.TextField(_("session data"))
    expire_date = models.DateTimeField(_("expires"), db_index=True)

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, null=True, verbose_name=_("user")
    )
    auth_hash = models.CharField(max_length=16, default="", editable=False)
    created_at = models.DateTimeField(_("signed in"), default=timezone.now)
    updated_at = models.DateTimeField(_("updated"), default=timezone.now)
    last_activity = models.DateTimeField(_("last activity"), default=timezone.now)
    ip = models.GenericIPAddressField(_("IP address"), null=True)
    user_agent = models.CharField(_("user agent"), max_length=512, default="")
    device_type = models.CharField(
        _("device type"), max_length=8, choices=DeviceType.choices, default=DeviceType.UNKNOWN
    )
    device_model = models.CharField(_("device model"), max_length=64, default="")
    browser = models.CharField(_("browser"), max_length=64, default="")
    os = models.CharField(_("operating system"), max_length=64, default="")
    country_code = models.CharField(_("country code"), max_length=2, default="")
    country = models.CharField(_("country"), max_length=64, default="")
    city = models.CharField(_("city"), max_length=128, default="")

    objects = SessionManager()  # type: ignore[misc]

    class Meta(AbstractBaseSession.Meta):
        abstract = True
        # Said again, to be in our catalogues: those of django.contrib.sessions are not installed.
        verbose_name_plural = _("sessions")  # type: ignore[assignment]
        permissions = (("view_session_data", "Can view session data"),)

    @classmethod
    def get_session_store_class(cls) -> type[SessionStore]:
        """Return the store class of ``SESSION_ENGINE``, or of our ``db`` engine beside another."""
        from session_backend.backends.db import SessionStore

        store = conf.session_store
        # A site that is about to switch has another engine still.
        is_ours = issubclass(store, SessionStore)
        return store if is_ours else SessionStore

    @staticmethod
    def client_columns(client: Client) -> dict[str, Any]:
        """Return the columns that record a client, its device parsed and its place looked up."""
        return {
            **client._asdict(),
            **parse_device(client.user_agent)._asdict(),
            **locate(client.ip)._asdict(),
        }

    def device(self) -> str:
        """Return the device in words: ``Chrome on Windows``."""
        return device_label(browser=self.browser, os=self.os, device_model=self.device_model)

    def location(self) -> str | None:
        """Return the place in words, ``Linköping, Sweden``, or None where it is not known."""
        return place_label(city=self.city, country=self.country)

    def location_info(self) -> dict[str, Any] | None:
        """Look the IP up and return all that the GeoIP database says of it, or None."""
        return location_info(self.ip)

    def is_current(self, request: HttpRequest) -> bool:
        """Tell whether this is the session of that request."""
        key = request.session.session_key
        return key is not None and Digest.of(key) == self.session_key

    def end(self, *, by: AbstractBaseUser | AnonymousUser | None = None) -> bool:
        """Revoke the session for good; False when it was gone already.

        ``by`` is the user who does it, for the receivers of ``session_ended``.
        """
        if not self.pk:
            return False
        using = router.db_for_write(type(self), instance=self)
        rows = SessionQuerySet(type(self), using=using)
        return bool(rows.delete_batch([self.pk], by=by).get(self._meta.label))

    def delete(self, *args: Any, **kwargs: Any) -> tuple[int, dict[str, int]]:
        """Revoke the session for good, as :meth:`end`; returns what Django's ``delete`` does."""
        if not self.pk:
            return super().delete(*args, **kwargs)
        ended = copy(self)
        with self.get_session_store_class().revoking([ended.pk]):
            deleted = super().delete(*args, **kwargs)
        if deleted[0] and session_ended.has_listeners(type(self)):
            using = kwargs.get("using") or router.db_for_write(type(self), instance=ended)
            announce(session_ended, ended, using, how="revoked", by=None)
        return deleted


class Session(AbstractSession):
    """A session of this site; ``user.session_set`` holds those of a user."""
