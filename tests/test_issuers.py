"""Several issuers for one token: what they share, what they never share, and what strangers cost."""

from __future__ import annotations

import logging
import time
import tracemalloc
from dataclasses import replace
from operator import attrgetter
from typing import TYPE_CHECKING, Any
from wsgiref.util import setup_testing_defaults

import pytest

from conformance.adapter import Plain
from conformance.case import ISSUER, NOW, Answer, Provider
from conformance.keys import jwks
from conformance.tokens import good, signed, token
from jwt_signer_mw import Settings
from jwt_signer_mw.keysets.memory import MemoryStore
from jwt_signer_mw.settings import TokenSettings
from jwt_signer_mw.settings.issuers import TrustedIssuer, by_issuer, options_per_issuer, rules_for
from jwt_signer_mw.tokens.demands import ScopeDemand
from jwt_signer_mw.wsgi import JWTSignerMiddleware
from sites import serving_sites
from stepping import FrozenClock
from system import ADAPTERS, adapter_named

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from wsgiref.types import StartResponse, WSGIEnvironment

    from conformance.adapter import Outcome, Runner
    from conformance.provider import Site
    from jwt_signer_mw.settings.declaring import Option
    from providers.oidc import OidcProvider
    from providers.toolkit import OAuthToolkit

OTHER = "https://other.example"
STORE = MemoryStore()
STRANGERS = 10_000
ONE = {"channel_token_optional": True, "access_token_signing_algorithm": "ES256"}


def ask(runner: Runner, value: object) -> Outcome:
    return runner.send(Plain("GET", "/", "x", (("Authorization", f"Bearer {value}"),)))


@pytest.fixture
def site(tmp_path: Path) -> Iterator[tuple[Site, str]]:
    with serving_sites(tmp_path) as open_site:
        yield open_site(Provider({"/a": Answer(jwks("rsa1")), "/b": Answer(jwks("rsa2"))}))


def opened(adapter: str, issuers: object, clock: FrozenClock | None = None, **more: object) -> Runner:
    settings = {**ONE, "access_token_trusted_issuers": issuers, **more}
    return adapter_named(adapter).open(settings, {"keyset_store": STORE, "clock": clock or FrozenClock(NOW)})


@pytest.mark.rule("S7", "S13")
@pytest.mark.parametrize("adapter", ADAPTERS)
def test_made_up_issuers_cost_nothing_but_their_refusal(
    adapter: str, site: tuple[Site, str], caplog: pytest.LogCaptureFixture
) -> None:
    """No fetch, nothing remembered, nothing of theirs in a log above INFO."""
    provider, url = site
    runner = opened(adapter, {ISSUER: {"jwks_uri": f"{url}/a"}})
    caplog.clear()  # of warnings about the settings
    head = str(token()).partition(".")[0]
    strangers = [f"{head}.{payload(f'https://{n}.evil.example')}.c2lnbmF0dXJl" for n in range(STRANGERS)]
    with caplog.at_level(logging.WARNING):
        for value in strangers[:500]:
            ask(runner, value)
        tracemalloc.start()
        before, _ = tracemalloc.get_traced_memory()
        for value in strangers[500:]:
            assert ask(runner, value).status == 401
        after, _ = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert after - before < 300_000, "bytes that 9,500 refusals left behind"
    assert provider.counts() == {}
    assert caplog.records == []
    assert ask(runner, token()).status == 200
    runner.close()


def payload(iss: str) -> str:
    return str(signed({"iss": iss, "sub": "x", "exp": NOW + 300}, key=None)).split(".")[1]


@pytest.mark.parametrize("adapter", ADAPTERS)
def test_one_url_is_fetched_once_for_all_who_name_it(adapter: str, site: tuple[Site, str]) -> None:
    provider, url = site
    shared = {"jwks_uri": f"{url}/a"}
    runner = opened(adapter, {ISSUER: shared, OTHER: shared})
    assert [ask(runner, token({"iss": iss})).status for iss in (ISSUER, OTHER)] == [200, 200]
    assert provider.counts() == {"/a": 1}
    runner.close()


@pytest.mark.rule("S7")
@pytest.mark.parametrize("adapter", ADAPTERS)
def test_a_stranger_can_not_force_a_reload_of_anybodys_keys(adapter: str, site: tuple[Site, str]) -> None:
    provider, url = site
    clock = FrozenClock(NOW)
    runner = opened(adapter, {ISSUER: {"jwks_uri": f"{url}/a"}, OTHER: {"jwks_uri": f"{url}/b"}}, clock)
    assert ask(runner, token()).status == 200
    clock.now += 31
    assert ask(runner, token({"iss": "https://evil.example"}, header={"kid": "unknown"})).status == 401
    assert provider.counts() == {"/a": 1}
    assert ask(runner, token(header={"kid": "unknown"})).status == 401
    assert provider.counts() == {"/a": 2}, "a token in the first issuer's name reloads its keys alone"
    runner.close()


@pytest.mark.parametrize("adapter", ADAPTERS)
def test_one_issuer_that_is_down_stops_nobody_else(adapter: str, site: tuple[Site, str]) -> None:
    provider, url = site
    provider.provide(Provider({"/b": Answer(status=500)}))
    runner = opened(adapter, {ISSUER: {"jwks_uri": f"{url}/a"}, OTHER: {"jwks_uri": f"{url}/b"}})
    assert ask(runner, token({"iss": OTHER}, key="rsa2")).status == 503
    assert ask(runner, token()).status == 200
    runner.close()


# Explanations, demands, settings ------------------------------------------------------------------


def middleware(url: str, **more: object) -> JWTSignerMiddleware:
    issuers = {
        ISSUER: {"jwks_uri": f"{url}/a", "scopes_claim": ["scp"]},
        OTHER: {"jwks_uri": f"{url}/b", "audiences_allowed": ["orders"]},
    }
    settings = {**ONE, "access_token_trusted_issuers": issuers, **more}
    return JWTSignerMiddleware(lambda _environ, _start: [], settings, keyset_store=STORE, clock=lambda: NOW)


def test_explains_who_chose(site: tuple[Site, str]) -> None:
    opened = middleware(site[1])
    explained = opened.explain({"Authorization": f"Bearer {token()}"})
    assert explained.outcome == "forwarded"
    chosen = next(step for step in explained.steps if step.option == "access_token_trusted_issuers")
    assert (chosen.stage, chosen.text) == ("key", f'by the rules and keys of "{ISSUER}"')
    stranger = opened.explain({"Authorization": f"Bearer {token({'iss': 'https://evil.example'})}"})
    assert (stranger.reason, stranger.option) == ("issuer_not_allowed", "access_token_trusted_issuers")
    assert stranger.suggestion.startswith('"https://evil.example" is not in access_token_trusted_issuers (')
    assert ISSUER in stranger.suggestion
    wrong = opened.explain({"Authorization": f"Bearer {token({'iss': OTHER, 'aud': 'x'}, key='rsa2')}"})
    assert (wrong.reason, wrong.option) == (
        "audience_not_allowed",
        f"access_token_trusted_issuers.{OTHER}.audiences_allowed",
    )
    assert '"x" is not in' in wrong.suggestion
    crossed = opened.explain({"Authorization": f"Bearer {token({'iss': OTHER, 'aud': 'orders'})}"})
    assert crossed.option == f"access_token_trusted_issuers.{OTHER}.jwks_uri"
    opened.close()


def test_a_view_reads_scopes_where_the_issuer_writes_them(site: tuple[Site, str]) -> None:
    settings = Settings.load(
        {
            **ONE,
            "access_token_trusted_issuers": {
                ISSUER: {"jwks_uri": f"{site[1]}/a", "scopes_claim": ["scp"]},
                OTHER: {"jwks_uri": f"{site[1]}/b"},
            },
        }
    ).access_token
    claims = {"iss": ISSUER, "scp": "read", "original_iss": OTHER}
    assert rules_for(settings, claims, introspected=False).scopes_claim == ("scp",)
    assert rules_for(settings, {"iss": OTHER}, introspected=False).scopes_claim == ("scope",)
    assert rules_for(settings, {}, introspected=True) is settings.introspection
    assert ScopeDemand("access_token", ["read"]).scopes == ("read",)


def test_a_purge_finds_subjects_where_the_issuer_writes_them(site: tuple[Site, str]) -> None:
    provider, url = site
    provider.provide(Provider(tokens={"opaque": Answer({"active": True, **good()})}))
    issuers = {
        ISSUER: {"introspection_endpoint": f"{url}/introspect"},
        OTHER: {"jwks_uri": f"{url}/b", "subject_claim": ["uid"]},
    }
    settings = {**ONE, "access_token_trusted_issuers": issuers}
    seen: list[str] = []
    opened = JWTSignerMiddleware(application, settings, keyset_store=STORE, clock=lambda: NOW)
    tokens = ["opaque", str(token({"iss": OTHER, "uid": "u1"}, key="rsa2"))]

    def send(value: str) -> int:
        environ: dict[str, Any] = {"HTTP_AUTHORIZATION": f"Bearer {value}"}
        setup_testing_defaults(environ)
        start: Any = lambda status, *_: seen.append(status)  # noqa: E731
        seen.clear()
        list(opened(environ, start))
        return int(seen[0][:3])

    assert [send(value) for value in tokens * 2] == [200] * 4
    assert provider.counts()["/introspect"] == 1
    assert opened.purge(subject="u1").verdicts == 1
    assert opened.purge(subject="alice").answers == 1
    assert [send(value) for value in tokens] == [200, 200]
    assert provider.counts()["/introspect"] == 2
    opened.close()


def application(_environ: WSGIEnvironment, start_response: StartResponse) -> list[bytes]:
    start_response("200 OK", [])
    return [b""]


SECRET = "Basic c2VjcmV0LW9mLW91cnM6c2VjcmV0"


def test_nothing_of_an_issuer_reaches_another() -> None:
    """Keys, endpoints and credentials are an issuer's own; rules are shared."""
    settings = Settings.load(
        {
            **ONE,
            "access_token_leeway": 7,
            "access_token_introspection_endpoint": "https://own.example/introspect",
            "access_token_introspection_authorization": SECRET,
            "access_token_introspection_body_args": "a=b",
            "access_token_trusted_issuers": {
                ISSUER: {
                    "jwks_uri": "https://a.example/jwks",
                    "jwks_uri_client_username": "me",
                    "jwks_uri_client_password": SECRET,
                },
                OTHER: {"jwks_uri": "https://b.example/jwks", "leeway": 0},
            },
        }
    )
    first, second = by_issuer(settings.access_token).values()
    assert (second.jwks.client_username, second.jwks.client_password) == (None, None)
    for one in (first, second):
        assert one.introspection_endpoint is None
        assert one.introspection_authorization is None
        assert one.introspection_body_args is None
        assert one.jwks.rotate_period == 0
    assert (first.claims.leeway, second.claims.leeway) == (7, 0)
    shown = [repr(settings), repr(settings.access_token), repr(first), repr(settings.flat(redact=True))]
    assert [text for text in shown if SECRET in text] == []


def test_references_and_certificates_work_inside_the_map() -> None:
    given: dict[str, Any] = {
        **ONE,
        "certificates": {"mine": {"cert": "/c.pem", "key": "/k.pem"}},
        "access_token_trusted_issuers": {
            ISSUER: {
                "jwks_uri": "https://a.example/jwks",
                "jwks_uri_client_certificate": {"id": "mine"},
                "introspection_endpoint": "https://a.example/introspect",
                "introspection_authorization": "{vault://env/SECRET}",
            }
        },
    }
    settings = Settings.load(given, {"SECRET": SECRET})
    (one,) = by_issuer(settings.access_token).values()
    assert one.introspection_authorization == SECRET
    assert one.jwks.client_certificate == ("/c.pem", "/k.pem")
    assert Settings.load(settings.flat()) == settings


SPECIAL: dict[str, Any] = {
    "jwks_uri": "https://a.example/keys",
    "introspection_endpoint": "https://a.example/introspect",
    "introspection_authorization": SECRET,
    "introspection_body_args": "a=b",
    "introspect_jwt": "always",
    "discovery": True,
}


def another(option: Option) -> Any:
    """A value that is not the default and can be read."""
    schema: dict[str, Any] = option.declared.kind.schema()
    schema = schema.get("anyOf", [schema])[0]
    if "enum" in schema:
        return next(value for value in schema["enum"] if value != option.default)
    match schema.get("type"):
        case "boolean":
            return not option.default
        case "array":
            names = ["id"] if "enum" in schema["items"] else ["other"]
            return [names] if schema["items"].get("type") == "array" else names
        case "number" | "integer":
            return int(schema.get("minimum", schema.get("exclusiveMinimum", 0))) + 3
    return "another"


@pytest.mark.parametrize("name", sorted(options_per_issuer(TokenSettings)))
def test_what_an_issuer_says_is_what_its_tokens_are_judged_by(name: str) -> None:
    option = options_per_issuer(TokenSettings)[name]
    value = SPECIAL.get(name, another(option))
    trusted = TrustedIssuer(ISSUER, ((name, option.read(value)),))
    token = replace(Settings.load(ONE).access_token, trusted_issuers=(trusted,))
    plain, (one,) = replace(token, trusted_issuers=()), by_issuer(token).values()
    held = attrgetter(".".join(option.path))(one)
    if name == "discovery":
        assert held == ISSUER
    elif name.endswith("optional_claims") and "introspection" in name:
        assert ("other",) in held
    else:
        assert held == option.read(value)
        assert held != attrgetter(".".join(option.path))(plain)
    *outer, field = option.path
    part: Any = attrgetter(*outer)(one) if outer else one
    assert part.option(field) == f"access_token_trusted_issuers.{ISSUER}.{name}"


# Two real providers -------------------------------------------------------------------------------


@pytest.mark.rule("S13")
@pytest.mark.parametrize("adapter", ADAPTERS)
def test_two_real_providers_behind_one_header(
    adapter: str, oidc_provider: OidcProvider, oauth_toolkit: OAuthToolkit
) -> None:
    issuers = {
        one.issuer: {
            "jwks_uri": one.jwks_uri,
            "audiences_allowed": [one.resource(jwt=True, alg="RS256")],
        }
        for one in (oidc_provider, oauth_toolkit)
    }
    issuers[oidc_provider.issuer] |= {
        "introspection_endpoint": oidc_provider.introspection_endpoint,
        "introspection_authorization": oidc_provider.introspection_authorization,
    }
    settings = {**ONE, "access_token_trusted_issuers": issuers}
    runner = adapter_named(adapter).open(settings, {"keyset_store": STORE})
    for one in (oidc_provider, oauth_toolkit):
        outcome = ask(runner, one.mint())
        assert outcome.status == 200
        identity = outcome.seen[0].identity
        assert identity is not None
        assert identity.access_token is not None
        assert identity.access_token.upstream_claims is not None
        assert identity.access_token.upstream_claims["original_iss"] == one.issuer
    oidc_provider.rotate_keys()
    assert ask(runner, oidc_provider.mint()).status == 200
    opaque = oidc_provider.mint(jwt=False)
    assert ask(runner, opaque).status == 200
    oidc_provider.revoke(opaque)
    assert ask(runner, oidc_provider.mint(jwt=False)[:-1] + "x").status == 401
    runner.close()
    swapped = {
        oidc_provider.issuer: {"jwks_uri": oauth_toolkit.jwks_uri},
        oauth_toolkit.issuer: {"jwks_uri": oidc_provider.jwks_uri},
    }
    crossed = opened(adapter, swapped, FrozenClock(time.time()))
    assert [ask(crossed, one.mint()).status for one in (oidc_provider, oauth_toolkit)] == [401, 401]
    crossed.close()
