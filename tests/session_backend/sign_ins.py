"""Sequences of sign-ins, each with the answer to: has the user to be told of it?

A line is a sign-in: the browser, which has cookies of its own; its user agent; the network; and

``known``
    The user signs in with a device used before, or for the first time.
``new``
    Somebody signs in with a device that the user has not used here before.
``annoying``
    The user signs in with a device used before, and the rule takes it for new.
``missed``
    Somebody else signs in, and the rule takes them for the user.

The user is alice unless the browser's name begins with another name: ``bob: laptop``. Other
lines say what happens in between; the tests know how.
"""

from __future__ import annotations

from typing import Any, NamedTuple

__all__ = ["CASES", "NETWORKS", "PLACES", "USER_AGENTS", "Case", "SignIn"]

BLINK = "AppleWebKit/537.36 (KHTML, like Gecko)"
WEBKIT = "AppleWebKit/605.1.15 (KHTML, like Gecko)"
WINDOWS = "Mozilla/5.0 (Windows NT 10.0; Win64; x64)"
MAC = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7)"
IPHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS"

USER_AGENTS = {
    "Chrome 140, Windows": f"{WINDOWS} {BLINK} Chrome/140.0.0.0 Safari/537.36",
    "Chrome 141, Windows": f"{WINDOWS} {BLINK} Chrome/141.0.0.0 Safari/537.36",
    "Edge 141, Windows": f"{WINDOWS} {BLINK} Chrome/141.0.0.0 Safari/537.36 Edg/141.0.0.0",
    "Firefox 143, Windows": f"{WINDOWS[:-1]}; rv:143.0) Gecko/20100101 Firefox/143.0",
    "Firefox 144, Windows": f"{WINDOWS[:-1]}; rv:144.0) Gecko/20100101 Firefox/144.0",
    "Firefox 144, Linux": "Mozilla/5.0 (X11; Linux x86_64; rv:144.0) Gecko/20100101 Firefox/144.0",
    "Chrome 141, macOS": f"{MAC} {BLINK} Chrome/141.0.0.0 Safari/537.36",
    "Safari 18, macOS": f"{MAC} {WEBKIT} Version/18.5 Safari/605.1.15",
    "Safari 26, macOS": f"{MAC} {WEBKIT} Version/26.0 Safari/605.1.15",
    "Safari 18, iOS": f"{IPHONE} 18_5 like Mac OS X) {WEBKIT} Version/18.5 Mobile/15E148 "
    "Safari/604.1",
    "Safari 26, iOS": f"{IPHONE} 18_6 like Mac OS X) {WEBKIT} Version/26.0 Mobile/15E148 "
    "Safari/604.1",
    "Chrome 140, Android": f"Mozilla/5.0 (Linux; Android 10; K) {BLINK} Chrome/140.0.0.0 Mobile "
    "Safari/537.36",
    "Chrome 141, Android": f"Mozilla/5.0 (Linux; Android 10; K) {BLINK} Chrome/141.0.0.0 Mobile "
    "Safari/537.36",
    "Chrome 141, as desktop": f"Mozilla/5.0 (X11; Linux x86_64) {BLINK} Chrome/141.0.0.0 "
    "Safari/537.36",
    "curl 8": "curl/8.5.0",
    "nothing": "",
    "10 kB": "x" * 10_000,
}

PLACES = {
    "home": "89.160.20.112",
    "home tomorrow": "89.160.20.113",
    "other lease": "81.2.69.142",
    "home IPv6": "2001:db8:1::a1",
    "home IPv6 later": "2001:db8:1::ffee:1:2:3",
    "other prefix": "2001:db8:2::a1",
    "mobile 1": "100.20.1.5",
    "mobile 2": "100.77.2.6",
    "mobile 3": "100.99.3.7",
    "office": "192.0.2.10",
    "VPN": "198.51.100.7",
    "hotel": "203.0.113.9",
    "Lagos": "102.89.1.1",
    "no address": "",
}

# The country of each; what is missing is nowhere.
NETWORKS = {
    "89.160.0.0/16": "SE",
    "81.2.69.0/24": "SE",
    "2001:db8::/32": "SE",
    "100.0.0.0/8": "SE",
    "192.0.2.0/24": "SE",
    "198.51.100.0/24": "NL",
    "203.0.113.0/24": "ES",
    "102.89.0.0/16": "NG",
}


class SignIn(NamedTuple):
    """A line of a case."""

    browser: str
    user_agent: str
    place: str
    answer: str


class Case(NamedTuple):
    """What happens, in order; an event that is no sign-in is a string."""

    steps: list[SignIn | str]
    settings: dict[str, Any] = {}


def case(lines: str, **settings: Any) -> Case:
    steps: list[SignIn | str] = []
    for line in lines.strip().splitlines():
        cells = [cell.strip() for cell in line.split("|")]
        steps.append(SignIn(*cells) if len(cells) > 1 else cells[0])
    return Case(steps, {f"SESSION_BACKEND_{name}": value for name, value in settings.items()})


CASES = {
    # The first time.
    "the first sign-in ever": case("""
        laptop | Chrome 140, Windows | home | known
    """),
    "two devices of one person": case("""
        laptop | Chrome 140, Windows | home     | known
        phone  | Safari 18, iOS      | mobile 1 | new
        laptop | Chrome 140, Windows | home     | known
        phone  | Safari 18, iOS      | mobile 1 | known
    """),
    "a sign-in by a script came first": case("""
        alice is signed in without a request
        laptop | Chrome 140, Windows | home | known
    """),
    "a script signs in later": case("""
        laptop | Chrome 140, Windows | home | known
        alice is signed in without a request
        laptop | Chrome 140, Windows | home | known
    """),
    "sessions from before a switch have no client": case("""
        alice has a session of which nothing is known
        laptop | Chrome 140, Windows | home | known
        phone  | Safari 18, iOS      | home | new
    """),
    "support signed in as alice before": case("""
        support signs in as alice
        laptop | Chrome 140, Windows | home | known
    """),
    # Time passes.
    "a browser update": case("""
        laptop | Chrome 140, Windows | home | known
        laptop | Chrome 141, Windows | home | known
    """),
    "a browser update without cookies": case("""
        laptop | Firefox 143, Windows | home | known
        laptop clears its cookies
        laptop | Firefox 144, Windows | home | known
    """),
    "an update of the operating system": case("""
        phone | Safari 18, iOS | home | known
        phone | Safari 26, iOS | home | known
    """),
    "an update of the operating system without cookies": case("""
        phone | Safari 18, iOS | home | known
        phone clears its cookies
        phone | Safari 26, iOS | home | known
    """),
    "an update while travelling": case("""
        laptop | Safari 18, macOS | home  | known
        laptop | Safari 26, macOS | hotel | known
    """),
    "Windows 11 by its hint, once": case("""
        laptop | Chrome 140, Windows | home | known
        the hint of Windows 11 was recorded
        laptop clears its cookies
        laptop | Chrome 140, Windows | home | known
    """),
    "every session has ended, the history knows": case("""
        laptop | Chrome 140, Windows | home     | known
        alice signs out everywhere
        laptop | Chrome 140, Windows | home     | known
        phone  | Safari 18, iOS      | mobile 1 | new
    """),
    "sessions expire": case("""
        laptop | Chrome 140, Windows | home  | known
        every session expires
        laptop | Chrome 141, Windows | hotel | known
    """),
    "an absence longer than the history": case("""
        laptop | Chrome 140, Windows | home | known
        everything is forgotten
        phone  | Safari 18, iOS      | mobile 1 | known
    """),
    # Networks.
    "another address of the provider": case("""
        laptop | Chrome 140, Windows | home          | known
        laptop clears its cookies
        laptop | Chrome 140, Windows | home tomorrow | known
    """),
    "another network of the provider": case("""
        laptop | Chrome 140, Windows | home        | known
        laptop | Chrome 140, Windows | other lease | known
    """),
    "another network of the provider, cookies cleared": case("""
        laptop | Chrome 140, Windows | home        | known
        laptop clears its cookies
        laptop | Chrome 140, Windows | other lease | annoying
    """),
    "a roaming phone": case("""
        phone | Chrome 140, Android | mobile 1 | known
        phone | Chrome 140, Android | mobile 2 | known
        phone | Chrome 141, Android | mobile 3 | known
        phone | Chrome 141, Android | home     | known
    """),
    "a roaming phone that keeps no cookies": case("""
        phone | Chrome 140, Android | mobile 1 | known
        phone clears its cookies
        phone | Chrome 140, Android | mobile 2 | annoying
        phone clears its cookies
        phone | Chrome 140, Android | mobile 1 | known
        phone clears its cookies
        phone | Chrome 141, Android | mobile 2 | known
    """),
    "a VPN": case("""
        laptop | Firefox 143, Windows | home | known
        laptop | Firefox 143, Windows | VPN  | known
        laptop | Firefox 144, Windows | home | known
    """),
    "a VPN in a private window": case("""
        laptop  | Firefox 143, Windows | home | known
        laptop  | Firefox 143, Windows | VPN  | known
        private | Firefox 143, Windows | VPN  | known
    """),
    "home, office, home": case("""
        laptop | Chrome 140, Windows | home   | known
        laptop | Chrome 140, Windows | office | known
        laptop | Chrome 141, Windows | home   | known
    """),
    "abroad": case("""
        phone  | Safari 18, iOS    | home  | known
        laptop | Chrome 141, macOS | home  | new
        phone  | Safari 18, iOS    | hotel | known
        laptop | Chrome 141, macOS | hotel | known
    """),
    "IPv6 privacy addresses": case("""
        laptop | Chrome 140, Windows | home IPv6       | known
        laptop | Chrome 140, Windows | home IPv6 later | known
        laptop clears its cookies
        laptop | Chrome 140, Windows | home IPv6       | known
        private | Chrome 140, Windows | home IPv6 later | known
    """),
    "IPv4 and IPv6 in turn": case("""
        laptop | Chrome 140, Windows | home         | known
        laptop | Chrome 140, Windows | home IPv6    | known
        laptop clears its cookies
        laptop | Chrome 140, Windows | home         | known
        laptop | Chrome 141, Windows | other prefix | known
    """),
    # Browsers and cookies.
    "a new browser on a known device": case("""
        laptop | Chrome 141, Windows | home | known
        edge   | Edge 141, Windows   | home | new
        edge   | Edge 141, Windows   | home | known
    """),
    "another system on the same machine": case("""
        laptop | Firefox 144, Windows | home | known
        linux  | Firefox 144, Linux   | home | new
    """),
    "a private window": case("""
        laptop  | Chrome 140, Windows | home | known
        private | Chrome 140, Windows | home | known
    """),
    "a private window while travelling": case("""
        laptop  | Chrome 140, Windows | home  | known
        private | Chrome 140, Windows | hotel | annoying
    """),
    "a second profile of the browser": case("""
        laptop | Chrome 140, Windows | home | known
        work   | Chrome 140, Windows | home | known
        work   | Chrome 140, Windows | VPN  | known
    """),
    "cookies cleared at home": case("""
        laptop | Chrome 140, Windows | home | known
        laptop clears its cookies
        laptop | Chrome 140, Windows | home | known
    """),
    "the desktop site on a phone": case("""
        phone | Chrome 141, Android    | home | known
        phone | Chrome 141, as desktop | home | known
    """),
    "signing out and in": case("""
        laptop | Chrome 140, Windows | home | known
        laptop signs out
        laptop | Chrome 140, Windows | home | known
    """),
    "a new password": case("""
        laptop | Chrome 140, Windows | home  | known
        alice changes her password
        laptop | Chrome 140, Windows | hotel | known
    """),
    "a new phone of the same model at home": case("""
        phone     | Safari 18, iOS | home | known
        new phone | Safari 18, iOS | home | missed
    """),
    "a tool": case("""
        laptop | Chrome 140, Windows | home | known
        curl   | curl 8              | home | new
        again  | curl 8              | home | known
    """),
    "a browser that says nothing": case("""
        quiet | nothing | home  | known
        other | nothing | home  | known
        third | nothing | hotel | new
    """),
    "user agents of 10 kB": case("""
        long | 10 kB | home | known
        long | 10 kB | home | known
    """),
    "no address in the request": case("""
        laptop  | Chrome 140, Windows | no address | known
        laptop  | Chrome 140, Windows | no address | known
        private | Chrome 140, Windows | no address | annoying
    """),
    # Other people.
    "a shared computer": case("""
        laptop      | Chrome 140, Windows | home | known
        bob: laptop | Chrome 140, Windows | home | known
        laptop      | Chrome 140, Windows | home | known
        bob: laptop | Chrome 140, Windows | home | known
    """),
    "bob on the computer of alice": case("""
        bob: phone  | Safari 18, iOS      | mobile 1 | known
        laptop      | Chrome 140, Windows | home     | known
        bob: laptop | Chrome 140, Windows | home     | new
        bob: laptop | Chrome 140, Windows | VPN      | known
    """),
    "a thief with the same browser, from abroad": case("""
        laptop | Chrome 140, Windows | home  | known
        thief  | Chrome 140, Windows | Lagos | new
    """),
    "a thief with the same browser, from the same country": case("""
        laptop | Chrome 140, Windows | home        | known
        thief  | Chrome 140, Windows | other lease | new
    """),
    "a thief with the same user agent, as the user travels": case("""
        laptop | Chrome 140, Windows | home  | known
        laptop | Chrome 140, Windows | hotel | known
        thief  | Chrome 140, Windows | Lagos | new
        laptop | Chrome 140, Windows | home  | known
    """),
    "a thief signs out at once and comes again": case("""
        laptop | Chrome 140, Windows | home  | known
        thief  | Chrome 140, Windows | Lagos | new
        thief signs out
        thief  | Chrome 140, Windows | Lagos | missed
    """),
    "a thief in the same network, with another browser": case("""
        laptop | Chrome 140, Windows | home | known
        thief  | Firefox 144, Linux  | home | new
    """),
    "a thief in the same network, with the same browser": case("""
        laptop | Chrome 140, Windows | home | known
        thief  | Chrome 140, Windows | home | missed
    """),
    "a thief with a copied device cookie": case("""
        laptop | Chrome 140, Windows | home  | known
        thief has the device cookie of laptop
        thief  | Firefox 144, Linux  | Lagos | missed
    """),
    "a thief with the device cookie of somebody else": case("""
        laptop      | Chrome 140, Windows | home     | known
        bob: phone  | Safari 18, iOS      | mobile 1 | known
        thief has the device cookie of bob: phone
        thief       | Chrome 140, Windows | Lagos    | new
    """),
    # Bad cookies.
    "a device cookie of 10 kB": case("""
        laptop | Chrome 140, Windows | home  | known
        thief has a device cookie of 10 kB
        thief  | Chrome 140, Windows | Lagos | new
    """),
    "garbage in the device cookie": case("""
        laptop | Chrome 140, Windows | home  | known
        laptop has garbage in its device cookie
        laptop | Chrome 140, Windows | home  | known
        laptop | Chrome 140, Windows | hotel | known
    """),
    # Settings.
    "without a device cookie": case(
        """
        laptop  | Chrome 140, Windows | home          | known
        laptop  | Chrome 141, Windows | home tomorrow | known
        laptop  | Chrome 141, Windows | hotel         | annoying
        thief   | Chrome 141, Windows | Lagos         | new
        """,
        DEVICE_COOKIE=None,
    ),
    "without history": case(
        """
        laptop | Chrome 140, Windows | home  | known
        thief  | Firefox 144, Linux  | Lagos | missed
        """,
        HISTORY_DAYS=0,
    ),
    "truncated addresses": case(
        """
        laptop  | Chrome 140, Windows | home            | known
        private | Chrome 140, Windows | home tomorrow   | known
        laptop  | Chrome 140, Windows | home IPv6       | known
        private | Chrome 140, Windows | home IPv6 later | known
        thief   | Chrome 140, Windows | Lagos           | new
        """,
        STORE_IP="truncated",
    ),
    "no addresses: the cookie decides": case(
        """
        laptop  | Chrome 140, Windows | home  | known
        laptop  | Chrome 141, Windows | hotel | known
        thief   | Chrome 140, Windows | Lagos | new
        """,
        STORE_IP="off",
    ),
    "no user agents: the network decides": case(
        """
        laptop  | Chrome 140, Windows | home  | known
        private | Chrome 140, Windows | home  | known
        laptop  | Chrome 141, Windows | hotel | known
        thief   | Chrome 140, Windows | Lagos | new
        """,
        STORE_USER_AGENT=False,
    ),
    "neither addresses nor cookies: the browser decides": case(
        """
        laptop  | Chrome 140, Windows | home  | known
        laptop  | Chrome 141, Windows | hotel | known
        thief   | Firefox 144, Linux  | Lagos | new
        thief   | Chrome 140, Windows | Lagos | missed
        """,
        DEVICE_COOKIE=None,
        STORE_IP="off",
    ),
    "nothing is stored but the cookie": case(
        """
        laptop | Chrome 140, Windows | home  | known
        laptop | Chrome 141, Windows | hotel | known
        thief  | Firefox 144, Linux  | Lagos | new
        """,
        STORE_IP="off",
        STORE_USER_AGENT=False,
    ),
    "nothing is stored": case(
        """
        laptop | Chrome 140, Windows | home  | known
        thief  | Firefox 144, Linux  | Lagos | missed
        """,
        DEVICE_COOKIE=None,
        STORE_IP="off",
        STORE_USER_AGENT=False,
    ),
    "a GeoIP database arrives": case("""
        the site has no GeoIP database
        laptop | Chrome 140, Windows | home | known
        the site has a GeoIP database
        laptop clears its cookies
        laptop | Chrome 140, Windows | home | known
        thief  | Chrome 140, Windows | Lagos | new
    """),
    "no GeoIP database": case("""
        the site has no GeoIP database
        laptop  | Chrome 140, Windows | home  | known
        private | Chrome 140, Windows | home  | known
        thief   | Chrome 140, Windows | Lagos | new
    """),
}
