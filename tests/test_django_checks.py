"""System checks: their ids, their hints, and that every weak setting is noticed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from parts import require_module

require_module("django")

import django_project  # noqa: E402

django_project.start()

from django.core import checks  # noqa: E402
from django.core.checks.registry import registry  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.core.management.base import SystemCheckError  # noqa: E402
from django.test import override_settings  # noqa: E402

from django_jwt_signer.checks import FIRST_NUMBERS, check_id, check_settings, check_views  # noqa: E402
from jwt_signer_mw.errors import Problem  # noqa: E402
from jwt_signer_mw.settings.catalogue import ENTRIES  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Iterator

OURS = "django_jwt_signer.middleware.JWTSignerMiddleware"
USERS = "django_jwt_signer.middleware.ConsumerUserMiddleware"
SECURITY = "django.middleware.security.SecurityMiddleware"
LOCALE = "django.middleware.locale.LocaleMiddleware"
SESSIONS = "django.contrib.sessions.middleware.SessionMiddleware"
AUTHENTICATION = "django.contrib.auth.middleware.AuthenticationMiddleware"
REMOTE_USER = "django.contrib.auth.middleware.RemoteUserMiddleware"
FETCH = "django.middleware.cache.FetchFromCacheMiddleware"

STRONG: dict[str, Any] = {
    "access_token_jwks_uri": "https://issuer.example/jwks",
    "access_token_issuers_allowed": ["https://issuer.example"],
    "access_token_audiences_allowed": ["orders"],
    "channel_token_optional": True,
    "keyset_encryption_keys": ["MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="],
}


@pytest.fixture(autouse=True)
def _settings() -> Iterator[None]:
    with override_settings(JWT_SIGNER=STRONG):
        yield


def ids(*, deploy: bool = False, **project: Any) -> list[str]:
    """Of what `check --tag jwt_signer` finds."""
    with override_settings(**project):
        found = checks.run_checks(tags=["jwt_signer"], include_deployment_checks=deploy)
    return [str(message.id) for message in found if not message.is_silenced()]


def test_nothing_to_complain_about() -> None:
    policies = {"default": STRONG, "partners": STRONG, "nobody": STRONG}
    assert ids(deploy=True, JWT_SIGNER=policies, SILENCED_SYSTEM_CHECKS=[]) == []


def test_every_problem_at_once_with_a_hint() -> None:
    bad = {
        "access_token_jwks_urn": "x",
        "access_token_leeway": "soon",
        "verify_access_token_signature": False,
    }
    with override_settings(JWT_SIGNER=bad):
        found = check_settings()
    errors = [message for message in found if message.level == checks.ERROR]
    assert [message.id for message in errors] == ["jwt_signer.E001", "jwt_signer.E002"]
    assert errors[0].hint == "Did you mean access_token_jwks_uri?"
    assert "access_token_jwks_urn" in errors[0].msg
    assert all(message.hint and message.obj == "JWT_SIGNER" for message in found)
    assert "jwt_signer.W005" in [message.id for message in found]


def test_errors_stop_every_command() -> None:
    with override_settings(JWT_SIGNER={"access_token_leeway": "soon"}), pytest.raises(SystemCheckError):
        call_command("check")


WEAK: dict[str, dict[str, Any]] = {
    "W001": {"enable_hs_signatures": True},
    "W002": {"admin_token": "short"},
    "W003": {"channel_token_request_header": "Authorization"},
    "W004": {"set_claims": {"exp": "1"}},
    "W005": {"verify_access_token_signature": False},
    "W006": {"access_token_endpoints_ssl_verify": False},
    "W007": {"access_token_jwks_uri": "http://issuer.example/jwks"},
    "W008": {"access_token_issuers_allowed": None},
    "W009": {
        "access_token_introspection_endpoint": "https://issuer.example/introspect",
        "access_token_scopes_required": ["orders"],
    },
    "W010": {"channel_token_optional": False},
    "W011": {"access_token_jwks_uri": None},
    "W012": {"verify_access_token_expiry": False},
    "W013": {"jwks_reload_interval": 0},
    "W014": {
        "access_token_jwks_uri": None,
        "access_token_issuers_allowed": None,
        "access_token_trusted_issuers": {
            "https://a.example": {"jwks_uri": "https://issuer.example/jwks"},
            "https://b.example": {"jwks_uri": "https://issuer.example/jwks"},
        },
    },
    "W015": {"access_token_jwks_uri": None, "access_token_discovery": "http://issuer.example"},
    "W040": {"access_token_dpop": "allowed"},
    "W041": {"access_token_dpop": "allowed", "access_token_dpop_nonces": True},
    "W042": {"client_certificate_header": "X-Client-Cert"},
    "W060": {
        "access_token_subject_pairwise_secret": "s" * 32,
        "access_token_subject_pairwise_sector": "https://orders.example",
        "original_access_token_upstream_header": "X-Original",
    },
    "W090": {"resource": "https://api.example", "access_token_audiences_allowed": None},
    "W091": {"resource": "https://api.example", "access_token_issuers_allowed": ["issuer"]},
    "W092": {"access_token_report_only": ["audience"]},
    "W510": {"keyset_store": "memory://"},
    "W511": {"keyset_encryption_keys": None},
    "W512": {"cache": "django://default"},
}


@pytest.mark.parametrize("number", WEAK)
def test_check_deploy_notices_every_weak_setting(number: str) -> None:
    assert f"jwt_signer.{number}" in ids(deploy=True, JWT_SIGNER={**STRONG, **WEAK[number]})


def test_every_warning_of_the_core_is_tried_here() -> None:
    core = {entry.id.removeprefix("settings.") for entry in ENTRIES if entry.level == "warning"}
    assert core <= set(WEAK)


def test_what_matters_in_production_only() -> None:
    desk = {**STRONG, "keyset_encryption_keys": None, "cache": "django://default"}
    assert ids(JWT_SIGNER=desk) == []
    assert ids(JWT_SIGNER=desk, DEBUG=True, deploy=True) == [
        "jwt_signer.W511",
        "jwt_signer.W512",
        "jwt_signer.W513",
    ]


@pytest.mark.parametrize(
    "option, number",
    [
        ({"keyset_store": "django://nowhere"}, "E502"),
        ({"cache": "django://nowhere"}, "E503"),
        ({"consumers": "django://shop.Customer"}, "E504"),
        ({"consumers": "django://auth?custom_id=nothing"}, "E504"),
        ({"consumers": "django://auth?shoe_size=id"}, "E504"),
        ({"consumers": "no.such.module"}, "E505"),
        ({"keyset_store": "no.such.module"}, "E505"),
        ({"keyset_store": "no://such"}, "E026"),
    ],
)
def test_services_that_are_not_there(option: dict[str, str], number: str) -> None:
    assert f"jwt_signer.{number}" in ids(JWT_SIGNER={**STRONG, **option})


def test_the_app_is_missing() -> None:
    with override_settings(INSTALLED_APPS=["django.contrib.contenttypes"]):
        assert [message.id for message in check_settings()] == ["jwt_signer.E506"]


def test_policies_name_their_own_problems() -> None:
    with override_settings(JWT_SIGNER={"default": STRONG, "partners": {**STRONG, "realm": "ä"}}):
        (found,) = check_settings()
    assert (found.id, found.msg.split()[0]) == ("jwt_signer.E029", "partners.realm")
    assert ids(JWT_SIGNER={"partners": STRONG}) == ["jwt_signer.E501"]


def test_views_with_a_policy_that_is_not_there() -> None:
    with override_settings(JWT_SIGNER={"default": STRONG, "partners": STRONG}):
        (found,) = check_views()
    assert found.id == "jwt_signer.E510"
    assert found.msg.startswith("django_project.views.unknown_policy has the policy 'nobody'")


class TestOrder:
    def test_good(self) -> None:
        order = [SECURITY, LOCALE, OURS, SESSIONS, AUTHENTICATION, USERS, FETCH]
        assert ids(MIDDLEWARE=order) == []

    def test_missing(self) -> None:
        assert ids(MIDDLEWARE=[SECURITY]) == ["jwt_signer.W501"]

    def test_twice(self) -> None:
        assert ids(MIDDLEWARE=[OURS, OURS]) == ["jwt_signer.E511"]

    @pytest.mark.parametrize("late", [SECURITY, LOCALE])
    def test_too_high(self, late: str) -> None:
        assert ids(MIDDLEWARE=[OURS, late]) == ["jwt_signer.W502"]

    @pytest.mark.parametrize("early", [AUTHENTICATION, REMOTE_USER, FETCH])
    def test_too_low(self, early: str) -> None:
        assert ids(MIDDLEWARE=[early, OURS]) == ["jwt_signer.W503"]

    def test_subclasses_count(self) -> None:
        assert ids(MIDDLEWARE=["test_django_checks.Logins", OURS]) == ["jwt_signer.W503"]

    def test_users_below_authentication(self) -> None:
        assert ids(MIDDLEWARE=[OURS, USERS, AUTHENTICATION]) == ["jwt_signer.W504"]
        assert ids(MIDDLEWARE=[OURS, AUTHENTICATION, USERS]) == []

    def test_what_can_not_be_imported_is_left_to_django(self) -> None:
        assert ids(MIDDLEWARE=[OURS, "no.such.Middleware"]) == []


def _logins() -> type:
    from django.contrib.auth.middleware import RemoteUserMiddleware

    return RemoteUserMiddleware


class Logins(_logins()):  # type: ignore[misc]
    """A project's own."""


def test_ids_never_meet() -> None:
    starts = sorted(FIRST_NUMBERS.values())
    assert check_id(Problem("settings.E031", "error", "x", "")) == "jwt_signer.E031"
    assert max(int(entry.id[-3:]) for entry in ENTRIES) < starts[1]


def test_checks_are_registered_once() -> None:
    found: list[Any] = [*registry.get_checks(include_deployment_checks=True)]
    ours = [check.__name__ for check in found if check.__module__ == "django_jwt_signer.checks"]
    assert sorted(ours) == ["check_deployment", "check_settings", "check_views"]


def test_no_check_logs_what_it_shows(caplog: pytest.LogCaptureFixture) -> None:
    ids(JWT_SIGNER={**STRONG, "enable_hs_signatures": True})
    assert caplog.records == []
