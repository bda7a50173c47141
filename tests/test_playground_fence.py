"""What the playground's page can't do: read files, reach other hosts, be used by other pages."""

# ruff: noqa: E402  (the libraries of the demo are an extra)
from __future__ import annotations

import json
import socket
import sys
from typing import TYPE_CHECKING, Any

import pytest

from parts import require_module

require_module("jwt", "werkzeug")

from jwt_signer_mw.demo.playground.bench import Bench, open_bench
from jwt_signer_mw.demo.playground.fence import (
    CLOSED,
    FencedTransport,
    find_closed,
    mentions_foreign_reference,
)
from jwt_signer_mw.demo.playground.policies import RELOAD
from jwt_signer_mw.demo.playground.requesting import Wanted
from jwt_signer_mw.errors import ConfigurationError, TransportError
from jwt_signer_mw.flows.commands import Exchange, Reply
from jwt_signer_mw.settings.declared import TokenSettings
from jwt_signer_mw.settings.issuers import options_per_issuer
from jwt_signer_mw.settings.kinds import TextList
from jwt_signer_mw.settings.loading import OPTIONS
from playgrounds import Playground, opened

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

TOKEN = "access_token"
PER_ISSUER = options_per_issuer(TokenSettings)
ISSUER = "https://issuer.example"
CANARY = "canary_of_the_playground"  # the name of a file and of a module


@pytest.fixture(scope="module")
def playground() -> Iterator[Playground]:
    with opened() as playground:
        yield playground


class Watch:
    """What this process opened, imported and connected to, as far as it has to do with the canaries."""

    def __init__(self) -> None:
        self.port = 0
        self.seen: list[str] = []
        sys.addaudithook(self._hear)  # for good: there is no way to take one off

    def _hear(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event in {"open", "import", "ctypes.dlopen"}:
            found = CANARY in str(arguments[0])
        elif event == "socket.connect":
            found = self.port > 0 and self.port in tuple(arguments[1])[1:2]
        else:
            found = event == "socket.getaddrinfo" and CANARY in str(arguments[0])
        if found:
            self.seen.append(event)


@pytest.fixture(scope="module")
def watch() -> Watch:
    return Watch()


def test_no_option_reaches_outside(playground: Playground, watch: Watch, tmp_path: Path) -> None:
    """Every option, also of one of several issuers, with everything that could name something outside."""
    path = tmp_path / f"{CANARY}.json"
    path.write_text(json.dumps({"keys": [], "secret": CANARY}))
    assert watch.seen == ["open"]  # it hears; that was us
    watch.seen.clear()
    with socket.create_server(("127.0.0.1", 0)) as canary, open_bench(playground.providers) as bench:
        watch.port = canary.getsockname()[1]
        sent = sum(
            send(bench, name, value)
            for outside in outside_values(path, f"127.0.0.1:{watch.port}")
            for name, value in (
                *((name, outside) for name in OPTIONS if "channel" not in name),  # declared once for both
                *((f"{TOKEN}_trusted_issuers", {ISSUER: {short: outside}}) for short in PER_ISSUER),
            )
        )
        canary.settimeout(0)
        with pytest.raises(BlockingIOError):
            canary.accept()
    assert watch.seen == []
    assert sent > 100  # texts that are only texts, such as an issuer


def outside_values(path: Path, host: str) -> tuple[Any, ...]:
    return (
        path.as_uri(),
        str(path),
        f"{{file://{path}}}",
        f'["\\u007bfile://{path}}}"]',
        f"{CANARY}.Thing",
        f"http://{host}/jwks",
        f"sqlite:///{path}",
        f"https://{CANARY}.example/",
        f"pkcs11:token=t;object=o?module-path={path}&pin-source=file:{path}",
        f"awskms:///alias/a?region=x&endpoint=http://{host}",
        {"cert": str(path), "key": str(path)},
        {"x": {"cert": str(path), "key": str(path)}},
        [f"{{file://{path}}}"],
    )


def send(bench: Bench, name: str, value: Any) -> bool:
    """Whether a request with this setting was sent at all; both tokens are there, one of each kind."""
    access, channel = bench.providers
    settings = {
        "access_token_jwks_uri": access.jwks_uri,
        "access_token_introspection_endpoint": access.introspection_endpoint,
        "channel_token_optional": True,
        "channel_token_jwks_uri": channel.jwks_uri,
        name: value,
    }
    token = access.mint(iss=ISSUER) if "issuers" in name else access.mint()
    headers = (("Authorization", f"Bearer {token}"), ("X-Channel", "opaque-token-0123456789"))
    try:
        bench.send(json.dumps(settings), Wanted("GET", "/", headers))
    except ConfigurationError:
        return False
    return True


@pytest.mark.parametrize(
    "option, value, problem",
    [
        ("access_token_jwks_uri", "file:///etc/passwd", "playground.E003"),
        ("access_token_jwks_uri", "FILE:///etc/passwd", "playground.E003"),
        ("channel_token_keyset", "file:///etc/passwd", "playground.E003"),
        ("access_token_keyset", "https://idp.example/jwks", "playground.E003"),
        ("access_token_introspection_endpoint", "http://127.0.0.1:1/introspect", "playground.E003"),
        ("access_token_introspection_endpoint", "http://169.254.169.254/", "playground.E003"),
        ("keyset_store", "sqlite:////tmp/x", "playground.E001"),
        ("cache", "redis://127.0.0.1/0", "playground.E001"),
        ("certificates", {}, "playground.E001"),
        ("access_token_jwks_uri_client_certificate", "/etc/ssl/key.pem", "playground.E001"),
        ("admin_token", "mine", "playground.E001"),
        ("keyset_encryption_keys", ["x"], "playground.E001"),
        ("consumers", "os.system", "playground.E001"),
        ("consumers", "django://auth", "playground.E001"),
        ("access_token_introspection_authorization", "{file:///etc/passwd}", "playground.E002"),
        ("access_token_introspection_authorization", "{vault://env/HOME}", "playground.E002"),
        ("access_token_introspection_authorization", " {file:///etc/passwd} ", "playground.E002"),
        ("realm", "{file:///etc/passwd}", "playground.E002"),
        ("set_claims", {"a": "{file:///etc/passwd}"}, "playground.E002"),
        ("observers", ["os.system"], "playground.E001"),
        ("shadow", {"keyset_store": "sqlite:////tmp/x"}, "playground.E001"),
        ("access_token_discovery", "https://idp.example", "playground.E003"),
        ("access_token_keyset", "pkcs11:token=t;object=o?module-path=/tmp/x.so", "playground.E003"),
        ("access_token_keyset", "awskms:///alias/a", "playground.E003"),
        ("access_token_trusted_issuers", {"i": {"jwks_uri": "file:///etc/passwd"}}, "playground.E003"),
        ("access_token_trusted_issuers", {"i": {"jwks_uri": "{file:///x}"}}, "playground.E002"),
        (
            "access_token_trusted_issuers",
            {"i": {"jwks_uri_client_certificate": "/etc/ssl/key.pem"}},
            "playground.E001",
        ),
        ("access_token_trusted_issuers", '{"i": {"jwks_uri": "file:///x"}}', "playground.E001"),
    ],
)
def test_the_rule(option: str, value: Any, problem: str, playground: Playground) -> None:
    assert (problem, option) in playground.problems(json.dumps({option: value}))


def test_the_one_reference_is_not_the_environments(
    playground: Playground, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("INTROSPECTION_AUTHORIZATION", "Basic bm90OmhlcmU=")
    monkeypatch.setenv("JWT_SIGNER_ACCESS_TOKEN_SIGNING", "false")
    opening = playground.ask("open", fragment="scenario=opaque")
    assert "{vault://env/INTROSPECTION_AUTHORIZATION}" in opening["settings"]
    story = playground.send(opening)
    assert (story["reason"], story["tokens"][0]["after"]["verified"]) == ("accepted", True)


def test_what_is_read_as_a_list_is_closed() -> None:
    """The elements of a list that is written as text are resolved after the text was read."""
    lists = {
        name
        for name, option in OPTIONS.items()
        if option.declared.referenceable and isinstance(option.declared.kind, TextList)
    }
    assert lists <= CLOSED


def test_closed_options_are_not_even_loaded() -> None:
    assert [one.option for one in find_closed({"keyset_store": "x", "cache": None, "realm": "x"})] == [
        "keyset_store",
        "cache",
    ]
    assert [name for name in RELOAD if name in CLOSED] == []


@pytest.mark.parametrize(
    "value, found",
    [
        ("{vault://env/INTROSPECTION_AUTHORIZATION}", False),
        ("{vault://env/INTROSPECTION_AUTHORIZATION} ", True),
        ('{"a": "\\u007bfile:///x}"}', True),
        ('["{vault://env/HOME}"]', True),
        ({"{file:///x}": 1}, True),
        ([["{file:///x}"]], True),
        ("[not json {", False),
        ("{file}", False),
        (7, False),
    ],
)
def test_references(value: Any, found: bool) -> None:
    assert mentions_foreign_reference(value) is found


def test_the_transport_refuses_other_hosts(playground: Playground) -> None:
    class Nobody:
        def send(self, exchange: Exchange) -> Reply:
            raise AssertionError(exchange.url)

    transport = FencedTransport(Nobody(), playground.providers)
    origin = playground.providers.access.origin
    for url in (
        "https://idp.example/jwks",
        f"{origin}0/jwks",
        f"{origin}@evil.example/",
        "file:///etc/passwd",
    ):
        with pytest.raises(TransportError, match="asks nobody but"):
            transport.send(Exchange(url))
    assert transport.take() == ()
