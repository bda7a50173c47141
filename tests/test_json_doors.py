"""The JSONTestSuite through all four doors: claims, header, key set, introspection answer."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from conformance.case import NOW
from conformance.keys import Jwk, algorithm, private_key
from conformance.tokens import segment
from jwt_signer_mw.flows.commands import Exchange, Reply
from jwt_signer_mw.wire import Malformed, parse_json
from parts import CORPORA, require_corpora
from system import GOOD, INTROSPECTING, OPAQUE, token

if TYPE_CHECKING:
    from pathlib import Path

    from system import Gates

FILES = sorted(CORPORA.glob("JSONTestSuite/test_*/*.json"))
KEYS = json.dumps({"keys": [Jwk("p256").as_json()]}).encode()
OPEN: dict[str, object] = {
    # as few checks as can be, so that JSON alone decides
    "access_token_jwks_uri": "https://idp.example/jwks",
    "access_token_issuers_allowed": None,
    "access_token_audiences_allowed": None,
    "access_token_scopes_required": None,
    "access_token_required_claims": None,
    "verify_access_token_expiry": False,
    "verdict_cache_size": 0,
}


class Transport:
    """A provider with the one body, for whatever is asked."""

    def __init__(self) -> None:
        self.keys, self.answer = KEYS, b""

    def send(self, exchange: Exchange) -> Reply:
        return Reply(200, {}, self.answer if exchange.method == "POST" else self.keys)


def readable(data: bytes) -> object:
    """The value, where there is one that everybody reads alike."""
    try:
        return parse_json(data)
    except Malformed:
        return None


def expected(path: Path) -> set[bool]:
    """Whether an object may come through: never one that the suite says is no JSON."""
    if path.name.startswith("n_"):
        return {False}
    return {isinstance(readable(path.read_bytes()), dict)}


def test_the_suite_is_complete() -> None:
    require_corpora()
    assert len(FILES) == 318 + 22


HEADER = segment(b'{"alg":"ES256","kid":"p256"}')


def signed(data: bytes) -> str:
    text = f"{HEADER}.{segment(data)}"
    return f"{text}.{segment(algorithm('ES256').sign(text.encode(), private_key('p256')))}"


@pytest.mark.rule("S3")
@pytest.mark.timeout(180)
def test_as_claims(gates: Gates) -> None:
    """Well signed: only what is an object with one reading goes on, and it is signed anew."""
    gate = gates.open(OPEN, transport=Transport())
    assert gate.send(GOOD).status == 200
    for path in FILES:
        outcome = gate.send(signed(path.read_bytes()))
        assert outcome.status in (200, 401), path.name
        assert (outcome.status == 200) in expected(path), path.name
    assert gate.send(GOOD).status == 200


@pytest.mark.rule("S3")
@pytest.mark.timeout(180)
def test_as_header(gates: Gates) -> None:
    gate = gates.open({**OPEN, **INTROSPECTING}, transport=Transport())
    for path in FILES:
        data = path.read_bytes()
        texts = [f"{segment(data)}.e30.AAAA"]
        if data[:1] == b"{" and data[-1:] == b"}":  # with an algorithm, so that it looks like a JWT
            texts.append(segment(b'{"alg":"ES256",' + data[1:]) + ".e30.AAAA")
        for text in texts:
            assert gate.send(text).status == 401, path.name
    assert gate.send(GOOD).status == 200


@pytest.mark.rule("S3", "S25")
@pytest.mark.timeout(180)
def test_as_key_set(gates: Gates) -> None:
    """With nothing in memory a failed fetch is a 503; afterwards the old set serves on."""
    transport = Transport()
    settings = {**OPEN, "jwks_reload_interval": 0}
    for path in FILES:
        data = path.read_bytes()
        transport.keys = data
        gate = gates.open(settings, transport=transport)
        assert gate.send(GOOD).status in (401, 503), path.name
    transport.keys = KEYS
    gate = gates.open(settings, transport=transport)
    stranger = token(header={"kid": "nobody"})
    for path in FILES:
        transport.keys = KEYS
        assert gate.send(token({"jti": path.name})).status == 200
        transport.keys = path.read_bytes()
        assert gate.send(stranger).status == 401, path.name
        if not isinstance(readable(path.read_bytes()), dict):
            assert gate.send(GOOD).status == 200, path.name


@pytest.mark.rule("S3", "S26")
@pytest.mark.timeout(180)
def test_as_introspection_answer(gates: Gates) -> None:
    transport = Transport()
    settings: dict[str, Any] = {
        **OPEN,
        "access_token_introspection_endpoint": "https://idp.example/introspect",
    }
    settings |= {"cache_access_token_introspection": False, "verify_access_token_introspection_expiry": False}
    gate = gates.open(settings, transport=transport)
    for path in FILES:
        data = path.read_bytes()
        transport.answer = data
        assert gate.send(OPAQUE).status == 401, path.name
        if data[:1] == b"{" and data.strip()[-1:] == b"}":
            transport.answer = b'{"active":true,"exp":%d,' % (NOW + 9) + data.strip()[1:]
            outcome = gate.send(OPAQUE)
            assert outcome.status in (200, 401), path.name
            assert not path.name.startswith("n_") or outcome.status == 401, path.name
