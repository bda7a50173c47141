"""The watch over the log of the whole run sees what it should, and these flows at every level."""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING

import pytest

from conformance.case import Answer, Provider
from conformance.keys import Jwk, Pem
from log_hygiene import Watch
from parts import require_corpora
from system import ACTIVE, GOOD, INTROSPECTING, MAIN, OPAQUE, token

if TYPE_CHECKING:
    from system import Gates


@pytest.mark.rule("S31")
@pytest.mark.parametrize(
    "planted",
    [
        str(GOOD),
        f"Bearer {GOOD}",
        OPAQUE,
        Pem("p256").as_bytes().decode(),
        json.dumps(Jwk("p256", private=True).as_json()),
    ],
    ids=["a token", "a header", "an opaque token", "a PEM file", "a JWK"],
)
def test_the_watch_finds_what_is_planted(planted: str) -> None:
    watch = Watch()
    for text, extra in ((planted, {}), ("harmless", {"jwt_signer": {"detail": planted}})):
        record = logging.LogRecord("jwt_signer_mw.x", logging.INFO, __file__, 1, text, (), None)
        record.__dict__.update(extra)
        watch.emit(record)
        assert len(watch.take()) == 1
    watch.emit(logging.LogRecord("jwt_signer_mw.x", logging.INFO, __file__, 1, "a.b.c eyJ", (), None))
    assert watch.take() == []


@pytest.mark.rule("S29", "S31")
@pytest.mark.attack("LOG-01")
def test_every_road_is_logged_without_a_secret(gates: Gates, caplog: pytest.LogCaptureFixture) -> None:
    """Instrumentation on, every level on: what is refused, accepted, remembered, broken and rotated."""
    caplog.set_level(logging.DEBUG)
    settings = {
        **INTROSPECTING,
        "enable_instrumentation": True,
        "access_token_introspection_authorization": "Basic c2VjcmV0OnMzY3IzdA==",
        "access_token_jwks_uri_client_username": "gateway",
        "access_token_jwks_uri_client_password": "s3cr3t-password",
        "admin_token": "s3cr3t-admin-token",
    }
    gate = gates.open(settings, Provider({"/jwks": MAIN}, {OPAQUE: Answer(dict(ACTIVE))}))
    tokens = json.loads((require_corpora() / "attacks.tokens.public.json").read_text())["tokens"]
    for value in (
        GOOD,
        OPAQUE,
        *tokens.values(),
        token(header={"kid": str(GOOD)}),
        token({"sub": str(GOOD)}),
    ):
        if "\r" not in str(value) and "\n" not in str(value):
            gate.send(value)
    for broken in (Answer(json.dumps(Jwk("p256", private=True).as_json()).encode()[:-9]), Answer(status=500)):
        gate.answer("/jwks", broken)
        gate.answer("/introspect", broken)
        gate.clock.now += 31
        gate.send(token(header={"kid": "nobody"}))
        gate.send("another-opaque-token")
    watch = Watch()
    for record in caplog.records:
        watch.emit(record)
    assert watch.take() == []
    assert watch.seen > 200
    assert "c2VjcmV0OnMzY3IzdA==" not in caplog.text
    assert OPAQUE not in caplog.text
