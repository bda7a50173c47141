"""The real parts do what the end to end tests count on."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import jwt
import pytest
import requests

from providers.identity import MIDDLEWARE
from providers.oidc import READER

if TYPE_CHECKING:
    from collections.abc import Callable

    from providers.certificates import Certificates
    from providers.faults import FaultProxy
    from providers.identity import IdentityProvider
    from providers.oidc import OidcProvider


@pytest.fixture(params=["oidc_provider", "oauth_toolkit"])
def provider(request: pytest.FixtureRequest) -> IdentityProvider:
    """Each of the two providers."""
    found: IdentityProvider = request.getfixturevalue(request.param)
    return found


def verify(provider: IdentityProvider, token: str, alg: str = "RS256") -> dict[str, Any]:
    """The claims, after PyJWT found the token good by the provider's own key set."""
    key = jwt.PyJWKSet.from_dict(provider.jwks())[jwt.get_unverified_header(token)["kid"]]
    audience = provider.resource(jwt=True, alg=alg)
    return jwt.decode(token, key, algorithms=[alg], audience=audience, issuer=provider.issuer)


def port_of(provider: IdentityProvider) -> int:
    port = urlsplit(provider.issuer).port
    assert port is not None
    return port


def test_mints_a_jwt_that_its_key_set_verifies(provider: IdentityProvider) -> None:
    claims = verify(provider, provider.mint(scope="read write", claims={"employee": {"drinks": ["coffee"]}}))
    assert claims["scope"] == "read write"
    assert claims["employee"] == {"drinks": ["coffee"]}
    assert claims["sub"] == "service"


@pytest.mark.parametrize("alg", ["RS256", "PS256", "ES256", "EdDSA"])
def test_mints_a_jwt_by_algorithm(oidc_provider: OidcProvider, alg: str) -> None:
    token = oidc_provider.mint(alg=alg)
    assert jwt.get_unverified_header(token)["typ"] == "at+jwt"
    assert verify(oidc_provider, token, alg)["client_id"] == "service"


def test_introspects_an_opaque_token(provider: IdentityProvider) -> None:
    token = provider.mint(jwt=False, scope="write")
    answer = provider.introspect(token)
    assert token.count(".") == 0
    assert answer["active"] is True
    assert answer["scope"] == "write"
    assert answer["exp"] > time.time()


def test_introspection_knows_extra_claims(oidc_provider: OidcProvider) -> None:
    token = oidc_provider.mint(jwt=False, claims={"drink": "café"})
    assert oidc_provider.introspect(token)["drink"] == "café"


def test_a_token_lives_as_long_as_asked(oidc_provider: OidcProvider) -> None:
    claims = verify(oidc_provider, oidc_provider.mint(headers={"X-Token-Lifetime": "7"}))
    assert claims["exp"] - claims["iat"] == 7


def test_a_revoked_or_unknown_token_is_inactive(provider: IdentityProvider) -> None:
    token = provider.mint(jwt=False)
    provider.revoke(token)
    assert provider.introspect(token) == {"active": False}
    assert provider.introspect("never-issued") == {"active": False}


def test_introspection_wants_the_middleware(provider: IdentityProvider) -> None:
    form = {"token": provider.mint(jwt=False)}
    endpoint = provider.introspection_endpoint
    assert requests.post(endpoint, form, auth=(MIDDLEWARE[0], "wrong"), timeout=5).status_code in {401, 403}
    header = {"Authorization": provider.introspection_authorization}
    assert requests.post(endpoint, form, headers=header, timeout=5).json()["active"] is True


def test_rotation_signs_with_a_key_that_was_not_there(provider: IdentityProvider) -> None:
    before = provider.kids()
    provider.rotate_keys()
    token = provider.mint()
    assert jwt.get_unverified_header(token)["kid"] not in before
    assert verify(provider, token)


def test_a_pending_key_is_published_and_signs_once_activated(oidc_provider: OidcProvider) -> None:
    oidc_provider.add_key("ES256", "next", pending=True)
    assert "next" in oidc_provider.kids()
    assert jwt.get_unverified_header(oidc_provider.mint(alg="ES256"))["kid"] != "next"
    oidc_provider.activate_key("next")
    assert jwt.get_unverified_header(oidc_provider.mint(alg="ES256"))["kid"] == "next"


def test_a_removed_key_is_no_longer_published(oidc_provider: OidcProvider) -> None:
    first = oidc_provider.kids()
    oidc_provider.add_key("RS256", "newer")
    assert jwt.get_unverified_header(oidc_provider.mint())["kid"] == "newer"
    oidc_provider.remove_key("newer")
    assert sorted(oidc_provider.kids()) == sorted(first)


def test_an_opaque_token_survives_a_rotation(oidc_provider: OidcProvider) -> None:
    token = oidc_provider.mint(jwt=False)
    oidc_provider.rotate_keys()
    assert oidc_provider.introspect(token)["active"] is True


def test_counts_requests_by_path(oidc_provider: OidcProvider) -> None:
    oidc_provider.jwks()
    oidc_provider.jwks()
    assert oidc_provider.stats() == {"/jwks": 2}


def test_fails_as_often_as_told(oidc_provider: OidcProvider) -> None:
    oidc_provider.fail("/jwks", status=503, body="{}", headers={"retry-after": "7"}, count=1)
    failed = requests.get(oidc_provider.jwks_uri, timeout=5)
    assert (failed.status_code, failed.headers["retry-after"]) == (503, "7")
    assert requests.get(oidc_provider.jwks_uri, timeout=5).status_code == 200


def test_drops_the_connection(oidc_provider: OidcProvider) -> None:
    oidc_provider.fail("/jwks", drop=True)
    with pytest.raises(requests.ConnectionError):
        requests.get(oidc_provider.jwks_uri, timeout=5)


def test_answers_late(oidc_provider: OidcProvider) -> None:
    oidc_provider.fail("/jwks", delay=3)
    with pytest.raises(requests.ReadTimeout):
        requests.get(oidc_provider.jwks_uri, timeout=0.2)


def test_a_reset_brings_the_first_keys_back(oidc_provider: OidcProvider) -> None:
    first = oidc_provider.kids()
    oidc_provider.rotate_keys()
    oidc_provider.fail("/token", status=500)
    oidc_provider.reset()
    assert oidc_provider.kids() == first
    assert verify(oidc_provider, oidc_provider.mint())


def test_the_door_with_a_password(oidc_provider: OidcProvider) -> None:
    url = oidc_provider.basic_jwks_uri
    assert requests.get(url, timeout=5).status_code == 401
    assert requests.get(url, auth=READER, timeout=5).json() == oidc_provider.jwks()


def test_the_door_for_a_client_certificate(
    tls_oidc_provider: OidcProvider, certificates: Certificates
) -> None:
    def status(*client: Any) -> int:
        url, ours = tls_oidc_provider.certificate_jwks_uri, str(certificates.authority)
        return requests.get(url, verify=ours, cert=client or None, timeout=5).status_code

    assert status() == 401
    assert status(certificates.untrusted_client.certificate, certificates.untrusted_client.key) == 401
    assert status(certificates.client.certificate, certificates.client.key) == 200


def test_tls_is_by_our_own_authority(tls_oidc_provider: OidcProvider, certificates: Certificates) -> None:
    assert tls_oidc_provider.mint()
    with pytest.raises(requests.exceptions.SSLError):
        requests.get(tls_oidc_provider.jwks_uri, verify=str(certificates.other_authority), timeout=5)


class TestFaultProxy:
    """In front of the provider's key set; a body of about 1,100 bytes and a head of 250."""

    @pytest.fixture
    def proxy(self, oidc_provider: OidcProvider, open_fault_proxy: Callable[[int], FaultProxy]) -> FaultProxy:
        return open_fault_proxy(port_of(oidc_provider))

    def get(self, proxy: FaultProxy, timeout: float = 5) -> requests.Response:
        return requests.get(f"http://127.0.0.1:{proxy.port}/jwks", timeout=timeout)

    def test_forwards(self, proxy: FaultProxy, oidc_provider: OidcProvider) -> None:
        assert self.get(proxy).json() == oidc_provider.jwks()
        assert proxy.connections == 1

    def test_latency(self, proxy: FaultProxy) -> None:
        proxy.set("latency", seconds=0.3)
        assert self.get(proxy).elapsed.total_seconds() >= 0.3

    @pytest.mark.parametrize("mode", ["refuse", "reset_after"])
    def test_reset(self, proxy: FaultProxy, mode: Any) -> None:
        proxy.set(mode, size=100)
        with pytest.raises(requests.ConnectionError, match="reset"):
            self.get(proxy)

    def test_reset_in_the_body(self, proxy: FaultProxy) -> None:
        proxy.set("reset_after", size=600)
        with pytest.raises(requests.exceptions.ChunkedEncodingError, match="reset"):
            self.get(proxy)

    def test_a_body_cut_short(self, proxy: FaultProxy) -> None:
        proxy.set("close_after", size=600)
        with pytest.raises(requests.exceptions.ChunkedEncodingError, match="IncompleteRead"):
            self.get(proxy)

    def test_blackhole(self, proxy: FaultProxy) -> None:
        proxy.set("blackhole")
        with pytest.raises(requests.ReadTimeout):
            self.get(proxy, timeout=0.2)

    def test_slow(self, proxy: FaultProxy) -> None:
        proxy.set("slow", size=4000)
        start = time.monotonic()
        assert self.get(proxy).json()["keys"]
        assert time.monotonic() - start > 0.2

    def test_slice(self, proxy: FaultProxy) -> None:
        proxy.set("slice", size=100, seconds=0.005)
        assert self.get(proxy).json()["keys"]

    def test_only_the_next_connections(self, proxy: FaultProxy) -> None:
        proxy.set("refuse", count=1)
        with pytest.raises(requests.ConnectionError):
            self.get(proxy)
        assert self.get(proxy).status_code == 200
        assert proxy.connections == 2

    def test_drops_a_pooled_connection(self, proxy: FaultProxy) -> None:
        with requests.Session() as session:
            url = f"http://127.0.0.1:{proxy.port}/jwks"
            assert session.get(url, timeout=5).ok
            proxy.drop()
            assert session.get(url, timeout=5).ok
        assert proxy.connections == 2
