"""Bound tokens at the gateway, in front of a service and as the answer to a proxy's question."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest

from conformance.proofs import Proof, Thumbprint
from gatewaying import Answer, ask, echo, providers, running
from jwt_signer_mw.messages import claims_in

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from jwt_signer_mw.demo.stage import Providers

ORIGIN = "https://api.example"


@pytest.fixture(scope="module")
def known() -> Iterator[Providers]:
    with providers() as opened:
        yield opened


def content(known: Providers, **settings: Any) -> dict[str, Any]:
    shared = {
        "channel_token_optional": True,
        "access_token_jwks_uri": known.access.jwks_uri,
        "access_token_signing_algorithm": "ES256",
        "access_token_dpop": "required",
        "public_origins": [ORIGIN],
    }
    return {**shared, **settings}


def bound(known: Providers) -> str:
    return known.access.mint(cnf={"jkt": str(Thumbprint("p256"))})


def sent(token: str, uri: str = "/orders", jti: str = "one", method: str = "GET") -> dict[str, str]:
    claims = {"htu": ORIGIN + uri, "htm": method, "iat": int(time.time())}
    return {"Authorization": f"DPoP {token}", "DPoP": str(Proof(token, claims, jti=jti))}


def test_in_front_of_a_service(known: Providers, tmp_path: Path) -> None:
    with echo() as service:
        rules = {"gateway": {"upstream": service}, "routes": [{"path": "/*"}]}
        with running(tmp_path, content(known, **rules)) as gateway:
            token = bound(known)
            passed = ask(gateway.origin, "/orders?a=1", sent(token))
            assert claims_in(passed.sent("Authorization")[0])["original_cnf"] == {
                "jkt": str(Thumbprint("p256"))
            }
            assert "dpop" not in passed.names, "the proof is for nobody behind"
            assert _refused(ask(gateway.origin, "/orders", sent(token))), "a replay"
            assert _refused(ask(gateway.origin, "/others", sent(token, jti="two")))
            assert _refused(ask(gateway.origin, "/orders", {"Authorization": f"Bearer {token}"}))


def test_as_the_answer_to_a_question(known: Providers, tmp_path: Path) -> None:
    """The proxy tells of the request in headers of its own; the proof is for what it tells."""
    with running(tmp_path, content(known), "--forward-auth", "nginx") as gateway:
        token = bound(known)
        about = {
            "X-Original-Method": "POST",
            "X-Original-URI": "/orders?a=1",
            "X-Original-Host": "api.example",
        }
        told = ask(gateway.origin, "/auth", {**sent(token, method="POST"), **about})
        assert told.status == 200
        assert claims_in(told.headers["authorization"])["original_cnf"]
        assert "dpop" in told.headers["x-jwt-signer-remove"].lower()
        assert _refused(ask(gateway.origin, "/auth", {**sent(token, method="POST"), **about})), "a replay"
        other = {**about, "X-Original-URI": "/others"}
        assert _refused(ask(gateway.origin, "/auth", {**sent(token, method="POST", jti="two"), **other}))
        assert _refused(ask(gateway.origin, "/auth", {**sent(token, jti="three"), **about})), "another method"


def test_a_body_that_no_proxy_shows_is_bound_to_nothing(known: Providers, tmp_path: Path) -> None:
    rules = {"access_token_dpop": "never", "access_token_upstream_request": ["method", "body"]}
    with running(tmp_path, content(known, **rules), "--forward-auth", "nginx") as gateway:
        about = {"X-Original-Method": "GET", "X-Original-URI": "/", "X-Original-Host": "api.example"}
        headers = {"Authorization": f"Bearer {known.access.mint()}", **about}
        assert ask(gateway.origin, "/auth", headers).status == 500


def _refused(answer: Answer) -> bool:
    return answer.status == 401 and answer.headers["www-authenticate"].startswith("DPoP ")
