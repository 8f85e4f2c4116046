"""Who sent a request: the only reader of ``request.META``.

The IP address is ``REMOTE_ADDR``, and no header can change it unless
``SESSION_BACKEND_TRUSTED_PROXIES`` names the proxies whose ``X-Forwarded-For`` is trusted:

- a list of networks in CIDR notation. Hops are read from the right, and the first that is in none
  of the networks is the client. ``"unix"`` in the list trusts a proxy that connects through a Unix
  socket. A hop that is not an address ends the reading, and the last address before it is used.
- a number of proxies. The client is that many values from the right. A header with fewer values
  did not pass all the proxies, so ``REMOTE_ADDR`` is used.

Everything to the left of the client was written by the client, and is ignored.
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
    collapse_addresses,
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
    "broad_proxy_networks",
    "clean_ip",
    "clean_user_agent",
    "client_from_meta",
    "network_of",
    "sanitized_client",
    "trusted_proxies_problem",
]

MAX_USER_AGENT = 512
MAX_HOPS = 32

# The longest an address can be written is about 80 characters, with brackets, zone and port.
_MAX_ADDRESS = 100
_WITH_PORT = re.compile(r"\[([^\[\]]+)\](?::\d+)?|([\d.]+):\d+", re.ASCII)


class Client(NamedTuple):
    """An IP address and a user agent; ``None`` and ``""`` if unknown or not stored."""

    ip: str | None
    user_agent: str


UNKNOWN = Client(None, "")


def client_from_meta(meta: Mapping[str, Any]) -> Client:
    """Return the client of a request from its ``META``, as it may be stored; never raises."""
    return sanitized_client(_address(meta), _as_written(meta.get("HTTP_USER_AGENT")))


def sanitized_client(ip: object, user_agent: object) -> Client:
    """Clean an address and a user agent, and leave out what the settings forbid to store.

    An invalid ``SESSION_BACKEND_STORE_IP`` stores no address, in case it must not be stored.
    """
    return Client(
        _storable(clean_ip(ip)), clean_user_agent(user_agent) if conf.store_user_agent else ""
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
    """Return the printable characters of a user agent, 512 at most.

    Control characters and direction marks are removed, a lone surrogate becomes ``?``, and a value
    that is not a string becomes ``""``.
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

    While something is, requests trust no proxy.
    """
    try:
        _trust(conf.trusted_proxies)
    except (TypeError, ValueError) as error:
        return str(error)
    return None


def broad_proxy_networks() -> list[IPv4Network | IPv6Network]:
    """Return the trusted networks that are larger than any private one, and so hold clients.

    The largest private networks are 10.0.0.0/8 and fc00::/7.
    """
    if trusted_proxies_problem():
        return []
    networks = _trust(conf.trusted_proxies).networks
    ipv4 = collapse_addresses(network for network in networks if network.version == 4)
    ipv6 = collapse_addresses(network for network in networks if network.version == 6)
    return [
        *(network for network in ipv4 if network.prefixlen < 8),
        *(network for network in ipv6 if network.prefixlen < 7),
    ]


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
    return trust.first_untrusted([peer, *reversed(hops)])


class _Trust(NamedTuple):
    """Which hops are trusted: a number of the nearest, or those in some networks."""

    nearest: int = 0
    networks: tuple[IPv4Network | IPv6Network, ...] = ()
    unix: bool = False

    def first_untrusted(self, hops: list[object]) -> str | None:
        """Return the first untrusted address, or else the last before an invalid hop or the end."""
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
    """Read the setting, or raise ``TypeError`` or ``ValueError`` with what is wrong with it."""
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
    # clean_ip() turns mapped addresses into IPv4, so the network must be IPv4 too.
    return ip_network(f"{mapped}/{network.prefixlen - 96}") if mapped is not None else network


def _is_socket(hop: object) -> bool:
    # A Unix socket has no address: servers send nothing, an empty string, or "unix:" and a path.
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


def _storable(ip: str | None) -> str | None:
    if ip is None or conf.store_ip == "full":
        return ip
    return network_of(ip) if conf.store_ip == "truncated" else None


@lru_cache(maxsize=1024)
def network_of(ip: str | None) -> str | None:
    """Return the network of an IP address, by its first address: /24, or /48 of IPv6."""
    if ip is None:
        return None
    network = ip_network(f"{ip}/{48 if ':' in ip else 24}", strict=False)
    return str(network.network_address)


def _as_written(value: object) -> object:
    """Decode a header as UTF-8; WSGI has decoded it as latin-1 (PEP 3333)."""
    if not isinstance(value, str) or value.isascii():
        return value
    try:
        # A character takes four bytes of UTF-8 at most, so this is enough.
        return value[: 4 * MAX_USER_AGENT].encode("latin-1").decode("utf-8", "replace")
    except UnicodeEncodeError:
        return value
