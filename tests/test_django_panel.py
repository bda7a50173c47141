"""The panel of the Django debug toolbar: each test in a process of its own project, by Django's client."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

import pytest

from parts import ROOT, require_module

require_module("django", "debug_toolbar")

import django_project  # noqa: E402

django_project.start()

from django_jwt_signer.followed import judged  # noqa: E402
from django_jwt_signer.http import RefusedResponse  # noqa: E402
from jwt_signer_mw.errors import TokenExpired  # noqa: E402
from jwt_signer_mw.explain import Explanation, Step  # noqa: E402
from jwt_signer_mw.request.responses import render  # noqa: E402

PROGRAM = """
import asyncio, json, sys, warnings
import django
django.setup()
from django.core.management import call_command
call_command("migrate", verbosity=0)
from debug_toolbar.store import get_store
from django.test import AsyncClient, Client, override_settings
from django_jwt_signer.signals import token_accepted, token_refused
from django_jwt_signer.test import SigningAsyncClient, SigningClient, trust_issuer, sign_headers

told = []
token_accepted.connect(lambda event, **_: told.append(["accepted", event.remembered]), weak=False)
token_refused.connect(lambda event, **_: told.append(["refused", event.reason]), weak=False)
asked = json.loads(sys.argv[1])
seen = []
with override_settings(JWT_SIGNER={**django.conf.settings.JWT_SIGNER, **asked.get("settings", {})}), \\
        trust_issuer() as issuer:
    for path, options in asked["requests"]:
        if not options.get("again"):
            headers = sign_headers(options.get("claims", {"sub": "alice"}), flaw=options.get("flaw"))
        if asked.get("in_async"):
            response = asyncio.run(SigningAsyncClient().get(path, claims=None, headers=headers))
        else:
            response = SigningClient().get(path, claims=None, headers=headers)
        secrets = [word for value in headers.values() for word in value.split() if len(word) > 24]
        page = response.content.decode()
        seen.append([response.status_code, page, any(secret in page for secret in secrets),
                     response.headers.get("Server-Timing", "")])
store = get_store()
kept = [store.panel(name, "JWTSignerPanel")["passages"] for name in reversed(list(store.request_ids()))]
print(json.dumps({"seen": seen, "told": told, "calls": issuer.calls, "kept": kept[::-1]}))
"""


def visit(*requests: tuple[str, dict[str, Any]], **more: Any) -> dict[str, Any]:
    """The pages of one process, what signals told, and what the provider was asked."""
    asked = json.dumps({"requests": requests, **more})
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "django_project.settings_toolbar"}
    environment["PYTHONPATH"] = os.pathsep.join([str(ROOT / "tests"), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", PROGRAM, asked],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)  # type: ignore[no-any-return]


def steps(page: str) -> str:
    """The panel's part of a page, blanks squeezed."""
    return " ".join(page.partition("djDebug")[2].split())


@pytest.mark.parametrize("in_async", [False, True], ids=["sync", "async"])
def test_an_accepted_request(in_async: bool) -> None:
    path = "/orders/async/" if in_async else "/orders/"
    found = visit((path, {}), in_async=in_async)
    ((status, page, leaks, timing),) = found["seen"]
    assert status == 200
    assert "Orders of alice" in page
    assert not leaks
    panel = steps(page)
    for part in ("Forwarded", "a JWT: alg", "GET https://issuer.invalid/jwks answered 200", "sets iss"):
        assert part in panel, part
    assert "<code>access_token_signing</code>" in panel
    assert "written: Authorization" in panel
    assert "JWTSignerPanel_decision;dur=" in timing
    assert found["told"] == [["accepted", False]]
    assert found["calls"] == ["jwks"], "nothing is asked a second time to explain"


def test_a_refused_request() -> None:
    """The answer is JSON, in which no toolbar stands; the story is in its history, with the same content."""
    found = visit(("/orders/", {"flaw": "expired"}))
    assert found["seen"][0][0] == 401
    assert found["told"] == [["refused", "token_expired"]]
    (((story,),),) = (found["kept"],)
    assert (story["verdict"], story["reason"]) == ("refused, 401", "token_expired")
    assert story["option"] == "verify_access_token_expiry"
    assert story["suggestion"]
    assert [step["stage"] for step in story["steps"] if step["mark"] == "bad"] == ["check"]
    assert (story["removed"], story["written"]) == (["Authorization"], [])


def test_nothing_of_a_client_is_markup() -> None:
    found = visit(("/orders/", {"claims": {"sub": "x", "aud": ["<script>alert(1)</script>", "orders"]}}))
    ((status, page, _, _),) = found["seen"]
    assert status == 200
    assert "<script>alert(1)" not in page
    assert "&lt;script&gt;alert(1)" in page


@pytest.mark.parametrize("path, text", [("/health/", "the view is exempt"), ("/open/", "the path is exempt")])
def test_an_exempt_request(path: str, text: str) -> None:
    found = visit((path, {}))
    ((status, page, leaks, _),) = found["seen"]
    assert status == 200
    assert "Orders of nobody" in page
    assert text in steps(page)
    assert not leaks


def test_what_was_remembered_is_told() -> None:
    """The decision is taken from memory, with the toolbar as without it; the steps are told all the same."""
    again = {"again": True}
    found = visit(("/orders/?hidden", {}), ("/orders/?hidden", again), ("/orders/", again))
    assert [one[0] for one in found["seen"]] == [200, 200, 200]
    assert "djDebug" not in found["seen"][1][1]
    panel = steps(found["seen"][2][1])
    assert "the decision was taken from memory" in panel
    assert "a JWT: alg" in panel
    assert found["told"] == [["accepted", False], ["accepted", True], ["accepted", True]]


def test_an_opaque_token() -> None:
    """The introspection that decided is the one that is shown, with its time; it is made once."""
    settings = {
        "access_token_jwks_uri": None,
        "access_token_introspection_endpoint": "https://issuer.example/introspect",
    }
    found = visit(("/orders/", {}), settings=settings)
    ((status, page, leaks, _),) = found["seen"]
    assert status == 200
    assert "POST https://issuer.invalid/introspect answered 200" in steps(page)
    assert not leaks
    assert found["calls"] == ["introspect"]


def test_hidden_it_is_the_plain_middleware() -> None:
    found = visit(("/orders/?hidden", {}), ("/orders/?hidden", {"flaw": "forged"}))
    assert [one[0] for one in found["seen"]] == [200, 401]
    assert found["told"] == [["accepted", False], ["refused", "signature_invalid"]]


def test_a_refusal_by_the_view() -> None:
    """Comes on top of the decision before."""
    found = visit(("/orders/new/", {}), ("/orders/new/", {"claims": {"sub": "a", "scope": "orders:write"}}))
    assert [one[0] for one in found["seen"]] == [403, 200]
    assert found["told"][:2] == [["accepted", False], ["refused", "scopes_insufficient"]]
    refused, accepted = found["kept"]
    assert [one["outcome"] for one in refused] == ["forwarded", "refused"]
    assert refused[1]["steps"][0]["text"].startswith("by the view: ")
    assert [one["outcome"] for one in accepted] == ["forwarded"]


class TestDisagreement:
    """What can't be told twice: the decision counts, not the explanation."""

    STEPS = (Step("check", "good", "expiry"), Step("fetch", "good", "asked while explaining"))

    def test_refused_and_explained_as_forwarded(self) -> None:
        explanation = Explanation("forwarded", 0, "forwarded", "", "", "", self.STEPS)
        response = RefusedResponse(render(TokenExpired(), "realm", "host"), "GET")
        told = judged(explanation, response, [Step("fetch", "good", "asked while deciding")])
        assert (told["outcome"], told["status"], told["reason"]) == ("refused", 401, "token_expired")
        texts = [step["text"] for step in told["steps"]]
        assert texts == ["asked while deciding", "expiry", "the decision was another: token_expired"]

    def test_forwarded_and_explained_as_refused(self) -> None:
        explanation = Explanation("refused", 401, "token_expired", "", "", "Get a new one.", self.STEPS)
        told = judged(explanation, None, [])
        assert (told["outcome"], told["status"], told["suggestion"]) == ("forwarded", 0, "")
        assert told["steps"][-1]["text"] == "the decision was another: forwarded"
