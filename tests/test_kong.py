"""Kong files of three kinds, imported: what is taken over, what differs, and that it behaves as told."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from jwt_signer_mw import ConfigurationError
from jwt_signer_mw.command import main
from jwt_signer_mw.gateway.configuration import load_configuration, read_configuration
from jwt_signer_mw.gateway.routing import Router
from jwt_signer_mw.gateway.writing import write_toml
from jwt_signer_mw.kong.exporting import export_policy
from jwt_signer_mw.kong.importing import import_kong
from jwt_signer_mw.kong.reading import read_form
from jwt_signer_mw.settings import Settings, load_file
from jwt_signer_mw.settings.files import MAX_BYTES
from parts import require_module

require_module("yaml")

if TYPE_CHECKING:
    from jwt_signer_mw.gateway.configuration import Configuration
    from jwt_signer_mw.kong.importing import Imported

FILES = Path(__file__).parent / "kong"
SECRETS = {"PARTNER_CREDENTIALS": "Basic c2hvcDpzZWNyZXQ="}


def imported(name: str) -> Imported:
    return import_kong(load_file(FILES / f"{name}.yaml"))


def configuration(name: str, tmp_path: Path) -> Configuration:
    """What a gateway makes of the file that the import writes."""
    file = tmp_path / "gateway.toml"
    file.write_text(write_toml(imported(name).content), encoding="utf-8")
    return load_configuration(file, SECRETS)


def lines(name: str, fate: str) -> dict[str, str]:
    return {line.place: line.text for line in imported(name).report if line.fate == fate}


# An old file


def test_old_parameters_and_spellings(tmp_path: Path) -> None:
    loaded = configuration("one_service", tmp_path)
    policy = loaded.policies["orders"]
    assert policy.access_token.claims.scopes_claim == ("scope",)
    assert policy.access_token.claims.scopes_required == ("orders:read", "orders:admin")
    assert policy.access_token.issuer == "orders-gateway"
    assert [consumer.username for consumer in policy.consumers] == ["alice", "bob"]  # type: ignore[attr-defined]
    (route,) = loaded.routes
    assert (route.path, route.methods, route.policy) == ("/orders/*", ("GET", "POST"), "orders")
    assert (route.upstream, route.strip_path) == ("http://orders.internal:8080/api", True)


def test_what_differs_is_told() -> None:
    differs = lines("one_service", "differs")
    place = "services[0].plugins[0].config"
    assert "since 3.14" in differs[f"{place}.access_token_endpoints_ssl_verify"]
    assert "/jwt-signer/jwks/kong" in differs[f"{place}.access_token_keyset"]
    assert "no global plugin" in differs["plugins"]
    ignored = lines("one_service", "ignored")
    assert ignored["services[0].plugins[1]"] == "the plugin rate-limiting"
    assert "keyauth_credentials" in ignored["consumers[1].keyauth_credentials"]
    weak = lines("one_service", "weak")
    assert f"{place}.access_token_issuers_allowed" in weak
    assert lines("one_service", "refused") == {}


def test_without_a_global_plugin_nothing_passes_by_default(tmp_path: Path) -> None:
    default = configuration("one_service", tmp_path).policies["default"]
    assert default.access_token.jwks.uri is None
    assert not default.access_token.optional


# A new file


def test_global_service_and_route_plugins(tmp_path: Path) -> None:
    loaded = configuration("two_tokens", tmp_path)
    router = Router(loaded.routes)
    chosen = {
        target: getattr(router.find(*target.split(" ")), "policy", None)
        for target in (
            "partners.example / GET",
            "eu.partners.example / GET",
            "any.example /status/x GET",
            "any.example /reports GET",
            "any.example /archive/2020 GET",
            "any.example / GET",
        )
    }
    assert list(chosen.values()) == ["partners", "partners", "partners", "reports", "reports", None]


def test_two_tokens_and_secrets(tmp_path: Path) -> None:
    loaded = configuration("two_tokens", tmp_path)
    partners = loaded.policies["partners"]
    assert partners.access_token.introspection_authorization == SECRETS["PARTNER_CREDENTIALS"]
    assert partners.channel_token.request_header == "X-JWT-channel-client"
    assert partners.access_token.original_upstream_header == "X-Original-Token"
    assert "partner-credentials" in write_toml(imported("two_tokens").content)
    route = next(route for route in loaded.routes if route.hosts)
    assert (route.upstream, route.preserve_host) == ("https://partners.internal:8443/v2", True)
    reports = loaded.policies["reports"]
    assert reports.access_token.claims.required_claims == (("exp",), ("employee", "id"))
    assert dict(reports.access_token.set_claims) == {"team": '"a"', "level": "3"}
    default = loaded.policies["default"]
    assert default.access_token.claims.audiences_allowed == ("api://default",)


def test_a_plugin_that_is_off_does_not_count() -> None:
    ignored = lines("two_tokens", "ignored")
    assert ignored["services[0].routes[1].plugins[0]"] == "a plugin that is switched off"
    taken = lines("two_tokens", "taken")
    assert taken["services[0].routes[1]"] == "meets the policy 'partners'"


# A difficult file


def test_what_can_not_be_taken_over_is_refused() -> None:
    refused = lines("difficult", "refused")
    assert "regular expression" in refused["services[0].routes[0]"]
    assert "headers" in refused["services[0].routes[1]"]
    assert "no address" in refused["services[1].routes[0]"]
    legacy = "services[2].plugins[0].config"
    assert "did you mean access_token_jwks_uri?" in refused[f"{legacy}.access_token_jwks_ur"]
    assert "reference" in refused[f"{legacy}.access_token_introspection_authorization"]
    assert "services[3].plugins[0].config.access_token_leeway" in refused


def test_no_route_is_wider_than_it_was() -> None:
    routes = imported("difficult").content["routes"]
    assert [route["path"] for route in routes] == ["/items/*", "/assets/*", "/legacy/*", "/items/all/*"]
    weak = lines("difficult", "weak")
    assert "pass unchecked" in weak["services[0].routes[2]"]
    assert "services[2].plugins[0].config.verify_access_token_signature" in weak


def test_a_file_that_needs_a_hand_is_not_usable_as_it_is(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError) as caught:
        configuration("difficult", tmp_path)
    options = {problem.option for problem in caught.value.problems if problem.level == "error"}
    assert options == {"legacy.access_token_introspection_authorization", "shop-items.access_token_leeway"}


# The Admin API's form, and the way back


@pytest.mark.parametrize("separator", ["&", "\n"])
def test_form_posts(separator: str) -> None:
    pairs = (
        "name=jwt-signer",
        "config.access_token_jwks_uri=https%3A%2F%2Fidp.example%2Fjwks",
        "config.access_token_scopes_required[]=a%20b",
        "config.access_token_scopes_required[]=c",
        "config.access_token_scopes_claim[1]=realm_access",
        "config.access_token_scopes_claim[2]=roles",
        "config.access_token_consumer_claim.1=sub",
        "config.access_token_issuers_allowed=https://a.example,https://b.example",
        "config.access_token_leeway=30",
        "config.channel_token_optional=true",
    )
    content = import_kong(read_form(separator.join(pairs))).content
    policy = read_configuration(content, {}).policies["default"]
    claims = policy.access_token.claims
    assert claims.scopes_required == ("a b", "c")
    assert claims.scopes_claim == ("realm_access", "roles")
    assert claims.consumer_claim == ("sub",)
    assert claims.issuers_allowed == ("https://a.example", "https://b.example")
    assert (claims.leeway, policy.channel_token.optional) == (30, True)


def test_there_and_back() -> None:
    """Exported and imported again, every policy is the same."""
    for name in ("one_service", "two_tokens"):
        content = imported(name).content
        for policy in content["policies"].values():
            again = import_kong(export_policy(policy).content).content["policies"]["default"]
            before = Settings.load(policy, environ=SECRETS)
            assert Settings.load(again, environ=SECRETS).fingerprint == before.fingerprint


def test_what_kong_does_not_know_is_left_out() -> None:
    exported = export_policy({"access_token_leeway": 5, "verdict_cache_ttl": 1, "realm": "a"})
    assert exported.content["plugins"][0]["config"] == {"access_token_leeway": 5, "realm": "a"}
    assert exported.left_out == ("verdict_cache_ttl",)


# The command


def test_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    output = tmp_path / "gateway.toml"
    assert main(["import-kong", str(FILES / "two_tokens.yaml"), "-o", str(output)]) == 0
    told = capsys.readouterr().out
    assert "taken (" in told
    assert told.index("weak (") < told.index("differs (") < told.index("taken (")
    assert load_configuration(output, SECRETS).policies.keys() == {"default", "reports", "partners"}
    assert main(["import-kong", str(FILES / "difficult.yaml"), "--json"]) == 1
    captured = capsys.readouterr()
    assert "[policies.legacy]" in captured.out
    assert json.loads(captured.err)[0]["fate"] == "refused"


def test_command_in_reverse(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "gateway.toml"
    file.write_text("verdict_cache_ttl = 1\n[policies.default]\nrealm = 'a'\n[policies.b]\nrealm = 'b'\n")
    assert main(["import-kong", "--reverse", "--policy", "b", str(file)]) == 0
    captured = capsys.readouterr()
    assert captured.err == "not for Kong: verdict_cache_ttl\n"
    back = tmp_path / "kong.yaml"
    back.write_text(captured.out)
    assert load_file(back)["plugins"][0]["config"] == {"realm": "b"}
    assert main(["import-kong", "--reverse", "--policy", "c", str(file)]) == 2


def test_a_file_of_a_whole_fleet(tmp_path: Path) -> None:
    """Longer than any settings file may be."""
    file, output = tmp_path / "kong.json", tmp_path / "ours.toml"
    file.write_text(json.dumps({"_format_version": "3.0", "_comment": "x" * MAX_BYTES}))
    assert main(["import-kong", str(file), "-o", str(output)]) == 0
    assert "policies" in output.read_text()


def test_form_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "plugin.form"
    file.write_text("name=jwt-signer\nconfig.realm=shop\n")
    assert main(["import-kong", str(file)]) == 0
    assert 'realm = "shop"' in capsys.readouterr().out


# What is written


def test_toml_is_read_back_as_it_was() -> None:
    import tomllib

    content: dict[str, Any] = {
        "realm": 'a "quoted" \\ text\n\x7fü',
        "gateway": {"listen": "a:1", "upstream_timeout": 1.5},
        "consumers": [{"id": "1"}, {"id": "2"}],
        "policies": {
            "default": {},
            "a": {"set_claims": {"x y": "1"}, "access_token_required_claims": [["a"], ["b", "c"]]},
        },
        "routes": [{"path": "/a/*", "hosts": ["h"]}, {"exempt": True}],
    }
    assert tomllib.loads(write_toml({**content, "cache": None})) == content
