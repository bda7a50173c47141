"""What holds for every request, whatever is in it: through WSGI and ASGI alike."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from conformance.adapter import Outcome, Plain
from conformance.case import ISSUER, NOW
from conformance.keys import Jwk, algorithm, private_key
from conformance.tokens import segment
from jwt_signer_mw.flows.commands import Exchange, Reply
from jwt_signer_mw.request.names import fold
from jwt_signer_mw.wire import decode_base64url, parse_object
from system import ADAPTERS, CLAIMS, GOOD, STORE, adapter_named, token

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from conformance.adapter import Runner, Seen

LEEWAY = 60
SETTINGS: dict[str, object] = {
    "access_token_jwks_uri": "https://idp.example/jwks",
    "access_token_introspection_endpoint": "https://idp.example/introspect",
    "access_token_audiences_allowed": ["api://orders"],
    "access_token_consumer_claim": ["sub"],
    "access_token_upstream_leeway": LEEWAY,
    "access_token_signing_algorithm": "ES256",
    "access_token_optional": True,
    "original_access_token_upstream_header": "X-Original",
    "channel_token_request_header": "X-Channel",
    "channel_token_upstream_header": "X-Channel-Up",
    "channel_token_signing_algorithm": "ES256",
    "verify_channel_token_signature": False,
    "channel_token_optional": True,
    "consumers": [{"id": "1", "username": "alice", "custom_id": "a"}, {"id": "2", "username": "b c"}],
    "exempt_paths": ["/health", "/public/*"],
    "keyset_store": "memory://",
}
MANAGED = ("authorization", "x-channel", "x-channel-up", "x-original", "x-consumer-", "x-credential-")


class Provider:
    """Keys, and an answer of its own for every opaque token."""

    def send(self, exchange: Exchange) -> Reply:
        if exchange.method == "GET":
            return Reply(200, {}, json.dumps({"keys": [Jwk("p256").as_json()]}).encode())
        active = {"active": exchange.body[-1] % 2 == 0, "sub": "alice", "exp": NOW + 5, "aud": "api://orders"}
        return Reply(200, {}, json.dumps(active).encode())


@pytest.fixture(scope="module")
def runners() -> Iterator[dict[str, Runner]]:
    services = {"transport": Provider(), "clock": lambda: NOW, "keyset_store": STORE}
    opened = {name: adapter_named(name).open(SETTINGS, services) for name in ADAPTERS}
    yield opened
    for runner in opened.values():
        runner.close()


SPELLINGS = st.sampled_from(
    [
        "Authorization",
        "AUTHORIZATION",
        "X-Channel",
        "x_channel",
        "X.Channel",
        "X-Original",
        "X_Original",
        "X-Consumer-ID",
        "x_consumer_id",
        "X.Consumer.Username",
        "X-Credential-Identifier",
        "X-Channel_Up",
        "Accept",
    ]
)
TEXT = st.text(st.characters(min_codepoint=0x20, max_codepoint=0xFF, exclude_characters="\x7f"), max_size=60)
TOKENS = st.one_of(
    st.just(str(GOOD)),
    st.sampled_from([str(token({"exp": NOW})), str(token({"aud": "x"})), str(token({"sub": "nobody"}))]),
    st.text("abcdefghijABCDEFG0123456789-._~+/=", min_size=1, max_size=40),
    st.builds(
        lambda text, at, new: text[:at] + new + text[at + 1 :], st.just(str(GOOD)), st.integers(0, 250), TEXT
    ),
)
VALUES = st.one_of(
    TEXT,
    st.builds(
        "{}{}".format, st.sampled_from(["", "Bearer ", "bearer ", "Basic ", "BEARER  ", "DPoP "]), TOKENS
    ),
)
HEADERS = st.lists(st.tuples(SPELLINGS, VALUES), max_size=6)
TARGETS = st.sampled_from(
    ["/orders", "/health", "/public/a", "/public/../x", "/%ff", "/a%00", "/public/%2e", "/x?y=1"]
)


def evil(headers: list[tuple[str, str]], seen: Seen) -> list[str]:
    """Values under managed names that the client wrote, other than the original token that goes on."""
    sent = {value for name, value in headers if fold(name).startswith(MANAGED)}
    carried = {value.rpartition(" ")[2] for value in sent}
    found = [(name, value) for name, value in seen.headers if name.replace(".", "-").startswith(MANAGED)]
    return [
        name
        for name, value in found
        if name != "x-original" and value in (sent | carried) - {"1", "alice", "a"}
    ]


@pytest.mark.rule("S1", "S18", "S19", "S20", "S22", "S33")
@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(headers=HEADERS, target=TARGETS, method=st.sampled_from(["GET", "POST", "OPTIONS", "HEAD"]))
@example([("Authorization", f"Bearer {GOOD}"), ("X-Consumer-ID", "evil")], "/orders", "GET")
def test_every_request_ends_well_and_alike(
    runners: dict[str, Runner], headers: list[tuple[str, str]], target: str, method: str
) -> None:
    """No client's copy of a managed header passes; both adapters decide alike, by a known status."""
    folded = [name.lower().replace("_", "-") for name, _ in headers]
    outcomes = {
        name: runner.send(Plain(method, target, "x", tuple(headers))) for name, runner in runners.items()
    }
    for outcome in outcomes.values():
        assert outcome.status in (200, 401, 403)
        for seen in outcome.seen:
            assert evil(headers, seen) == []
            assert all(
                value.isascii() and value.isprintable() for name, value in seen.headers if name[:2] == "x-"
            )
    # WSGI joins what ASGI keeps apart, and does not read a name with a dot (it is removed all the same)
    if len(set(folded)) == len(folded) and "x.channel" not in folded:
        assert outcomes["wsgi"].status == outcomes["asgi"].status
        assert outcomes["wsgi"].body == outcomes["asgi"].body


NUMBERS = st.one_of(st.integers(-(2**70), 2**70), st.floats(), st.integers(NOW - 100, NOW + 100_000))
JSON = st.recursive(
    st.none() | st.booleans() | NUMBERS | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=8,
)
NAMES = st.sampled_from(["iss", "sub", "aud", "exp", "nbf", "iat", "jti", "scope", "original_iss", "x"])
ODD_CLAIMS = st.dictionaries(NAMES, JSON, max_size=6)


def sent(claims: Mapping[str, object], runner: Runner) -> Outcome:
    head = segment(b'{"alg":"ES256","kid":"p256"}')
    text = f"{head}.{segment(json.dumps(claims).encode('utf-8', 'surrogatepass'))}"
    signature = algorithm("ES256").sign(text.encode(), private_key("p256"))
    return runner.send(Plain("GET", "/", "x", (("Authorization", f"Bearer {text}.{segment(signature)}"),)))


@pytest.mark.rule("S3", "S12", "S13", "S14", "S15", "S16", "S28")
@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(odd=ODD_CLAIMS)
def test_any_claims_are_decided_and_a_new_token_never_lives_longer(
    runners: dict[str, Runner], odd: dict[str, Any]
) -> None:
    claims = {"iss": ISSUER, "sub": "alice", "exp": NOW + 300, **CLAIMS, **odd}
    statuses = set()
    for runner in runners.values():
        outcome = sent(claims, runner)
        statuses.add(outcome.status)
        if outcome.status == 200:
            new = parse_object(decode_base64url(dict(outcome.seen[0].headers)["authorization"].split(".")[1]))
            assert claims["exp"] > NOW
            assert new["exp"] <= claims["exp"] + LEEWAY
            assert new["iss"] == "kong"
            assert new.get("original_iss") == claims["iss"]
            kept = {
                name: value for name, value in claims.items() if name not in ("iss", "exp", "original_iss")
            }
            assert {name: new[name] for name in kept} == kept
        else:
            assert outcome.status in (401, 403)
    assert len(statuses) == 1


@pytest.mark.rule("S4", "S9", "S10", "S17")
@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    members=st.dictionaries(
        st.sampled_from(["alg", "kid", "typ", "crit", "b64", "zip", "jwk", "jku", "x5c", "cty", "x"]),
        JSON,
        max_size=4,
    )
)
def test_any_header_is_decided(runners: dict[str, Runner], members: dict[str, Any]) -> None:
    """Well signed, whatever it says. What has `crit`, `b64` or `zip` never passes."""
    head = segment(json.dumps({"alg": "ES256", "kid": "p256", **members}).encode("utf-8", "surrogatepass"))
    text = f"{head}.{GOOD.compact().split('.')[1]}"
    signature = segment(algorithm("ES256").sign(text.encode(), private_key("p256")))
    for runner in runners.values():
        outcome = runner.send(Plain("GET", "/", "x", (("Authorization", f"Bearer {text}.{signature}"),)))
        assert outcome.status in (200, 401)
        if outcome.status == 200 and isinstance(members.get("alg", ""), str):  # else it is opaque
            assert not {"crit", "b64", "zip"} & set(members)
            assert members.get("alg", "ES256") == "ES256"
            assert members.get("kid", "p256") == "p256"


@pytest.mark.rule("S26")
@settings(max_examples=100, deadline=None)
@given(
    body=st.one_of(
        st.binary(max_size=200), st.builds(lambda v: json.dumps(v).encode("utf-8", "replace"), JSON)
    )
)
def test_any_answer_of_a_provider_is_decided(body: bytes) -> None:
    class Answering:
        def send(self, exchange: Exchange) -> Reply:
            return Reply(200, {}, body)

    services = {"transport": Answering(), "keyset_store": STORE, "clock": lambda: NOW}
    runner = adapter_named("wsgi").open(SETTINGS, services)
    outcome = runner.send(Plain("GET", "/", "x", (("Authorization", "Bearer opaque"),)))
    assert outcome.status in (401, 403)
    assert outcome.seen == ()


@pytest.mark.rule("S21")
@settings(max_examples=300, deadline=None)
@given(path=st.text(st.sampled_from("/.;%#\\?*\n\0 ah\ud800\ufffdé2eEfF"), max_size=14))
def test_an_exempt_path_is_plain(path: str) -> None:
    from jwt_signer_mw.request.exempt import ExemptPaths

    exempt = ExemptPaths(["/h", "/a/*"])
    if path in exempt:
        assert re.fullmatch(r"/h|/a/[^\x00-\x1f\\;#%]*", path)
        assert "//" not in path
        assert not {".", ".."} & set(path.split("/"))
