"""Proofs as Chromium writes them, and everything else that may be sent in their place."""

from __future__ import annotations

import hmac
import json
from hashlib import sha256
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from jwt.algorithms import ECAlgorithm

from session_backend.binding.proof import MAX_LENGTH, ForeignKey, InvalidProof, read_proof
from tests.session_backend.binding.browser import Key, encoded

KEYS = {"ES256": Key(), "RS256": Key(rsa_bits=2048)}

# The key pair of RFC 7515, appendix A.3.
RFC_KEY = {
    "kty": "EC",
    "crv": "P-256",
    "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
    "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
}
RFC_PRIVATE_KEY = {**RFC_KEY, "d": "jpsQnnGQmL-YBIffH1136cspYG6-0iY7X1fCE9-E9LI"}

# The example in "DBSC Proof JWT Syntax" of the specification. Its signature is by another key than
# the one that it shows.
SPECIFIED_KEY = {
    "kty": "EC",
    "crv": "P-256",
    "x": "6_GB2voQ0qroMh6OlDFCFS_SJriQi1PTvvBOhGZ3bHI",
    "y": "IegOJULyE7SxH_Cd1KCER7lWBvGFHQ-h0xyjzUjEIWE",
}
SPECIFIED = (
    "eyJhbGciOiJFUzI1NiIsInR5cCI6ImRic2Mrand0In0.eyJhdWQiOiJodHRwczovL2V4YW1wbGUuY29tL3JlZyIsImp0"
    "aSI6ImN2IiwiaWF0IjoiMTcyNTU3OTA1NSIsImp3ayI6eyJrdHkiOiJFQyIsImNydiI6IlAtMjU2IiwieCI6IjZfR0Iy"
    "dm9RMHFyb01oNk9sREZDRlNfU0pyaVFpMVBUdnZCT2hHWjNiSEkiLCJ5IjoiSWVnT0pVTHlFN1N4SF9DZDFLQ0VSN2xX"
    "QnZHRkhRLWgweHlqelVqRUlXRSJ9LCJhdXRob3JpemF0aW9uIjoiYWMifQ.6Fb_vVBDmfNghQiBmIGe8o7tBfYPbPCyw"
    "hQruP0vIhxgmcJmuNTaMHeVn_M8ZnOm1_bzIitbZqCWEn-1Qzmtyw"
)


@pytest.fixture(params=KEYS)
def key(request: pytest.FixtureRequest) -> Key:
    return KEYS[request.param]


def with_header(key: Key, **header: Any) -> str:
    """Return a registration whose header has these members."""
    return key.sign("c", registers=True, **header)


def test_registration(key: Key) -> None:
    proof = read_proof(key.sign("challenge", registers=True))
    assert proof.challenge == "challenge"
    assert proof.key == key.jwk


def test_refresh(key: Key) -> None:
    assert read_proof(key.sign("challenge"), key.jwk) == ("challenge", key.jwk)


def test_key_of_the_rfc() -> None:
    private: Any = ECAlgorithm.from_jwk(RFC_PRIVATE_KEY)
    headers = {"typ": "dbsc+jwt", "jwk": RFC_KEY}
    proof = jwt.encode({"jti": "c"}, private, "ES256", headers=headers)
    assert read_proof(proof) == ("c", RFC_KEY)


def test_example_of_the_specification() -> None:
    with pytest.raises(ForeignKey):
        read_proof(SPECIFIED, SPECIFIED_KEY)


def test_other_key(key: Key) -> None:
    other = Key(rsa_bits=2048 if key.algorithm == "RS256" else 0)
    with pytest.raises(ForeignKey):
        read_proof(other.sign("c"), key.jwk)
    # The key in the proof counts for nothing when one is known.
    with pytest.raises(ForeignKey):
        read_proof(other.sign("c", registers=True), key.jwk)
    with pytest.raises(ForeignKey):
        read_proof(with_header(key, jwk=other.jwk))


def test_changed_payload(key: Key) -> None:
    header, _, signature = key.sign("c").split(".")
    with pytest.raises(ForeignKey):
        read_proof(f"{header}.{encoded({'jti': 'd'})}.{signature}", key.jwk)


def test_no_more_of_a_key_than_it_takes() -> None:
    key = KEYS["ES256"]
    written = {**key.jwk, "kid": "x", "x5u": "https://example.com/", "use": "enc", "d": "AAAA"}
    assert read_proof(with_header(key, jwk=written)).key == key.jwk


def test_same_key_is_the_same_text() -> None:
    key = KEYS["ES256"]
    # Base64 has other ways to write the same number.
    padded = {**key.jwk, "x": f"{key.jwk['x']}="}
    assert read_proof(with_header(key, jwk=padded)).key == key.jwk


@pytest.mark.parametrize("type_", ["", "JWT", "jwt", "dbsc+JWT", 5, None, ["dbsc+jwt"]])
def test_other_type(type_: object) -> None:
    key = KEYS["ES256"]
    header = {"alg": "ES256", "typ": type_, "jwk": key.jwk}
    signed = f"{encoded(header)}.{encoded({'jti': 'c'})}"
    algorithm: Any = jwt.get_algorithm_by_name("ES256")
    proof = f"{signed}.{encoded(algorithm.sign(signed.encode(), key.private))}"
    with pytest.raises(InvalidProof):
        read_proof(proof)


@pytest.mark.parametrize("is_known", [True, False])
@pytest.mark.parametrize("algorithm", ["none", "None", "", "HS256", "ES384", "RS256", "PS256", 5])
def test_other_algorithm(algorithm: object, is_known: bool) -> None:
    key = KEYS["ES256"]
    header = {"alg": algorithm, "typ": "dbsc+jwt", "jwk": key.jwk}
    signed = f"{encoded(header)}.{encoded({'jti': 'c'})}"
    # The public key as a secret of HMAC, which everybody knows.
    for secret in (json.dumps(key.jwk).encode(), b""):
        signature = hmac.new(secret, signed.encode(), sha256).digest()
        for proof in (f"{signed}.{encoded(signature)}", f"{signed}."):
            with pytest.raises(InvalidProof):
                read_proof(proof, key.jwk if is_known else None)


@pytest.mark.parametrize(
    "jwk",
    [
        *[None, "", 5, [], {}, {"kty": "EC"}, {"kty": "oct", "k": "AAAA"}, {"kty": ["EC"]}],
        {**RFC_KEY, "x": RFC_KEY["y"]},
        {**RFC_KEY, "x": "", "y": ""},
        {**RFC_KEY, "x": "AA", "y": "AA"},
        {**RFC_KEY, "x": 5},
        {**RFC_KEY, "x": "ü"},
        {**RFC_KEY, "x": "A" * 2000},
        {**RFC_KEY, "crv": "P-384"},
        {**RFC_KEY, "crv": "secp256k1"},
        {**RFC_KEY, "crv": ["P-256"]},
        {**RFC_KEY, "kty": "OKP", "crv": "Ed25519"},
        {"kty": "RSA", "n": "AQAB", "e": "AQAB"},
        {"kty": "RSA", "n": "", "e": ""},
        {"kty": "RSA", "n": "AQAB"},
        {**KEYS["RS256"].jwk, "e": "AA"},
        {**KEYS["RS256"].jwk, "e": "AQ"},
        {**KEYS["RS256"].jwk, "e": "Ag"},
        {**KEYS["RS256"].jwk, "d": "AA", "oth": []},
    ],
)
def test_bad_key(jwk: Any) -> None:
    key = KEYS["RS256"] if isinstance(jwk, dict) and jwk.get("kty") == "RSA" else KEYS["ES256"]
    header = {"alg": key.algorithm, "typ": "dbsc+jwt", "jwk": jwk}
    proof = f"{encoded(header)}.{encoded({'jti': 'c'})}.{encoded(b'x' * 64)}"
    with pytest.raises((InvalidProof, ForeignKey)):
        read_proof(proof)


@pytest.mark.parametrize("curve", [ec.SECP384R1(), ec.SECP521R1(), ec.SECP256K1()])
def test_other_curve(curve: ec.EllipticCurve) -> None:
    key = Key(curve=curve)
    proof = KEYS["ES256"].sign("c", registers=True, jwk=key.jwk)
    with pytest.raises(InvalidProof):
        read_proof(proof)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("bits", [1024, 1536, 2047, 8192])
def test_rsa_key_of_another_size(bits: int) -> None:
    if bits == 8192:
        # Made by hand: this takes seconds to generate.
        jwk = {"kty": "RSA", "n": encoded(b"\xff" * 1024), "e": "AQAB"}
        proof = KEYS["RS256"].sign("c", registers=True, jwk=jwk)
    else:
        proof = Key(rsa_bits=bits).sign("c", registers=True)
    with pytest.raises(InvalidProof, match="size"):
        read_proof(proof)


@pytest.mark.parametrize(
    "payload",
    [
        *[b"", b"x", b"\xff", b"[]", b"5", b"null", b"{}", b'{"jti": 5}', b'{"jti": null}'],
        *['{"jti": "ü"}'.encode(), b'{"jti": ["c"]}', b"[" * 1000],
    ],
)
def test_bad_payload(payload: bytes) -> None:
    key = KEYS["ES256"]
    headers = {"typ": "dbsc+jwt", "jwk": key.jwk}
    proof = jwt.PyJWS().encode(payload, key.private, "ES256", headers=headers)
    with pytest.raises(InvalidProof):
        read_proof(proof)


@pytest.mark.parametrize(
    "text",
    [
        *["", ".", "..", "...", "a.b.c", "ü.ü.ü", "\ud800..", "e30.e30.e30", "W10.e30.AA"],
        f"{encoded({'alg': 'ES256', 'typ': 'dbsc+jwt', 'crit': ['x'], 'jwk': RFC_KEY})}.e30.AA",
        f"{encoded({'alg': 'ES256', 'typ': 'dbsc+jwt', 'b64': False, 'jwk': RFC_KEY})}..AA",
        "[" * MAX_LENGTH,
    ],
)
def test_nonsense(text: str) -> None:
    for known in (None, RFC_KEY):
        with pytest.raises((InvalidProof, ForeignKey)):
            read_proof(text, known)


def test_longest() -> None:
    key = KEYS["ES256"]
    assert read_proof(key.sign("c" * 100), key.jwk)
    with pytest.raises(InvalidProof, match="long"):
        read_proof(key.sign("c" * MAX_LENGTH), key.jwk)
