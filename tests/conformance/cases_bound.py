"""New tokens of bound ones: what is recorded of the bond, and what they tell of the request."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from conformance.case import HOST, Case, Send, Wait
from conformance.cases_caches import KEYS
from conformance.cases_dpop import BOUND, JKT, REPLAYED, dpop, proof
from conformance.ways import ACCESS

if TYPE_CHECKING:
    from collections.abc import Iterator


def _bound() -> Iterator[Case]:
    """What was verified of a bond is written here; with proofs, too, a token tells of its own request."""
    settings = ACCESS.settings(
        jwks_uri="$IDP/jwks",
        dpop="allowed",
        keep_claims=["sub"],
        claim_templates={"path": "{request.path}", "key": "{claims.cnf.jkt}"},
    )

    def sent(number: int, path: str) -> Send:
        new = {"original_cnf": {"jkt": JKT}, "path": path, "key": JKT}
        passed = ACCESS.passed(ACCESS.new(new, without=("cnf",)))
        return Send(dpop(BOUND, proof(f"p{number}", htu=f"http://{HOST}{path}"), target=path), passed)

    steps = (
        sent(0, "/orders"),
        sent(1, "/orders/1"),
        sent(2, "/orders"),
        sent(3, "/orders/1"),
        Send(sent(1, "/orders/1").request, REPLAYED),
    )
    yield Case("DPoP: a bond, a path, and only what is needed", settings, steps, KEYS)
    stays = ACCESS.passed(
        ACCESS.new({"cnf": {"jkt": JKT}, "original_cnf": {"jkt": JKT}}, without=("iat", "jti"))
    )
    yield Case(
        "DPoP: a bond that stays, and only what is needed",
        ACCESS.settings(
            jwks_uri="$IDP/jwks", dpop="allowed", upstream_confirmation="cnf", keep_claims=["sub"]
        ),
        (Send(dpop(BOUND, proof("p0")), stays), Wait(0)),
        KEYS,
        ACCESS.names("upstream_confirmation"),
    )


CASES: Final = tuple(_bound())
