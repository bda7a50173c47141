"""What is remembered of new tokens that tell of the request, and what purges find of those that hide."""

from __future__ import annotations

import json
import threading
from typing import TYPE_CHECKING, Any
from wsgiref.util import setup_testing_defaults

from jwt_signer_mw.drivers.blocking import BlockingDriver
from jwt_signer_mw.flows.commands import Exchange, Reply
from jwt_signer_mw.flows.purge import Purged
from jwt_signer_mw.jose import generate_key, sign_compact
from jwt_signer_mw.keysets.memory import MemoryStore
from jwt_signer_mw.messages import IDENTITY, Forward, Incoming
from jwt_signer_mw.wsgi import JWTSignerMiddleware
from stepping import FrozenClock

if TYPE_CHECKING:
    from collections.abc import Iterable

NOW = 1_800_000_000
IDP = generate_key("ES256")
SECRET = "a-secret-of-thirty-two-characters"


def token(**claims: object) -> str:
    made = {"iss": "https://idp.example", "sub": "alice", "jti": "t1", "exp": NOW + 1000, **claims}
    return sign_compact(json.dumps(made).encode(), IDP, "ES256")


class Transport:
    """The provider of keys; `gate` holds its answer back."""

    def __init__(self) -> None:
        self.gate = threading.Event()
        self.gate.set()

    def send(self, exchange: Exchange) -> Reply:
        assert self.gate.wait(20)
        return Reply(200, {}, json.dumps({"keys": [IDP.public_jwk()]}).encode())


def application(environ: Any, start_response: Any) -> Iterable[bytes]:
    start_response("200 OK", [])
    return [json.dumps(environ[IDENTITY].access_token.upstream_claims).encode()]


def service(transport: Transport | None = None, **settings: Any) -> JWTSignerMiddleware:
    given = {
        "access_token_jwks_uri": "https://idp.example/jwks",
        "access_token_signing_algorithm": "ES256",
        "channel_token_optional": True,
        **settings,
    }
    parts: dict[str, Any] = {"transport": transport or Transport(), "clock": FrozenClock(NOW)}
    return JWTSignerMiddleware(application, given, keyset_store=MemoryStore(), **parts)


def told(app: JWTSignerMiddleware, held: str, **environ: str) -> dict[str, Any]:
    made: dict[str, Any] = {"HTTP_AUTHORIZATION": f"Bearer {held}", **environ}
    setup_testing_defaults(made)
    claims: dict[str, Any] = json.loads(b"".join(app(made, lambda *_: lambda _: None)))
    return claims


def test_requests_at_one_time_get_tokens_of_their_own() -> None:
    """Equal requests under way are merged; those of another host or path are not equal."""
    transport = Transport()
    app = service(transport, access_token_claim_templates={"at": "{request.host}{request.path}"})
    transport.gate.clear()
    places = [(f"h{number % 4}.example", f"/{number % 3}") for number in range(24)]
    seen: list[tuple[str, str]] = []

    def send(host: str, path: str) -> None:
        seen.append((host + path, told(app, token(), HTTP_HOST=host, PATH_INFO=path)["at"]))

    threads = [threading.Thread(target=send, args=place) for place in places]
    for thread in threads:
        thread.start()
    transport.gate.set()
    for thread in threads:
        thread.join(20)
    assert len(seen) == len(places)
    assert [pair for pair in seen if pair[0] != pair[1]] == []


def test_what_is_no_scheme_is_not_taken_for_one() -> None:
    """A scheme has no case, a path has: it must not be named as if it were a header value."""
    app = service(access_token_claim_templates={"path": "{request.path}"})
    driver, values = BlockingDriver(Transport()), (f"Bearer {token()}",)
    for path in ("bearer x", "Bearer x"):
        decision = driver.run(app.pipeline.decide(Incoming("GET", path, "h", values)))
        assert isinstance(decision, Forward)
        assert decision.identity.access_token is not None
        claims = decision.identity.access_token.upstream_claims
        assert claims is not None
        assert claims["path"] == path


def test_a_policy_that_tells_of_requests_has_no_fast_road_and_others_do() -> None:
    values = (f"Bearer {token()}",)
    assert service().pipeline.name(values) is not None
    of_claims = service(access_token_claim_templates={"a": "{claims.sub}{consumer.id|claims.jti}"})
    assert of_claims.pipeline.name(values) is not None
    assert service(access_token_claim_templates={"a": "{request.path}"}).pipeline.name(values) is None


def test_a_purge_knows_the_subject_as_it_came_in() -> None:
    hidden: dict[str, Any] = {
        "access_token_subject_pairwise_secret": SECRET,
        "access_token_subject_pairwise_sector": "https://orders.example",
    }
    for settings in (
        hidden,
        {"keep_access_token_claims": ["scope"]},
        {"keep_access_token_claims": ["sub"]},
        {"access_token_claim_templates": {"sub": "{claims.email}"}},
        {"access_token_claim_templates": {"jti": "{request.path}"}},
    ):
        app = service(None, **settings)
        purges: tuple[dict[str, Any], ...] = ({"subject": "alice"}, {"jti": "t1"})
        for purge in purges:
            told(app, token(), HTTP_HOST="h")  # brings the keys
            new = told(app, token(email="a@example.com"), HTTP_HOST="h")
            assert len(app.pipeline.verdicts) > 0
            others = [
                value for value in (new.get("sub"), new.get("jti")) if value not in (None, "alice", "t1")
            ]
            for other in others:
                assert app.purge(subject=other) == Purged(0, 0)
            assert app.purge(**purge).verdicts > 0
            assert len(app.pipeline.verdicts) == 0


def test_an_identity_tells_both_subjects_to_the_application_itself() -> None:
    app = service(
        access_token_subject_pairwise_secret=SECRET,
        access_token_subject_pairwise_sector="https://orders.example",
    )
    for _ in range(3):
        decision = BlockingDriver(Transport()).run(
            app.pipeline.decide(Incoming("GET", "/", "h", (f"Bearer {token()}",)))
        )
        assert isinstance(decision, Forward)
        identity = decision.identity.access_token
        assert identity is not None
        assert identity.claims["sub"] == "alice"
        assert identity.upstream_claims is not None
        assert identity.upstream_claims["sub"] not in ("alice", None)
