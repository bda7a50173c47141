"""How we show an introspection endpoint who we are, and whether its answers have to be signed."""

# ruff: noqa: RUF009  (the functions that are called here declare fields)
from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from jwt_signer_mw.algorithms import ASYMMETRIC, SIGNING_ALGORITHMS
from jwt_signer_mw.settings.declaring import Part, parameter, text
from jwt_signer_mw.settings.kinds import Number, NumberOrWord, Text
from jwt_signer_mw.settings.options import SINCE
from jwt_signer_mw.settings.services import Certificate

if TYPE_CHECKING:
    from jwt_signer_mw.settings.services import ClientCertificate

NEVER, ALWAYS = "never", "always"
ALLOWED, REQUIRED = "allowed", "required"

# RFC 7591 section 2 and RFC 8705 section 2 name the methods.
SECRET_BASIC, SECRET_POST = "client_secret_basic", "client_secret_post"
PRIVATE_KEY, TLS = "private_key_jwt", "tls_client_auth"
METHODS = (SECRET_BASIC, SECRET_POST, PRIVATE_KEY, TLS)

ASSERTION_ALGORITHMS = tuple(name for name in SIGNING_ALGORITHMS if name in ASYMMETRIC)
ONE_YEAR = 31_536_000  # seconds
INTROSPECT_JWT = NumberOrWord(Text((NEVER, ALWAYS)), Number(0, ONE_YEAR))


@dataclass(frozen=True, slots=True, kw_only=True)
class IntrospectionClient(Part):
    """Who we are at an introspection endpoint (RFC 7662 section 2.1)."""

    method: str | None = parameter(
        "{}_auth",
        Text(METHODS),
        None,
        "How to authenticate there; null means by the authorization and body arguments alone.",
        since=SINCE,
        null="none",
    )
    id: str | None = text("{}_id", None, "Our client identifier there.", since=SINCE)
    secret: str | None = text(
        "{}_secret",
        None,
        "Our client secret, for both methods that have one.",
        since=SINCE,
        secret=True,
        referenceable=True,
    )
    keyset: str | None = text(
        "{}_keyset",
        None,
        "Key set of our own that signs assertions: a name, or the URL of a file or a vault.",
        since=SINCE,
    )
    algorithm: str = parameter(
        "{}_algorithm", Text(ASSERTION_ALGORITHMS), "RS256", "Algorithm of these assertions.", since=SINCE
    )
    audience: str | None = text(
        "{}_audience",
        None,
        "Audience of these assertions; null means the URL of the endpoint.",
        since=SINCE,
    )
    certificate: ClientCertificate | None = parameter(
        "{}_certificate", Certificate(), None, "Our certificate for TLS.", since=SINCE
    )

    @property
    def signs(self) -> bool:
        """Whether assertions are made; without them, no key is needed."""
        return self.method == PRIVATE_KEY and self.keyset is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedIntrospection(Part):
    """Whether answers are JWTs of the provider (RFC 9701). Its keys are those of `{token}_jwks_uri`."""

    mode: str = parameter(
        "{}",
        Text((NEVER, ALLOWED, REQUIRED)),
        NEVER,
        "Whether to ask for signed answers, and whether to take no others.",
        since=SINCE,
    )
    issuer: str | None = text(
        "{}_issuer",
        None,
        "Who has to have signed them; null means any of `{token}_issuers_allowed`.",
        since=SINCE,
    )
