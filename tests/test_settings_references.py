"""References to the environment and to files, in place of secrets."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from jwt_signer_mw import ConfigurationError, Settings
from jwt_signer_mw.settings.loading import OPTIONS
from jwt_signer_mw.settings.references import MAX_SECRET_BYTES

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

PASSWORD = "access_token_keyset_client_password"
PAIR = {"access_token_keyset_client_username": "me"}
FERNET = "q" * 42 + "A="
OTHER_FERNET = "Z" * 42 + "A="


def password(given: str, environ: dict[str, str]) -> str | None:
    return Settings.load(PAIR | {PASSWORD: given}, environ).access_token.keyset.client_password


def refusal(mapping: Mapping[str, object], environ: Mapping[str, str] | None = None) -> tuple[str, str, str]:
    with pytest.raises(ConfigurationError) as raised:
        Settings.load(mapping, environ or {})
    (problem,) = [found for found in raised.value.problems if found.level == "error"]
    return problem.id, problem.option, problem.text


@pytest.mark.parametrize(
    "reference", ["{vault://env/MY_SECRET}", "{vault://env/my-secret}", "{vault://env/my_secret}"]
)
def test_a_variable(reference: str) -> None:
    assert password(reference, {"MY_SECRET": "s3cret"}) == "s3cret"


def test_the_very_name_comes_first() -> None:
    assert password("{vault://env/my_secret}", {"MY_SECRET": "other", "my_secret": "s3cret"}) == "s3cret"


def test_without_a_given_environment_the_process_has_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_SECRET", "s3cret")
    settings = Settings.load(PAIR | {PASSWORD: "{vault://env/SOME_SECRET}"})
    assert settings.access_token.keyset.client_password == "s3cret"


def test_a_variable_may_hold_the_reference() -> None:
    environ = {f"JWT_SIGNER_{PASSWORD.upper()}": "{vault://env/S}", "S": "s3cret"}
    assert Settings.load(PAIR, environ).access_token.keyset.client_password == "s3cret"


@pytest.mark.parametrize("ending", ["", "\n", "\r\n"])
def test_a_file(tmp_path: Path, ending: str) -> None:
    file = tmp_path / "secret"
    file.write_bytes(b"s3 cr\xc3\xa9t" + ending.encode())
    assert password(f"{{file://{file}}}", {}) == "s3 crét"


@pytest.mark.parametrize("environ", [{}, {"MY_SECRET": ""}, {"MY_SECRET": " \n"}])
def test_nothing_never_becomes_a_secret(environ: dict[str, str]) -> None:
    assert refusal(PAIR | {PASSWORD: "{vault://env/my-secret}"}, environ)[:2] == ("settings.E010", PASSWORD)


@pytest.mark.parametrize("content", [b"", b"\n", b"\xff\xfe", b"a" * (MAX_SECRET_BYTES + 1)])
def test_files_that_hold_no_secret(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "secret"
    file.write_bytes(content)
    assert refusal(PAIR | {PASSWORD: f"{{file://{file}}}"})[:2] == ("settings.E010", PASSWORD)


def test_a_file_that_is_missing_or_no_file(tmp_path: Path) -> None:
    for path in (tmp_path / "missing", tmp_path, ""):
        problem, option, text = refusal(PAIR | {PASSWORD: f"{{file://{path}}}"})
        assert (problem, option) == ("settings.E010", PASSWORD)
        assert str(tmp_path) not in text


@pytest.mark.parametrize(
    "reference", ["{vault://aws/x}", "{vault://env/}", "{vault://env/a/b}", "{vault://env/1}"]
)
def test_references_that_cant_be_read(reference: str) -> None:
    assert refusal(PAIR | {PASSWORD: reference})[0] == "settings.E010"


@pytest.mark.parametrize(
    "option, value",
    [
        ("access_token_introspection_authorization", "Basic {vault://env/S}"),
        ("cache", "redis://:{vault://env/S}@host"),
        ("access_token_issuer", "{vault://env/S}"),
        ("access_token_audiences_allowed", ["{vault://env/S}"]),
    ],
)
def test_a_reference_is_never_taken_literally(option: str, value: object) -> None:
    assert refusal({option: value}, {"S": "s3cret"})[:2] == ("settings.E011", option)


@pytest.mark.parametrize(
    "given",
    [
        "{vault://env/BOTH}",
        ["{vault://env/ONE}", OTHER_FERNET],
        "{vault://env/ONE},{vault://env/TWO}",
        '["{vault://env/ONE}", "{vault://env/TWO}"]',
    ],
)
def test_lists_of_secrets(given: object) -> None:
    environ = {"BOTH": f"{FERNET},{OTHER_FERNET}", "ONE": FERNET, "TWO": OTHER_FERNET}
    settings = Settings.load({"keyset_encryption_keys": given}, environ)
    assert settings.keyset_encryption_keys == (FERNET, OTHER_FERNET)


def test_every_secret_is_referenceable() -> None:
    declared = [option.declared for option in OPTIONS.values()]
    assert all(one.referenceable for one in declared if one.secret)
    settings = Settings.load(
        {"keyset_store": "{vault://env/URL}", "cache": "{vault://env/URL}"}, {"URL": "redis://h"}
    )
    assert settings.keyset_store == settings.cache == "redis://h"
