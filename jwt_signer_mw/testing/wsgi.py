"""A client for WSGI applications that signs: Werkzeug's, which must be installed."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from werkzeug.datastructures import Headers
from werkzeug.test import Client

from jwt_signer_mw.testing.provider import Provider
from jwt_signer_mw.testing.signing import sign_request
from jwt_signer_mw.testing.trust import trusting

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from werkzeug.test import TestResponse

    from jwt_signer_mw.testing.issuer import Issuer


class Signing(Client):
    """Signs every request that is built from its parts; one that is given whole stays as it is."""

    issuer: Issuer
    claims: Mapping[str, Any]

    def sign(self, *claims: Any, **chosen: Any) -> dict[str, str]:
        return self.issuer.headers(*claims, **chosen)

    def open(self, *arguments: Any, **options: Any) -> TestResponse:
        """`claims`, `channel_claims`, `flaw` and `policy`: see `sign_request`. Headers of one's own win."""
        if not arguments or isinstance(arguments[0], str):
            headers = Headers(options.pop("headers", None))
            signed = sign_request(self.sign, self.claims, options)
            for name, value in signed.items():
                headers.setdefault(name, value)
            options["headers"] = headers
        return super().open(*arguments, **options)


@contextmanager
def signing_client(app: Any, issuer: Issuer | None = None, **claims: Any) -> Iterator[Signing]:
    """A test client whose tokens the application trusts. Raises `NotProtected`."""
    issuer = issuer or Provider()
    with trusting(app, issuer):
        client = Signing(app)
        client.issuer, client.claims = issuer, claims
        yield client
