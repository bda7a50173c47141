"""`middleware.admin` over ASGI."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from asgi_client import Application, bearer, builder, call, http_scope
from jwt_signer_mw.asgi import UnknownScope
from jwt_signer_mw.keysets.memory import MemoryStore
from jwt_signer_mw.request.endpoints import MAX_BODY

if TYPE_CHECKING:
    from pathlib import Path

    from asgi_client import Build
    from jwt_signer_mw.asgi import Message


ADMIN = {"admin_token": "admin-secret-of-32-characters-00"}

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def build(tmp_path: Path) -> Build:
    return builder(Application(), tmp_path)


async def test_a_key_set_is_served(build: Build) -> None:
    admin = build().admin
    answer = await call(admin, http_scope("/jwt-signer/jwks/kong"))
    assert answer.status == 200
    assert answer.headers["content-type"] == "application/jwk-set+json"
    head = await call(admin, http_scope("/jwt-signer/jwks/kong", method="HEAD"))
    assert (head.status, head.body) == (200, b"")
    tag = [("if-none-match", answer.headers["etag"])]
    assert (await call(admin, http_scope("/jwt-signer/jwks/kong", tag))).status == 304


async def test_a_set_is_rotated_with_the_admin_token_alone(build: Build) -> None:
    admin = build(ADMIN, keyset_store=MemoryStore()).admin
    path, own = "/jwt-signer/jwks/kong/rotate", bearer(ADMIN["admin_token"])
    pieces: list[Message] = [
        {"type": "http.request", "body": b"{", "more_body": True},
        {"type": "http.request", "body": b"}"},
    ]
    assert (await call(admin, http_scope(path, own, "POST"), pieces)).status == 200
    for headers in (bearer("wrong"), (*own, *own), ()):
        assert (await call(admin, http_scope(path, headers, "POST"), pieces)).status == 401
    there = (*own, ("origin", "https://api.example:8443"))
    assert (await call(admin, http_scope(path, there, "POST"), pieces)).status == 200
    elsewhere = (*own, ("origin", "https://evil.example"))
    assert (await call(admin, http_scope(path, elsewhere, "POST"), pieces)).status == 403


async def test_a_body_is_read_to_its_limit_only(build: Build) -> None:
    left = [b" " * 1024] * 1000
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": left.pop(), "more_body": True}

    async def send(message: Message) -> None:
        sent.append(message)

    scope = http_scope("/jwt-signer/jwks/kong/rotate", bearer(ADMIN["admin_token"]), "POST")
    await build(ADMIN).admin(scope, receive, send)
    assert sent[0]["status"] == 400
    assert (1000 - len(left)) * 1024 <= MAX_BODY + 1024


async def test_nothing_happens_for_a_client_that_left(build: Build) -> None:
    store = MemoryStore()
    admin = build(ADMIN, keyset_store=store).admin
    before = store.load("kong")
    scope = http_scope("/jwt-signer/jwks/kong/rotate", bearer(ADMIN["admin_token"]), "POST")
    half: list[Message] = [{"type": "http.request", "body": b"", "more_body": True}]
    assert (await call(admin, scope, half)).messages == []
    assert store.load("kong") == before


async def test_the_path_as_sent_names_a_set_with_slashes(build: Build) -> None:
    """Decision 18a"""
    admin = build({"access_token_keyset": "team/one"}, keyset_store=MemoryStore()).admin
    for raw in (None, b"/jwt-signer/jwks/team%2Fone"):
        scope = http_scope("/jwt-signer/jwks/team/one", raw_path=raw)
        assert (await call(admin, scope)).status == 200


@pytest.mark.parametrize("kind", ["websocket", "lifespan"])
async def test_key_sets_are_served_over_http_alone(build: Build, kind: str) -> None:
    with pytest.raises(UnknownScope):
        await call(build().admin, http_scope("/jwt-signer/jwks/kong") | {"type": kind})
