"""The proof that a browser has a key: a JSON Web Signature (RFC 7515).

"DBSC Proof JWT Syntax" in https://w3c.github.io/webappsec-dbsc/ has its form; browsers put the key
into the header of the first proof.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from jwt import PyJWK, PyJWS
from jwt.exceptions import InvalidSignatureError, PyJWTError

__all__ = ["ALGORITHMS", "ForeignKey", "InvalidProof", "Proof", "read_proof"]

TYPE = "dbsc+jwt"
# The members of a public key by its algorithm (RFC 7518, section 6). Chromium's keys are P-256 or,
# where the chip has nothing else, RSA of 2048 bits.
ALGORITHMS: Mapping[str, tuple[str, ...]] = {
    "ES256": ("kty", "crv", "x", "y"),
    "RS256": ("kty", "n", "e"),
}
RSA_BITS = range(2048, 4097)
# A proof with an RSA key of 4096 bits has 1,700 characters.
MAX_LENGTH = 4096


class InvalidProof(Exception):
    """What was sent is no proof, whatever the key."""


class ForeignKey(Exception):
    """What was sent is signed, but not with the key of the session."""


class Proof(NamedTuple):
    """A proof whose signature was verified."""

    challenge: str
    """What was signed."""
    key: dict[str, str]
    """The public key, with no more than what it takes to verify."""


def read_proof(text: str, known: Mapping[str, str] | None = None) -> Proof:
    """Verify a proof by the key that is known; without one, by the key in the proof.

    Raises InvalidProof or ForeignKey.
    """
    if len(text) > MAX_LENGTH:
        raise InvalidProof("too long")
    jws = PyJWS()
    try:
        header = jws.get_unverified_header(text)
        algorithm, key = key_of(known or header.get("jwk"))
        if header.get("typ") != TYPE:
            raise InvalidProof("of another type")
        payload = jws.decode(text, PyJWK(key, algorithm), algorithms=[algorithm])
        challenge = json.loads(payload)["jti"]
    except InvalidSignatureError as error:
        raise ForeignKey from error
    except (PyJWTError, ValueError, TypeError, KeyError, RecursionError) as error:
        raise InvalidProof(str(error)) from error
    if not isinstance(challenge, str) or not challenge.isascii():
        raise InvalidProof("without a challenge")
    return Proof(challenge, key)


def key_of(jwk: Any) -> tuple[str, dict[str, str]]:
    """Return the algorithm of a key, and the key as its numbers are written by us.

    So one key is the same text each time, and holds nothing that was not asked for.
    """
    if not isinstance(jwk, Mapping):
        raise InvalidProof("without a key")
    algorithm = "RS256" if jwk.get("kty") == "RSA" else "ES256"
    members = {name: jwk[name] for name in ALGORITHMS[algorithm]}
    if algorithm == "ES256" and members["crv"] != "P-256":
        raise InvalidProof("with a key on another curve")
    public: Any = PyJWK(members, algorithm)
    if isinstance(public.key, RSAPublicKey) and public.key.key_size not in RSA_BITS:
        raise InvalidProof("with a key of another size")
    written = public.Algorithm.to_jwk(public.key, as_dict=True)
    return algorithm, {name: written[name] for name in ALGORITHMS[algorithm]}
