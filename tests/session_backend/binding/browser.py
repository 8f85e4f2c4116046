"""A browser that binds sessions to its device, as Chromium does."""

from __future__ import annotations

import json
from base64 import urlsafe_b64encode
from collections.abc import Callable
from inspect import isawaitable
from typing import Any
from urllib.parse import urlencode

import jwt
from asgiref.sync import async_to_sync
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from django.conf import settings
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

from tests.browsers import LAPTOP, PASSWORD, AsyncBrowser, Browser

__all__ = ["AsyncBoundBrowser", "BoundBrowser", "BoundMixin", "Key", "encoded"]


def encoded(value: object) -> str:
    """Return a part of a JWS: JSON, or bytes, in Base64."""
    data = value if isinstance(value, bytes) else json.dumps(value).encode()
    return urlsafe_b64encode(data).rstrip(b"=").decode()


class Key:
    """A key pair as a browser has one: P-256, or RSA of so many bits."""

    def __init__(self, rsa_bits: int = 0, curve: ec.EllipticCurve | None = None) -> None:
        self.algorithm = "RS256" if rsa_bits else "ES256"
        if rsa_bits:
            self.private: Any = rsa.generate_private_key(65537, rsa_bits)
            self.jwk: dict[str, Any] = RSAAlgorithm.to_jwk(self.private.public_key(), as_dict=True)
            # The key as Chromium has it: without what the key is for.
            self.jwk.pop("key_ops")
        else:
            self.private = ec.generate_private_key(curve or ec.SECP256R1())
            self.jwk = ECAlgorithm.to_jwk(self.private.public_key(), as_dict=True)

    def sign(self, challenge: object, *, registers: bool = False, **header: Any) -> str:
        """Return a proof; the header of a registration has the public key."""
        headers = {"typ": "dbsc+jwt", **({"jwk": self.jwk} if registers else {}), **header}
        return jwt.encode({"jti": challenge}, self.private, self.algorithm, headers=headers)


def structured(text: str) -> tuple[str, dict[str, str]]:
    """Return the item and the parameters of a structured header."""
    item, *pairs = text.split(";")
    return item, {name: value.strip('"') for name, _, value in (p.partition("=") for p in pairs)}


class BoundMixin:
    """What Chromium does by itself, for a client that sends every request over HTTPS."""

    cookies: Any
    generic: Callable[..., Any]
    secure = True
    # The names of the headers that such a browser sends.
    response_header, id_header = "Secure-Session-Response", "Sec-Secure-Session-Id"
    # The path to the site.
    prefix = ""
    # What else a WSGI server says of a request.
    environ: dict[str, Any] = {}

    def prepare(self) -> None:
        self.key_pair = Key()
        # What the sign-in offered: where to register, and what to sign.
        self.offer: dict[str, str] | None = None
        # The instructions of the bound session, and the challenge for the next refresh.
        self.instructions: dict[str, Any] | None = None
        self.challenge = ""
        self.refreshes = 0

    def send(self, path: str, method: str = "GET", data: Any = "", **headers: str) -> Any:
        """Send a request as it is, and follow no instruction of the answer."""
        form = "application/x-www-form-urlencoded"
        content = urlencode(data).encode() if data else b""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        named["User-Agent"] = LAPTOP["HTTP_USER_AGENT"]

        def send() -> Any:
            return self.generic(
                method, path, content, form, secure=self.secure, headers=named, **self.environ
            )

        async def wait() -> Any:
            return await send()

        response = async_to_sync(wait)() if isinstance(self, AsyncBrowser) else send()
        assert not isawaitable(response)
        return response

    def visit(self, path: str, method: str = "GET", data: Any = "") -> Any:
        """Send a request as Chromium does: after a refresh if the bound cookie is not there."""
        if self.instructions and not self.has_cookie and self.covers(path):
            self.refresh()
        response = self.send(path, method, data)
        offer = response.headers.get("Secure-Session-Registration")
        if offer:
            self.offer = structured(offer)[1]
        return response

    def sign_in(self, user: Any) -> Any:
        """Sign in, and register as the answer offers it."""
        data = {"username": user.get_username(), "password": PASSWORD}
        response = self.visit(f"{self.prefix}/accounts/login/", "POST", data)
        assert response.status_code == 302, response.content
        if self.offer:
            assert self.register().status_code == 200
        return self

    def register(self, key: Key | None = None, challenge: object = None, proof: str = "") -> Any:
        """Register a key, for the challenge of the sign-in if no other is given."""
        offer, key = self.offer or {}, key or self.key_pair
        proof = proof or key.sign(challenge or offer["challenge"], registers=True)
        response = self.post_to(offer["path"], proof)
        if response.status_code == 200 and "credentials" in response.json():
            self.follow(response)
        return response

    def refresh(self) -> Any:
        """Ask for another bound cookie, as often as the server has a challenge to sign."""
        self.refreshes += 1
        for _ in range(3):
            response = self.prove(self.challenge and self.key_pair.sign(self.challenge))
            if response.status_code != 403:
                break
            self.challenge = structured(response.headers["Secure-Session-Challenge"])[0].strip('"')
        if response.status_code != 204:
            # Anything but an answer with instructions ends the session of the browser.
            if response.status_code == 200 and "credentials" in response.json():
                self.follow(response)
            else:
                self.instructions = None
        return response

    def prove(self, proof: str = "", identifier: str | None = None) -> Any:
        """Send one refresh with this proof."""
        instructions = self.instructions or {}
        identifier = identifier or instructions["session_identifier"]
        return self.post_to(instructions["refresh_url"], proof, identifier)

    def post_to(self, path: str, proof: str = "", identifier: str = "") -> Any:
        # The server sees the cookies only if the address is in their path.
        assert path.startswith(settings.SESSION_COOKIE_PATH)
        headers = {self.response_header: f'"{proof}"'} if proof else {}
        if identifier:
            headers[self.id_header] = f'"{identifier}"'
        return self.send(path, "POST", **headers)

    def follow(self, response: Any) -> None:
        """Keep the instructions, if the cookie is the one that they describe."""
        self.instructions = response.json()
        item, parameters = structured(response.headers["Secure-Session-Challenge"])
        assert self.instructions is not None
        assert parameters["id"] == self.instructions["session_identifier"]
        self.challenge = item.strip('"')
        (credential,) = self.instructions["credentials"]
        morsel = response.cookies[credential["name"]]
        names = ("domain", "httponly", "path", "samesite", "secure")
        given = {name: str(morsel[name]).lower() for name in names if morsel[name]}
        pairs = (part.partition("=") for part in credential["attributes"].lower().split("; "))
        assert {name: value or "true" for name, _, value in pairs} == given
        assert morsel["path"] == settings.SESSION_COOKIE_PATH
        if morsel.key.startswith("__Host-"):
            assert given["path"] == "/"
            assert given["secure"] == "true"
            assert "domain" not in given

    def covers(self, path: str) -> bool:
        """Tell whether a request for a path waits for the bound cookie."""
        assert self.instructions is not None
        rules = self.instructions["scope"]["scope_specification"]
        assert {rule["type"] for rule in rules} <= {"exclude"}
        return not any(path.startswith(rule["path"]) for rule in rules)

    @property
    def cookie_name(self) -> str:
        return f"{settings.SESSION_COOKIE_NAME}_bound"

    @property
    def has_cookie(self) -> bool:
        morsel = self.cookies.get(self.cookie_name)
        return bool(morsel and morsel.value)

    def lose_cookie(self) -> None:
        """Let the bound cookie expire."""
        del self.cookies[self.cookie_name]


class BoundBrowser(BoundMixin, Browser):
    def __init__(self) -> None:
        super().__init__(LAPTOP)
        self.prepare()

    def _base_environ(self, **request: Any) -> Any:
        request["PATH_INFO"] = request["PATH_INFO"].removeprefix(self.prefix)
        return super()._base_environ(SCRIPT_NAME=self.prefix, **request)  # type: ignore[misc]


class AsyncBoundBrowser(BoundMixin, AsyncBrowser):
    def __init__(self) -> None:
        super().__init__(LAPTOP)
        self.prepare()

    def _base_scope(self, **request: Any) -> dict[str, Any]:
        return super()._base_scope(root_path=self.prefix, **request)
