"""`jwt-signer check`: problems, and settings in plain words."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from jwt_signer_mw.command import main

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

JWKS = "https://idp.example/jwks"
ENDPOINT = "https://idp.example/introspect"
ONE = {"channel_token_optional": True}
JWT = {**ONE, "access_token_jwks_uri": JWKS}
OPAQUE = {**ONE, "access_token_introspection_endpoint": ENDPOINT}

GOLDEN = """\
policy.toml can be used: no errors, 2 warnings

warning settings.W008 access_token_issuers_allowed
  is not in use: every issuer is accepted. List the values that are meant for you.

warning settings.W008 access_token_audiences_allowed
  is not in use: every audience is accepted. List the values that are meant for you.

Access token
  - Read from the header Authorization, as Bearer or Basic. A request that lacks it gets 401.
  - A JWT: its signature is verified with the keys of https://idp.example/jwks; HMAC signatures are
    refused with 401. The keys are loaded when first needed, and again when none fits a token (every
    30 seconds at most).
  - Of its claims is checked:
      `exp` lies ahead (else 401)
      `employee.favourites.beverage` holds 'coffee' (else 403)
  - Any other token: refused with 401, as access_token_introspection_endpoint is not set.
  - A new token is signed with RS256 by our key set 'kong', with the issuer 'kong'; the former one
    becomes `original_iss`. It expires when the old one does.
  - It goes on as `Authorization: Bearer <token>`.

Channel token
  - Not in use: channel_token_request_header is not set.

Headers of the request that goes on
  - Removed, whatever the client put there: Authorization, X-Consumer-*, X-Credential-*,
    X-Anonymous-Consumer*; case does not count, and -, _ and . are taken for one.

Answers to requests that are refused
  - All carry a challenge for Bearer with the realm the request's host, and a message in JSON.
  - 401: the token is missing, malformed, expired, inactive, or not to be trusted.
  - 403: the token is good, but its scopes, audience, subject or consumer do not fit.
  - 503 with Retry-After: a provider or a store that the request needs does not answer.
  - 500: the settings or our own keys are at fault.

Paths
  - Every path is checked.

Memory
  - Up to 10000 accepted requests are remembered, for 60 seconds or until they expire.
  - Tokens of more than 16384 bytes are refused unread.

Key sets
  - Our own key sets are kept in the adapter's own store, private keys not encrypted.
  - The endpoints show everybody the public keys of a set.
  - Listing, deleting and rotating need an `admin_token`, which is not set.

Who hears of it
  - The log jwt_signer_mw.decisions has a line for every refusal.
"""


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], str]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")

    def write(name: str, text: str) -> str:
        (tmp_path / name).write_text(text)
        return name

    return write


def test_whole_output(write: Callable[[str, str], str], capsys: pytest.CaptureFixture[str]) -> None:
    text = f"""
        access_token_jwks_uri = "{JWKS}"
        channel_token_optional = true
        access_token_scopes_claim = ["employee", "favourites", "beverage"]
        access_token_scopes_required = ["coffee"]
    """
    assert main(["check", write("policy.toml", text)]) == 0
    assert capsys.readouterr().out == GOLDEN


def test_all_problems_at_once(write: Callable[[str, str], str], capsys: pytest.CaptureFixture[str]) -> None:
    text = json.dumps({"acces_token_optional": True, "realm": 5, "verify_access_token_signature": False})
    assert main(["check", write("policy.json", text)]) == 1
    captured = capsys.readouterr()
    assert captured.err == ""
    assert captured.out.splitlines()[0] == "policy.json can't be used: 2 errors, 4 warnings"
    assert "error settings.E001 acces_token_optional" in captured.out
    assert "Did you mean access_token_optional?" in captured.out
    assert "error settings.E002 realm" in captured.out
    assert "Access token" not in captured.out


@pytest.mark.parametrize(
    "name, text, wanted",
    [
        ("missing.toml", None, "No such file"),
        ("policy.txt", "", "ends neither in .toml"),
        ("policy.toml", "=", "not what its ending says"),
        ("policy.json", "[]", "must hold a map of options"),
    ],
)
def test_unreadable_file(
    name: str,
    text: str | None,
    wanted: str,
    write: Callable[[str, str], str],
    capsys: pytest.CaptureFixture[str],
) -> None:
    if text is not None:
        write(name, text)
    assert main(["check", name]) == 1
    output = capsys.readouterr().out
    assert "error settings.E013" in output
    assert wanted in " ".join(output.split())


def test_environment_fills_what_the_file_leaves_unset(
    write: Callable[[str, str], str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("JWT_SIGNER_REALM", "shop")
    assert main(["check", write("policy.json", json.dumps(JWT))]) == 0
    assert "realm 'shop'" in capsys.readouterr().out


def test_json(write: Callable[[str, str], str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "--json", write("policy.json", json.dumps(JWT))]) == 0
    document = json.loads(capsys.readouterr().out)
    assert (document["file"], document["usable"]) == ("policy.json", True)
    assert {problem["id"] for problem in document["problems"]} == {"settings.W008"}
    access, *_ = document["description"]
    assert access["title"] == "Access token"
    assert {"text": "Of its claims is checked:", "details": ["`exp` lies ahead (else 401)"]} in access[
        "sentences"
    ]


def test_json_of_bad_settings(write: Callable[[str, str], str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "--json", write("policy.json", '{"realm": 5}')]) == 1
    document = json.loads(capsys.readouterr().out)
    assert (document["usable"], document["description"]) == (False, [])
    first = document["problems"][0]
    assert (first["id"], first["level"], first["option"]) == ("settings.E002", "error", "realm")
    assert set(first) == {"id", "level", "option", "text", "hint"}


def test_no_secret_is_shown(write: Callable[[str, str], str], capsys: pytest.CaptureFixture[str]) -> None:
    secrets = {
        **JWT,
        **OPAQUE,
        "access_token_introspection_authorization": "Basic aGVsbG86aGlkZGVuLTE=",
        "access_token_introspection_body_args": "key=hidden-2",
        "access_token_jwks_uri_client_username": "user",
        "access_token_jwks_uri_client_password": "hidden-3",
        "admin_token": "hidden-4-hidden-4-hidden-4",
        "keyset_encryption_keys": ["aGlkZGVuLTUtaGlkZGVuLTUtaGlkZGVuLTUtaGlkZGU="],
        "keyset_store": "postgresql+psycopg://user:hidden-6@db.example/keys",
        "cache": "redis://:hidden-7@cache.example/0",
        "set_claims": {"internal": "hidden-8"},
    }
    config = write("policy.json", json.dumps(secrets))
    assert (main(["check", config]), main(["check", config, "--json"])) == (0, 0)
    output = capsys.readouterr().out
    assert "hidden" not in output
    assert "aGVsbG8" not in output
    assert "aGlkZGVu" not in output
    assert "db.example" in output


# Files with many policies

MANY = """
access_token_jwks_uri = "https://idp.example/jwks"
channel_token_optional = true
[gateway]
upstream = "http://127.0.0.1:9000"
[policies.default]
[policies.partners]
access_token_issuers_allowed = ["https://partner.example"]
[[routes]]
[[routes]]
path = "/partners/*"
hosts = ["api.example"]
policy = "partners"
[[routes]]
path = "/health"
methods = ["GET"]
exempt = true
"""


def test_many_policies(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "gateway.toml"
    file.write_text(MANY)
    assert main(["check", str(file)]) == 0
    told = capsys.readouterr().out
    assert "warning settings.W008 partners.access_token_audiences_allowed" in told
    assert "/partners/* of api.example: requests meet the policy partners" in told
    assert "GET /health: requests pass unchecked" in told
    assert told.count("\nAccess token\n") == 2
    assert main(["check", "--quiet", str(file)]) == 0
    assert "Access token" not in capsys.readouterr().out


def test_many_policies_for_machines(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "gateway.toml"
    file.write_text(MANY)
    assert main(["check", "--json", str(file)]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["usable"] is True
    assert list(told["policies"]) == ["default", "partners"]
    assert len(told["routes"]) == 3


def test_strict(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """For CI: no weak setting gets in unnoticed."""
    file = tmp_path / "policy.json"
    file.write_text(json.dumps(JWT))
    assert main(["check", str(file)]) == 0
    assert main(["check", "--strict", str(file)]) == 1
    lists = {f"access_token_{name}_allowed": ["https://a.example"] for name in ("issuers", "audiences")}
    file.write_text(json.dumps({**JWT, **lists}))
    assert main(["check", "--strict", str(file)]) == 0
    assert "no errors, no warnings" in capsys.readouterr().out


def test_errors_of_all_parts(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "gateway.toml"
    file.write_text(
        MANY.replace('policy = "partners"', 'policy = "partner"').replace("[policies.d", "[policies.x")
    )
    assert main(["check", str(file)]) == 1
    told = capsys.readouterr().out
    assert "error gateway.E001 policies" in told
    assert "Did you mean partners?" in told


def test_schema(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["schema"]) == 0
    assert "routes" in json.loads(capsys.readouterr().out)["properties"]
