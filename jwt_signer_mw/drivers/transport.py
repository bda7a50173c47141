"""HTTP for the blocking driver, on `requests`.

No redirect is followed, no proxy or password is taken from the environment, no cookie is kept, and
a whole exchange has one time limit: a server that sends a byte now and then can't prolong it.
"""

from __future__ import annotations

import base64
import http.client
import io
import os
import threading
import time
from http.cookiejar import DefaultCookiePolicy
from typing import TYPE_CHECKING, Any, Protocol, cast

import requests
import urllib3
from requests.adapters import HTTPAdapter
from requests.utils import DEFAULT_CA_BUNDLE_PATH
from urllib3.connection import HTTPConnection, HTTPSConnection

from jwt_signer_mw.errors import TransportError
from jwt_signer_mw.flows.commands import Exchange, Reply

if TYPE_CHECKING:
    import socket

POOL_SIZE = 32  # connections kept per provider
AT_ONCE = 64  # exchanges with one endpoint, whatever clients send; who comes then waits
CHUNK = 65536  # bytes read at a time
CA_BUNDLES = ("REQUESTS_CA_BUNDLE", "SSL_CERT_FILE")  # what the field's tools read for private authorities


class Transport(Protocol):
    """Makes one exchange. Raises `TransportError`, nothing else."""

    def send(self, exchange: Exchange) -> Reply: ...


class _PromptReader(io.RawIOBase):
    """Reads a response, each time with what is left of the time limit of its exchange."""

    def __init__(self, connection: socket.socket) -> None:
        self._socket = connection
        self._raw = cast("io.RawIOBase", connection.makefile("rb", buffering=0))
        limit = connection.gettimeout()
        self._deadline = None if limit is None else time.monotonic() + limit

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        if self._deadline is not None:
            left = self._deadline - time.monotonic()
            if left <= 0:
                raise TimeoutError("the time limit of the exchange is over")
            self._socket.settimeout(left)
        return self._raw.readinto(buffer)

    def close(self) -> None:
        self._raw.close()
        super().close()


class _PromptResponse(http.client.HTTPResponse):
    def __init__(self, sock: socket.socket, *arguments: Any, **options: Any) -> None:
        super().__init__(sock, *arguments, **options)
        self.fp.close()
        self.fp = io.BufferedReader(_PromptReader(sock))


class _PromptHTTP(HTTPConnection):
    response_class = _PromptResponse


class _PromptHTTPS(HTTPSConnection):
    response_class = _PromptResponse

    def connect(self) -> None:
        super().connect()
        self.is_verified = True  # or urllib3 warns each time of what the settings warned of at start


class _HTTPPool(urllib3.HTTPConnectionPool):
    ConnectionCls = _PromptHTTP  # pyright: ignore[reportAssignmentType]  it is a subclass of theirs


class _HTTPSPool(urllib3.HTTPSConnectionPool):
    ConnectionCls = _PromptHTTPS  # pyright: ignore[reportAssignmentType]  it is a subclass of theirs


class _Adapter(HTTPAdapter):
    def init_poolmanager(self, *arguments: Any, **options: Any) -> None:
        super().init_poolmanager(*arguments, **options)
        self.poolmanager.pool_classes_by_scheme = {"http": _HTTPPool, "https": _HTTPSPool}


class RequestsTransport:
    """The transport of the blocking driver; one session per process, shared by its threads."""

    def __init__(self) -> None:
        self._session: requests.Session | None = None
        self._process = 0
        self._turns: dict[str, threading.Semaphore] = {}
        self._authorities = authorities()

    def send(self, exchange: Exchange) -> Reply:
        """The reply, whatever its status. Raises `TransportError`: no answer, not in time, or too long."""
        session = self._open()
        deadline = time.monotonic() + exchange.timeout
        turn = self._turns.get(exchange.url) or self._turns.setdefault(
            exchange.url, threading.Semaphore(AT_ONCE)
        )
        if not turn.acquire(timeout=exchange.timeout):
            raise TransportError(f"{place(exchange.url)}: {AT_ONCE} others wait for it")
        try:
            return self._exchange(session, exchange, max(0.001, deadline - time.monotonic()))
        finally:
            turn.release()

    def _exchange(self, session: requests.Session, exchange: Exchange, seconds: float) -> Reply:
        try:
            with session.request(
                exchange.method,
                exchange.url,
                data=exchange.body or None,
                headers=request_headers(exchange),
                timeout=urllib3.Timeout(total=seconds),  # type: ignore[arg-type]
                allow_redirects=False,
                stream=True,
                verify=self._authorities if exchange.verify else False,
                cert=exchange.certificate,
            ) as response:
                body = _read(response, exchange.max_bytes)
                headers = {name.lower(): value for name, value in response.headers.items()}
                return Reply(response.status_code, headers, body)
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError, ValueError) as error:
            raise TransportError(f"{place(exchange.url)}: {type(error).__name__}") from None

    def close(self) -> None:
        if self._session is not None:
            self._session.close()
            self._session = None

    def _open(self) -> requests.Session:
        """A forked worker must not write to its parent's connections: it opens its own."""
        if self._session is None or self._process != os.getpid():
            session = requests.Session()
            session.trust_env = False
            session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
            adapter = _Adapter(pool_maxsize=POOL_SIZE, max_retries=0)
            session.mount("http://", adapter)
            session.mount("https://", adapter)
            self._process, self._session, self._turns = os.getpid(), session, {}
        return self._session


def authorities() -> str:
    """The path of the certificates that are trusted: what the environment names, else `certifi`'s."""
    return next((os.environ[name] for name in CA_BUNDLES if os.environ.get(name)), DEFAULT_CA_BUNDLE_PATH)


def request_headers(exchange: Exchange) -> dict[str, str]:
    """What is sent beside what a client library adds by itself."""
    headers = {"User-Agent": "jwt-signer-mw", "Accept-Encoding": "gzip, identity", **dict(exchange.headers)}
    if exchange.basic is not None:
        credentials = ":".join(exchange.basic).encode()
        headers["Authorization"] = "Basic " + base64.b64encode(credentials).decode("ascii")
    return headers


def _read(response: requests.Response, max_bytes: int) -> bytes:
    chunks: list[bytes] = []
    size = 0
    for chunk in response.iter_content(CHUNK):
        size += len(chunk)
        if size > max_bytes:
            raise TransportError(f"{place(response.url)}: a body of more than {max_bytes} bytes")
        chunks.append(chunk)
    return b"".join(chunks)


def place(url: str) -> str:
    """The URL without a query, which may hold secrets."""
    return url.partition("?")[0]
