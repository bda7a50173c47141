"""The least client of HTTP/3, on aioquic."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from aioquic.asyncio.client import connect
from aioquic.asyncio.protocol import QuicConnectionProtocol
from aioquic.h3.connection import H3_ALPN, H3Connection
from aioquic.h3.events import DataReceived, HeadersReceived
from aioquic.quic.configuration import QuicConfiguration

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from aioquic.quic.events import QuicEvent

SECONDS = 20.0


class Answer(NamedTuple):
    headers: dict[str, str]
    body: bytes


class Client(QuicConnectionProtocol):
    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._http = H3Connection(self._quic)
        self._headers: dict[int, dict[str, str]] = {}
        self._bodies: dict[int, bytes] = {}
        self._ended: dict[int, asyncio.Event] = {}

    def quic_event_received(self, event: QuicEvent) -> None:
        for heard in self._http.handle_event(event):
            if isinstance(heard, HeadersReceived):
                pairs = {name.decode(): value.decode() for name, value in heard.headers}
                self._headers.setdefault(heard.stream_id, pairs)
            elif isinstance(heard, DataReceived):
                self._bodies[heard.stream_id] = self._bodies.get(heard.stream_id, b"") + heard.data
            if isinstance(heard, HeadersReceived | DataReceived) and heard.stream_ended:
                self._ended[heard.stream_id].set()

    async def get(self, path: str, headers: Mapping[str, str]) -> Answer:
        stream = self._quic.get_next_available_stream_id()
        self._ended[stream] = asyncio.Event()
        pseudo = {":method": "GET", ":scheme": "https", ":authority": "localhost", ":path": path}
        pairs = [(name.encode(), value.encode()) for name, value in {**pseudo, **headers}.items()]
        self._http.send_headers(stream, pairs, end_stream=True)
        self.transmit()
        async with asyncio.timeout(SECONDS):
            await self._ended[stream].wait()
        return Answer(self._headers[stream], self._bodies.get(stream, b""))


async def get(port: int, authority: Path, path: str, requests: Sequence[Mapping[str, str]]) -> list[Answer]:
    """One answer for the headers of each request, all on one connection."""
    configuration = QuicConfiguration(is_client=True, alpn_protocols=H3_ALPN, server_name="localhost")
    configuration.load_verify_locations(str(authority))
    connecting = connect("127.0.0.1", port, configuration=configuration, create_protocol=Client)
    async with connecting as connection:
        client = cast("Client", connection)
        return [await client.get(path, headers) for headers in requests]
