"""Pairwise subjects: stable, one way, and different for whoever should not compare them."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jwt_signer_mw import ConfigurationError, Settings
from jwt_signer_mw.tokens.pairwise import Pairwise
from jwt_signer_mw.tokens.shaping import Shaping

SECRET = "a-secret-of-thirty-two-characters"
ORDERS = Pairwise(SECRET, "https://orders.example", [("sub",)])
TEXTS = st.text(st.characters(blacklist_categories=["Cs"]), max_size=8)


def test_a_pseudonym_never_changes() -> None:
    """Services keep them: a release that made others would lose every user. OpenSSL made this one."""
    assert ORDERS.pseudonym("https://idp.example", "alice") == "DWPF1bQJOY1Ee3ksPAsUjpPISE8_eCAZhr67BiSV2Ws"
    assert re.fullmatch(r"[A-Za-z0-9_-]{43}", ORDERS.pseudonym(None, 7))


@given(st.lists(st.tuples(TEXTS, TEXTS, TEXTS, TEXTS), min_size=2, max_size=2, unique=True))
def test_no_two_inputs_share_a_pseudonym(pair: list[tuple[str, str, str, str]]) -> None:
    """By moving characters from one to the next, for one."""
    first, second = (
        Pairwise(SECRET + secret, sector, ()).pseudonym(issuer, subject)
        for secret, sector, issuer, subject in pair
    )
    assert first != second


def test_a_number_is_nobody_else_s_text() -> None:
    assert ORDERS.pseudonym("i", 7) != ORDERS.pseudonym("i", "7")


def test_the_claims_that_were_verified_stay_as_they_are() -> None:
    settings = Settings.load(
        {
            "access_token_subject_claim": ["user", "id"],
            "access_token_subject_pairwise_secret": SECRET,
            "access_token_subject_pairwise_sector": "s",
        }
    )
    old = {"sub": "alice", "user": {"id": "alice", "age": 4}, "original_sub": "alice", "iss": "i"}
    new = Shaping(settings.access_token).take_over(old)
    assert old == {"sub": "alice", "user": {"id": "alice", "age": 4}, "original_sub": "alice", "iss": "i"}
    assert new["sub"] == new["user"]["id"] == Pairwise(SECRET, "s", ()).pseudonym("i", "alice")
    assert "alice" not in repr(new)
    assert new["user"]["age"] == 4


@pytest.mark.parametrize("subject", [True, 1.5, ["alice"], {"id": "alice"}])
def test_what_is_no_name_is_left_out(subject: object) -> None:
    claims = {"sub": subject, "iss": "i"}
    ORDERS.hide(claims, "i")
    assert claims == {"iss": "i"}


def test_where_a_hidden_subject_shows() -> None:
    base = {
        "access_token_jwks_uri": "https://idp.example/jwks",
        "access_token_subject_pairwise_secret": SECRET,
        "access_token_subject_pairwise_sector": "https://orders.example",
    }
    shown = {"original_access_token_upstream_header": "X-Original", "access_token_consumer_claim": ["sub"]}
    warned = {one.option for one in Settings.load(base | shown).warnings if one.id == "settings.W060"}
    assert warned == set(shown)
    assert "settings.W060" not in {one.id for one in Settings.load(base).warnings}
    for template in ("{claims.sub}", "{claims.x|claims.sub}"):
        with pytest.raises(ConfigurationError, match="shows the subject"):
            Settings.load(base | {"access_token_claim_templates": {"user": template}})
