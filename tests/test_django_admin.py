"""The admin: permissions, confirmation, log entries, nothing private; and in a real browser."""

from __future__ import annotations

import shutil
import uuid
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import pytest

from parts import require, require_module

require_module("django")

import django_project  # noqa: E402

django_project.start()

from cryptography.fernet import Fernet  # noqa: E402
from django.contrib.admin.models import LogEntry  # noqa: E402
from django.contrib.auth.models import Permission, User  # noqa: E402
from django.test import Client, override_settings  # noqa: E402

from django_jwt_signer.models import Keyset  # noqa: E402
from django_jwt_signer.stores import ModelStore  # noqa: E402
from django_shop import ADMIN, running_shop  # noqa: E402
from jwt_signer_mw.clock import Clock  # noqa: E402
from jwt_signer_mw.drivers.blocking import BlockingDriver  # noqa: E402
from jwt_signer_mw.drivers.transport import RequestsTransport  # noqa: E402
from jwt_signer_mw.errors import StoreError  # noqa: E402
from jwt_signer_mw.flows.named import Named  # noqa: E402
from jwt_signer_mw.keysets.sealing import Sealing  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from jwt_signer_mw.keysets.keyset import StoredSet

OPTIONS: dict[str, Any] = {"channel_token_optional": True, "exempt_paths": ["/admin/*", "/static/*"]}
LIST = "/admin/jwt_signer/keyset/"


@pytest.fixture(autouse=True)
def _settings() -> Iterator[None]:
    with override_settings(JWT_SIGNER=OPTIONS):
        yield


def load(name: str) -> StoredSet:
    found = ModelStore(None, Sealing()).load(name)
    assert found is not None
    return found


@pytest.fixture
def stored() -> Iterator[StoredSet]:
    """A set with a name that a URL has to quote, and a previous key."""
    name, store = f"keys/of {uuid.uuid4().hex[:8]}", ModelStore(None, Sealing())
    named = Named(name, store, Clock(), algorithms=["ES256", "RS256"])
    driver = BlockingDriver(RequestsTransport())
    driver.run(named.prepare())
    driver.run(named.rotate())
    yield load(name)
    Keyset.objects.filter(name=name).delete()


def browser(*permissions: str, superuser: bool = False) -> Client:
    """Logged in as a member of staff who may do just this."""
    name = f"staff-{uuid.uuid4().hex[:8]}"
    user = User.objects.create_user(name, is_staff=True, is_superuser=superuser)
    user.user_permissions.set(Permission.objects.filter(codename__in=permissions))
    client = Client()
    client.force_login(user)
    return client


def url(stored: StoredSet, *rest: str) -> str:
    from django.contrib.admin.utils import quote

    return "/".join((LIST + quote(stored.name), *rest, ""))


def rotate_url(stored: StoredSet) -> str:
    from urllib.parse import urlencode

    return f"{LIST}rotate/?{urlencode({'name': stored.name})}"


class TestWhatIsShown:
    def test_the_list(self, stored: StoredSet) -> None:
        page = browser("view_keyset").get(LIST).content.decode()
        assert stored.name in page
        assert "ES256, RS256" in page
        assert all(key.kid[:12] in page for key in stored.keys)

    def test_one_set(self, stored: StoredSet) -> None:
        page = browser("view_keyset").get(url(stored, "change")).content.decode()
        assert all(key.kid in page for key in stored.keys)
        assert page.count("(signs)") == 2
        assert {
            generation for generation in ("next", "current", "previous") if f"<td>{generation}" in page
        } == {
            "next",
            "current",
            "previous",
        }

    def test_nothing_private_anywhere(self, stored: StoredSet) -> None:
        client = browser(superuser=True)
        (kid, *_) = [key.kid for key in stored.keys]
        urls = [
            LIST,
            url(stored, "change"),
            url(stored, "history"),
            url(stored, "delete"),
            rotate_url(stored),
        ]
        pages = [client.get(one) for one in (*urls, url(stored, "revoke", kid))]
        assert {page.status_code for page in pages} == {200}
        shown = "".join(page.content.decode() for page in pages)
        members = ("d", "p", "q", "dp", "dq", "qi", "n", "x", "y")
        secrets = [key.jwk[member] for key in stored.keys for member in members if member in key.jwk]
        assert len(secrets) > 10
        assert not [secret for secret in secrets if secret in shown]
        assert "document" not in shown.split("</style>")[-1].replace("document.", "")

    def test_a_set_that_can_not_be_read(self) -> None:
        name = f"sealed-{uuid.uuid4().hex[:8]}"
        sealed = ModelStore(None, Sealing([Fernet.generate_key().decode()]))
        named = Named(name, sealed, Clock(), algorithms=["ES256"])
        BlockingDriver(RequestsTransport()).run(named.prepare())
        client = browser("view_keyset", "rotate_keyset")
        assert "can&#x27;t be read" in client.get(LIST).content.decode()
        page = client.get(f"{LIST}{name}/change/").content.decode()
        assert "keyset_encryption_keys is not set" in page
        assert ">Rotate</a>" not in page
        Keyset.objects.filter(name=name).delete()

    def test_deleted_sets_are_not_listed(self, stored: StoredSet) -> None:
        ModelStore(None, Sealing()).delete(stored.name)
        client = browser("view_keyset")
        assert stored.name not in client.get(LIST).content.decode()
        assert client.get(url(stored, "change")).status_code == 302


class TestPermissions:
    def test_nothing_without_any(self, stored: StoredSet) -> None:
        client = browser()
        places = (LIST, url(stored, "change"), url(stored, "delete"), rotate_url(stored))
        assert [client.get(place).status_code for place in places] == [403] * 4

    @pytest.mark.parametrize("method", ["get", "post"])
    def test_seeing_is_not_doing(self, stored: StoredSet, method: str) -> None:
        client = browser("view_keyset")
        (kid, *_) = [key.kid for key in stored.keys]
        places = (rotate_url(stored), url(stored, "revoke", kid), url(stored, "delete"))
        assert [getattr(client, method)(place).status_code for place in places] == [403] * 3
        assert load(stored.name) == stored

    def test_buttons_follow_permissions(self, stored: StoredSet) -> None:
        seen = browser("view_keyset").get(url(stored, "change")).content.decode()
        assert ">Rotate</a>" not in seen
        assert ">Revoke</a>" not in seen
        client = browser("view_keyset", "rotate_keyset")
        assert ">Rotate</a>" in client.get(url(stored, "change")).content.decode()
        assert "Rotate selected key sets" in client.get(LIST).content.decode()

    def test_nobody_adds_or_edits(self, stored: StoredSet) -> None:
        client = browser(superuser=True)
        assert client.get(f"{LIST}add/").status_code == 403
        assert client.post(url(stored, "change"), {"name": "x"}).status_code == 403

    def test_a_forged_form_does_nothing(self, stored: StoredSet) -> None:
        client = browser(superuser=True)
        strict = Client(enforce_csrf_checks=True)
        strict.cookies = client.cookies
        assert strict.post(rotate_url(stored)).status_code == 403
        assert load(stored.name) == stored


class TestActions:
    def test_a_get_changes_nothing(self, stored: StoredSet) -> None:
        client = browser(superuser=True)
        (kid, *_) = [key.kid for key in stored.keys]
        for place in (rotate_url(stored), url(stored, "revoke", kid), url(stored, "delete")):
            assert "No, take me back" in client.get(place).content.decode()
        assert load(stored.name) == stored

    def test_rotate_from_the_list(self, stored: StoredSet) -> None:
        client = browser("view_keyset", "rotate_keyset")
        form = {"action": "rotate_selected", "_selected_action": [stored.name]}
        asked = client.post(LIST, form, follow=True)
        assert f"Rotate {stored.name}?" in asked.content.decode()
        done = client.post(rotate_url(stored), follow=True).content.decode()
        rotated = load(stored.name)
        assert rotated.version == stored.version + 1
        assert f"Key set {stored.name}: Rotated." in done
        entry = LogEntry.objects.filter(object_id=stored.name).latest("pk")
        assert all(key.kid in entry.change_message for key in rotated.generation("current"))

    def test_revoke(self, stored: StoredSet) -> None:
        (current, *_) = stored.generation("current")
        client = browser("view_keyset", "revoke_key")
        place = url(stored, "revoke", current.kid)
        assert "every token that it signed is refused" in client.get(place).content.decode()
        client.post(place)
        assert current.kid not in [key.kid for key in load(stored.name).keys]
        assert client.get(place).status_code == 404
        entry = LogEntry.objects.filter(object_id=stored.name).latest("pk")
        assert entry.change_message == f"Revoked {current.kid}."

    @pytest.mark.parametrize("from_the_list", [False, True])
    def test_delete_keeps_the_deletion_on_record(self, stored: StoredSet, from_the_list: bool) -> None:
        client = browser("view_keyset", "delete_keyset")
        if from_the_list:
            form = {"action": "delete_selected", "_selected_action": [stored.name]}
            asked = client.post(LIST, form, follow=True)
            assert f"Delete {stored.name}?" in asked.content.decode()
            client.post(asked.redirect_chain[-1][0])
        else:
            client.post(url(stored, "delete"))
        store = ModelStore(None, Sealing())
        assert store.load(stored.name) is None
        assert store.version(stored.name) is not None

    def test_a_store_that_is_down(self, stored: StoredSet, monkeypatch: pytest.MonkeyPatch) -> None:
        def fail(*_: object) -> None:
            raise StoreError("the disk is full")

        monkeypatch.setattr(ModelStore, "save", fail)
        page = browser(superuser=True).post(rotate_url(stored), follow=True).content.decode()
        assert f"Key set {stored.name}: the disk is full" in page
        assert not LogEntry.objects.filter(object_id=stored.name).exists()

    def test_sets_that_are_not_in_the_database(self, stored: StoredSet) -> None:
        """The table is shown all the same: of a store that was in use before, perhaps."""
        with override_settings(JWT_SIGNER={**OPTIONS, "keyset_store": "memory://"}):
            assert stored.name in browser("view_keyset").get(LIST).content.decode()

    def test_a_key_of_a_set_that_can_not_be_read(self, stored: StoredSet) -> None:
        Keyset.objects.filter(name=stored.name).update(document="gAAA")
        client = browser(superuser=True)
        assert client.get(url(stored, "revoke", stored.keys[0].kid)).status_code == 404

    def test_what_is_gone_meanwhile(self, stored: StoredSet) -> None:
        client = browser(superuser=True)
        assert client.get(url(stored, "revoke", "no-such-kid")).status_code == 404
        assert client.get(f"{LIST}rotate/?name=nothing").status_code == 404
        assert client.get(f"{LIST}nothing/delete/").status_code == 404


def test_in_a_browser(tmp_path: Path) -> None:
    """Log in, look, rotate with confirmation, revoke, and look again: as a person does it."""
    require(find_spec("playwright"), "playwright is not installed")
    chromium = shutil.which("chromium")
    require(chromium, "chromium is not installed")
    from playwright.sync_api import sync_playwright

    policies = {"default": OPTIONS, "partners": OPTIONS}
    arguments = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"]
    arguments += ["--disable-background-networking", "--disable-component-update", "--disable-sync"]
    with running_shop("gunicorn", "sqlite", tmp_path, policies) as shop, sync_playwright() as play:
        chrome = play.chromium.launch(executable_path=chromium, headless=True, args=arguments)
        page = chrome.new_page(viewport={"width": 1280, "height": 900})
        page.goto(f"{shop.url}/admin/")
        page.fill("input[name=username]", ADMIN[0])
        page.fill("input[name=password]", ADMIN[1])
        page.click("input[type=submit]")
        page.click("text=Key sets")
        page.check("input[name=_selected_action]")
        page.select_option("select[name=action]", "rotate_selected")
        page.click("button[name=index]")
        page.wait_for_selector("text=Two rotations in a row forget a key")
        page.click("text=Yes, rotate kong")
        page.wait_for_selector("text=Key set kong: Rotated.")
        page.click("th.field-name a")
        page.wait_for_selector("#jwt-signer-keys tbody tr")
        rows = page.locator("#jwt-signer-keys tbody tr")
        before = rows.count()
        assert before == 3
        kid = rows.filter(has_text="previous").locator("code").inner_text()
        rows.filter(has_text="previous").get_by_text("Revoke").click()
        page.wait_for_selector("#content input[type=submit]")
        assert page.input_value("#content input[type=submit]").endswith(f"{kid} of kong")
        page.click("#content input[type=submit]")
        page.click("th.field-name a")
        page.wait_for_selector("#jwt-signer-keys tbody tr")
        after = page.locator("#jwt-signer-keys tbody tr").count()
        page.click("text=History")
        page.wait_for_selector("#change-history")
        assert "Revoked" in page.inner_text("#change-history")
        chrome.close()
    assert after == before - 1
