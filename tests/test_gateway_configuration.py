"""Gateway files: policies by name, routes, the gateway's own options, and every problem with them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from jwt_signer_mw import ConfigurationError
from jwt_signer_mw.gateway.configuration import Configuration, load_configuration, read_configuration
from jwt_signer_mw.gateway.options import GatewayOptions, Route, declared
from jwt_signer_mw.gateway.routing import AmbiguousPath, Router, inner_target
from jwt_signer_mw.gateway.schema import gateway_schema
from parts import ROOT

if TYPE_CHECKING:
    from pathlib import Path

ONE = {"access_token_jwks_uri": "https://idp.example/jwks", "channel_token_optional": True}
TWO = {"default": ONE, "partners": {"access_token_issuers_allowed": ["https://partner.example"]}}


def read(**content: Any) -> Configuration:
    return read_configuration(content, {})


def problems(**content: Any) -> dict[str, str]:
    with pytest.raises(ConfigurationError) as caught:
        read_configuration(content, {})
    return {problem.option: problem.id for problem in caught.value.problems if problem.level == "error"}


def test_settings_of_a_middleware_are_a_gateway_file() -> None:
    configuration = read(**ONE)
    assert list(configuration.policies) == ["default"]
    assert configuration.policies["default"].access_token.jwks.uri == ONE["access_token_jwks_uri"]
    assert configuration.routes == (Route(),)
    assert configuration.gateway == GatewayOptions()
    assert configuration.is_one_policy


def test_what_stands_beside_policies_holds_for_all() -> None:
    policies = read(realm="shop", policies={"default": ONE, "other": {**ONE, "realm": "other"}}).policies
    assert [policy.realm for policy in policies.values()] == ["shop", "other"]


def test_the_environment_fills_what_is_left() -> None:
    configuration = read_configuration({"policies": TWO}, {"JWT_SIGNER_REALM": "of the environment"})
    assert {policy.realm for policy in configuration.policies.values()} == {"of the environment"}


def test_toml(tmp_path: Path) -> None:
    file = tmp_path / "gateway.toml"
    file.write_text(
        """
        keyset_store = "memory://"
        [gateway]
        listen = "[::1]:9000"
        upstream = "http://127.0.0.1:9001/base"
        [policies.default]
        access_token_jwks_uri = "https://idp.example/jwks"
        channel_token_optional = true
        [policies.partners]
        access_token_jwks_uri = "https://partner.example/jwks"
        channel_token_optional = true
        [[routes]]
        path = "/partners/*"
        policy = "partners"
        strip_path = true
        [[routes]]
        """
    )
    configuration = load_configuration(file, {})
    assert [route.policy for route in configuration.routes] == ["partners", "default"]
    assert configuration.gateway.listen == "[::1]:9000"
    assert configuration.policies["partners"].keyset_store == "memory://"


def test_warnings_name_their_policy() -> None:
    options = {warning.option for warning in read(policies={"default": ONE, "open": ONE}).warnings}
    assert {"access_token_issuers_allowed", "open.access_token_issuers_allowed", "policies.open"} <= options


def test_all_problems_at_once() -> None:
    found = problems(
        policies={"default": {"access_token_jwks_ur": "x"}, "other": {"access_token_leeway": "soon"}},
        routes=[{"pth": "/a"}, {"policy": "othr"}],
        gateway={"listen": "here"},
    )
    assert found == {
        "access_token_jwks_ur": "settings.E001",
        "other.access_token_leeway": "settings.E002",
        "routes[0].pth": "gateway.E005",
        "routes[1].policy": "gateway.E010",
        "routes[1]": "gateway.E009",
        "gateway.listen": "gateway.E007",
    }


@pytest.mark.parametrize(
    "content, option, number",
    [
        ({"policies": {"other": ONE}}, "policies", "E001"),
        ({"policies": []}, "policies", "E001"),
        ({"policies": {**TWO, "a b": ONE}}, "policies.a b", "E002"),
        ({"policies": {**TWO, "x": {"admin_token": "a"}}}, "x.admin_token", "E003"),
        ({"routes": {}}, "routes", "E004"),
        ({"routes": []}, "routes", "E004"),
        ({"routes": [1]}, "routes[0]", "E004"),
        ({"gateway": 1}, "gateway", "E004"),
        ({"gateway": {"upstreem": "http://a"}}, "gateway.upstreem", "E005"),
        ({"gateway": {"upstream": 1}}, "gateway.upstream", "E006"),
        ({"gateway": {"secret": "{vault://env/NO_SUCH}"}}, "gateway.secret", "E006"),
        ({"gateway": {"listen": "host:70000"}}, "gateway.listen", "E007"),
        ({"gateway": {"trusted_proxies": ["10.0.0.1/8"]}}, "gateway.trusted_proxies", "E008"),
        ({"routes": [{}, {"path": "/*"}]}, "routes[1]", "E009"),
        ({"routes": [{"policy": "none"}]}, "routes[0].policy", "E010"),
        ({"policies": TWO, "routes": [{"exempt": True, "policy": "partners"}]}, "routes[0].exempt", "E011"),
        ({"routes": [{"path": "a"}]}, "routes[0].path", "E012"),
        ({"routes": [{"path": "/a*"}]}, "routes[0].path", "E012"),
        ({"routes": [{"path": "/a/../b"}]}, "routes[0].path", "E012"),
        ({"routes": [{"hosts": ["A.example"]}]}, "routes[0].hosts", "E013"),
        ({"routes": [{"hosts": ["a.example:80"]}]}, "routes[0].hosts", "E013"),
        ({"routes": [{"methods": ["get"]}]}, "routes[0].methods", "E014"),
        ({"routes": [{"upstream": "ftp://a"}]}, "routes[0].upstream", "E015"),
        ({"gateway": {"upstream": "http://a/?b"}}, "gateway.upstream", "E015"),
    ],
)
def test_problem(content: dict[str, Any], option: str, number: str) -> None:
    content = content if "policies" in content else {**ONE, **content}
    assert problems(**content).get(option) == f"gateway.{number}"


def test_secrets_are_resolved_and_not_shown() -> None:
    content = {**ONE, "gateway": {"secret": "{vault://env/GATE}"}}
    configuration = read_configuration(content, {"GATE": "open sesame, please"})
    assert configuration.gateway.secret == "open sesame, please"
    assert "sesame" not in repr(configuration)


# Routes


def found(routes: list[dict[str, Any]], host: str, path: str, method: str = "GET") -> str:
    configuration = read(policies={"default": ONE, **{one["policy"]: ONE for one in routes}}, routes=routes)
    route = Router(configuration.routes).find(host, path, method)
    return "" if route is None else route.policy


ROUTES: list[dict[str, Any]] = [
    {"policy": "all"},
    {"policy": "orders", "path": "/orders/*"},
    {"policy": "old", "path": "/orders/old/*"},
    {"policy": "exact", "path": "/orders/old"},
    {"policy": "write", "path": "/orders/*", "methods": ["POST", "PUT"]},
    {"policy": "host", "hosts": ["api.example", "[::1]"], "path": "/orders/*"},
    {"policy": "wild", "hosts": ["*.example"], "path": "/orders/old/*"},
]


@pytest.mark.parametrize(
    "host, path, method, policy",
    [
        ("a.test", "/", "GET", "all"),
        ("a.test", "/orders", "GET", "orders"),
        ("a.test", "/orders/", "GET", "orders"),
        ("a.test", "/orders2", "GET", "all"),
        ("a.test", "/ORDERS/1", "GET", "all"),
        ("a.test", "/orders/old/1", "GET", "old"),
        ("a.test", "/orders/old", "GET", "exact"),
        ("a.test", "/orders/1", "PUT", "write"),
        ("a.test", "/orders/old/1", "PUT", "old"),
        ("api.example:8443", "/orders/old/1", "GET", "host"),
        ("API.Example.", "/orders/1", "GET", "host"),
        ("[::1]:80", "/orders/1", "GET", "host"),
        ("b.example", "/orders/old/1", "GET", "wild"),
        ("example", "/orders/old/1", "GET", "old"),
    ],
)
@pytest.mark.parametrize("routes", [ROUTES, ROUTES[::-1]], ids=["in order", "reversed"])
def test_route(routes: list[dict[str, Any]], host: str, path: str, method: str, policy: str) -> None:
    assert found(routes, host, path, method) == policy


def test_no_route() -> None:
    assert found([{"policy": "a", "path": "/a/*"}], "h", "/b") == ""


@pytest.mark.parametrize(
    "path", ["/orders/../x", "//orders", "/orders/./x", "/a\\b", "/orders;x/1", "/%6frders", "/a\x00", "*"]
)
def test_paths_that_others_read_otherwise(path: str) -> None:
    with pytest.raises(AmbiguousPath):
        found(ROUTES, "a.test", path)
    assert found([{"policy": "all"}], "a.test", path) == ("all" if path.startswith("/") else "")


@pytest.mark.parametrize(
    "path, target, inner",
    [
        ("/orders/1", "/orders/1?a=b?c", "/1?a=b?c"),
        ("/orders", "/orders", "/"),
        ("/orders/ä b", "/%6Frders/%C3%A4%20b?x", "/%C3%A4%20b?x"),
        ("/orders/a/b", "/orders/a%2Fb", "/a%2Fb"),
    ],
)
def test_stripped_paths(path: str, target: str, inner: str) -> None:
    assert inner_target(Route(path="/orders/*", strip_path=True), path, target) == inner
    assert inner_target(Route(path="/orders/*"), path, target) == target


# The schema


def test_schema_knows_every_option() -> None:
    schema = gateway_schema()["properties"]
    assert schema["routes"]["items"]["properties"].keys() == declared(Route).keys()
    assert schema["gateway"]["properties"].keys() == declared(GatewayOptions).keys()
    assert "access_token_jwks_uri" in schema
    assert schema["routes"]["items"]["properties"]["path"]["default"] == "/*"


# The examples


@pytest.mark.parametrize("name", ["gateway.toml", "fleet/gateway.toml"])
def test_example(name: str) -> None:
    configuration = load_configuration(
        ROOT / "examples" / "gateway" / name, {"PARTNER_CREDENTIALS": "Basic eA=="}
    )
    assert "default" in configuration.policies
