"""The management commands."""

from __future__ import annotations

import json
from io import StringIO
from typing import TYPE_CHECKING, Any

import pytest

from parts import require_module

require_module("django")

import django_project  # noqa: E402

django_project.start()

from django.core.management import CommandError, call_command  # noqa: E402
from django.test import override_settings  # noqa: E402

from django_jwt_signer.gate import current_gate  # noqa: E402
from django_jwt_signer.stores import ModelStore  # noqa: E402
from django_jwt_signer.test import trust_issuer  # noqa: E402
from jwt_signer_mw.keysets.sealing import Sealing  # noqa: E402
from jwt_signer_mw.testing import Issuer  # noqa: E402
from stores import name, some_set  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Iterator

    from jwt_signer_mw.keysets.keyset import StoredSet

__all__ = ["name"]

GOOD: dict[str, Any] = {
    "access_token_jwks_uri": "https://issuer.example/jwks",
    "access_token_issuers_allowed": ["https://issuer.example"],
    "access_token_audiences_allowed": ["orders"],
    "channel_token_optional": True,
}


@pytest.fixture(autouse=True)
def _settings() -> Iterator[None]:
    with override_settings(JWT_SIGNER=GOOD):
        yield


def run(*arguments: str) -> str:
    output = StringIO()
    call_command(*arguments, stdout=output)
    return output.getvalue()


class TestCheck:
    def test_says_what_will_happen(self) -> None:
        text = run("jwt_signer_check")
        assert text.startswith("Policy default can be used: no errors, no warnings\n")
        assert "https://issuer.example/jwks" in text

    def test_each_policy_with_its_own_problems(self) -> None:
        with override_settings(JWT_SIGNER={"default": GOOD, "partners": {**GOOD, "jwks_reload_interval": 0}}):
            default, partners = run("jwt_signer_check").split("Policy partners")
        assert "W013" not in default
        assert "jwt_signer.W013 partners.jwks_reload_interval" in partners

    def test_all_that_is_wrong(self) -> None:
        output = StringIO()
        bad = {"access_token_leeway": "soon", "realm": "ä"}
        with override_settings(JWT_SIGNER=bad), pytest.raises(CommandError, match="can't be used"):
            call_command("jwt_signer_check", stdout=output)
        assert "jwt_signer.E002 access_token_leeway" in output.getvalue()
        assert "jwt_signer.E029 realm" in output.getvalue()


class TestExplain:
    def ask(self, *arguments: str) -> tuple[str, int]:
        output = StringIO()
        try:
            call_command("jwt_signer_explain", *arguments, stdout=output)
        except SystemExit as leaving:
            return output.getvalue(), int(str(leaving.code))
        return output.getvalue(), 0

    def test_by_the_policy_of_the_view(self) -> None:
        with override_settings(JWT_SIGNER={"default": GOOD, "partners": {**GOOD, "realm": "partners"}}):
            text, status = self.ask("--path", "/partners", "--token", "e30.e30.x")
            assert status == 1
            assert text.startswith("GET /partners, policy partners\n")
            assert self.ask("--path", "/plain")[0].startswith("GET /plain, policy default\n")
            assert self.ask("--path", "/nowhere", "--policy", "partners")[0].startswith(
                "GET /nowhere, policy p"
            )

    def test_a_request_that_passes(self) -> None:
        with override_settings(JWT_SIGNER=GOOD), trust_issuer() as issuer:
            settings = current_gate().policies["default"].settings
            _, value = issuer.header(settings.access_token, {"sub": "alice"})
            text, status = self.ask("--path", "/plain", "--token", value.removeprefix("Bearer "))
            assert (status, "forwarded" in text) == (0, True)
            _, forged = Issuer().header(settings.access_token, {"sub": "alice"})
            text, status = self.ask("--path", "/plain", "--header", f"Authorization: {forged}", "--json")
            assert json.loads(text)["reason"] == "key_unknown"

    def test_an_exempt_view(self) -> None:
        for path in ("/exempt", "/jwt-signer/jwks/kong"):
            assert self.ask("--path", path) == (
                f"{path} leads to a view that no token is asked for: it passes.\n",
                0,
            )

    @pytest.mark.parametrize(
        "wrong", [("--policy", "nobody"), ("--at", "soon"), ("--path", "/unknown-policy")]
    )
    def test_wrong_use(self, wrong: tuple[str, ...]) -> None:
        with pytest.raises(CommandError):
            self.ask(*wrong)


class TestKeys:
    @pytest.fixture
    def stored(self, name: str) -> StoredSet:
        from jwt_signer_mw.clock import Clock
        from jwt_signer_mw.drivers.blocking import BlockingDriver
        from jwt_signer_mw.drivers.transport import RequestsTransport
        from jwt_signer_mw.flows.named import Named

        store = ModelStore(None, Sealing())
        driver = BlockingDriver(RequestsTransport())
        driver.run(Named(name, store, Clock(), algorithms=["ES256"]).prepare())
        found = store.load(name)
        assert found is not None
        return found

    def test_list(self, stored: StoredSet) -> None:
        assert stored.name in run("jwt_signer_keys", "list")
        listed = json.loads(run("jwt_signer_keys", "list", "--json"))
        assert stored.name in [one["name"] for one in listed]

    def test_show_and_rotate(self, stored: StoredSet) -> None:
        (before,) = stored.generation("next")
        shown = run("jwt_signer_keys", "show", stored.name)
        assert before.kid in shown
        assert stored.keys[0].jwk["d"] not in shown
        rotated = ModelStore(None, Sealing())
        run("jwt_signer_keys", "rotate", stored.name)
        found = rotated.load(stored.name)
        assert found is not None
        assert found.generation("current")[0].kid == before.kid

    def test_revoke(self, stored: StoredSet) -> None:
        (current,) = stored.generation("current")
        told, _, table = run("jwt_signer_keys", "revoke", stored.name, current.kid).partition("\n\n")
        assert told.startswith(f"Key {current.kid} is revoked.\n")
        assert current.kid not in table
        with pytest.raises(CommandError, match="no"):
            run("jwt_signer_keys", "revoke", stored.name, current.kid)

    def test_delete(self, stored: StoredSet) -> None:
        run("jwt_signer_keys", "delete", stored.name)
        assert ModelStore(None, Sealing()).load(stored.name) is None
        with pytest.raises(CommandError, match=stored.name):
            run("jwt_signer_keys", "show", stored.name)

    def test_the_store_of_a_policy(self, name: str, tmp_path: Any) -> None:
        from jwt_signer_mw.keysets.store import open_store

        url = f"sqlite:///{tmp_path / 'private' / 'keys.sqlite3'}"
        open_store(url).save(some_set(name), None)
        with override_settings(JWT_SIGNER={"default": GOOD, "partners": {**GOOD, "keyset_store": url}}):
            assert name in run("jwt_signer_keys", "--policy", "partners", "list")
            assert name not in run("jwt_signer_keys", "list")
            with pytest.raises(CommandError, match="default, partners"):
                run("jwt_signer_keys", "--policy", "nobody", "list")


def test_no_migration_is_missing() -> None:
    call_command("makemigrations", "--check", "--dry-run", verbosity=0)
