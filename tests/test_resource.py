"""Protected resource metadata beside the table: settings, several policies, explanations, proxies, views."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

import pytest
import requests

from conformance.adapter import Plain
from conformance.judge import read_challenge
from conformance.wsgi import call
from jwt_signer_mw import ConfigurationError, Settings
from jwt_signer_mw.command.description import describe
from jwt_signer_mw.errors import ScopesInsufficient, TokenMissing
from jwt_signer_mw.keysets.memory import MemoryStore
from jwt_signer_mw.request.metadata import Directory, Metadata, document_of
from jwt_signer_mw.request.responses import Challenge, challenges_of, render
from jwt_signer_mw.wsgi import JWTSignerMiddleware
from parts import require_module
from providers.identity import SERVICE

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from wsgiref.types import StartResponse, WSGIEnvironment

    from conformance.adapter import Outcome
    from jwt_signer_mw.messages import Rejection
    from providers.oidc import OidcProvider

SECONDS: Final = 10.0
RESOURCE: Final = "https://api.example/orders"
PATH: Final = "/.well-known/oauth-protected-resource/orders"
URL: Final = f"https://api.example{PATH}"
SETTINGS: Final[Mapping[str, Any]] = {
    "access_token_jwks_uri": "https://idp.example/jwks",
    "access_token_issuers_allowed": ["https://idp.example"],
    "access_token_audiences_allowed": [RESOURCE],
    "channel_token_optional": True,
}
WITH: Final = {**SETTINGS, "resource": RESOURCE}


def application(_: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"the application"]


def challenge(rejection: Rejection) -> dict[str, str]:
    return read_challenge(dict(rejection.headers)["WWW-Authenticate"])


# Settings


@pytest.mark.parametrize(
    "identifier",
    [
        "orders",
        "urn:api:orders",
        "ftp://api.example/orders",
        "https://api.example/orders#part",
        "https://api.example/orders?a=b",
        "https://user:secret@api.example/orders",
        "https://api.example/a/../orders",
        "https://api.example/a/%2e%2e/orders",
        "https://api.example//orders",
        "https://api.example/a;b",
        "https:///orders",
    ],
)
def test_an_identifier_that_is_none(identifier: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        Settings.load({**SETTINGS, "resource": identifier})
    assert [(one.id, one.option) for one in caught.value.problems] == [("settings.E024", "resource")]


@pytest.mark.parametrize(
    "members, problem",
    [
        ({"resource": "https://other.example"}, "settings.E090"),
        ({"bearer_methods_supported": ["query"]}, "settings.E090"),
        ({"authorisation_servers": ["https://idp.example"]}, "settings.E090"),
        ({"authorization_servers": "https://idp.example, "}, "settings.E005"),
        ({"authorization_servers": []}, "settings.E008"),
        ({"resource_name": 7}, "settings.E002"),
        ({"dpop_bound_access_tokens_required": "perhaps"}, "settings.E002"),
        ({"mine": float("nan")}, "settings.E002"),
        ({"mine": object()}, "settings.E002"),
        ("{", "settings.E003"),
        (["resource_name"], "settings.E002"),
    ],
)
def test_members_that_are_none(members: object, problem: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        Settings.load({**WITH, "resource_metadata": members})
    assert [(one.id, one.option) for one in caught.value.problems] == [(problem, "resource_metadata")]


def test_members_need_a_resource() -> None:
    with pytest.raises(ConfigurationError) as caught:
        Settings.load({**SETTINGS, "resource_metadata": {"resource_name": "Orders"}})
    assert [one.option for one in caught.value.problems] == ["resource_metadata"]


@pytest.mark.parametrize(
    "more, expected",
    [
        ({}, set()),
        (
            {"access_token_audiences_allowed": None},
            {("W008", "access_token_audiences_allowed"), ("W090", "resource")},
        ),
        ({"access_token_issuers_allowed": ["idp"]}, {("W091", "resource")}),
        ({"resource_metadata": {"authorization_servers": None}}, {("W091", "resource")}),
        (
            {
                "access_token_issuers_allowed": ["idp"],
                "resource_metadata": {"authorization_servers": ["https://login.example"]},
            },
            set(),
        ),
        ({"resource": "http://api.example/orders"}, {("W007", "resource")}),
        ({"resource": "http://localhost:8000/orders"}, set()),
    ],
)
def test_warnings(more: Mapping[str, Any], expected: set[tuple[str, str]]) -> None:
    found = Settings.load({**WITH, **more}).warnings
    assert {(one.id.removeprefix("settings."), one.option) for one in found} == expected


def test_members_survive_a_round_trip_and_the_environment() -> None:
    members = {"resource_name": "Orders", "mine": [1, {"a": None}], "scopes_supported": ["a"]}
    settings = Settings.load({**WITH, "resource_metadata": members})
    assert settings.flat()["resource_metadata"] == members
    assert Settings.load(settings.flat()).fingerprint == settings.fingerprint
    variables = {"JWT_SIGNER_RESOURCE_METADATA": json.dumps(members), "JWT_SIGNER_RESOURCE": RESOURCE}
    assert Settings.load(SETTINGS, environ=variables).flat() == settings.flat()


# The well-known URL (RFC 9728 section 3.1)


@pytest.mark.parametrize(
    "identifier, path",
    [
        ("https://api.example", "/.well-known/oauth-protected-resource"),
        ("https://api.example/", "/.well-known/oauth-protected-resource"),
        ("https://api.example:8443/a/b", "/.well-known/oauth-protected-resource/a/b"),
        ("https://api.example/a/", "/.well-known/oauth-protected-resource/a/"),
        ("https://api.example/a%20b", "/.well-known/oauth-protected-resource/a b"),
    ],
)
def test_the_well_known_path(identifier: str, path: str) -> None:
    metadata = Metadata.of(Settings.load({**SETTINGS, "resource": identifier}))
    assert metadata is not None
    assert metadata.path == path
    origin = "/".join(identifier.split("/")[:3])
    assert metadata.url == origin + path.replace(" ", "%20")
    assert json.loads(metadata.body)["resource"] == identifier  # section 3.3: identical


def test_policies_that_share_a_path_are_told_apart_by_host() -> None:
    documents = [
        Metadata.of(Settings.load({**SETTINGS, "resource": identifier}))
        for identifier in ("https://a.example", "https://b.example:8443", "https://c.example/c")
    ]
    directory = Directory(zip((*documents, None), "abcd", strict=True))
    root = "/.well-known/oauth-protected-resource"
    assert directory.find(root, "A.example") == "a"
    assert directory.find(root, "b.example:8443") == "b"
    assert directory.find(root, "b.example") is None
    assert directory.find(f"{root}/c", "anything.example") == "c"
    assert directory.find(f"{root}/d", "a.example") is None
    assert not Directory([(None, "d")])


@pytest.mark.parametrize(
    "more, members",
    [
        ({"access_token_dpop": "never"}, {}),
        ({"access_token_dpop": "allowed"}, {"dpop_signing_alg_values_supported": ["ES256"]}),
        (
            {"access_token_dpop": "required"},
            {"dpop_signing_alg_values_supported": ["ES256"], "dpop_bound_access_tokens_required": True},
        ),
        ({"access_token_mtls": "required"}, {"tls_client_certificate_bound_access_tokens": True}),
        (
            {
                "access_token_dpop": "required",
                "resource_metadata": {"dpop_bound_access_tokens_required": None},
            },
            {"dpop_signing_alg_values_supported": ["ES256"]},
        ),
    ],
)
def test_bound_tokens_are_told(more: Mapping[str, Any], members: Mapping[str, Any]) -> None:
    settings = Settings.load({**WITH, "access_token_dpop_algorithms": ["ES256"], **more})
    document = document_of(settings)
    assert {name: document[name] for name in document if name.startswith(("dpop", "tls"))} == members


def test_trusted_issuers_are_authorization_servers() -> None:
    issuers = {
        "https://a.example": {"jwks_uri": "https://a.example/jwks"},
        "b": {"jwks_uri": "https://b/jwks"},
    }
    bare = {"channel_token_optional": True, "resource": RESOURCE, "access_token_trusted_issuers": issuers}
    assert document_of(Settings.load(bare))["authorization_servers"] == ["https://a.example"]


# Challenges


def test_challenges_have_more_than_one_scheme_and_their_own_parameters() -> None:
    schemes = (Challenge("DPoP", parameters=(("algs", "ES256"),)), Challenge(scope="read"))
    value = dict(render(TokenMissing(), "orders", "", schemes).headers)["WWW-Authenticate"]
    assert value == 'DPoP realm="orders", algs="ES256", Bearer realm="orders", scope="read"'


@pytest.mark.parametrize("dpop, schemes", [("allowed", ["Bearer", "DPoP"]), ("required", ["DPoP"])])
def test_challenges_of_bound_tokens_name_the_metadata(dpop: str, schemes: list[str]) -> None:
    settings = {**WITH, "access_token_dpop": dpop}
    middleware = JWTSignerMiddleware(application, settings, keyset_store=MemoryStore())
    refused = call(middleware, Plain("GET", "/orders", "api.example", ()))
    value = dict(refused.headers)["WWW-Authenticate"]
    assert [word for word in value.split() if word in ("Bearer", "DPoP")] == schemes
    assert f'resource_metadata="{URL}"' in value


def test_no_value_is_cut() -> None:
    words = " ".join(f"scope-{number}" for number in range(100))
    path = "/a" * 200
    settings = Settings.load({**SETTINGS, "resource": f"https://api.example{path}"})
    refused = ScopesInsufficient("", scope=words)
    told = challenge(render(refused, None, "api.example:1", challenges_of(settings)))
    assert told["scope"] == words
    assert told["resource_metadata"].endswith(path)
    assert told["realm"] == "api.example"


def test_a_refusal_of_a_route_names_the_metadata_too() -> None:
    require_module("starlette", "httpx2")
    from starlette.requests import Request

    from jwt_signer_mw.asgi import SETTINGS as IN_SCOPE
    from jwt_signer_mw.starlette import Refused

    scope = {"type": "http", "headers": [(b"host", b"api.example")], IN_SCOPE: Settings.load(WITH)}
    refused = Refused(Request(scope), TokenMissing())
    assert challenge(refused.rejection)["resource_metadata"] == URL


# Explanations


def test_explained() -> None:
    middleware = JWTSignerMiddleware(application, WITH, keyset_store=MemoryStore())
    explanation = middleware.explain({}, path=PATH)
    assert (explanation.outcome, explanation.status, explanation.option) == ("answered", 200, "resource")
    assert middleware.explain({}, path="/orders").outcome == "refused"


def test_described() -> None:
    sentences = [one.text for section in describe(Settings.load(WITH)) for one in section.sentences]
    assert [text for text in sentences if URL in text]
    assert [text for text in sentences if text.endswith(f"{PATH}.")]
    sentences = [one.text for section in describe(Settings.load(SETTINGS)) for one in section.sentences]
    assert not [text for text in sentences if "metadata" in text]


def test_a_mount_does_not_hide_them() -> None:
    """As for exempt paths, the path inside the mount counts."""
    middleware = JWTSignerMiddleware(application, WITH, keyset_store=MemoryStore())

    def mounted(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        return middleware({**environ, "SCRIPT_NAME": "/api"}, start_response)

    assert call(mounted, Plain("GET", PATH, "api.example", ())).status == 200


# A real provider, and a client that knows nothing but the URL


def test_a_client_of_a_wsgi_service_finds_its_way(oidc_provider: OidcProvider) -> None:
    resource = "http://127.0.0.1:8000/orders"
    settings = {
        "access_token_jwks_uri": oidc_provider.jwks_uri,
        "access_token_issuers_allowed": [oidc_provider.issuer],
        "access_token_audiences_allowed": [resource],
        "access_token_scopes_required": ["write"],
        "channel_token_optional": True,
        "resource": resource,
    }
    middleware = JWTSignerMiddleware(application, settings, keyset_store=MemoryStore())

    def get(target: str, token: str = "") -> Outcome:
        headers = (("Authorization", f"Bearer {token}"),) if token else ()
        return call(middleware, Plain("GET", target, "127.0.0.1:8000", headers))

    refused = get("/orders")
    told = read_challenge(dict(refused.headers)["WWW-Authenticate"])
    shown = json.loads(get(urlsplit(told["resource_metadata"]).path).body)
    assert shown["resource"] == resource
    (server,) = shown["authorization_servers"]
    provider = requests.get(f"{server}/.well-known/openid-configuration", timeout=SECONDS).json()

    def fetch_token(**form: str) -> str:
        form |= {"grant_type": "client_credentials"}
        answer = requests.post(provider["token_endpoint"], data=form, auth=SERVICE, timeout=SECONDS)
        return str(answer.json()["access_token"])

    assert get("/orders", fetch_token(resource=shown["resource"], scope=told["scope"])).status == 200
    assert get("/orders", fetch_token(resource=shown["resource"], scope="read")).status == 403
    assert get("/orders", fetch_token(resource="http://127.0.0.1:8000/other", scope="write")).status == 403


# Proxies that ask


def test_a_proxy_is_not_told_to_let_such_requests_through() -> None:
    require_module("uvicorn", "httpx2")
    from test_forward_auth import CONTENT, about, ask, bearer

    content = {**CONTENT, **WITH, "gateway": {"style": "nginx"}}
    assert ask(content, "/auth", {**bearer(), **about("/orders")}).status == 401  # the issuer is another
    told = ask(content, "/auth", {**about(PATH), "X-Consumer-Id": "forged"})
    assert told.status == 403
    shared = {**SETTINGS, "resource": "https://other.example/orders"}
    two = {**content, "policies": {"default": {}, "b": shared}}
    assert ask(two, "/auth", about(PATH, "third.example")).status == 403


def test_the_gateway_shows_them_to_everybody() -> None:
    require_module("uvicorn", "httpx2")
    from test_forward_auth import CONTENT, ask

    for client in (("127.0.0.1", 1), ("192.0.2.1", 1)):
        told = ask({**CONTENT, **WITH}, PATH, {"Host": "api.example"}, client=client)
        assert (told.status, told.headers["access-control-allow-origin"]) == (200, "*")


# Frameworks


def test_an_error_handler_of_flask_is_not_asked() -> None:
    require_module("flask")
    from flask import Flask
    from werkzeug.exceptions import HTTPException

    from flask_jwt_signer import JWTSigner

    app = Flask(__name__)
    app.config["JWT_SIGNER"] = {
        "default": {**SETTINGS, "keyset_store": "memory://"},
        "orders": {**WITH, "keyset_store": "memory://"},
    }
    JWTSigner(app)
    app.register_error_handler(HTTPException, lambda _: ("a page", 500))
    answer = app.test_client().get(PATH)
    assert (answer.status_code, answer.get_json()["resource"]) == (200, RESOURCE)
    assert app.test_client().head(PATH).data == b""
    assert app.test_client().get("/orders").status_code == 401
