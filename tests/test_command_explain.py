"""`jwt-signer explain`: from arguments to a request, and what is printed about it."""

from __future__ import annotations

import io
import json
import time
from typing import TYPE_CHECKING

import pytest

from conformance.keys import Pem, jwks
from conformance.tokens import render_bytes, signed
from jwt_signer_mw.command import main

if TYPE_CHECKING:
    from pathlib import Path

Said = pytest.CaptureFixture[str]


@pytest.fixture
def config(tmp_path: Path) -> Path:
    (tmp_path / "jwks.json").write_bytes(render_bytes(jwks("p256")))
    (tmp_path / "signing.pem").write_bytes(render_bytes(Pem("p256-signing")))
    file = tmp_path / "gateway.toml"
    file.write_text(
        f"""
        access_token_jwks_uri = "file://{tmp_path}/jwks.json"
        access_token_signing_algorithm = "ES256"
        channel_token_optional = true
        [policies.default]
        [policies.partners]
        access_token_audiences_allowed = ["partners"]
        access_token_request_header = "authorization:basic"
        channel_token_request_header = "X-Channel"
        [[routes]]
        [[routes]]
        path = "/partners/*"
        policy = "partners"
        [[routes]]
        path = "/health"
        exempt = true
        """
    )
    return file


def token(**claims: object) -> str:
    return str(signed({"exp": int(time.time()) + 300, **claims}, alg="ES256", key="p256"))


def test_passes(config: Path, capsys: Said) -> None:
    assert main(["explain", str(config), "--token", token(), "--header", "X-Consumer-ID: root"]) == 0
    told = capsys.readouterr().out
    assert told.startswith("GET /, policy default\n")
    assert "taken from the client's: Authorization, X-Consumer-ID" in told
    assert "ES256, by a key of" in told
    assert told.endswith("\nforwarded\n")


def test_is_refused(config: Path, capsys: Said) -> None:
    """The policy is the route's, and the token goes where that policy looks for it."""
    arguments = ["explain", str(config), "--path", "/partners/1", "--token", token(aud="shop")]
    assert main(arguments) == 1
    told = capsys.readouterr().out
    assert "refused with 403: audience_not_allowed\n  by partners" not in told
    assert "refused with 403: audience_not_allowed\n  by access_token_audiences_allowed\n" in told
    assert '"shop" is not in access_token_audiences_allowed ("partners")' in told


def test_for_machines(config: Path, capsys: Said) -> None:
    late = ["--at", "2100-01-01T00:00:00Z", "--json"]
    assert main(["explain", str(config), "--policy", "partners", "--token", token(), *late]) == 1
    told = json.loads(capsys.readouterr().out)
    assert (told["policy"], told["reason"]) == ("partners", "token_expired")
    assert told["steps"][-1]["stage"] == "check"


def test_token_from_standard_input(config: Path, capsys: Said, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{token()}\n"))
    assert main(["explain", str(config), "--token", "-"]) == 0
    assert "forwarded" in capsys.readouterr().out


def test_offline_nobody_can_tell(tmp_path: Path, capsys: Said) -> None:
    config = tmp_path / "policy.json"
    endpoint = "https://idp.invalid/introspect"
    config.write_text(
        json.dumps({"access_token_introspection_endpoint": endpoint, "channel_token_optional": True})
    )
    assert main(["explain", str(config), "--token", "opaque", "--offline"]) == 3
    assert "Ask again without offline." in capsys.readouterr().out


def test_exempt_route(config: Path, capsys: Said) -> None:
    assert main(["explain", str(config), "--path", "/health"]) == 0
    assert "exempt route" in capsys.readouterr().out


@pytest.mark.parametrize(
    "arguments",
    [
        ["--header", "no colon"],
        ["--at", "yesterday"],
        ["--at", "inf"],
        ["--policy", "nobody"],
        ["--path", "/partners/../x"],
        ["--channel-token", "x"],
    ],
)
def test_wrong_use(config: Path, arguments: list[str], capsys: Said) -> None:
    assert main(["explain", str(config), *arguments]) == 2
    assert capsys.readouterr().err.startswith("jwt-signer: ")


def test_no_store_is_touched(config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JWT_SIGNER_KEYSET_STORE", f"sqlite:///{tmp_path}/keys.sqlite3")
    assert main(["explain", str(config), "--token", token()]) == 0
    assert not (tmp_path / "keys.sqlite3").exists()
