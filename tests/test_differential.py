"""Whatever we accept, two other libraries accept, claims included.

Differences that we want: a null counts as absent (decision 29), and nobody is refused for an `iat` ahead.
"""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any

import jwt
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from joserfc import jwt as joserfc_jwt
from joserfc.jwk import ECKey

from conformance.adapter import Plain
from conformance.case import ISSUER
from conformance.keys import Jwk, algorithm, private_key
from conformance.tokens import segment
from system import STORE, adapter_named

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from conformance.adapter import Runner

AUDIENCE = "api://orders"
PUBLIC: dict[str, Any] = Jwk("p256").as_json()


def of_pyjwt(text: str) -> Any:
    required: Any = {"require": ["exp", "iss", "aud"], "verify_iat": False}
    key = jwt.PyJWK(PUBLIC, algorithm="ES256")
    return jwt.decode(text, key, algorithms=["ES256"], audience=AUDIENCE, issuer=ISSUER, options=required)


def of_joserfc(text: str) -> Any:
    read = joserfc_jwt.decode(text, ECKey.import_key(PUBLIC), algorithms=["ES256"])
    registry = joserfc_jwt.JWTClaimsRegistry(
        exp={"essential": True},
        iss={"essential": True, "value": ISSUER},
        aud={"essential": True, "value": AUDIENCE},
    )
    registry.validate(read.claims)
    return read.claims


@pytest.fixture(scope="module")
def runner(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runner]:
    keys: Path = tmp_path_factory.mktemp("keys") / "keys.json"
    keys.write_text(json.dumps({"keys": [PUBLIC]}))
    profile = {
        "access_token_jwks_uri": keys.as_uri(),
        "access_token_issuers_allowed": [ISSUER],
        "access_token_audiences_allowed": [AUDIENCE],
        "access_token_required_claims": [["exp"], ["iss"], ["aud"]],
        "verify_access_token_notbefore": True,
        "access_token_optional_claims": [["nbf"]],
        "access_token_signing_algorithm": "ES256",
        "channel_token_optional": True,
    }
    opened = adapter_named("wsgi").open(profile, {"keyset_store": STORE})
    yield opened
    opened.close()


def seconds(offset: float) -> float:
    return int(time.time()) + offset


DATES = st.one_of(
    st.integers(-1000, 1000).map(seconds),
    st.floats(-1000, 1000).map(seconds),
    st.sampled_from([0, -1, True, "4102444800", [4102444800], {}, 1e300, 2**63, 10**30]),
)
AUDIENCES = st.one_of(
    st.sampled_from(
        [AUDIENCE, [AUDIENCE], ["x", AUDIENCE], "x", [], [AUDIENCE, 5], {AUDIENCE: 1}, AUDIENCE + " "]
    ),
    st.lists(st.sampled_from([AUDIENCE, "x", ""]), max_size=3),
)
TEXTS = st.sampled_from([ISSUER, "alice", "", 5, [ISSUER], True, ISSUER + "/"])
CLAIMS = st.fixed_dictionaries(
    {},
    optional={
        "exp": st.one_of(st.just(4102444800), DATES),
        "iss": st.one_of(st.just(ISSUER), TEXTS),
        "aud": st.one_of(st.just(AUDIENCE), AUDIENCES),
        "nbf": DATES,
        "iat": DATES,
        "sub": TEXTS,
        "jti": TEXTS,
    },
)
HEADERS = st.fixed_dictionaries(
    {"alg": st.sampled_from(["ES256", "ES256", "ES256", "es256", "none", "RS256"])},
    optional={
        "kid": st.sampled_from(["p256", "p256", "P256", "", 1, None]),
        "typ": st.sampled_from(["JWT", "at+jwt", "application/at+jwt", 1, "dpop+jwt"]),
        "crit": st.sampled_from([[], ["exp"], "exp"]),
        "b64": st.booleans(),
        "cty": st.sampled_from(["JWT", 1]),
        "x5t": st.text(max_size=5),
    },
)
DAMAGE = st.one_of(st.none(), st.none(), st.tuples(st.integers(0, 400), st.sampled_from("A-_=.+ é\n")))


@pytest.mark.rule("S1", "S3", "S5", "S10", "S11", "S12", "S13", "S14")
@settings(max_examples=400, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(header=HEADERS, claims=CLAIMS, damage=DAMAGE)
def test_whatever_we_accept_they_accept(
    runner: Runner, header: dict[str, Any], claims: dict[str, Any], damage: tuple[int, str] | None
) -> None:
    text = f"{segment(json.dumps(header).encode())}.{segment(json.dumps(claims).encode())}"
    text = f"{text}.{segment(algorithm('ES256').sign(text.encode(), private_key('p256')))}"
    if damage is not None:
        at, new = damage
        text = text[:at] + new + text[at + 1 :]
    if "\n" in text:  # no server hands it on like this
        return
    request = Plain("GET", "/", "x", (("Authorization", f"Bearer {text.encode().decode('latin-1')}"),))
    outcome = runner.send(request)
    if outcome.status != 200:
        assert outcome.status in (401, 403)
        return
    assert of_pyjwt(text) == claims
    assert of_joserfc(text) == claims


def test_the_three_agree_on_a_good_token(runner: Runner) -> None:
    """So that the test above is not about refusals alone."""
    claims = {"iss": ISSUER, "aud": [AUDIENCE], "exp": 4102444800, "iat": int(time.time()), "sub": "alice"}
    text = segment(b'{"alg":"ES256","kid":"p256"}')
    text = f"{text}.{segment(json.dumps(claims).encode())}"
    text = f"{text}.{segment(algorithm('ES256').sign(text.encode(), private_key('p256')))}"
    assert runner.send(Plain("GET", "/", "x", (("Authorization", f"Bearer {text}"),))).status == 200
    assert of_pyjwt(text) == of_joserfc(text) == claims
