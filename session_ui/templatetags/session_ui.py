"""``{% load session_ui %}``: what a site's templates use, and what ours need."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django import template
from django.http import HttpRequest
from django.template import Context
from django.utils import timezone

from session_backend.devices import Device, device_label, parse_device
from session_backend.locations import Place, locate, place_label
from session_backend.models import AbstractSession
from session_ui import times
from session_ui.conf import conf
from session_ui.countries import in_words_of_the_reader
from session_ui.listing import SessionList
from session_ui.packs import template_names

__all__ = [
    "browser",
    "city",
    "country",
    "device",
    "location",
    "platform",
    "session_ago",
    "session_count",
    "session_day",
    "session_exact",
    "session_icon",
    "session_list",
    "session_piece",
    "session_poll_interval",
    "session_ui_assets",
]

register = template.Library()

# -- what a site uses ------------------------------------------------------------------------------


@register.inclusion_tag("session_ui/assets.html", takes_context=True)
def session_ui_assets(context: Context) -> dict[str, Any]:
    """Render the stylesheet's link and the script; htmx itself is the site's."""
    return {"nonce": context.get("csp_nonce")}


@register.inclusion_tag("session_ui/session_count.html", takes_context=True)
def session_count(context: Context) -> dict[str, Any]:
    """Render the number of the visitor's sessions; nothing for one who is not signed in."""
    request = signed_in_request(context)
    return {"count": None if request is None else SessionList(request).quick_count}


@register.filter
def device(value: Any) -> str:
    """Return the device in words, of a session or a user agent: *Chrome on Windows*."""
    if isinstance(value, AbstractSession):
        return value.device()
    seen = device_of(value)
    return device_label(browser=seen.browser, os=seen.os, device_model=seen.device_model)


@register.filter
def browser(value: Any) -> str:
    """Return the browser of a session or a user agent: *Chrome*; or nothing."""
    return device_of(value).browser


@register.filter
def platform(value: Any) -> str:
    """Return the operating system of a session or a user agent: *Windows*; or nothing."""
    return device_of(value).os


@register.filter
def location(value: Any) -> str:
    """Return the place of a session or an IP address: *Linköping, Sweden*; or nothing."""
    place = place_of(value)
    return place_label(city=place.city, country=place.country) or ""


@register.filter
def city(value: Any) -> str:
    """Return the city of a session or an IP address, or nothing."""
    return place_of(value).city


@register.filter
def country(value: Any) -> str:
    """Return the country of a session or an IP address, or nothing."""
    return place_of(value).country


# -- what our templates need -----------------------------------------------------------------------


@register.simple_tag(takes_context=True)
def session_list(context: Context) -> SessionList | None:
    """Return the visitor's list, the view's where there is one; None for one not signed in."""
    listing = context.get("listing")
    if isinstance(listing, SessionList):
        return listing
    request = signed_in_request(context)
    return None if request is None else SessionList(request)


@register.simple_tag
def session_poll_interval() -> int:
    """Return the seconds between two looks for changes."""
    return conf.poll_interval


@register.filter
def session_piece(name: str) -> tuple[str, ...]:
    """Return the names, for ``{% include %}``, to try for one of the kit's templates."""
    return template_names(name)


@register.filter
def session_icon(device_type: str) -> tuple[str, ...]:
    """Return the names, for ``{% include %}``, to try for the icon of a type of device."""
    return template_names(f"icons/{device_type}.html") + template_names("icons/unknown.html")


@register.filter
def session_ago(moment: datetime) -> str:
    """Return how long ago that was: *2 minutes ago*."""
    return times.ago(moment, timezone.now())


@register.filter
def session_day(moment: datetime) -> str:
    """Return the date."""
    return times.day(moment)


@register.filter
def session_exact(moment: datetime) -> str:
    """Return date, time and time zone."""
    return times.exact(moment)


def signed_in_request(context: Context) -> HttpRequest | None:
    """Return the request of a signed-in visitor that a template is rendered for."""
    request = context.get("request") or getattr(context, "request", None)
    user = getattr(request, "user", None)
    return request if user is not None and user.is_authenticated else None


def device_of(value: Any) -> Device:
    """Return the device that a session has recorded, or that a user agent names."""
    if isinstance(value, AbstractSession):
        return Device(*(getattr(value, name) for name in Device._fields))
    return parse_device(str(value or ""))


def place_of(value: Any) -> Place:
    """Return the place that a session has recorded, or that an IP address is in."""
    if isinstance(value, AbstractSession):
        place = Place(*(getattr(value, name) for name in Place._fields))
    else:
        place = locate(str(value) if value else None)
    return in_words_of_the_reader(place)
