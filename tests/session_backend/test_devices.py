from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
import ua_parser
import user_agents
from ua_parser.regex import Resolver as RustResolver

from session_backend import devices
from session_backend.client import MAX_USER_AGENT
from session_backend.devices import Device, DeviceType, device_label, parse_device, warm_up

if TYPE_CHECKING:
    from pytest_django import Settings

IPHONE = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_4_1 like Mac OS X) "
    "AppleWebKit/605.1.15 (KHTML, like Gecko)"
)
IPAD = "Mozilla/5.0 (iPad; CPU OS 17_4_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko)"
MAC = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7)"
WINDOWS = "Mozilla/5.0 (Windows NT 10.0; Win64; x64)"
LINUX = "Mozilla/5.0 (X11; Linux x86_64)"
ANDROID = "Mozilla/5.0 (Linux; Android 10; K)"
WEBKIT = "AppleWebKit/537.36 (KHTML, like Gecko)"
CHROME = f"{WEBKIT} Chrome/123.0.0.0 Safari/537.36"
CHROME_MOBILE = f"{WEBKIT} Chrome/123.0.0.0 Mobile Safari/537.36"

DESKTOPS = {
    f"{WINDOWS} {CHROME}": ("Chrome", "Windows"),
    f"{WINDOWS} {CHROME} Edg/123.0.0.0": ("Edge", "Windows"),
    f"{WINDOWS} {CHROME} OPR/109.0.0.0": ("Opera", "Windows"),
    f"{LINUX} {CHROME} Vivaldi/6.6.3271.45": ("Vivaldi", "Linux"),
    f"{MAC} {CHROME}": ("Chrome", "macOS"),
    f"{MAC} AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.4.1 Safari/605.1.15": (
        "Safari",
        "macOS",
    ),
    f"Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) {CHROME}": ("Chrome", "Chrome OS"),
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:124.0) Gecko/20100101 Firefox/124.0": (
        "Firefox",
        "Windows",
    ),
    "Mozilla/5.0 (X11; Ubuntu; Linux x86_64; rv:124.0) Gecko/20100101 Firefox/124.0": (
        "Firefox",
        "Ubuntu",
    ),
    "Mozilla/5.0 (X11; FreeBSD amd64; rv:124.0) Gecko/20100101 Firefox/124.0": (
        "Firefox",
        "FreeBSD",
    ),
    "Mozilla/5.0 (Windows NT 10.0; WOW64; Trident/7.0; rv:11.0) like Gecko": (
        "Internet Explorer",
        "Windows",
    ),
    "Mozilla/4.0 (compatible; MSIE 6.0; Windows NT 5.1; SV1)": ("Internet Explorer", "Windows"),
    "Opera/9.80 (Windows NT 6.1; WOW64) Presto/2.12.388 Version/12.18": ("Opera", "Windows"),
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10.15; rv:115.0) Gecko/20100101 Thunderbird/115.9.0": (
        "Thunderbird",
        "macOS",
    ),
    # An iPhone that requests the desktop page sends no more than that.
    f"{MAC} AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.3.1 Mobile/15E148 Safari/604.1": (
        "Safari",
        "macOS",
    ),
}
PHONES = {
    f"{IPHONE} Version/17.4.1 Mobile/15E148 Safari/604.1": ("iPhone", "Safari", "iOS"),
    f"{IPHONE} CriOS/123.0.6312.52 Mobile/15E148 Safari/604.1": ("iPhone", "Chrome", "iOS"),
    f"{IPHONE} FxiOS/124.0 Mobile/15E148 Safari/605.1.15": ("iPhone", "Firefox", "iOS"),
    f"{IPHONE} Version/17.0 EdgiOS/123.0.2420.56 Mobile/15E148 Safari/605.1.15": (
        "iPhone",
        "Edge",
        "iOS",
    ),
    f"{IPHONE} Mobile/15E148": ("iPhone", "Safari", "iOS"),
    "MyApp/1 CFNetwork/1410.0.3 Darwin/22.6.0": ("", "MyApp", "iOS"),
    "CFNetwork/1410 Darwin/22.6.0": ("", "", "iOS"),
    f"{ANDROID} {CHROME_MOBILE}": ("", "Chrome", "Android"),
    f"{ANDROID} {CHROME_MOBILE} EdgA/123.0.0.0": ("", "Edge", "Android"),
    f"{ANDROID} {CHROME_MOBILE} OPR/80.0.0.0": ("", "Opera", "Android"),
    f"Mozilla/5.0 (Linux; Android 14; Pixel 8) {CHROME_MOBILE}": ("Pixel 8", "Chrome", "Android"),
    f"Mozilla/5.0 (Linux; Android 13; SM-G998B) {WEBKIT} SamsungBrowser/24.0 Chrome/117.0.0.0 "
    "Mobile Safari/537.36": ("Samsung SM-G998B", "Samsung Internet", "Android"),
    "Mozilla/5.0 (Linux; Android 14; Pixel 8 Build/UQ1A; wv) "
    f"{WEBKIT} Version/4.0 Chrome/123.0.6312.40 Mobile Safari/537.36": (
        "Pixel 8",
        "Android WebView",
        "Android",
    ),
    "Mozilla/5.0 (Android 14; Mobile; rv:124.0) Gecko/124.0 Firefox/124.0": (
        "",
        "Firefox",
        "Android",
    ),
    f"Mozilla/5.0 (Linux; Android 10) {WEBKIT} Version/4.0 Chrome/123 Mobile DuckDuckGo/5 "
    "Safari/537.36": ("", "DuckDuckGo", "Android"),
    "Opera/9.80 (Android; Opera Mini/36.2.2254/119.132; U; id) Presto/2.12.423 Version/12.16": (
        "",
        "Opera Mini",
        "Android",
    ),
    "Mozilla/5.0 (Linux; U; Android 2.3.5; en-us; HTC Vision Build/GRI40) AppleWebKit/533.1 "
    "(KHTML, like Gecko) Version/4.0 Mobile Safari/533.1": ("HTC Vision", "", "Android"),
    "Dalvik/2.1.0 (Linux; U; Android 13; Pixel 7 Build/TQ3A)": ("Pixel 7", "", "Android"),
    "Mozilla/5.0 (Windows Phone 10.0; Android 6.0.1; Microsoft; Lumia 950) "
    f"{WEBKIT} Chrome/52.0.2743.116 Mobile Safari/537.36 Edge/15.15254": (
        "Lumia 950",
        "Edge",
        "Windows Phone",
    ),
    "Mozilla/5.0 (Mobile; Nokia 8110 4G; rv:48.0) Gecko/48.0 Firefox/48.0 KAIOS/2.5": (
        "Nokia 8110",
        "Firefox",
        "KaiOS",
    ),
    "SomePhone/1.0 Profile/MIDP-2.0 Configuration/CLDC-1.1": ("", "", ""),
}
TABLETS = {
    f"{IPAD} Version/17.4.1 Mobile/15E148 Safari/604.1": ("iPad", "Safari", "iOS"),
    f"{IPAD} CriOS/123.0.6312.52 Mobile/15E148 Safari/604.1": ("iPad", "Chrome", "iOS"),
    f"{ANDROID} {CHROME}": ("", "Chrome", "Android"),
    f"Mozilla/5.0 (Linux; Android 13; SM-X700) {CHROME}": ("SM-X700", "Chrome", "Android"),
    f"Mozilla/5.0 (Linux; Android 11; KFTRWI) {WEBKIT} Silk/113.3.1 like Chrome/113.0.5672.163 "
    "Safari/537.36": ("Kindle", "Amazon Silk", "Android"),
    "Mozilla/5.0 (Android 14; Tablet; rv:124.0) Gecko/124.0 Firefox/124.0": (
        "",
        "Firefox",
        "Android",
    ),
}
BOTS = {
    "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)": ("Googlebot", ""),
    "Mozilla/5.0 (compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm)": ("Bingbot", ""),
    f"Mozilla/5.0 (Linux; Android 6.0.1; Nexus 5X Build/MMB29P) {WEBKIT} Chrome/99.0.4844.84 "
    "Mobile Safari/537.36 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)": (
        "Googlebot",
        "Android",
    ),
    "Python-urllib/3.11": ("Python-urllib", ""),
    "curl/8.5.0": ("curl", ""),
    "Wget/1.21.4": ("Wget", ""),
    "HTTPie/3.2.2": ("HTTPie", ""),
    "python-requests/2.31.0": ("Python Requests", ""),
    "Go-http-client/1.1": ("Go-http-client", ""),
}
OTHERS = {
    "okhttp/4.12.0": ("", "okhttp", ""),
    "http.rb/5.0 (feature phones begin like this)": ("", "", ""),
    "Mozilla/5.0": ("", "", ""),
    "<script>alert(1)</script>": ("", "", ""),
    "Mozilla/5.0 (PlayStation; PlayStation 5/2.26) AppleWebKit/605.1.15 (KHTML, like Gecko) "
    "Version/13.0 Safari/605.1.15": ("PlayStation 5", "Safari", ""),
    "Mozilla/5.0 (Nintendo Switch; WifiWebAuthApplet) AppleWebKit/606.4 (KHTML, like Gecko) "
    "NF/6.0.1.15.4 NintendoBrowser/5.1.0.20393": ("Nintendo Switch", "", ""),
    f"Mozilla/5.0 (Linux; Android 9; BRAVIA 4K UR2 Build/PTT1) {CHROME}": (
        "BRAVIA 4K UR2",
        "Chrome",
        "Android",
    ),
}
EVERY_KIND = {
    **{text: Device("desktop", "", *names) for text, names in DESKTOPS.items()},
    **{text: Device("mobile", *names) for text, names in PHONES.items()},
    **{text: Device("tablet", *names) for text, names in TABLETS.items()},
    **{text: Device("bot", "", *names) for text, names in BOTS.items()},
    **{text: Device("unknown", *names) for text, names in OTHERS.items()},
}


@pytest.mark.parametrize("user_agent", EVERY_KIND)
def test_device_names(user_agent: str) -> None:
    assert parse_device(user_agent) == EVERY_KIND[user_agent]


@pytest.mark.parametrize("user_agent", EVERY_KIND)
def test_fast_parser_agrees_with_user_agents(user_agent: str) -> None:
    fast, slow = devices._parsed(user_agent), user_agents.parse(user_agent)
    assert vars(fast) == vars(slow)
    for name in ("is_mobile", "is_tablet", "is_pc", "is_bot", "is_touch_capable"):
        assert getattr(fast, name) == getattr(slow, name), name


def test_regex_engine_used() -> None:
    # The slow engine gives the same results, so only this test shows that the extra is missing.
    assert ua_parser.BestAvailableResolver is RustResolver


def test_crawler_named_late_in_user_agent() -> None:
    assert parse_device(f"{MAC} {CHROME} (compatible; SomeBot/1.0)").device_type == "bot"


@pytest.mark.parametrize(
    "user_agent",
    ["", " ", "\0", "x" * 20_000, "(" * 20_000, "\ud800", "Mozilla\0/5.0 \udcff", "%s"],
)
def test_malformed_user_agents(user_agent: str) -> None:
    assert parse_device(user_agent) == Device("unknown", "", "", "")


def test_user_agent_truncated_before_parsing() -> None:
    assert parse_device("x" * MAX_USER_AGENT + f"{WINDOWS} {CHROME}").os == ""
    assert parse_device(f"{WINDOWS} {CHROME}" + "x" * 20_000).os == "Windows"


def test_names_fit_their_columns() -> None:
    device = parse_device(f"Mozilla/5.0 (Linux; Android 14; {'long ' * 50}) {CHROME_MOBILE}")
    assert device.device_model.startswith("long long")
    assert len(device.device_model) <= 64


def test_types_are_plain_text_for_the_database() -> None:
    assert type(parse_device("curl/8.5.0").device_type) is str
    assert type(parse_device("").device_type) is str
    assert DeviceType.values == ["desktop", "mobile", "tablet", "bot", "unknown"]
    assert str(DeviceType.MOBILE.label) == "Phone"


@pytest.mark.parametrize(
    ("browser", "os", "device_model", "label"),
    [
        ("Chrome", "Windows", "", "Chrome on Windows"),
        ("Chrome", "Android", "", "Chrome on Android"),
        ("Chrome", "Android", "Pixel 8", "Chrome on Pixel 8"),
        ("Chrome", "Windows 11", "", "Chrome on Windows 11"),
        ("Safari", "iOS", "iPhone", "Safari on iPhone"),
        ("Safari", "", "PlayStation 5", "Safari on PlayStation 5"),
        ("", "iOS", "iPad", "iPad"),
        ("", "Windows", "", "Windows"),
        ("", "", "Nintendo Switch", "Nintendo Switch"),
        ("Firefox", "", "", "Firefox"),
        ("", "", "", "Unknown device"),
        ("<b>%s", "%(os)s", "", "<b>%s on %(os)s"),
    ],
)
def test_device_label(browser: str, os: str, device_model: str, label: str) -> None:
    assert device_label(browser, os, device_model) == label


def test_device_label_translated_lazily(monkeypatch: pytest.MonkeyPatch) -> None:
    german = {"%(browser)s on %(os)s": "%(browser)s unter %(os)s", "Unknown device": "Unbekannt"}
    monkeypatch.setattr(devices, "gettext", german.__getitem__)
    assert device_label("Chrome", "Windows", "") == "Chrome unter Windows"
    assert device_label("", "", "") == "Unbekannt"


@pytest.mark.parametrize("stored", [True, False])
def test_the_parser_is_loaded_at_start_if_user_agents_are_stored(
    stored: bool, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.SESSION_BACKEND_STORE_USER_AGENT = stored
    monkeypatch.delattr(ua_parser, "parser", raising=False)
    warm_up()
    assert ("parser" in vars(ua_parser)) is stored


def test_importing_devices_does_not_import_the_parser() -> None:
    script = (
        "import session_backend.devices, sys; "
        "assert not {'ua_parser', 'user_agents'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-W", "error", "-c", script], check=True)
