"""Discovery: whose metadata are taken, when they are read again, and two real providers' own."""

from __future__ import annotations

import json
import time
from contextlib import closing
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest

from conformance.adapter import Plain
from conformance.case import NOW, Answer, Provider
from conformance.keys import jwks
from conformance.tokens import token
from jwt_signer_mw import Settings
from jwt_signer_mw.clock import Clock
from jwt_signer_mw.errors import ProviderUnavailable, TransportError
from jwt_signer_mw.flows.commands import Reply
from jwt_signer_mw.flows.discovery import Discovery, Issuer, read_metadata, well_known
from jwt_signer_mw.keysets.memory import MemoryStore
from jwt_signer_mw.settings.issuers import by_issuer
from jwt_signer_mw.testing import Issuer as OurIssuer
from jwt_signer_mw.wsgi import JWTSignerMiddleware
from sites import serving_sites
from stepping import FrozenClock, Stepper
from system import ADAPTERS, adapter_named

if TYPE_CHECKING:
    from pathlib import Path

    from conformance.adapter import Outcome, Runner
    from providers.oidc import OidcProvider
    from providers.toolkit import OAuthToolkit

ISSUER = "https://idp.example/realms/shop"
STORE = MemoryStore()
ONE = {"channel_token_optional": True, "access_token_signing_algorithm": "ES256"}
FULL = {
    "issuer": ISSUER,
    "jwks_uri": f"{ISSUER}/keys",
    "introspection_endpoint": f"{ISSUER}/introspect",
}


def reply(**members: object) -> Reply:
    return Reply(200, {}, json.dumps({**FULL, **members}).encode())


def test_asks_three_places_in_turn() -> None:
    stepper = Stepper(Reply(404, {}, b""), Reply(404, {}, b""), reply())
    metadata = stepper.run(read_metadata(Issuer(ISSUER)))
    assert (metadata.jwks_uri, metadata.introspection_endpoint) == (
        f"{ISSUER}/keys",
        f"{ISSUER}/introspect",
    )
    assert [exchange.url for exchange in stepper.exchanges] == [
        "https://idp.example/realms/shop/.well-known/openid-configuration",
        "https://idp.example/.well-known/oauth-authorization-server/realms/shop",
        "https://idp.example/realms/shop/.well-known/oauth-authorization-server",
    ]
    assert len(well_known("https://idp.example")) == 2


def test_a_provider_that_is_down_is_asked_once() -> None:
    stepper = Stepper(TransportError("ConnectTimeout"))
    with pytest.raises(TransportError):
        stepper.run(read_metadata(Issuer(ISSUER)))
    assert len(stepper.exchanges) == 1


@pytest.mark.rule("S13")
@pytest.mark.parametrize(
    "issuer", [f"{ISSUER}/", ISSUER.upper(), "https://evil.example", None, [ISSUER], {"issuer": ISSUER}]
)
def test_metadata_of_somebody_else_end_the_search(issuer: object) -> None:
    """RFC 8414 section 3.3 and section 6.2: else one provider could impersonate another."""
    stepper = Stepper(reply(issuer=issuer))
    with pytest.raises(TransportError, match="is about the issuer"):
        stepper.run(read_metadata(Issuer(ISSUER)))
    assert len(stepper.exchanges) == 1


@pytest.mark.rule("S24")
@pytest.mark.parametrize(
    "address",
    ["http://idp.example/keys", "file:///etc/passwd", "ftp://a/keys", "https://u:p@a/keys", "keys", 7, None],
)
def test_addresses_that_can_not_be_trusted_count_as_none(address: object) -> None:
    stepper = Stepper(reply(jwks_uri=address, introspection_endpoint=address))
    assert stepper.run(read_metadata(Issuer(ISSUER)))[1:] == (None, None)


def test_http_leads_to_this_machine_only_and_only_from_it() -> None:
    local = "http://127.0.0.1:9/a"
    for issuer, address, expected in (
        ("http://127.0.0.1:9", local, local),
        ("http://127.0.0.1:9", "http://idp.example/keys", None),
        ("http://127.0.0.1:9", "https://idp.example/keys", "https://idp.example/keys"),
        (ISSUER, local, None),
    ):
        metadata = Stepper(reply(issuer=issuer, jwks_uri=address)).run(read_metadata(Issuer(issuer)))
        assert metadata.jwks_uri == expected
    with pytest.raises(TransportError, match="must start with https"):
        Stepper().run(read_metadata(Issuer("http://idp.example")))


def test_metadata_are_kept_and_read_again_when_an_address_fails() -> None:
    clock = FrozenClock()
    discovery = Discovery(Issuer(ISSUER), Clock.of(clock), interval=30, period=0)
    stepper = Stepper(reply(), TransportError("down"), reply(introspection_endpoint=f"{ISSUER}/new"))
    for _ in range(3):
        assert stepper.run(discovery.load()).introspection_endpoint == f"{ISSUER}/introspect"
    assert len(stepper.exchanges) == 1
    discovery.suspect()
    stepper.run(discovery.load())
    assert len(stepper.exchanges) == 1, "not before the interval is over"
    clock.now += 31
    assert stepper.run(discovery.load()).introspection_endpoint == f"{ISSUER}/introspect"
    assert len(stepper.exchanges) == 2, "it is down: what is known serves"
    clock.now += 31
    assert stepper.run(discovery.load()).introspection_endpoint == f"{ISSUER}/new"


def test_metadata_are_read_again_after_the_rotate_period() -> None:
    clock = FrozenClock()
    discovery = Discovery(Issuer(ISSUER), Clock.of(clock), interval=30, period=600)
    stepper = Stepper(reply(), reply())
    stepper.run(discovery.load())
    clock.now += 599
    stepper.run(discovery.load())
    assert len(stepper.exchanges) == 1
    clock.now += 2
    stepper.run(discovery.load())
    assert len(stepper.exchanges) == 2


@pytest.mark.rule("S25")
def test_a_provider_that_never_answered_is_not_asked_by_everybody() -> None:
    clock = FrozenClock()
    discovery = Discovery(Issuer(ISSUER), Clock.of(clock), interval=30, period=0)
    stepper = Stepper(TransportError("down"), reply())
    for _ in range(5):
        with pytest.raises(ProviderUnavailable) as caught:
            stepper.run(discovery.load())
        assert caught.value.retry_after == 30
    assert len(stepper.exchanges) == 1
    clock.now += 30
    assert stepper.run(discovery.load()).jwks_uri


# Settings -----------------------------------------------------------------------------------------


def test_the_issuer_list_is_the_issuer() -> None:
    settings = Settings.load({**ONE, "access_token_discovery": ISSUER})
    assert settings.access_token.claims.issuers_allowed == (ISSUER,)
    assert settings.access_token.introspection.issuers_allowed == (ISSUER,)
    assert settings.channel_token.claims.issuers_allowed is None
    assert Settings.load(settings.flat()) == settings
    own = Settings.load({**ONE, "access_token_discovery": ISSUER, "access_token_issuers_allowed": ["a"]})
    assert own.access_token.claims.issuers_allowed == ("a",)


def test_an_issuer_without_addresses_is_discovered() -> None:
    issuers: dict[str, dict[str, Any]] = {
        "https://a.example": {},
        "https://b.example": {"jwks_uri": "https://b.example/keys"},
        "https://c.example": {"jwks_uri": "https://c.example/keys", "discovery": True},
        "https://d.example": {"introspection_endpoint": "https://d.example/introspect"},
    }
    settings = Settings.load({**ONE, "access_token_trusted_issuers": issuers})
    found = {name: one.discovery.issuer for name, one in by_issuer(settings.access_token).items()}
    assert found == {
        "https://a.example": "https://a.example",
        "https://b.example": None,
        "https://c.example": "https://c.example",
        "https://d.example": None,
    }


def test_http_is_warned_about() -> None:
    settings = Settings.load({**ONE, "access_token_discovery": "http://127.0.0.1:8080"})
    assert "settings.W015" in {found.id for found in settings.warnings}


# Through the middleware ---------------------------------------------------------------------------


def ask(runner: Runner, value: object) -> Outcome:
    return runner.send(Plain("GET", "/", "x", (("Authorization", f"Bearer {value}"),)))


@pytest.mark.parametrize("adapter", ADAPTERS)
def test_the_issuer_of_the_metadata_is_the_only_one(adapter: str, tmp_path: Path) -> None:
    with serving_sites(tmp_path) as open_site:
        document = {"issuer": "$IDP", "jwks_uri": "$IDP/keys"}
        routes = {"/.well-known/openid-configuration": Answer(document), "/keys": Answer(jwks("rsa1"))}
        _, url = open_site(Provider(routes))
        ways: list[dict[str, Any]] = [
            {"access_token_discovery": url},
            {"access_token_trusted_issuers": {url: {}}},
        ]
        for settings in ways:
            services = {"keyset_store": STORE, "clock": FrozenClock(NOW)}
            runner = adapter_named(adapter).open({**ONE, **settings}, services)
            assert ask(runner, token({"iss": url})).status == 200
            assert ask(runner, token({"iss": f"{url}/"})).status == 401
            assert ask(runner, token()).status == 401
            runner.close()


@pytest.mark.parametrize("adapter", ADAPTERS)
def test_the_endpoints_know_the_set_by_its_issuer(adapter: str, tmp_path: Path) -> None:
    with serving_sites(tmp_path) as open_site:
        document = {"issuer": "$IDP", "jwks_uri": "$IDP/keys"}
        routes = {"/.well-known/openid-configuration": Answer(document), "/keys": Answer(jwks("rsa1"))}
        site, url = open_site(Provider(routes))
        runner = adapter_named(adapter).open({**ONE, "access_token_discovery": url}, {"keyset_store": STORE})
        path = f"/jwt-signer/jwks/{quote(url, safe='')}"
        answered = runner.ask(Plain("GET", path, "x", ()))
        assert answered.status == 200
        assert [key["kid"] for key in json.loads(answered.body)["keys"]] == ["rsa1"]
        assert site.counts() == {"/.well-known/openid-configuration": 1, "/keys": 1}
        runner.close()


def test_explains_and_stays_offline_when_asked(tmp_path: Path) -> None:
    with serving_sites(tmp_path) as open_site:
        document = {"issuer": "$IDP", "jwks_uri": "$IDP/keys", "introspection_endpoint": "$IDP/introspect"}
        routes = {"/.well-known/openid-configuration": Answer(document), "/keys": Answer(jwks("rsa1"))}
        site, url = open_site(Provider(routes))
        settings = {
            **ONE,
            "access_token_discovery": url,
            "access_token_introspection_authorization": "Basic Z2F0ZXdheTpzZWNyZXQ=",
        }
        middleware = JWTSignerMiddleware(lambda _environ, _start: [], settings, keyset_store=STORE)
        with closing(middleware) as opened:
            for value in (str(token({"iss": url, "exp": time.time() + 60})), "opaque-token"):
                explained = opened.explain({"Authorization": f"Bearer {value}"}, offline=True)
                assert explained.outcome == "undecided"
            assert site.counts() == {}
            value = str(token({"iss": url, "exp": time.time() + 60}))
            explained = opened.explain({"Authorization": f"Bearer {value}"})
        assert explained.outcome == "forwarded"
        fetched = [step.text for step in explained.steps if step.stage == "fetch"]
        assert [text.split()[1].removeprefix(url) for text in fetched] == [
            "/.well-known/openid-configuration",
            "/keys",
        ]


@pytest.mark.parametrize("adapter", ADAPTERS)
def test_two_real_providers_by_nothing_but_their_names(
    adapter: str, oidc_provider: OidcProvider, oauth_toolkit: OAuthToolkit
) -> None:
    issuers = {
        oidc_provider.issuer: {
            "introspection_authorization": oidc_provider.introspection_authorization,
            "introspection_optional_claims": [["aud"]],
        },
        oauth_toolkit.issuer: {},
    }
    settings = {**ONE, "access_token_trusted_issuers": issuers}
    runner = adapter_named(adapter).open(settings, {"keyset_store": STORE})
    for one in (oidc_provider, oauth_toolkit):
        assert ask(runner, one.mint()).status == 200
    assert ask(runner, oidc_provider.mint(jwt=False)).status == 200
    assert ask(runner, "an-unknown-opaque-token").status == 401
    oidc_provider.rotate_keys()
    assert ask(runner, oidc_provider.mint()).status == 200
    runner.close()


@pytest.mark.parametrize("adapter", ADAPTERS)
def test_a_real_provider_over_tls(adapter: str, tls_oidc_provider: OidcProvider) -> None:
    """Its authority is none that the machine knows: metadata of an unknown server are worth nothing."""
    settings = {**ONE, "access_token_discovery": tls_oidc_provider.issuer}
    value = tls_oidc_provider.mint()
    for verify, status in ((True, 503), (False, 200)):
        more = {"access_token_endpoints_ssl_verify": verify}
        runner = adapter_named(adapter).open({**settings, **more}, {"keyset_store": STORE})
        assert ask(runner, value).status == status
        runner.close()


@pytest.mark.parametrize("adapter", ADAPTERS)
def test_a_real_provider_that_is_down_at_first(adapter: str, oidc_provider: OidcProvider) -> None:
    clock = FrozenClock(time.time())
    settings = {**ONE, "access_token_discovery": oidc_provider.issuer}
    runner = adapter_named(adapter).open(settings, {"keyset_store": STORE, "clock": clock})
    oidc_provider.fail("/.well-known", drop=True)
    value = oidc_provider.mint()
    assert ask(runner, value).status == 503
    oidc_provider.fail("/nothing", status=500)
    assert ask(runner, value).status == 503
    clock.now += 31
    assert ask(runner, value).status == 200
    wrong = {**ONE, "access_token_discovery": oidc_provider.issuer.replace("localhost", "127.0.0.1")}
    mistaken = adapter_named(adapter).open(wrong, {"keyset_store": STORE, "clock": clock})
    assert ask(mistaken, value).status == 503, "the metadata are about another issuer"
    for opened in (runner, mistaken):
        opened.close()


def test_the_issuer_for_tests_stands_in_for_all() -> None:
    issuer = OurIssuer()
    for given in (
        {"access_token_discovery": ISSUER},
        {"access_token_trusted_issuers": {ISSUER: {}, "https://b.example": {"audiences_allowed": ["b"]}}},
    ):
        settings = issuer.trusted_by(Settings.load({**ONE, **given}))
        opened = JWTSignerMiddleware(
            lambda _environ, _start: [], settings, transport=issuer, keyset_store=STORE
        )
        for claims in ({}, {"iss": ISSUER}):
            name, value = issuer.header(settings.access_token, claims)
            assert opened.explain({name: value}).outcome == "forwarded"
        opened.close()
