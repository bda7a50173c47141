"""No secret in a repr, a redacted copy, a log line or a problem."""

from __future__ import annotations

import logging
from dataclasses import replace

import pytest

from jwt_signer_mw import ConfigurationError, Settings
from jwt_signer_mw.settings.loading import OPTIONS
from jwt_signer_mw.settings.redaction import redact_url

SECRET = "s3cretS3CRETs3cret"
FERNET = SECRET + "q" * 24 + "A="

SECRETS = {
    "access_token_jwks_uri_client_username": "me",
    "access_token_jwks_uri_client_password": SECRET,
    "channel_token_keyset_client_username": "me",
    "channel_token_keyset_client_password": SECRET,
    "access_token_introspection_authorization": f"Basic {SECRET}",
    "channel_token_introspection_body_args": f"client_secret={SECRET}",
    "access_token_subject_pairwise_secret": SECRET * 2,
    "access_token_subject_pairwise_sector": "https://orders.example",
    "admin_token": SECRET,
    "keyset_encryption_keys": [FERNET],
    "keyset_store": f"postgresql+psycopg://me:{SECRET}@host/db?password={SECRET}",
    "cache": f"redis://:{SECRET}@host:6379/0",
}


def test_no_repr_shows_a_secret(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        settings = Settings.load(SECRETS | {"enable_hs_signatures": True})
    shown = [repr(settings), str(settings), f"{settings!r}", repr(settings.warnings), caplog.text]
    for token in (settings.access_token, settings.channel_token):
        shown += [repr(token), repr(token.jwks), repr(token.keyset), repr(token.claims), repr(token.shape)]
    assert caplog.records
    assert [text for text in shown if SECRET in text] == []


def test_a_redacted_copy_keeps_what_helps() -> None:
    flat = Settings.load(SECRETS).flat(redact=True)
    assert SECRET not in repr(flat)
    assert flat["keyset_store"] == "postgresql+psycopg://***@host/db?***"
    assert flat["cache"] == "redis://***@host:6379/0"
    assert flat["keyset_encryption_keys"] == ["***"]
    assert flat["access_token_jwks_uri_client_password"] == "***"
    assert flat["access_token_jwks_uri_client_username"] == "me"
    assert flat["channel_token_jwks_uri_client_password"] is None
    assert flat.keys() == OPTIONS.keys()


def test_the_repr_says_what_was_set() -> None:
    assert repr(Settings.load()) == "Settings()"
    assert repr(Settings.load({"realm": "shop"})) == "Settings(realm='shop')"


@pytest.mark.parametrize("name", sorted(name for name, option in OPTIONS.items() if option.declared.secret))
@pytest.mark.parametrize(
    "bad",
    [
        *(f" {SECRET}", f"{SECRET}\n", f"a{{vault://env/{SECRET}}}", f"{{file://{SECRET}}}"),
        *(f"mongodb://{SECRET}", f"[{SECRET}", f"ü {SECRET}", f"token={SECRET}"),
        *([SECRET, [SECRET]], {SECRET: SECRET}, SECRET.encode()),
    ],
)
def test_no_problem_repeats_a_secret(name: str, bad: object) -> None:
    with pytest.raises(ConfigurationError) as raised:
        # The pair of a password is there, so that only the password itself is wrong.
        Settings.load({name.replace("password", "username"): "me", name: bad, "nonsense": 1}, {})
    assert SECRET not in str(raised.value)
    assert SECRET not in repr(raised.value.problems)
    assert raised.value.__cause__ is None


def test_a_url_with_a_password_in_the_wrong_place_is_not_repeated() -> None:
    with pytest.raises(ConfigurationError) as raised:
        Settings.load({"access_token_jwks_uri": f"https://me:{SECRET}@a.example/"})
    assert SECRET not in str(raised.value)


@pytest.mark.parametrize(
    "url, shown",
    [
        ("redis://host", "redis://host"),
        ("redis://user@host", "redis://***@host"),
        ("redis://a:b@c@host/0", "redis://***@host/0"),
        ("redis://host?password=x#y", "redis://host?***"),
        ("sqlite:////var/lib/keys.db", "sqlite:////var/lib/keys.db"),
        ("redis://:a/b?c#d@host/0", "redis://***@host/0"),
        ("shop.stores.Vault", "***"),
        (SECRET, "***"),
    ],
)
def test_urls(url: str, shown: str) -> None:
    assert redact_url(url) == shown


def test_what_is_replaced_stays_hidden() -> None:
    settings = replace(Settings.load(SECRETS), realm="other")
    assert SECRET not in repr(settings)
