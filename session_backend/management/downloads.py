"""Files fetched over HTTP and compared with the checksum beside them."""

from __future__ import annotations

import re
from base64 import b64encode
from hashlib import sha256
from http.client import HTTPException
from typing import IO, NamedTuple
from urllib.error import HTTPError
from urllib.parse import SplitResult, unquote, urlsplit
from urllib.request import Request, urlopen

from django.core.management.base import CommandError

from session_backend.management.progress import progress

__all__ = ["LARGEST_FILE", "Address", "download", "published_checksum"]

TIMEOUT = 30  # seconds without a byte
CHUNK = 1 << 16
# GeoLite2 City is about 60 MB, the largest edition that is sold some hundreds.
LARGEST_FILE = 1 << 30

REASONS = {
    401: "The server refuses the account id or the licence key. Compare them with "
    "https://www.maxmind.com/en/accounts/current/license-key; a new key takes some minutes.",
    403: "The server does not allow it: the account may lack this edition, or wait for its "
    "licence to be accepted on the server's own site.",
    404: "The server has no such file.",
    429: "The server has had too many downloads from this account today. Try again tomorrow.",
}


class Address(NamedTuple):
    """Where a file is, and who asks for it. It prints without anything that is secret."""

    parts: SplitResult
    credentials: str = ""

    @classmethod
    def of(cls, url: str, credentials: str = "") -> Address:
        """Read a URL; ``user:password@`` in it becomes the credentials.

        Raises CommandError for anything but http and https.
        """
        try:
            parts = urlsplit(url)
        except ValueError:
            parts = urlsplit("")
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise CommandError("A URL has to begin with https:// or http:// and name a server.")
        user, _, host = parts.netloc.rpartition("@")
        return cls(parts._replace(netloc=host), unquote(user) or credentials)

    def __str__(self) -> str:
        return self.parts._replace(query="", fragment="").geturl()

    def __repr__(self) -> str:
        return f"<{self}>"

    @property
    def checksum(self) -> Address:
        """The file beside it that holds its SHA-256, under the name that MaxMind gives it."""
        path, query = self.parts.path, self.parts.query
        if re.search(r"\bsuffix=", query):
            query = re.sub(r"(\bsuffix=[^&]*)", r"\1.sha256", query)
        else:
            path += ".sha256"
        return self._replace(parts=self.parts._replace(path=path, query=query))

    def request(self) -> Request:
        request = Request(self.parts.geturl(), headers={"User-Agent": "django-session-ui"})
        if self.credentials:
            token = b64encode(self.credentials.encode()).decode()
            # Not for the server that this one sends us on to.
            request.add_unredirected_header("Authorization", f"Basic {token}")
        return request


def download(address: Address, file: IO[bytes], verbosity: int = 0) -> str:
    """Write what is at the address into a file and return its SHA-256 in hexadecimal."""
    digest = sha256()
    size = 0
    try:
        with urlopen(address.request(), timeout=TIMEOUT) as response:
            length = int(response.headers.get("Content-Length") or 0)
            with progress(lambda: length or None, "B", verbosity, scaled=True) as advance:
                while chunk := response.read(CHUNK):
                    size += len(chunk)
                    if size > LARGEST_FILE:
                        raise CommandError(f"{address} is larger than {LARGEST_FILE} bytes.")
                    digest.update(chunk)
                    _write(file, chunk)
                    advance(len(chunk))
    except HTTPError as error:
        raise _refused(address, error) from None
    except (OSError, HTTPException, ValueError) as error:
        raise _unreachable(address, error) from None
    return digest.hexdigest()


def published_checksum(address: Address) -> str:
    """Return the SHA-256 that the server has published for the file at the address."""
    try:
        with urlopen(address.checksum.request(), timeout=TIMEOUT) as response:
            text = response.read(CHUNK).decode("ascii", "replace")
    except HTTPError as error:
        if error.code == 404:
            error.close()
            raise CommandError(
                f"There is no checksum at {address.checksum}. If you trust the server without "
                "one, say --no-checksum."
            ) from None
        raise _refused(address.checksum, error) from None
    except (OSError, HTTPException, ValueError) as error:
        raise _unreachable(address.checksum, error) from None
    found = re.match(r"\s*([0-9a-fA-F]{64})\b", text)
    if found is None:
        raise CommandError(f"{address.checksum} is no SHA-256 checksum.")
    return found[1].lower()


def _write(file: IO[bytes], chunk: bytes) -> None:
    try:
        file.write(chunk)
    except OSError as error:
        raise CommandError(
            f"The download cannot be written: {error.strerror}. Free some space, or set "
            "GEOIP_PATH to another folder."
        ) from None


def _refused(address: Address, error: HTTPError) -> CommandError:
    error.close()
    reason = REASONS.get(error.code, "Try again later, or name a mirror with --url.")
    return CommandError(f"{address} answered {error.code}. {reason}")


def _unreachable(address: Address, error: Exception) -> CommandError:
    # The text of an error may quote the request; its kind, and the system's words, do not.
    cause = getattr(error, "reason", error)
    words = getattr(cause, "strerror", None) or type(error).__name__
    return CommandError(
        f"{address} cannot be reached ({words}). Check the network and the variable https_proxy, "
        "or name a mirror with --url."
    )
