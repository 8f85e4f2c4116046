"""What a user agent says of a device, in words that are true.

Browsers freeze their user agents: ``Windows NT 10.0``, ``Android 10; K`` and ``Mac OS X
10_15_7`` are written by every version, and an iPad that asks for desktop pages cannot be told
from a Mac. So only families are kept, under the names people know, and never an ``Other``.

``user-agents`` sorts devices by what ``ua-parser`` finds. Its own way to call the parser is the
slow one; here its class is filled from ``ua_parser.parse``, which uses the Rust engine that the
``regex`` extra installs. The answers are the same, but that it also sees crawlers that name
themselves late: it reads ``.{0,100}`` in a pattern as "anything before it".
"""

from __future__ import annotations

import re
from typing import Any, NamedTuple

from django.db import models
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from session_backend.client import clean_user_agent

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
}
_SYSTEMS = {"ATV OS X": "tvOS", "Mac OS X": "macOS", "Other": "", "WatchOS": "watchOS"}
_APPLE_MODELS = frozenset({"iPad", "iPhone", "iPod"})
# "K" is what Chrome writes for every Android device; the others name a kind, not a model.
_NO_MODEL = re.compile(r"Other|K|Android|Mac|Spider|iOS-Device|Mobile|Tablet|Generic.*|.*Browser")

# Programs that fetch pages for somebody; ua-parser counts only some of their kind as spiders.
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
# Android without "Mobile" that nobody holds in their hands.
_SCREEN = re.compile(r"TV|BRAVIA|\bVR\b|\bAFT")


class DeviceType(models.TextChoices):
    """What kind of device it is.

    ``BOT`` is a program that fetches pages by itself: crawlers, and tools such as curl.
    ``UNKNOWN`` also holds what is none of the others: consoles, televisions, apps that name
    nothing but their HTTP library.
    """

    DESKTOP = "desktop", _("Desktop")
    MOBILE = "mobile", _("Phone")
    TABLET = "tablet", _("Tablet")
    BOT = "bot", _("Bot")
    UNKNOWN = "unknown", _("Unknown")


class Device(NamedTuple):
    """The families a user agent names: each 64 characters at most, ``""`` when unknown.

    Computers and bots do not name a ``device_model``; others may: ``iPhone``, ``Pixel 8``,
    ``Samsung SM-G998B``, ``PlayStation 5``.
    """

    device_type: str
    device_model: str
    browser: str
    os: str


def parse_device(user_agent: str) -> Device:
    """Return the device that a user agent speaks of; never raises."""
    text = clean_user_agent(user_agent)
    if not text:
        return Device(DeviceType.UNKNOWN.value, "", "", "")
    agent = _recognised(text)
    os = _SYSTEMS.get(agent.os.family, agent.os.family)
    browser = _BROWSERS.get(agent.browser.family, agent.browser.family)
    if browser == os:
        browser = ""
    model = "" if _NO_MODEL.fullmatch(agent.device.family) else agent.device.family
    names = (name[:_MAX_LENGTH].strip() for name in (model, browser, os))
    return Device(_type_of(agent).value, *names)


def device_label(browser: str, os: str, device_model: str) -> str:
    """Return a device in the reader's language: ``Chrome on Windows``, ``Safari on iPhone``."""
    system = device_model if device_model in _APPLE_MODELS else os or device_model
    if browser and system:
        return gettext("%(browser)s on %(os)s") % {"browser": browser, "os": system}
    return browser or system or gettext("Unknown device")


def warm_up() -> None:
    """Load the parser, which takes about 0.1 s, before somebody waits for it."""
    _recognised("Mozilla/5.0")


def _recognised(user_agent: str) -> Any:
    """Return the ``UserAgent`` of user-agents that its own ``parse`` would return, but faster."""
    # Loading both compiles some hundreds of patterns: not at import, which every command pays.
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
    # "Feature phone" is what ua-parser guesses from the first four letters, also of "http.rb".
    if agent.is_mobile and agent.device.family != "Generic Feature Phone":
        return DeviceType.MOBILE
    # user-agents asks for Linux beside X11, which leaves the BSDs out.
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
    # Dalvik is an app and Opera Mini a proxy: neither writes "Mobile", on any device.
    if "Mobi" in text or text.startswith("Dalvik/") or agent.browser.family == "Opera Mini":
        return DeviceType.MOBILE
    return DeviceType.UNKNOWN if _SCREEN.search(text) else DeviceType.TABLET
