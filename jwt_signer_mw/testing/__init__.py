"""For the tests of applications: an identity provider in memory, its tokens good and bad, and a clock.

Nothing is replaced but the transport: signatures, claims and introspection results are checked as ever.
The clients that sign are with the frameworks: `django_jwt_signer.test`, `flask_jwt_signer.testing`,
`jwt_signer_mw.testing.asgi` and `jwt_signer_mw.testing.wsgi`. With pytest they are fixtures.
"""

from __future__ import annotations

from jwt_signer_mw.testing.clock import SteerableClock
from jwt_signer_mw.testing.flaws import FLAWS, Flaw
from jwt_signer_mw.testing.identities import make_identity
from jwt_signer_mw.testing.issuer import ALGORITHM, INTROSPECTION, JWKS, KEYSETS, LIFE, URL, Issuer
from jwt_signer_mw.testing.provider import MALFORMED, Provider
from jwt_signer_mw.testing.trust import NotProtected, trusting

__all__ = [
    "ALGORITHM",
    "FLAWS",
    "INTROSPECTION",
    "JWKS",
    "KEYSETS",
    "LIFE",
    "MALFORMED",
    "URL",
    "Flaw",
    "Issuer",
    "NotProtected",
    "Provider",
    "SteerableClock",
    "make_identity",
    "trusting",
]
