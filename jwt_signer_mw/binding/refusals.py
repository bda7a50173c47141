"""Refusals of tokens that are bound to a client which did not prove to be it (RFC 9449 section 7.1)."""

from __future__ import annotations

from typing import ClassVar

from jwt_signer_mw.errors import INVALID_TOKEN, Refusal


class BindingRefused(Refusal):
    """The token is good, but nothing shows that it was sent by whom it was issued to."""

    error: ClassVar[str | None] = INVALID_TOKEN
    code = "binding_refused"
    text = "The token is not accepted from this client"


class TokenNotBound(BindingRefused):
    code = "token_not_bound"
    text = "A token that is bound to its client is required"


class TokenBoundToKey(BindingRefused):
    """RFC 9449 section 7.2: a token with `cnf.jkt` is no bearer token."""

    code = "token_bound_to_key"
    text = "The token is bound to a key; send it with the DPoP scheme"


class KeyMismatch(BindingRefused):
    code = "dpop_key_mismatch"
    text = "The token is bound to another key"


class CertificateMissing(BindingRefused):
    """RFC 8705 section 3: the token is bound to a certificate, and the connection shows none."""

    code = "client_certificate_missing"
    text = "The token is bound to a client certificate"


class CertificateInvalid(BindingRefused):
    code = "client_certificate_invalid"
    text = "The client certificate can't be read"


class CertificateMismatch(BindingRefused):
    code = "client_certificate_mismatch"
    text = "The token is bound to another client certificate"


class BodyTooLarge(BindingRefused):
    """A token is to be bound to a body that is longer than `max_bound_body_bytes`."""

    status = 413
    error = None
    code = "body_too_large"
    text = "The body is too large"


class RequestMismatch(BindingRefused):
    """For a service behind: the token was made for another request."""

    code = "request_mismatch"
    text = "The token is for another request"


class DpopRefused(Refusal):
    error = "invalid_dpop_proof"
    code = "dpop_proof_refused"
    text = "The DPoP proof is not accepted"


class ProofMissing(DpopRefused):
    code = "dpop_proof_missing"
    text = "A DPoP proof is required"


class ProofRepeated(DpopRefused):
    code = "dpop_proof_repeated"
    text = "The request carries more than one DPoP proof"


class ProofInvalid(DpopRefused):
    code = "dpop_proof_invalid"


class ProofForAnother(DpopRefused):
    """Method, URI or token are not those of this request."""

    code = "dpop_proof_for_another"
    text = "The DPoP proof is for another request"


class ProofOutdated(DpopRefused):
    code = "dpop_proof_outdated"
    text = "The DPoP proof is too old or too new"


class ProofReplayed(DpopRefused):
    code = "dpop_proof_replayed"
    text = "The DPoP proof was used before"


class NonceRequired(DpopRefused):
    """RFC 9449 section 9: the client tries again with the nonce that the answer holds."""

    error = "use_dpop_nonce"
    code = "dpop_nonce_required"
    text = "The DPoP proof needs a nonce of this server"
