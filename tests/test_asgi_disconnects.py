"""Clients that leave in the middle, and event loops that end: nothing is left behind."""

from __future__ import annotations

import asyncio
import gc
import time
from pathlib import Path
from typing import TYPE_CHECKING

import anyio
import pytest

from asgi_client import Application, bearer, call, http_scope
from conformance.case import NOW, Answer, Provider
from conformance.keys import jwks
from conformance.tokens import token
from jwt_signer_mw.asgi import JWTSignerMiddleware
from jwt_signer_mw.keysets.memory import MemoryStore
from sites import serving_sites

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sites import OpenSite

KEYS = MemoryStore()
OPAQUE = "an-opaque-token-of-alice-0123456789"

needs_proc = pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="the platform has no /proc")


@pytest.fixture(scope="module")
def open_site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OpenSite]:
    with serving_sites(tmp_path_factory.mktemp("providers")) as opened:
        yield opened


def build(**settings: object) -> JWTSignerMiddleware:
    base: dict[str, object] = {"channel_token_optional": True}
    return JWTSignerMiddleware(Application(), base | settings, keyset_store=KEYS, clock=lambda: NOW)


def open_sockets() -> int:
    entries = [entry for entry in Path("/proc/self/fd").iterdir() if entry.is_symlink()]
    return sum(str(entry.readlink()).startswith("socket:") for entry in entries)


@needs_proc
def test_clients_that_disconnect_leave_nothing_behind(open_site: OpenSite) -> None:
    """No task, no flight, no flow, no socket, once all of them are gone."""
    site, idp = open_site(Provider({"/jwks": Answer(jwks("rsa1"), delay=0.6)}))
    middleware = build(access_token_jwks_uri=f"{idp}/jwks")
    before = open_sockets()

    async def leave() -> None:
        values = [token({"jti": f"gone {number}"}).compact() for number in range(50)]
        tasks = [asyncio.create_task(call(middleware, http_scope(headers=bearer(v)))) for v in values]
        while site.counts() != {"/jwks": 1}:  # noqa: ASYNC110  the provider is a thread
            await asyncio.sleep(0.01)
        assert len(asyncio.all_tasks()) > 50
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for _ in range(10):
            await asyncio.sleep(0)
        assert asyncio.all_tasks() == {asyncio.current_task()}
        assert middleware.driver._home.get().flights == {}
        gc.collect()
        assert flows_alive() == []
        await asyncio.sleep(0.7)  # the provider answers into the void
        assert (await call(middleware, http_scope(headers=bearer(token())))).status == 200

    asyncio.run(leave())
    assert site.counts() == {"/jwks": 2}, "the fetch that nobody waited for was given up"
    assert sockets_left(before) <= 0, "also without a lifespan: the end of the loop closes them"


def sockets_left(before: int) -> int:
    """How many there are more, once the provider, which lives in this process, has closed its own ends."""
    deadline = time.monotonic() + 5
    while (left := open_sockets() - before) > 0 and time.monotonic() < deadline:
        time.sleep(0.02)
    return left


def flows_alive() -> list[str]:
    return [
        found.gi_code.co_qualname
        for found in gc.get_objects()
        if type(found).__name__ == "generator"
        and found.gi_frame is not None
        and "/jwt_signer_mw/flows/" in found.gi_code.co_filename
    ]


@pytest.mark.anyio
@pytest.mark.parametrize("anyio_backend", ["asyncio", "trio"])
async def test_who_stays_is_answered_when_the_first_one_leaves(open_site: OpenSite) -> None:
    """NET-22"""
    site, idp = open_site(Provider({"/jwks": Answer(jwks("rsa1"), delay=0.4)}))
    middleware = build(access_token_jwks_uri=f"{idp}/jwks")
    answers = []

    async def stay() -> None:
        answers.append(await call(middleware, http_scope(headers=bearer(token()))))

    async def lead(scope: anyio.CancelScope) -> None:
        with scope:
            await call(middleware, http_scope(headers=bearer(token())))

    async with anyio.create_task_group() as group:
        leaves = anyio.CancelScope()
        group.start_soon(lead, leaves)
        while site.counts() != {"/jwks": 1}:  # noqa: ASYNC110  the provider is a thread
            await anyio.sleep(0.01)
        group.start_soon(stay)
        await anyio.wait_all_tasks_blocked()
        leaves.cancel()
    assert [answer.status for answer in answers] == [200]
    assert site.counts() == {"/jwks": 1}


@needs_proc
def test_one_middleware_survives_loop_after_loop(open_site: OpenSite) -> None:
    """Test clients run every request on a loop of its own; nothing of an old loop is touched."""
    site, idp = open_site(Provider(tokens={f"{OPAQUE}{n}": Answer({"active": True}) for n in range(5)}))
    middleware = build(access_token_introspection_endpoint=f"{idp}/introspect")
    before = open_sockets()
    for number in range(5):
        answer = asyncio.run(call(middleware, http_scope(headers=bearer(f"{OPAQUE}{number}"))))
        assert answer.status == 200
    assert site.counts() == {"/introspect": 5}
    assert sockets_left(before) == 0
