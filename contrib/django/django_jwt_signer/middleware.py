"""The middlewares, sync and async in one class each."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, cast

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.utils.functional import SimpleLazyObject

from django_jwt_signer.gate import current_gate
from django_jwt_signer.marks import policy_for, policy_of
from django_jwt_signer.passage import Passage, passage_of
from django_jwt_signer.users import afind_user, find_user

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from django.http import HttpRequest, HttpResponse
    from django.http.response import HttpResponseBase

    GetResponse = Callable[[HttpRequest], Any]  # a response, or in async mode an awaitable of one


class JWTSignerMiddleware:
    """Checks the tokens of every request and re-signs them before any view runs (`settings.JWT_SIGNER`).

    It decides before the middlewares below it run, by the policy of the view that the URL leads to. Should
    the view be another one in the end, its own policy decides anew.
    """

    sync_capable = True
    async_capable = True
    passage = Passage  # the panel of the debug toolbar puts another one here

    def __init__(self, get_response: GetResponse) -> None:
        """Raises `ConfigurationError`. Makes or loads the keys that are signed with."""
        self.get_response = get_response
        self.async_mode = iscoroutinefunction(get_response)
        self.process_view: Callable[..., Any] = _arecheck if self.async_mode else _recheck
        if self.async_mode:
            markcoroutinefunction(self)
        current_gate()

    def __call__(self, request: HttpRequest) -> HttpResponseBase | Awaitable[HttpResponseBase]:
        if self.async_mode:
            return self._acall(request)
        passage = self.passage(request, current_gate())
        response: HttpResponseBase | None = passage.check(policy_for(request))
        if response is None:
            response = cast("HttpResponseBase", self.get_response(request))
        passage.finish(response)
        return response

    async def _acall(self, request: HttpRequest) -> HttpResponseBase:
        passage = self.passage(request, current_gate())
        response: HttpResponseBase | None = await passage.acheck(policy_for(request))
        if response is None:
            response = cast("HttpResponseBase", await self.get_response(request))
        passage.finish(response)
        return response


def _recheck(request: HttpRequest, view: Callable[..., Any], *_: Any) -> HttpResponse | None:
    passage, policy = passage_of(request), policy_of(view)
    return None if policy == passage.policy_name else passage.check(policy)


async def _arecheck(request: HttpRequest, view: Callable[..., Any], *_: Any) -> HttpResponse | None:
    passage, policy = passage_of(request), policy_of(view)
    return None if policy == passage.policy_name else await passage.acheck(policy)


class ConsumerUserMiddleware:
    """Makes the consumer of a request its `request.user`, without a session (`consumers: "django://auth"`).

    Stands below `AuthenticationMiddleware`. A request without a consumer keeps the user that it has.
    """

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response
        if iscoroutinefunction(get_response):
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> Any:
        """In async mode what is returned is awaited."""
        consumer = passage_of(request).request.jwt_signer.consumer
        if consumer is not None:
            request.user = cast("Any", SimpleLazyObject(partial(find_user, consumer)))
            request.auser = partial(afind_user, consumer)
        return self.get_response(request)
