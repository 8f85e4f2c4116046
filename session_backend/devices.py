"""The device, browser and system that a user agent names.

Browsers freeze their user agents: ``Windows NT 10.0``, ``Android 10; K`` and ``Mac OS X
10_15_7`` are written by every version, and an iPad that asks for desktop pages looks like a Mac.
So only families are stored, under the names people know, and never ua-parser's ``Other``.

``user-agents`` sorts devices by what ``ua-parser`` finds. Its ``parse()`` calls the parser's slow
engine. Here its class is filled by ``ua_parser.parse()``, which uses the Rust engine of the
``regex`` extra. The answers are the same, but for crawlers that are named late in a user agent.
"""

from __future__ import annotations

import re
from typing import Any, NamedTuple

from django.db import models
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from session_backend.client import clean_user_agent
from session_backend.conf import conf

__all__ = ["Device", "DeviceType", "device_label", "parse_device", "warm_up"]

_MAX_LENGTH = 64

_BROWSERS = {
    "CFNetwork": "",
    "Chrome Mobile": "Chrome",
    "Chrome Mobile WebView": "Android WebView",
    "Chrome Mobile iOS": "Chrome",
    "DuckDuckGo Mobile": "DuckDuckGo",
    "Ecosia Android": "Ecosia",
    "Ecosia iOS": "Ecosia",
    "Edge Mobile": "Edge",
    "Firefox Mobile": "Firefox",
    "Firefox iOS": "Firefox",
    "IE": "Internet Explorer",
    "IE Mobile": "Internet Explorer",
    "Mobile Safari": "Safari",
    "Mobile Safari UI/WKWebView": "Safari",
    "Opera Mobile": "Opera",
    "Other": "",
    "QQ Browser Mobile": "QQ Browser",
    "Spider": "",
    "bingbot": "Bingbot",
}
_SYSTEMS = {"ATV OS X": "tvOS", "Mac OS X": "macOS", "Other": "", "WatchOS": "watchOS"}
_APPLE_MODELS = frozenset({"iPad", "iPhone", "iPod"})
# "K" is what Chrome writes for every Android device; the others are kinds, not models.
_NO_MODEL = re.compile(r"Other|K|Android|Mac|Spider|iOS-Device|Mobile|Tablet|Generic.*|.*Browser")

# HTTP clients, of which ua-parser counts only some as spiders.
_TOOLS = frozenset(
    {
        "Apache-HttpClient",
        "Go-http-client",
        "HTTPie",
        "PostmanRuntime",
        "Python Requests",
        "Python aiohttp",
        "Wget",
        "WindowsPowerShell",
        "axios",
        "curl",
        "insomnia",
        "libwww-perl",
    }
)
# Android without "Mobile" that is not a tablet either.
_SCREEN = re.compile(r"TV|BRAVIA|\bVR\b|\bAFT")


class DeviceType(models.TextChoices):
    """What kind of device it is.

    ``BOT`` stands for crawlers and for tools such as curl, ``UNKNOWN`` also for consoles,
    televisions, and apps that name only their HTTP library.
    """

    DESKTOP = "desktop", _("Desktop")
    MOBILE = "mobile", _("Phone")
    TABLET = "tablet", _("Tablet")
    BOT = "bot", _("Bot")
    UNKNOWN = "unknown", _("Unknown")


class Device(NamedTuple):
    """What a user agent names: 64 characters at most each, ``""`` if unknown.

    Computers and bots have no ``device_model``; other devices may: ``iPhone``, ``Pixel 8``,
    ``Samsung SM-G998B``, ``PlayStation 5``.
    """

    device_type: str
    device_model: str
    browser: str
    os: str


def parse_device(user_agent: str) -> Device:
    """Return the device that a user agent names; never raises."""
    text = clean_user_agent(user_agent)
    if not text:
        return Device(DeviceType.UNKNOWN.value, "", "", "")
    agent = _parsed(text)
    os = _SYSTEMS.get(agent.os.family, agent.os.family)
    browser = _BROWSERS.get(agent.browser.family, agent.browser.family)
    if browser == os:
        browser = ""
    model = "" if _NO_MODEL.fullmatch(agent.device.family) else agent.device.family
    names = (name[:_MAX_LENGTH].strip() for name in (model, browser, os))
    return Device(_type_of(agent).value, *names)


def device_label(browser: str, os: str, device_model: str) -> str:
    """Return a device in the active language: ``Chrome on Windows``, ``Chrome on Pixel 9``."""
    is_told_apart = device_model in _APPLE_MODELS or os == "Android"
    system = (is_told_apart and device_model) or os or device_model
    if browser and system:
        return gettext("%(browser)s on %(os)s") % {"browser": browser, "os": system}
    return browser or system or gettext("Unknown device")


def warm_up() -> None:
    """Load the parser, so that no request has to wait for it, unless user agents are not stored."""
    if conf.store_user_agent:
        _parsed("Mozilla/5.0")


def _parsed(user_agent: str) -> Any:
    """Return what ``user_agents.parse()`` would return, but faster."""
    # Loading them compiles some hundreds of patterns, which no management command should wait for.
    import ua_parser
    from user_agents import parsers

    found = ua_parser.parse(user_agent).with_defaults()
    browser, os, device = found.user_agent, found.os, found.device
    agent = parsers.UserAgent.__new__(parsers.UserAgent)
    agent.ua_string = user_agent
    agent.browser = parsers.parse_browser(
        browser.family, browser.major, browser.minor, browser.patch
    )
    agent.os = parsers.parse_operating_system(os.family, os.major, os.minor, os.patch)
    agent.device = parsers.parse_device(device.family, device.brand, device.model)
    return agent


def _type_of(agent: Any) -> DeviceType:
    if agent.is_bot or agent.browser.family in _TOOLS:
        return DeviceType.BOT
    if agent.os.family == "Android":
        return _type_of_android(agent)
    if agent.is_tablet:
        return DeviceType.TABLET
    # ua-parser guesses "Feature phone" from the first four letters, of "http.rb" too.
    if agent.is_mobile and agent.device.family != "Generic Feature Phone":
        return DeviceType.MOBILE
    # user-agents requires Linux beside X11, which leaves the BSDs out.
    if agent.is_pc or "X11;" in agent.ua_string:
        return DeviceType.DESKTOP
    # "Look for Mobi anywhere" is Mozilla's advice ("Browser detection using the user agent");
    # MIDP is the Java of the phones before.
    if "Mobi" in agent.ua_string or "MIDP" in agent.ua_string:
        return DeviceType.MOBILE
    return DeviceType.UNKNOWN


def _type_of_android(agent: Any) -> DeviceType:
    """Tell phones from tablets as Chrome and Firefox document it: phones write ``Mobile``.

    user-agents looks for the exact words ``Mobile Safari``, which makes tablets of phones with
    any other browser, and phones of tablets with Firefox.
    """
    text = agent.ua_string
    # Dalvik is an app and Opera Mini a proxy: neither writes "Mobile" on any device.
    if "Mobi" in text or text.startswith("Dalvik/") or agent.browser.family == "Opera Mini":
        return DeviceType.MOBILE
    return DeviceType.UNKNOWN if _SCREEN.search(text) else DeviceType.TABLET
