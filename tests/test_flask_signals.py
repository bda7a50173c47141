"""Signals and observers: what an application hears of decisions."""

# ruff: noqa: E402  (Flask is an extra)
from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import pytest

from parts import require_module

require_module("flask")

from flask import Flask

from flask_app import ISSUER, SETTINGS, bearer, make_app
from flask_jwt_signer import JWTSigner, token_accepted, token_refused

if TYPE_CHECKING:
    from collections.abc import Iterator

    from jwt_signer_mw.events import Decided

Heard = list[tuple[str, Flask, "Decided"]]


@pytest.fixture
def heard() -> Iterator[Heard]:
    found: Heard = []

    def accepted(sender: Flask, *, event: Decided, **_: Any) -> None:
        found.append(("accepted", sender, event))

    def refused(sender: Flask, *, event: Decided, **_: Any) -> None:
        found.append(("refused", sender, event))

    with ExitStack() as connections:
        connections.enter_context(token_accepted.connected_to(accepted))
        connections.enter_context(token_refused.connected_to(refused))
        yield found


def test_accepted_by_either_road(heard: Heard) -> None:
    app, headers = make_app(), bearer()
    for _ in range(2):
        app.test_client().get("/orders", headers=headers)
    assert [(name, sender is app, event.path, event.remembered) for name, sender, event in heard] == [
        ("accepted", True, "/orders", False),
        ("accepted", True, "/orders", True),
    ]
    identity = heard[1][2].identity
    assert identity is not None
    assert identity.access_token is not None
    assert identity.access_token.claims["sub"] == "alice"


def test_refused(heard: Heard) -> None:
    make_app().test_client().get("/orders", headers=bearer(exp=1))
    ((name, _, event),) = heard
    assert (name, event.status, event.reason) == ("refused", 401, "token_expired")
    assert event.option == "verify_access_token_expiry"


def test_refused_by_a_view(heard: Heard) -> None:
    app = make_app(signer := JWTSigner(transport=ISSUER))
    app.add_url_rule("/", view_func=signer.require(scopes=["a"])(lambda: ""))
    app.test_client().get("/", headers=bearer())
    assert [(name, event.reason) for name, _, event in heard] == [
        ("accepted", "accepted"),
        ("refused", "scopes_insufficient"),
    ]


def test_exempt_requests_are_neither(heard: Heard) -> None:
    app = make_app(signer := JWTSigner(transport=ISSUER), exempt_paths=["/path"])
    app.add_url_rule("/view", view_func=signer.exempt(lambda: ""))
    app.test_client().get("/view")
    app.test_client().get("/path")
    app.test_client().get("/jwt-signer/jwks/kong")
    assert heard == []


def test_a_receiver_that_breaks_changes_no_decision(caplog: pytest.LogCaptureFixture) -> None:
    def broken(_: Flask, **__: Any) -> None:
        raise ZeroDivisionError

    app = make_app()
    with token_refused.connected_to(broken), token_accepted.connected_to(broken):
        statuses = [app.test_client().get("/", headers=headers).status_code for headers in ({}, bearer())]
    assert statuses == [401, 404]
    assert caplog.text.count("a receiver of the signal") == 2


def test_only_the_sender_that_is_meant() -> None:
    first, second = make_app(), make_app()
    events: list[Decided] = []

    def refused(_: Flask, *, event: Decided) -> None:
        events.append(event)

    with token_refused.connected_to(refused, sender=second):
        first.test_client().get("/first")
        second.test_client().get("/second")
    assert [event.path for event in events] == ["/second"]


def test_observers_hear_all_decisions() -> None:
    events: list[Decided] = []
    app = Flask(__name__)
    signer = JWTSigner(app, transport=ISSUER, observers=[events.append], **SETTINGS)
    app.add_url_rule("/open", view_func=signer.exempt(lambda: ""))
    client, headers = app.test_client(), bearer()
    for path in ("/open", "/", "/"):
        client.get(path, headers=headers)
    client.get("/")
    assert [event.reason for event in events] == ["exempt", "accepted", "accepted", "token_missing"]
