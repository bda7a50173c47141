"""Mutual TLS at a resource (RFC 8705 section 3): a token that is bound to a certificate comes over it."""

from __future__ import annotations

import hmac
from typing import TYPE_CHECKING

from jwt_signer_mw.binding.certificates import thumbprint_in_header, thumbprint_of_pem
from jwt_signer_mw.binding.refusals import (
    BindingRefused,
    CertificateInvalid,
    CertificateMismatch,
    CertificateMissing,
    TokenNotBound,
)
from jwt_signer_mw.request.names import fold

if TYPE_CHECKING:
    from jwt_signer_mw.binding.bond import Bond
    from jwt_signer_mw.binding.presented import Presented
    from jwt_signer_mw.messages import Incoming
    from jwt_signer_mw.settings import Settings, TokenSettings


class Mtls:
    """Compares the certificate of the connection with that of one token (`{token}_mtls`)."""

    def __init__(self, token: TokenSettings, settings: Settings) -> None:
        self._option = token.binding.option("mtls")
        self._required = token.binding.mtls == "required"
        self._form = settings.client_certificate_format
        self.header = fold(settings.client_certificate_header or "")

    def check(self, incoming: Incoming, presented: Presented, bond: Bond) -> None:
        """Returns when the connection is of the token's certificate, or when nothing binds it and nothing
        has to."""
        if bond.certificate is None:
            if self._required:
                raise TokenNotBound("the token has no cnf.x5t#S256", option=self._option)
            return
        try:
            thumbprint = self._thumbprint(incoming, presented)
        except BindingRefused as refusal:
            refusal.option = self._option
            raise
        if not hmac.compare_digest(thumbprint.encode(), bond.certificate.encode()):
            raise CertificateMismatch("the certificate is not that of cnf.x5t#S256", option=self._option)

    def _thumbprint(self, incoming: Incoming, presented: Presented) -> str:
        """From the one source that is configured: a header is believed only where it is named."""
        if self.header:
            place = presented.places[self.header]
            if place in incoming.repeated:
                raise CertificateInvalid("several headers with a certificate")
            value = incoming.values[place]
            if not value:
                raise CertificateMissing("no certificate in the header of the proxy")
            return thumbprint_in_header(value, self._form)
        certificate = incoming.delivery and incoming.delivery.certificate
        if not certificate:
            raise CertificateMissing("the server tells of no client certificate")
        return thumbprint_of_pem(certificate)
