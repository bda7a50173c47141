"""Every failure that the suite knows, one class per reason, each with its own answer.

A `Refusal` ends a request. Its class says the status, the RFC 6750 error code and a public
sentence that is safe to show; `detail` is for the log and never holds a token, a key or a secret.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

INVALID_TOKEN = "invalid_token"  # noqa: S105  RFC 6750 section 3.1
INSUFFICIENT_SCOPE = "insufficient_scope"  # RFC 6750 section 3.1


class JWTSignerError(Exception):
    """Root of everything that the suite raises on purpose."""


class Problem(NamedTuple):
    """One finding about the settings: a stable id, what is wrong with which option, and a hint."""

    id: str
    level: Literal["error", "warning"]
    option: str
    text: str
    hint: str = ""


class ConfigurationError(JWTSignerError):
    """The settings can't be used; `problems` lists everything that is wrong with them at once."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__(
            "\n".join(
                " ".join(filter(None, (p.id, p.option and f"{p.option}:", p.text, p.hint))) for p in problems
            )
        )


class Unavailable(JWTSignerError):
    """Something outside did not answer: raised by drivers, transports, stores and caches."""

    def __init__(self, detail: str = "", retry_after: float | None = None) -> None:
        self.detail = detail
        self.retry_after = retry_after
        super().__init__(detail)


class TransportError(Unavailable):
    """An HTTP exchange failed: connection, TLS, time limit, redirect or a body over the cap."""


class StoreError(Unavailable):
    """A key set store or a shared cache can't be reached or used."""


class StoreConflict(JWTSignerError):
    """A versioned save lost: somebody else saved first. The loser reads again."""


class StoredKeysUnreadable(StoreError):
    """Stored key sets can't be read: damaged, or encrypted with a key that is not configured."""


class Refusal(JWTSignerError):
    """A request is refused. Subclasses are the reasons; `code` is stable and goes to logs and metrics.

    `option` names the parameter that decided, as a flat name; the pipeline fills the token's part.
    """

    status: ClassVar[int] = 401
    error: ClassVar[str | None] = INVALID_TOKEN
    code: ClassVar[str] = "refused"
    text: ClassVar[str] = "The token is not accepted"
    token = ""  # `access_token` or `channel_token`, whichever it is about; the pipeline says so

    def __init__(
        self, detail: str = "", *, option: str = "", scope: str = "", retry_after: float | None = None
    ) -> None:
        self.detail = detail
        self.option = option
        self.scope = scope  # RFC 6750 section 3: what would have been enough
        self.retry_after = retry_after  # `args` are set already, by `BaseException.__new__`


# 401: the token is missing or invalid ---------------------------------------------------------


class TokenMissing(Refusal):
    """RFC 6750 section 3.1: no error code when the request had no token at all."""

    error = None
    code = "token_missing"
    text = "A token is required"


class TokenMalformed(Refusal):
    code = "token_malformed"
    text = "The token is malformed"


class TokenTooLarge(TokenMalformed):
    code = "token_too_large"
    text = "The token is too long"


class TokenRepeated(TokenMalformed):
    code = "token_repeated"
    text = "The request carries more than one token in one header"


class SignatureNotTrusted(Refusal):
    """Everything about keys and signatures shares one public sentence, so that it is no oracle."""

    code = "signature_invalid"
    text = "The signature of the token can't be verified"


class SignatureInvalid(SignatureNotTrusted):
    code = "signature_invalid"


class AlgorithmNotAllowed(SignatureNotTrusted):
    code = "algorithm_not_allowed"


class KeyUnknown(SignatureNotTrusted):
    code = "key_unknown"


class TypNotAllowed(SignatureNotTrusted):
    code = "typ_not_allowed"


class JwksNotConfigured(SignatureNotTrusted):
    code = "jwks_uri_missing"


class IntrospectionNotConfigured(Refusal):
    code = "introspection_endpoint_missing"
    text = "Opaque tokens are not accepted"


class IntrospectionDisabled(IntrospectionNotConfigured):
    code = "introspection_disabled"


class TokenInactive(Refusal):
    code = "token_inactive"
    text = "The token is not active"


class IntrospectionRefused(TokenInactive):
    """The endpoint answered, but not with what RFC 7662 asks for (or it refused our credentials)."""

    code = "introspection_refused"


class IntrospectionJwtMissing(TokenInactive):
    code = "introspection_jwt_missing"


class TokenExpired(Refusal):
    code = "token_expired"
    text = "The token expired"


class TokenNotYetValid(Refusal):
    code = "token_not_yet_valid"
    text = "The token is not valid yet"


class LifetimeTooLong(Refusal):
    code = "lifetime_too_long"
    text = "The token was issued for too long a time"


class TokenTooOld(Refusal):
    code = "token_too_old"
    text = "The token was issued too long ago"


class ClaimMalformed(Refusal):
    code = "claim_malformed"
    text = "A claim of the token is malformed"


class ClaimMissing(Refusal):
    code = "claim_missing"
    text = "A claim that is required is missing"


class IssuerNotAllowed(Refusal):
    code = "issuer_not_allowed"
    text = "The issuer of the token is not accepted"


# 403: the token is good, but not for this ------------------------------------------------------


class Forbidden(Refusal):
    status = 403
    error: ClassVar[str | None] = None
    code = "forbidden"
    text = "The token does not give access to this"


class SubjectNotAllowed(Forbidden):
    code = "subject_not_allowed"


class AudienceNotAllowed(Forbidden):
    code = "audience_not_allowed"


class ScopesInsufficient(Forbidden):
    error = INSUFFICIENT_SCOPE
    code = "scopes_insufficient"
    text = "The token lacks a scope"


class ConsumerNotFound(Forbidden):
    code = "consumer_not_found"


class ConsumerClaimUnusable(ConsumerNotFound):
    code = "consumer_claim_unusable"


# 500: our own configuration or keys ------------------------------------------------------------


class InternalError(Refusal):
    status = 500
    error = None
    code = "internal_error"
    text = "An unexpected error occurred"


class RequestHeaderNotConfigured(InternalError):
    code = "request_header_not_configured"


class SigningKeyMissing(InternalError):
    code = "signing_key_missing"


class SigningFailed(InternalError):
    code = "signing_failed"


# 503: somebody else is down ---------------------------------------------------------------------


class ServiceUnavailable(Refusal):
    status = 503
    error = None
    code = "service_unavailable"
    text = "A service that this request needs does not answer"


class ProviderUnavailable(ServiceUnavailable):
    code = "provider_unavailable"


class StoreUnavailable(ServiceUnavailable):
    code = "store_unavailable"
