"""One named policy: its parts, and the drivers that run its flows, blocking and asynchronous."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from inspect import iscoroutinefunction
from typing import TYPE_CHECKING, Any, Unpack

from asgiref.sync import sync_to_async
from django.conf import settings as django_settings

from django_jwt_signer.connections import none_left_open
from django_jwt_signer.signals import hear, token_accepted
from jwt_signer_mw.assembly import Assembly, Services
from jwt_signer_mw.bodies import TOO_LONG, digest_of
from jwt_signer_mw.drivers.blocking import BlockingDriver
from jwt_signer_mw.drivers.observed import observed
from jwt_signer_mw.drivers.transport import RequestsTransport
from jwt_signer_mw.messages import Incoming
from jwt_signer_mw.request.delivery import delivery_to_asgi, delivery_to_wsgi
from jwt_signer_mw.wsgi import environ_key, request_id

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from django.http import HttpRequest

    from jwt_signer_mw.drivers.asynchronous import AsynchronousDriver
    from jwt_signer_mw.messages import Delivery, Forward
    from jwt_signer_mw.settings import Settings, TokenSettings


class Policy:
    """Decides requests by one set of settings. Raises `ConfigurationError`.

    Building it makes or loads the keys that it signs with (decision 32). A database that is not there yet,
    or not migrated, is logged and asked again by the first request that needs it.
    """

    def __init__(self, name: str, settings: Settings, **services: Unpack[Services]) -> None:
        self.name = name
        self.settings = settings
        services["observers"] = (*services.get("observers", ()), hear)
        services["policy"] = name
        self.assembly = Assembly(settings, **services)
        self.pipeline = self.assembly.pipeline
        self.driver = BlockingDriver(
            observed(self.assembly.transport or RequestsTransport(), self.assembly.observers)
        )
        self.vary = tuple(filter(None, map(_header_name, (settings.access_token, settings.channel_token))))
        self._keys = tuple(map(environ_key, self.pipeline.reads))
        _outside_of_event_loops(self._prepare)

    @cached_property
    def async_driver(self) -> AsynchronousDriver:
        """Database and cache are asked on the request's own thread, as Django wants it."""
        from jwt_signer_mw.drivers.asynchronous import AsynchronousDriver

        transport = observed(_async_transport(self.assembly.transport), self.assembly.observers)
        return AsynchronousDriver(transport, blocking=_on_request_thread)

    def recall(self, request: HttpRequest, taken: Mapping[str, str]) -> Forward | None:
        """The fast road: what these tokens got before, if it still holds."""
        pipeline = self.pipeline
        if pipeline.exempt and request.path_info in pipeline.exempt:
            return None
        forward = pipeline.recall(tuple(map(taken.get, self._keys)))
        # the signals are one observer, which need not be told where nobody receives them
        if forward is not None and (len(pipeline.observers) > 1 or token_accepted.receivers):
            told = request_id(pipeline.request_ids, request.META)
            pipeline.accepted(request.method or "", request.path_info, forward, told)
        return forward

    def incoming(self, request: HttpRequest, taken: Mapping[str, str]) -> Incoming:
        """The head of a request whose managed headers were taken from it before."""
        host = request.META.get("HTTP_HOST") or request.META.get("SERVER_NAME", "")
        values = tuple(map(taken.get, self._keys))
        delivery = delivery_of(request) if self.pipeline.binds else None
        if (
            delivery is not None
            and self.pipeline.binds_body
            and request.path_info not in self.pipeline.exempt
        ):
            delivery = delivery._replace(digest=_digest(request, self.settings.max_bound_body_bytes))
        told = request_id(self.pipeline.request_ids, request.META)
        return Incoming(
            request.method or "", request.path_info, host, values, delivery=delivery, request_id=told
        )

    def _prepare(self) -> None:
        with none_left_open():
            self.driver.run(self.assembly.keyring.prepare())


def delivery_of(request: HttpRequest) -> Delivery:
    """By what the server says: `SECURE_PROXY_SSL_HEADER` is a header, so it has no say here."""
    scope: Mapping[str, Any] | None = getattr(request, "scope", None)
    return delivery_to_wsgi(request.META) if scope is None else delivery_to_asgi(scope)


def _digest(request: HttpRequest, limit: int) -> bytes:
    """Of the body, which Django keeps for the view once it was asked for."""
    length: str = request.META.get("CONTENT_LENGTH") or "0"
    most = django_settings.DATA_UPLOAD_MAX_MEMORY_SIZE
    longest = limit if most is None else min(limit, most)
    if not (length.isascii() and length.isdigit()) or int(length) > longest:
        return TOO_LONG
    body = request.body
    return digest_of(body) if len(body) <= limit else TOO_LONG


def _header_name(token: TokenSettings) -> str:
    """As a client writes it; `authorization:bearer` is read from `authorization`."""
    return (token.request_header or "").partition(":")[0]


def _outside_of_event_loops(work: Callable[[], None]) -> None:
    """ASGI servers import an application inside their event loop, where the ORM refuses to work."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        work()
        return
    with ThreadPoolExecutor(1) as thread:
        thread.submit(work).result()


async def _on_request_thread(function: Callable[..., Any], *arguments: Any) -> Any:
    return await sync_to_async(function, thread_sensitive=True)(*arguments)


def _async_transport(given: Any) -> Any:
    from jwt_signer_mw.drivers.async_transport import HttpxTransport
    from jwt_signer_mw.drivers.asynchronous import ThreadedTransport

    if given is None:
        return HttpxTransport()
    return given if iscoroutinefunction(given.send) else ThreadedTransport(given)
