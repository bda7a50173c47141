"""One request on its way through the middleware: by which policy it was judged, and what came of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from django.utils.cache import patch_vary_headers

from django_jwt_signer.headers import RequestHeaders
from django_jwt_signer.hosts import choose_policy
from django_jwt_signer.http import RefusedResponse, SignedRequest, answer_with
from django_jwt_signer.marks import DEFAULT, ENDPOINTS, EXEMPT, UNCHECKED
from django_jwt_signer.signals import atell, tell
from jwt_signer_mw.binding.challenge import dress
from jwt_signer_mw.errors import InternalError, TokenMissing
from jwt_signer_mw.messages import NOBODY, Forward
from jwt_signer_mw.request.responses import render

if TYPE_CHECKING:
    from django.http import HttpRequest, HttpResponse
    from django.http.response import HttpResponseBase

    from django_jwt_signer.gate import Gate
    from django_jwt_signer.policy import Policy
    from jwt_signer_mw.errors import Refusal
    from jwt_signer_mw.flows.commands import Flow
    from jwt_signer_mw.messages import Decision, Rejection


class Passage:
    """Decides one request, once or (where its view turns out to have another policy) twice."""

    __slots__ = ("_challenge", "_headers", "gate", "policy", "policy_name", "request")

    def __init__(self, request: HttpRequest, gate: Gate) -> None:
        self.request = cast("SignedRequest", request)
        self.policy_name: str | None = None
        self.policy: Policy = gate.policies[DEFAULT]
        self.gate = gate
        self._headers = RequestHeaders(request, gate.managed)
        self._challenge = ""
        self.request.jwt_signer = NOBODY
        self.request.jwt_signer_passage = self

    @property
    def client_headers(self) -> dict[str, str]:
        """What the client sent and views do not see, by `META` key."""
        return self._headers.taken

    @property
    def challenge(self) -> str:
        """For an answer to a request without a token (RFC 6750 section 3)."""
        host = self.policy.incoming(self.request, {}).host
        pipeline = self.policy.pipeline
        missing, settings = TokenMissing(), pipeline.settings
        rejection = dress(render(missing, settings.realm, host, pipeline.challenges), missing, settings)
        return dict(rejection.headers)["WWW-Authenticate"]

    def check(self, policy_name: str) -> HttpResponse | None:
        """Lets the request on (None) as this policy says, or answers it."""
        decision = self._judge_at_once(policy_name)
        if decision is None:
            decision = self.policy.driver.run(self._flow())
        response = self._settle(decision)
        tell(self.request, self._name)
        return response

    async def acheck(self, policy_name: str) -> HttpResponse | None:
        """`check` on an event loop."""
        decision = self._judge_at_once(policy_name)
        if decision is None:
            decision = await self.policy.async_driver.run(self._flow())
        response = self._settle(decision)
        await atell(self.request, self._name)
        return response

    def refuse(self, refusal: Refusal) -> RefusedResponse:
        """The answer to a refusal that was decided by the view's own rules; told like any other.

        A view may give an answer of its own instead: the challenge is added to it.
        """
        response = self._answer_for_view(refusal)
        tell(self.request, self._name)
        return response

    async def arefuse(self, refusal: Refusal) -> RefusedResponse:
        """`refuse` on an event loop."""
        response = self._answer_for_view(refusal)
        await atell(self.request, self._name)
        return response

    def finish(self, response: HttpResponseBase) -> None:
        """Tells caches that the answer depends on the tokens' headers, and clients why a view refused."""
        if self.policy_name not in UNCHECKED:
            patch_vary_headers(response, self.policy.vary)
        if self._challenge and response.status_code in (401, 403):
            response.headers.setdefault("WWW-Authenticate", self._challenge)

    def _judge_at_once(self, policy_name: str) -> Decision | None:
        """The decision if it takes no flow."""
        self.policy_name = policy_name
        if self.gate.metadata and (shown := self._metadata()) is not None:
            return shown
        if policy_name in UNCHECKED:
            self.policy = self.gate.policies[DEFAULT]
            if policy_name == EXEMPT:
                self.policy.pipeline.let_through(self.request.method or "", self.request.path_info)
            return Forward()
        if policy_name == DEFAULT and self.gate.hosts is not None:
            chosen = choose_policy(self.gate.hosts, self.request)
            if not isinstance(chosen, str):
                return chosen
            policy_name = chosen
        policy = self.gate.policies.get(policy_name)
        if policy is None:
            return self._reject(InternalError(f"no policy is named {policy_name!r}", option="JWT_SIGNER"))
        self.policy = policy
        return self._recall()

    @property
    def _name(self) -> str:
        """Of the policy that judged, for those who hear of it."""
        return self.policy.name if self.policy_name == DEFAULT else self.policy_name or DEFAULT

    def _recall(self) -> Forward | None:
        return self.policy.recall(self.request, self._headers.taken)

    def _metadata(self) -> Rejection | None:
        """The metadata of a resource, of whichever policy, if they were asked for."""
        policy = self.gate.metadata.find(self.request.path_info, self.request.META.get("HTTP_HOST", ""))
        if policy is None:
            return None
        self.policy, self.policy_name = policy, ENDPOINTS
        return policy.pipeline.show_metadata(self.request.method or "")

    def _flow(self) -> Flow[Decision]:
        return self.policy.pipeline.decide(self.policy.incoming(self.request, self._headers.taken))

    def _settle(self, decision: Decision) -> HttpResponse | None:
        if not isinstance(decision, Forward):
            self._headers.write(())
            self.request.jwt_signer = NOBODY
            is_refused = self.policy_name != ENDPOINTS
            return self._answer(decision) if is_refused else answer_with(decision, self.request.method)
        self._headers.write(zip(decision.names, decision.values, strict=True))
        self.request.jwt_signer = decision.identity
        return None

    def _reject(self, refusal: Refusal) -> Rejection:
        incoming = self.policy.incoming(self.request, self._headers.taken)
        return self.policy.pipeline.reject(refusal, incoming)

    def _answer_for_view(self, refusal: Refusal) -> RefusedResponse:
        response = self._answer(self._reject(refusal))
        self._challenge = response["WWW-Authenticate"]
        return response

    def _answer(self, rejection: Rejection) -> RefusedResponse:
        return RefusedResponse(rejection, self.request.method)


def passage_of(request: object) -> Passage:
    """Of a request of Django's, or of one that wraps it as Django REST framework's does.

    Raises `TypeError` for anything else, `LookupError` for a request that did not pass the middleware.
    """
    inner = getattr(request, "_request", request)
    if not hasattr(inner, "META"):
        raise TypeError(f"{type(request).__name__} is no request: decorate methods by `method_decorator`")
    passage: Passage | None = getattr(inner, "jwt_signer_passage", None)
    if passage is None:
        raise LookupError("JWTSignerMiddleware is not in MIDDLEWARE, or this request did not pass it")
    return passage
