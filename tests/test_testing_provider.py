"""The provider of the test kit: its flaws, its troubles, its clock, and the port it may listen on."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest
import requests

from jwt_signer_mw import Settings
from jwt_signer_mw.errors import TransportError
from jwt_signer_mw.flows.commands import Exchange
from jwt_signer_mw.jose import load_keyset
from jwt_signer_mw.testing import FLAWS, INTROSPECTION, JWKS, MALFORMED, Provider, SteerableClock
from jwt_signer_mw.wire import parse_object
from jwt_signer_mw.wsgi import JWTSignerMiddleware

if TYPE_CHECKING:
    from collections.abc import Iterable
    from wsgiref.types import StartResponse, WSGIEnvironment

JWTS: dict[str, Any] = {
    "access_token_jwks_uri": "https://login.example/jwks",
    "access_token_issuers_allowed": ["https://login.example"],
    "access_token_audiences_allowed": ["orders"],
    "access_token_leeway": 600,
    "verify_access_token_notbefore": True,
    "access_token_signing_algorithm": "ES256",
    "channel_token_optional": True,
    "keyset_store": "memory://",
}
OPAQUE: dict[str, Any] = {
    "access_token_introspection_endpoint": "https://login.example/introspect",
    "access_token_introspection_issuers_allowed": ["https://login.example"],
    "access_token_introspection_audiences_allowed": ["orders"],
    "access_token_introspection_timeout": 2000,
    "verify_access_token_introspection_notbefore": True,
    "access_token_signing_algorithm": "ES256",
    "channel_token_optional": True,
    "keyset_store": "memory://",
}


def application(_: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    start_response("200 OK", [])
    return [b""]


def protect(provider: Provider, settings: dict[str, Any]) -> JWTSignerMiddleware:
    trusting = provider.trusted_by(Settings.load(settings))
    return JWTSignerMiddleware(application, trusting, **provider.services())


def status(middleware: JWTSignerMiddleware, headers: dict[str, str]) -> int:
    started: list[str] = []
    environ: dict[str, Any] = {"REQUEST_METHOD": "GET", "PATH_INFO": "/", "SERVER_NAME": "localhost"}
    environ |= {f"HTTP_{name.upper()}": value for name, value in headers.items()}
    middleware(environ, lambda line, *_: started.append(line))  # type: ignore[arg-type]
    return int(started[0][:3])


def kids(provider: Provider) -> list[str | None]:
    reply = provider.send(Exchange(provider.jwks_uri))
    return [key.kid for key in load_keyset(reply.body).keys]


class TestFlaws:
    @pytest.mark.parametrize("flaw", [flaw for flaw in FLAWS if flaw != "revoked"])
    def test_of_a_jwt(self, flaw: Any) -> None:
        provider = Provider()
        protected = protect(provider, JWTS)
        expected = 403 if flaw == "wrong_audience" else 401
        assert status(protected, provider.headers({"sub": "alice"}, flaw=flaw)) == expected
        assert status(protected, provider.headers({"sub": "alice"})) == 200, "nothing else is wrong"

    @pytest.mark.parametrize(
        "flaw", ["expired", "early", "wrong_issuer", "wrong_audience", "forged", "revoked"]
    )
    def test_of_an_opaque_token(self, flaw: Any) -> None:
        provider = Provider()
        protected = protect(provider, OPAQUE)
        expected = 403 if flaw == "wrong_audience" else 401
        assert status(protected, provider.headers({"sub": "alice"}, flaw=flaw)) == expected
        assert status(protected, provider.headers({"sub": "alice"})) == 200

    def test_reasons_are_those_that_are_meant(self) -> None:
        provider = Provider()
        protected = protect(provider, JWTS)
        reasons = {
            flaw: protected.explain(provider.headers({}, flaw=flaw)).reason
            for flaw in FLAWS
            if flaw != "revoked"
        }
        assert reasons == {
            "expired": "token_expired",
            "early": "token_not_yet_valid",
            "wrong_issuer": "issuer_not_allowed",
            "wrong_audience": "audience_not_allowed",
            "forged": "signature_invalid",
            "unsigned": "algorithm_not_allowed",
            "unknown_key": "key_unknown",
        }

    def test_that_a_token_can_not_have(self) -> None:
        provider = Provider()
        provider.trusted_by(Settings.load(JWTS))
        with pytest.raises(ValueError, match="introspection_endpoint is not set"):
            provider.make_token(flaw="revoked")
        provider.trusted_by(Settings.load(OPAQUE))
        with pytest.raises(ValueError, match="can't be unsigned"):
            provider.make_token(flaw="unsigned")

    def test_of_the_channel_token(self) -> None:
        provider = Provider()
        both = {
            "channel_token_request_header": "Channel",
            "channel_token_jwks_uri": "https://network.example/jwks",
            "channel_token_signing_algorithm": "ES256",
        }
        protected = protect(provider, {**JWTS, **both, "access_token_optional": True})
        assert status(protected, provider.headers(None, {"sub": "gateway"})) == 200
        assert status(protected, provider.headers(None, {"sub": "gateway"}, flaw="forged")) == 401

    def test_before_anybody_trusts_it(self) -> None:
        with pytest.raises(LookupError, match="none yet"):
            Provider().make_token()


DEMANDS: dict[str, dict[str, Any]] = {
    "a profile": {"access_token_profile": "at+jwt"},
    "a type": {"access_token_typ_allowed": ["orders+jwt"]},
    "a short life": {"access_token_max_lifetime": 60, "access_token_max_age": 60},
    "scopes and claims": {
        "access_token_scopes_required": ["orders:read"],
        "access_token_required_claims": [["tenant", "id"]],
    },
    "an answer for JWTs, too": {
        "access_token_introspection_endpoint": "https://login.example/introspect",
        "access_token_introspect_jwt": "always",
    },
    "one of several issuers": {
        "access_token_jwks_uri": None,
        "access_token_issuers_allowed": None,
        "access_token_trusted_issuers": {
            "https://one.example": {"jwks_uri": "https://one.example/jwks"},
            "https://two.example": {"jwks_uri": "https://two.example/jwks"},
        },
    },
    "metadata": {"access_token_jwks_uri": None, "access_token_discovery": "https://login.example"},
}


@pytest.mark.parametrize("demand", DEMANDS.values(), ids=DEMANDS)
def test_what_settings_demand_is_filled_in(demand: dict[str, Any]) -> None:
    provider = Provider()
    protected = protect(provider, {**JWTS, **demand})
    assert status(protected, provider.headers({"sub": "alice"})) == 200
    assert status(protected, provider.headers({"sub": "alice"}, flaw="forged")) == 401


def test_a_jwt_that_is_introspected_can_be_revoked() -> None:
    provider = Provider()
    protected = protect(provider, {**JWTS, **DEMANDS["an answer for JWTs, too"], "verdict_cache_size": 0})
    token = provider.make_token({"sub": "alice"})
    headers = {"Authorization": f"Bearer {token}"}
    assert status(protected, headers) == 200
    provider.revoke(token)
    fresh = protect(provider, {**JWTS, **DEMANDS["an answer for JWTs, too"]})
    assert status(fresh, headers) == 401
    assert status(fresh, provider.headers({"sub": "alice"}, flaw="revoked")) == 401


def test_weak_settings_are_told_once(caplog: pytest.LogCaptureFixture) -> None:
    """By the application, when it loads them."""
    weak = Settings.load({"access_token_jwks_uri": "http://login.example/jwks"})
    assert caplog.records
    caplog.clear()
    Provider().trusted_by(weak)
    assert not caplog.records


class TestTroubles:
    def test_an_outage_of_one_endpoint(self) -> None:
        provider = Provider()
        with provider.outage("introspect"):
            assert provider.send(Exchange(JWKS)).status == 200
            with pytest.raises(TransportError):
                provider.send(Exchange(INTROSPECTION, "POST", body=b"token=x"))
        assert provider.send(Exchange(INTROSPECTION, "POST", body=b"token=x")).status == 200

    def test_a_status(self) -> None:
        provider = Provider()
        with provider.outage(status=502):
            assert provider.send(Exchange(JWKS)).status == 502

    def test_slow_answers_take_time_that_nobody_waits_for(self) -> None:
        provider = Provider(SteerableClock(1_800_000_000))
        started = time.monotonic()
        with provider.slow(3):
            provider.send(Exchange(JWKS, timeout=5))
            assert provider.clock() == 1_800_000_003
            with pytest.raises(TransportError, match="no answer in 2 seconds"):
                provider.send(Exchange(JWKS, timeout=2))
        assert time.monotonic() - started < 2

    @pytest.mark.parametrize("kind", MALFORMED)
    def test_nonsense_is_never_a_yes(self, kind: str) -> None:
        provider = Provider()
        for settings in (JWTS, OPAQUE):
            protected = protect(provider, settings)
            with provider.malformed(kind):
                assert status(protected, provider.headers({})) in (401, 503)
            provider.clock.advance(60)
            assert status(protected, provider.headers({})) == 200

    def test_the_newest_trouble_counts(self) -> None:
        provider = Provider()
        with provider.outage(status=500), provider.outage(status=502):
            assert provider.send(Exchange(JWKS)).status == 502


class TestKeys:
    def test_rotation_keeps_old_keys(self) -> None:
        provider = Provider()
        first = kids(provider)
        provider.rotate()
        assert kids(provider)[:1] == first
        provider.rotate(keep_old=False)
        assert len(kids(provider)) == 1
        assert kids(provider) != first

    def test_rotation_after_a_fetch(self) -> None:
        provider = Provider()
        provider.rotate_after_fetch()
        assert [len(kids(provider)) for _ in range(3)] == [1, 2, 2]

    def test_revoked(self) -> None:
        provider = Provider()
        provider.trusted_by(Settings.load(OPAQUE))
        token = provider.make_token()
        asked = Exchange(INTROSPECTION, "POST", body=f"token={token}".encode())
        assert parse_object(provider.send(asked).body)["active"] is True
        provider.revoke(token)
        assert parse_object(provider.send(asked).body) == {"active": False}

    def test_an_opaque_token_gets_old(self) -> None:
        provider = Provider(SteerableClock(1_800_000_000))
        provider.trusted_by(Settings.load(OPAQUE))
        asked = Exchange(INTROSPECTION, "POST", body=f"token={provider.make_token()}".encode())
        provider.clock.advance(300)
        assert parse_object(provider.send(asked).body) == {"active": False}


class TestClock:
    def test_it_runs(self) -> None:
        clock = SteerableClock()
        assert abs(clock() - time.time()) < 5
        clock.advance(3600)
        assert clock() - time.time() > 3000

    def test_it_stands(self) -> None:
        clock = SteerableClock()
        clock.freeze()
        assert clock() == clock()
        clock.freeze(1000)
        clock.advance(-1)
        assert clock() == 999

    def test_it_goes_on_from_where_it_stood(self) -> None:
        clock = SteerableClock(1000)
        clock.run()
        assert 1000 <= clock() < 1005


class TestServed:
    def test_on_a_real_port(self) -> None:
        """With the real transport, so with its reading of what is broken."""
        provider = Provider()
        with provider.serve() as origin:
            settings = provider.trusted_by(Settings.load({**JWTS, "http_timeout": 300}))
            assert settings.access_token.jwks.uri == f"{origin}/jwks"
            protected = JWTSignerMiddleware(application, settings)
            with provider.outage():
                assert status(protected, provider.headers({})) == 503
            fresh = JWTSignerMiddleware(application, settings)
            assert status(fresh, provider.headers({})) == 200
            protected.close()
            fresh.close()
        assert provider.jwks_uri == JWKS

    def test_slow(self) -> None:
        provider = Provider()
        with provider.serve() as origin, provider.slow(0.2):
            started = time.monotonic()
            assert requests.get(f"{origin}/jwks", timeout=30).status_code == 200
            assert time.monotonic() - started >= 0.2

    def test_introspection(self) -> None:
        provider = Provider()
        with provider.serve():
            provider.trusted_by(Settings.load(OPAQUE))
            form = {"token": provider.make_token({"sub": "alice"})}
            answer = requests.post(provider.introspection_endpoint, data=form, timeout=30).json()
            assert (answer["active"], answer["sub"]) == (True, "alice")
