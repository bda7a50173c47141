"""Explanations: what they tell, what they leave alone, and what they never show."""

from __future__ import annotations

import asyncio
import json
from io import BytesIO
from typing import TYPE_CHECKING, Any

import pytest

from conformance.case import ISSUER, NOW
from conformance.keys import jwks
from conformance.tokens import signed
from jwt_signer_mw import errors
from jwt_signer_mw.asgi import JWTSignerMiddleware as ASGIMiddleware
from jwt_signer_mw.errors import Refusal, TransportError
from jwt_signer_mw.explain.suggestions import SUGGESTIONS
from jwt_signer_mw.flows.commands import Exchange, Reply
from jwt_signer_mw.flows.examine import Examiner
from jwt_signer_mw.flows.resign import Resigner
from jwt_signer_mw.keysets.memory import MemoryStore
from jwt_signer_mw.wire import dump_json
from jwt_signer_mw.wsgi import JWTSignerMiddleware

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jwt_signer_mw.explain import Explanation

JWKS = "https://idp.example/jwks?secret=1"
ENDPOINT = "https://idp.example/introspect"
STORE = MemoryStore()
JWT: Mapping[str, Any] = {
    "access_token_jwks_uri": JWKS,
    "access_token_signing_algorithm": "ES256",
    "channel_token_optional": True,
}
OPAQUE: Mapping[str, Any] = {
    "access_token_introspection_endpoint": ENDPOINT,
    "access_token_introspection_authorization": "Basic c2VjcmV0OnNlY3JldA==",
    "access_token_signing_algorithm": "ES256",
    "channel_token_optional": True,
}


class Provider:
    """A transport that answers by path and counts."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.down = False

    def send(self, exchange: Exchange) -> Reply:
        self.asked.append(exchange.url)
        if self.down:
            raise TransportError("it is down")
        if "jwks" in exchange.url:
            return Reply(200, {}, dump_json(jwks("p256").as_json()))
        return Reply(200, {}, dump_json({"active": True, "sub": "alice", "exp": NOW + 300}))


@pytest.fixture
def provider() -> Provider:
    return Provider()


def build(settings: Mapping[str, Any], provider: Provider, **more: Any) -> JWTSignerMiddleware:
    services = {"keyset_store": STORE, "transport": provider, "clock": lambda: NOW, **more}
    return JWTSignerMiddleware(lambda *_: [b""], settings, **services)


def token(**claims: object) -> str:
    made = {"iss": ISSUER, "sub": "alice", "exp": NOW + 300, **claims}
    return str(signed(made, alg="ES256", key="p256"))


def bearer(text: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {text}"}


def stages(explanation: Explanation) -> list[str]:
    return [f"{step.stage} {step.mark}" for step in explanation.steps if step.token != "channel_token"]


def test_the_way_of_a_jwt(provider: Provider) -> None:
    explanation = build(JWT, provider).explain({**bearer(token()), "X_Consumer.ID": "root"}, path="/orders")
    assert (explanation.outcome, explanation.status) == ("forwarded", 0)
    assert explanation.written == ("Authorization",)
    assert explanation.removed == ("Authorization", "X_Consumer.ID")
    assert stages(explanation) == [
        "found good",
        "classified good",
        "fetch good",
        "signature good",
        "check good",
        "check good",
        "signing good",
        "headers good",
        "headers good",
    ]
    told = {step.stage: step.text for step in explanation.steps}
    assert told["fetch"].startswith("GET https://idp.example/jwks answered 200")
    assert told["signing"].startswith("by 'kong' with ES256, kid ")


def test_the_way_of_an_opaque_token(provider: Provider) -> None:
    middleware = build(OPAQUE, provider)
    once, twice = (middleware.explain(bearer("opaque-token-0123456789")) for _ in range(2))
    assert "introspection good" in stages(once)
    assert "fetch good" in stages(once)
    assert "fetch good" not in stages(twice)
    assert len(provider.asked) == 1


def test_suggestion_names_value_and_option(provider: Provider) -> None:
    middleware = build({**JWT, "access_token_audiences_allowed": ["b", "c"]}, provider)
    explanation = middleware.explain(bearer(token(aud="a")))
    assert (explanation.reason, explanation.status) == ("audience_not_allowed", 403)
    assert explanation.option == "access_token_audiences_allowed"
    wanted = '"a" is not in access_token_audiences_allowed ("b", "c"): add it, or get a token for those.'
    assert explanation.suggestion == wanted


def test_rules_of_the_introspection_result_are_named(provider: Provider) -> None:
    middleware = build({**OPAQUE, "access_token_introspection_subjects_allowed": ["bob"]}, provider)
    explanation = middleware.explain(bearer("opaque-token-0123456789"))
    assert explanation.suggestion.startswith('"alice" is not in access_token_introspection_subjects_allowed')


def test_another_time(provider: Provider) -> None:
    middleware = build(JWT, provider)
    late = middleware.explain(bearer(token()), at=NOW + 301)
    assert (late.reason, late.detail) == ("token_expired", "expired 1 s ago")
    assert "access_token_leeway" in late.suggestion
    assert middleware.explain(bearer(token())).outcome == "forwarded"


def test_another_time_leaves_the_shared_cache_alone(provider: Provider) -> None:
    middleware = build(OPAQUE, provider)
    for _ in range(2):
        middleware.explain(bearer("opaque-token-0123456789"), at=NOW - 100)
    assert len(provider.asked) == 2


def test_offline_nothing_is_fetched(provider: Provider) -> None:
    jwt = build(JWT, provider).explain(bearer(token()), offline=True)
    opaque = build(OPAQUE, provider).explain(bearer("opaque-token-0123456789"), offline=True)
    assert provider.asked == []
    assert (jwt.outcome, opaque.outcome) == ("undecided", "undecided")
    assert "signature open" in stages(jwt)
    assert "check good" in stages(jwt)
    assert opaque.steps[-1].mark == "open"


def test_offline_with_keys_in_memory(provider: Provider) -> None:
    middleware = build(JWT, provider)
    middleware.explain(bearer(token()))
    assert middleware.explain(bearer(token()), offline=True).outcome == "forwarded"
    unknown = str(signed({"exp": NOW + 300}, alg="ES256", key="p256-other"))
    assert middleware.explain(bearer(unknown), offline=True).outcome == "undecided"
    assert len(provider.asked) == 1
    expired = middleware.explain(bearer(token(exp=NOW - 1)), offline=True)
    assert (expired.outcome, expired.reason) == ("refused", "token_expired")


def test_the_second_token_is_blamed_for_its_own_fault(provider: Provider) -> None:
    settings = {**JWT, "channel_token_optional": False, "channel_token_request_header": "X-Channel"}
    explanation = build(settings, provider).explain(bearer(token()))
    assert (explanation.reason, explanation.steps[-1].token) == ("token_missing", "channel_token")
    assert explanation.steps[-1].stage == "found"
    assert "channel_token_optional" in explanation.suggestion


def test_a_provider_that_is_down(provider: Provider) -> None:
    provider.down = True
    explanation = build(JWT, provider).explain(bearer(token()))
    assert (explanation.reason, explanation.option) == ("provider_unavailable", "access_token_jwks_uri")
    assert "fetch bad" in stages(explanation)


def test_nobody_else_hears_of_it(provider: Provider) -> None:
    heard: list[object] = []
    middleware = build({**JWT, "enable_instrumentation": True}, provider, observers=(heard.append,))
    middleware.explain(bearer(token()))
    middleware.explain({})
    assert heard == []
    assert len(middleware.pipeline.verdicts) == 0


def test_no_secret_is_told(provider: Provider) -> None:
    text = token()
    for settings, sent in ((JWT, text), (OPAQUE, "opaque-token-0123456789"), (OPAQUE, text)):
        told = json.dumps(build(settings, provider).explain(bearer(sent)).as_dict())
        assert sent not in told
        assert text.split(".")[2] not in told
        assert "c2VjcmV0" not in told
        assert "secret=1" not in told


def test_plain_requests_meet_no_part_that_traces(provider: Provider) -> None:
    middleware = build(JWT, provider)
    middleware.explain(bearer(token()))
    for lane in middleware.pipeline._lanes:
        assert type(lane.examiner) is Examiner
        assert type(lane.resigner) in (Resigner, type(None))


def test_every_reason_has_a_suggestion() -> None:
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, Refusal)]
    codes = {kind.code for kind in kinds} - {"refused", "forbidden"}  # of which there are only kinds
    assert codes <= SUGGESTIONS.keys()


def test_over_asgi(provider: Provider) -> None:
    async def application(*_: object) -> None: ...

    middleware = ASGIMiddleware(
        application, dict(JWT), keyset_store=STORE, transport=provider, clock=lambda: NOW
    )
    explanation = asyncio.run(middleware.explain(bearer(token())))
    assert explanation.outcome == "forwarded"


# Over HTTP


def ask(
    middleware: JWTSignerMiddleware, body: object, *, secret: str = "s" * 32, method: str = "POST"
) -> Any:
    data = body if isinstance(body, bytes) else dump_json(body)
    answer: list[str] = []
    environ = {
        "REQUEST_METHOD": method,
        "PATH_INFO": "/jwt-signer/explain",
        "CONTENT_LENGTH": str(len(data)),
        "wsgi.input": BytesIO(data),
        "HTTP_AUTHORIZATION": f"Bearer {secret}",
    }
    parts = middleware.admin(environ, lambda status, _: answer.append(status))  # type: ignore[arg-type]
    return int(answer[0][:3]), json.loads(b"".join(parts))


def test_over_http(provider: Provider) -> None:
    middleware = build({**JWT, "admin_token": "s" * 32}, provider)
    status, told = ask(middleware, {"headers": bearer(token()), "path": "/orders", "at": NOW + 900})
    assert (status, told["outcome"], told["reason"]) == (200, "refused", "token_expired")
    assert told["steps"][-1]["option"] == "verify_access_token_expiry"
    status, told = ask(middleware, {"headers": [["Authorization", "x"], ["authorization", "y"]]})
    assert told["reason"] == "token_repeated"


@pytest.mark.parametrize(
    "body",
    [b"{", [], {"heders": {}}, {"path": 1}, {"headers": {"a": 1}}, {"headers": {"a b": "c"}}, b"x" * 70_000],
)
def test_over_http_bad_requests(body: object, provider: Provider) -> None:
    assert ask(build({**JWT, "admin_token": "s" * 32}, provider), body)[0] == 400


def test_over_http_with_the_admin_token_only(provider: Provider) -> None:
    assert ask(build(JWT, provider), {})[0] == 404
    guarded = build({**JWT, "admin_token": "s" * 32}, provider)
    assert ask(guarded, {}, secret="t" * 32)[0] == 401
    assert ask(guarded, {}, method="GET")[0] == 405
