"""The parts of the demo: identity provider, upstream application, shortened tokens."""

# ruff: noqa: E402  (the libraries of the demo are an extra)
from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from parts import require_module

require_module("jwt", "werkzeug")

import jwt
import requests

from jwt_signer_mw.demo.provider import CLIENT, IdentityProvider, SigningKey
from jwt_signer_mw.demo.scenarios import bearer
from jwt_signer_mw.demo.serving import serving
from jwt_signer_mw.demo.shortened import described, peek, shorten
from jwt_signer_mw.demo.upstream import UpstreamApplication

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a test asks over loopback must not go to a proxy that its environment names."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


@pytest.fixture
def provider() -> Iterator[IdentityProvider]:
    with IdentityProvider("access").served() as provider:
        yield provider


def test_provider_signs_with_the_key_that_it_publishes(provider: IdentityProvider) -> None:
    token = provider.mint(sub="bob")
    published = jwt.PyJWKSet.from_dict(requests.get(provider.jwks_uri, timeout=5).json())
    key = published[jwt.get_unverified_header(token)["kid"]]
    assert jwt.decode(token, key, ["RS256"], audience="orders")["sub"] == "bob"
    with pytest.raises(jwt.InvalidSignatureError):
        jwt.decode(provider.forge(), key, ["RS256"], audience="orders")
    provider.rotate()
    assert key.key_id not in [one["kid"] for one in requests.get(provider.jwks_uri, timeout=5).json()["keys"]]


def test_provider_introspects_for_its_client_only(provider: IdentityProvider) -> None:
    token, expired = provider.issue(sub="bob"), provider.issue(exp=1)

    def ask(token: str, secret: str) -> requests.Response:
        form = {"token": token}
        return requests.post(provider.introspection_endpoint, form, auth=(CLIENT, secret), timeout=5)

    answer = ask(token, provider.client_secret)
    assert (answer.status_code, answer.json()["active"], answer.json()["sub"]) == (200, True, "bob")
    assert ask(expired, provider.client_secret).json() == {"active": False}
    assert ask("made-up", provider.client_secret).json() == {"active": False}
    refused = ask(token, "guess")
    assert (refused.status_code, refused.content) == (401, b"")
    assert refused.headers["WWW-Authenticate"] == 'Basic realm="access"'


def test_provider_goes_down_for_the_gateway_only(provider: IdentityProvider) -> None:
    def statuses() -> tuple[int, int]:
        paths = ("/jwks", "/token")
        first, second = (requests.get(provider.origin + path, timeout=5).status_code for path in paths)
        return first, second

    assert statuses() == (200, 200)
    requests.post(f"{provider.origin}/stop", timeout=5)
    assert statuses() == (503, 200)
    requests.post(f"{provider.origin}/start", timeout=5)
    assert statuses() == (200, 200)
    assert [call.status for call in provider.take_calls()] == [200, 503, 200]
    assert provider.take_calls() == ()


@pytest.mark.parametrize(
    "query, status, claims",
    [
        ("", 200, {"sub": "alice"}),
        ("?sub=bob&exp=1", 200, {"sub": "bob", "exp": 1}),
        ("?kind=forged", 200, {"sub": "alice"}),
        ("?kind=unsigned&groups=[1]", 200, {"groups": [1]}),
        ("?kind=golden", 400, {}),
        ("?iss=1", 400, {}),
    ],
)
def test_tokens_by_hand(
    query: str, status: int, claims: dict[str, object], provider: IdentityProvider
) -> None:
    answer = requests.get(f"{provider.origin}/token{query}", timeout=5)
    assert answer.status_code == status
    assert {name: peek(answer.text).get(name) for name in claims} == claims


def test_unknown_paths_of_the_provider(provider: IdentityProvider) -> None:
    assert requests.get(f"{provider.origin}/rotate", timeout=5).status_code == 404


def test_upstream_loads_keys_that_it_lacks() -> None:
    """A key that was never published before is fetched when a token names it."""
    upstream, key = UpstreamApplication(), SigningKey.generate()
    with IdentityProvider("own").served() as provider, serving(upstream) as origin:
        upstream.jwks_uri = provider.jwks_uri
        for _ in range(2):
            token = provider.mint()
            seen = requests.get(origin, headers=bearer(token), timeout=5).json()
            assert seen["tokens"]["Authorization"]["claims"]["iss"] == provider.origin
            provider.rotate()
        unknown = requests.get(origin, headers=bearer(provider.mint(key)), timeout=5).json()
        assert unknown["tokens"]["Authorization"]["verified"] is False
    upstream.close()
    assert upstream.loads == 3


@pytest.mark.parametrize(
    "value, shown",
    [
        ("Bearer eyJhbGciOiJub25lIn0.e30.abcdefgh", "Bearer eyJhbGci…efgh"),
        ("abcdefghijkl", "abcdefghijkl"),
        ("abcdefghijklm", "abcdefgh…jklm"),
    ],
)
def test_shortened(value: str, shown: str) -> None:
    assert described(value) == shown


def test_peek_at_what_is_no_jwt() -> None:
    assert [peek(text) for text in ("", "a.b.c", "e30.W10.x", "a.!.b")] == [{}] * 4


def test_shorten_leaves_short_text() -> None:
    assert shorten("short") == "short"
