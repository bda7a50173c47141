"""`jwt-signer init`: discovery, questions, and a file that can be used as it is."""

from __future__ import annotations

import io
import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import pytest

from jwt_signer_mw.command import main
from jwt_signer_mw.command.discovery import discover
from jwt_signer_mw.flows.discovery import well_known
from jwt_signer_mw.gateway.configuration import load_configuration

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from jwt_signer_mw.settings import Settings

SECRET = {"INTROSPECTION_AUTHORIZATION": "Basic eA=="}


@contextmanager
def provider(path: str, **document: Any) -> Iterator[str]:
    """Serves metadata at this path, `$ISSUER` in them filled in; gives its origin."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            good = self.path == path
            body = json.dumps(document).replace("$ISSUER", origin).encode() if good else b"nothing"
            self.send_response(200 if good else 404)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *_: object) -> None:  # noqa: A002
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    origin = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    try:
        yield origin
    finally:
        server.shutdown()
        server.server_close()


def loaded(file: Path) -> Settings:
    return load_configuration(file, SECRET).policies["default"]


FULL = {
    "issuer": "$ISSUER",
    "jwks_uri": "$ISSUER/keys",
    "introspection_endpoint": "$ISSUER/oauth/introspect",
}


@pytest.mark.parametrize(
    "path", ["/.well-known/openid-configuration", "/.well-known/oauth-authorization-server"]
)
def test_discovery_fills_in_the_rest(path: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "policy.toml"
    with provider(path, **FULL) as issuer:
        assert main(["init", str(file), "--issuer", issuer, "--audience", "api://a", "--scope", "read"]) == 0
    token = loaded(file).access_token
    assert token.jwks.uri == f"{issuer}/keys"
    assert token.claims.issuers_allowed == (issuer,)
    assert token.claims.audiences_allowed == ("api://a",)
    assert token.introspection_endpoint == f"{issuer}/oauth/introspect"
    assert token.introspection_authorization == "Basic eA=="
    assert token.introspection.scopes_required == ("read",)
    assert "INTROSPECTION_AUTHORIZATION" in capsys.readouterr().out
    assert main(["check", "--quiet", str(file)]) == 1  # the secret is not set yet


def test_well_known_places() -> None:
    assert well_known("https://idp.example/realms/a/") == (
        "https://idp.example/realms/a/.well-known/openid-configuration",
        "https://idp.example/.well-known/oauth-authorization-server/realms/a",
        "https://idp.example/realms/a/.well-known/oauth-authorization-server",
    )


def test_metadata_of_another_issuer(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """RFC 8414 section 3.3: somebody could pass off his keys as those of the issuer."""
    file = tmp_path / "policy.toml"
    document = FULL | {"issuer": "https://other.example"}
    with provider("/.well-known/openid-configuration", **document) as issuer:
        assert main(["init", str(file), "--issuer", issuer]) == 1
    assert "https://other.example" in capsys.readouterr().err
    assert not file.exists()


@pytest.mark.parametrize("issuer", ["not a url", "ftp://a", "https://user:pw@a"])
def test_no_issuer(issuer: str) -> None:
    with pytest.raises(LookupError):
        discover(issuer)


def test_without_discovery(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "policy.toml"
    arguments = ["--issuer", "https://idp.example", "--tokens", "jwt", "--no-discovery"]
    assert main(["init", str(file), *arguments]) == 0
    assert "a guess" in file.read_text()
    assert loaded(file).access_token.introspection_endpoint is None
    assert main(["init", str(file), *arguments]) == 1
    assert "--force" in capsys.readouterr().err
    assert main(["init", str(file), "--force", *arguments]) == 0


def test_two_tokens(tmp_path: Path) -> None:
    file = tmp_path / "policy.toml"
    arguments = [
        "--issuer",
        "https://a.example",
        "--tokens",
        "opaque",
        "--channel-issuer",
        "https://b.example",
    ]
    assert main(["init", str(file), "--no-discovery", *arguments]) == 0
    settings = loaded(file)
    assert settings.access_token.jwks.uri is None
    assert settings.channel_token.claims.issuers_allowed == ("https://b.example",)
    assert not settings.channel_token.optional


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_questions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", Terminal("\nhttps://idp.example\njwt\napi://a\n\n\n"))
    file = tmp_path / "policy.toml"
    assert main(["init", str(file), "--no-discovery"]) == 0
    settings = loaded(file)
    assert settings.access_token.claims.audiences_allowed == ("api://a",)
    assert settings.channel_token.optional


def test_nobody_to_ask(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO())
    assert main(["init", str(tmp_path / "policy.toml")]) == 2
    assert "--issuer" in capsys.readouterr().err
