"""What browsers tell of a device only if they are asked (``SESSION_BACKEND_CLIENT_HINTS``).

Chromium has frozen its user agents: every Windows is ``Windows NT 10.0``, and every phone ``K``. It
sends the version of the platform and the model of the device as headers to sites that ask for
them, by HTTPS. What they say refines what the user agent says, and never contradicts it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from django.http import HttpResponseBase

from session_backend.conf import conf

__all__ = ["ask", "refined", "refines"]

HEADER = "Accept-CH"
WANTED = "Sec-CH-UA-Platform-Version, Sec-CH-UA-Model"
# A string of a structured field (RFC 9651) without escapes, no longer than the column.
_STRING = re.compile(r'"([ !#-\[\]-~]{1,64})"')
# The first version of Windows 11, in terms of an API ("User-Agent Client Hints").
_WINDOWS_11 = 13
_WINDOWS, _ANDROID = "Windows", "Android"


def ask(response: HttpResponseBase) -> None:
    """Ask the browser for its hints, beside others that the site asks for."""
    if conf.client_hints and response.get("Content-Type", "").startswith("text/html"):
        response[HEADER] = ", ".join(filter(None, [response.get(HEADER), WANTED]))


def refined(columns: Mapping[str, Any], meta: Mapping[str, Any]) -> dict[str, str]:
    """Return the columns of a device for which the hints of a request have better values."""
    if not conf.client_hints or columns.get("os") != _hint(meta, "PLATFORM"):
        return {}
    if columns["os"] == _WINDOWS:
        version = re.match(r"\d{1,3}(?=\.|$)", _hint(meta, "PLATFORM_VERSION"))
        if version and int(version[0]) >= _WINDOWS_11:
            return {"os": f"{_WINDOWS} 11"}
    elif columns["os"] == _ANDROID and (model := _hint(meta, "MODEL")):
        return {"device_model": model}
    return {}


def refines(name: str, stored: str, parsed: Mapping[str, Any]) -> bool:
    """Return whether a stored column is what a hint may have made of a parsed one."""
    if name == "os":
        return stored == f"{_WINDOWS} 11" and parsed["os"] == _WINDOWS
    return name == "device_model" and parsed["os"] == _ANDROID and not parsed["device_model"]


def _hint(meta: Mapping[str, Any], name: str) -> str:
    value = meta.get(f"HTTP_SEC_CH_UA_{name}")
    match = _STRING.fullmatch(value) if isinstance(value, str) else None
    return match[1].strip() if match else ""
