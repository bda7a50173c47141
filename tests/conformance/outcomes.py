"""The refusals of the suite under their own names: status and error as decisions 2 and 19 say."""

from __future__ import annotations

from typing import Final

from conformance.case import Refused

INVALID: Final = "invalid_token"

TOKEN_MISSING: Final = Refused(401, None, "token_missing")
TOKEN_MALFORMED: Final = Refused(401, INVALID, "token_malformed")
TOKEN_TOO_LARGE: Final = Refused(401, INVALID, "token_too_large")
# A WSGI server has joined repeated headers with a comma, which no token holds.
TOKEN_REPEATED: Final = Refused(401, INVALID, "token_repeated|token_malformed")
SIGNATURE_INVALID: Final = Refused(401, INVALID, "signature_invalid")
ALGORITHM_NOT_ALLOWED: Final = Refused(401, INVALID, "algorithm_not_allowed")
KEY_UNKNOWN: Final = Refused(401, INVALID, "key_unknown")
TYP_NOT_ALLOWED: Final = Refused(401, INVALID, "typ_not_allowed")
# Two ways to say it: a JWT of a bad form, or no JWT where opaque tokens are not accepted.
NOT_A_JWT: Final = Refused(401, INVALID, "token_malformed|introspection_endpoint_missing")
NO_JWKS_URI: Final = Refused(401, INVALID, "jwks_uri_missing")
NO_ENDPOINT: Final = Refused(401, INVALID, "introspection_endpoint_missing")
INTROSPECTION_DISABLED: Final = Refused(401, INVALID, "introspection_disabled")
TOKEN_INACTIVE: Final = Refused(401, INVALID, "token_inactive")
INTROSPECTION_REFUSED: Final = Refused(401, INVALID, "introspection_refused")
INTROSPECTION_JWT_MISSING: Final = Refused(401, INVALID, "introspection_jwt_missing")
TOKEN_EXPIRED: Final = Refused(401, INVALID, "token_expired")
TOKEN_NOT_YET_VALID: Final = Refused(401, INVALID, "token_not_yet_valid")
LIFETIME_TOO_LONG: Final = Refused(401, INVALID, "lifetime_too_long")
TOKEN_TOO_OLD: Final = Refused(401, INVALID, "token_too_old")
CLAIM_MALFORMED: Final = Refused(401, INVALID, "claim_malformed")
CLAIM_MISSING: Final = Refused(401, INVALID, "claim_missing")
ISSUER_NOT_ALLOWED: Final = Refused(401, INVALID, "issuer_not_allowed")

SUBJECT_NOT_ALLOWED: Final = Refused(403, None, "subject_not_allowed")
AUDIENCE_NOT_ALLOWED: Final = Refused(403, None, "audience_not_allowed")
SCOPES_INSUFFICIENT: Final = Refused(403, "insufficient_scope", "scopes_insufficient")
CONSUMER_NOT_FOUND: Final = Refused(403, None, "consumer_not_found")
CONSUMER_CLAIM_UNUSABLE: Final = Refused(403, None, "consumer_claim_unusable")

HEADER_NOT_CONFIGURED: Final = Refused(500, None, "request_header_not_configured")
SIGNING_KEY_MISSING: Final = Refused(500, None, "signing_key_missing")

PROVIDER_UNAVAILABLE: Final = Refused(503, None, "provider_unavailable")
