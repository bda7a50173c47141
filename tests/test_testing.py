"""The identity provider in memory, under the WSGI middleware: its tokens pass for real, and no others."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from jwt_signer_mw import Settings
from jwt_signer_mw.flows.commands import Exchange
from jwt_signer_mw.testing import INTROSPECTION, JWKS, Issuer
from jwt_signer_mw.wire import parse_object
from jwt_signer_mw.wsgi import JWTSignerMiddleware

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from wsgiref.types import StartResponse, WSGIEnvironment

PRODUCTION: dict[str, Any] = {
    "access_token_jwks_uri": "https://login.example/jwks",
    "access_token_issuers_allowed": ["https://login.example"],
    "access_token_issuer_claim": ["about", "issuer"],
    "access_token_signing_algorithm": "ES256",
    "channel_token_optional": True,
    "keyset_store": "memory://",
}


def application(_: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    start_response("200 OK", [])
    return [b""]


def status_of(settings: Settings, issuer: Issuer, headers: Mapping[str, str]) -> int:
    started: list[str] = []

    def start_response(status: str, _headers: Any, _exc_info: Any = None) -> Any:
        started.append(status)

    environ: dict[str, Any] = {"REQUEST_METHOD": "GET", "PATH_INFO": "/", "SERVER_NAME": "localhost"}
    environ |= {f"HTTP_{name.upper().replace('-', '_')}": value for name, value in headers.items()}
    JWTSignerMiddleware(application, settings, transport=issuer)(environ, start_response)
    return int(started[0][:3])


def test_settings_trust_it_wherever_they_name_a_provider() -> None:
    given = Settings.load(
        PRODUCTION | {"channel_token_introspection_endpoint": "https://login.example/introspect"}
    )
    trusting = Issuer().trusted_by(given)
    assert trusting.access_token.jwks.uri == JWKS
    assert trusting.channel_token.introspection_endpoint == INTROSPECTION
    changed = {name for name, value in trusting.flat().items() if value != given.flat()[name]}
    assert changed == {"access_token_jwks_uri", "channel_token_introspection_endpoint"}


def test_its_tokens_pass_and_no_others() -> None:
    issuer, other = Issuer(), Issuer()
    settings = issuer.trusted_by(Settings.load(PRODUCTION))
    headers = [dict([one.header(settings.access_token, {"sub": "alice"})]) for one in (issuer, other)]
    assert [status_of(settings, issuer, header) for header in headers] == [200, 401]


@pytest.mark.parametrize(
    "options",
    [
        {"access_token_max_lifetime": 60},
        {"access_token_max_age": 10},
        {"access_token_typ_allowed": ["at+jwt", "JWT"]},
        {
            "access_token_profile": "at+jwt",
            "access_token_issuer_claim": ["iss"],
            "access_token_audiences_allowed": ["https://api.example"],
        },
    ],
    ids=str,
)
def test_its_tokens_are_as_short_lived_and_typed_as_settings_want_them(options: dict[str, Any]) -> None:
    issuer = Issuer()
    settings = issuer.trusted_by(Settings.load({**PRODUCTION, **options}))
    assert status_of(settings, issuer, dict([issuer.header(settings.access_token, {})])) == 200


@pytest.mark.parametrize(
    "claims",
    [{"about": None}, {"about": "text"}, {"about": {"issuer": None}}, {"about": {"issuer": "x"}}, {"exp": 1}],
)
def test_what_a_test_gives_is_not_filled_in(claims: dict[str, Any]) -> None:
    issuer = Issuer()
    settings = issuer.trusted_by(Settings.load(PRODUCTION))
    assert status_of(settings, issuer, dict([issuer.header(settings.access_token, claims)])) == 401


def test_a_token_that_was_not_issued_is_inactive() -> None:
    reply = Issuer().send(Exchange(INTROSPECTION, "POST", body=b"token=unknown"))
    assert parse_object(reply.body) == {"active": False}


def test_it_answers_for_nobody_else() -> None:
    assert Issuer().send(Exchange("https://login.example/jwks")).status == 404
