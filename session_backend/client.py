"""Who sent a request, as far as it may be recorded: the only reader of ``request.META``.

An address is what the connection itself says (``REMOTE_ADDR``), and no header can change it,
until ``SESSION_BACKEND_TRUSTED_PROXIES`` names the proxies whose ``X-Forwarded-For`` is true:

- a list of networks in CIDR notation: the hops are read from the right while they lie in one of
  them, and the first that does not is the client. ``"unix"`` in the list trusts a proxy that
  connects through a Unix socket. A hop that is no address ends the reading: the last good one
  before it is recorded.
- a number of proxies: the client is that many values from the right. A header with fewer values
  did not pass them all, so ``REMOTE_ADDR`` is recorded.

Everything left of the client was written by the client and is never looked at.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)
from typing import Any, NamedTuple

from session_backend.conf import conf

__all__ = [
    "MAX_HOPS",
    "MAX_USER_AGENT",
    "UNKNOWN",
    "Client",
    "clean_ip",
    "clean_user_agent",
    "client_from_meta",
    "recorded",
    "trusted_proxies_problem",
]

MAX_USER_AGENT = 512
MAX_HOPS = 32

# The longest an address can be written is about 80 characters, with brackets, zone and port.
_MAX_ADDRESS = 100
_WITH_PORT = re.compile(r"\[([^\[\]]+)\](?::\d+)?|([\d.]+):\d+", re.ASCII)


class Client(NamedTuple):
    """A client as it may be recorded; ``None`` and ``""`` where nothing is known or kept."""

    ip: str | None
    user_agent: str


UNKNOWN = Client(None, "")


def client_from_meta(meta: Mapping[str, Any]) -> Client:
    """Return the client of a request from its ``META``; never raises."""
    return recorded(_address(meta), _as_written(meta.get("HTTP_USER_AGENT")))


def recorded(ip: object, user_agent: object) -> Client:
    """Clean an address and a user agent, and leave out what the site's settings do not keep.

    A ``SESSION_BACKEND_STORE_IP`` that is none of its three values keeps no address: better a
    missing one than one that must not be kept.
    """
    return Client(
        _kept(clean_ip(ip)), clean_user_agent(user_agent) if conf.store_user_agent else ""
    )


def clean_ip(value: object) -> str | None:
    """Return an IPv4 or IPv6 address in its shortest form, or None for anything else.

    A port, brackets and a zone id are cut off; an IPv4 address inside an IPv6 one
    (``::ffff:192.0.2.1``) becomes the IPv4 address.
    """
    if isinstance(value, (IPv4Address, IPv6Address)):
        value = str(value)
    if not isinstance(value, str) or len(value) > _MAX_ADDRESS:
        return None
    return _parsed_ip(value)


def clean_user_agent(value: object) -> str:
    """Return a user agent that any database and page can take: printable, 512 characters at most.

    What does not print (control characters, direction marks) goes; half a surrogate pair
    becomes ``?``; anything that is no string is ``""``.
    """
    if not isinstance(value, str):
        return ""
    text = value[:MAX_USER_AGENT]
    if not (text.isascii() and text.isprintable()):
        text = text.encode("utf-8", "replace").decode()
        text = "".join(filter(str.isprintable, text))
    return text.strip()


def trusted_proxies_problem() -> str | None:
    """Return what is wrong with ``SESSION_BACKEND_TRUSTED_PROXIES``, or None.

    Requests pass a broken setting by: they trust no proxy at all.
    """
    try:
        _trust(conf.trusted_proxies)
    except (TypeError, ValueError) as error:
        return str(error)
    return None


def _address(meta: Mapping[str, Any]) -> str | None:
    peer = meta.get("REMOTE_ADDR")
    setting = conf.trusted_proxies
    if not setting:
        return clean_ip(peer)
    try:
        trust = _trust(setting)
    except (TypeError, ValueError):
        return clean_ip(peer)
    forwarded = meta.get("HTTP_X_FORWARDED_FOR")
    hops = forwarded.rsplit(",", MAX_HOPS)[-MAX_HOPS:] if isinstance(forwarded, str) else []
    if trust.nearest:
        named = hops[-trust.nearest] if trust.nearest <= len(hops) else None
        return clean_ip(named) or clean_ip(peer)
    return trust.first_stranger([peer, *reversed(hops)])


class _Trust(NamedTuple):
    """Which hops are believed: so many of the nearest, or those in some networks."""

    nearest: int = 0
    networks: tuple[IPv4Network | IPv6Network, ...] = ()
    unix: bool = False

    def first_stranger(self, hops: list[object]) -> str | None:
        """Return the first untrusted address, else the last one before a bad hop or the end."""
        client = None
        for hop in hops:
            address = clean_ip(hop)
            if address:
                client = address
                if not self._covers(address):
                    break
            elif not (self.unix and _is_socket(hop)):
                break
        return client

    def _covers(self, address: str) -> bool:
        parsed = ip_address(address)
        return any(parsed in network for network in self.networks)


def _trust(setting: object) -> _Trust:
    """Read the setting; ``TypeError`` and ``ValueError`` say in words what is wrong with it."""
    if isinstance(setting, int) and not isinstance(setting, bool):
        if not 0 <= setting <= MAX_HOPS:
            raise ValueError(f"{setting} is not a number of proxies from 0 to {MAX_HOPS}")
        return _Trust(nearest=setting)
    if isinstance(setting, (str, bytes)) or not isinstance(setting, Iterable):
        raise TypeError(f"{setting!r} is neither a number of proxies nor a list of networks")
    return _compiled(tuple(map(str, setting)))


@lru_cache(maxsize=8)
def _compiled(entries: tuple[str, ...]) -> _Trust:
    networks = tuple(_network(entry) for entry in entries if entry != "unix")
    return _Trust(networks=networks, unix="unix" in entries)


def _network(text: str) -> IPv4Network | IPv6Network:
    network = ip_network(text, strict=False)
    mapped = getattr(network.network_address, "ipv4_mapped", None)
    # Addresses are cleaned to IPv4 before they are compared, so the network must be too.
    return ip_network(f"{mapped}/{network.prefixlen - 96}") if mapped is not None else network


def _is_socket(hop: object) -> bool:
    # A Unix socket has no address: servers say nothing, an empty string, or "unix:" and a path.
    return hop is None or (isinstance(hop, str) and hop.strip().partition(":")[0] in ("", "unix"))


@lru_cache(maxsize=1024)
def _parsed_ip(text: str) -> str | None:
    text = text.strip()
    if match := _WITH_PORT.fullmatch(text):
        text = match[1] or match[2]
    try:
        address = ip_address(text)
    except ValueError:
        return None
    mapped = getattr(address, "ipv4_mapped", None)
    return str(mapped or address).partition("%")[0]


def _kept(ip: str | None) -> str | None:
    how = conf.store_ip
    if ip is None or how == "full":
        return ip
    return _truncated(ip) if how == "truncated" else None


@lru_cache(maxsize=1024)
def _truncated(ip: str) -> str:
    network = ip_network(f"{ip}/{48 if ':' in ip else 24}", strict=False)
    return str(network.network_address)


def _as_written(value: object) -> object:
    """Undo the latin-1 decoding of headers (PEP 3333) as Django does for a path: UTF-8 again."""
    if not isinstance(value, str) or value.isascii():
        return value
    try:
        # No character of UTF-8 takes more than four bytes, so this keeps all that can be kept.
        return value[: 4 * MAX_USER_AGENT].encode("latin-1").decode("utf-8", "replace")
    except UnicodeEncodeError:
        return value
