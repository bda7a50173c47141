"""For the tests of projects: an issuer that is trusted, clients that sign, requests for views alone.

No provider, no network and no database is asked; tokens are signed, checked and re-signed for real.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any, TypeVar

from django.test import AsyncClient, Client, override_settings
from django.test.utils import TestContextDecorator

from django_jwt_signer import conf
from django_jwt_signer.gate import current_gate
from django_jwt_signer.marks import DEFAULT
from django_jwt_signer.passage import Passage
from jwt_signer_mw.keysets.memory import MemoryStore
from jwt_signer_mw.settings import unlogged
from jwt_signer_mw.testing import Issuer, Provider, make_identity
from jwt_signer_mw.testing.signing import sign_request

if TYPE_CHECKING:
    from collections.abc import Mapping

    from django.http import HttpRequest

    from django_jwt_signer.conf import Configured
    from jwt_signer_mw.messages import Consumer
    from jwt_signer_mw.testing import Flaw

    Claims = Mapping[str, Any]

R = TypeVar("R", bound="HttpRequest")

_keys = MemoryStore()  # one for all tests of a process: a new RSA key takes a moment


class trust_issuer(TestContextDecorator):  # noqa: N801  as `override_settings`
    """Has every policy trust an issuer in memory, wherever it names a provider.

    A decorator for test cases and tests, or a context manager that gives the issuer.
    """

    def __init__(self, issuer: Issuer | None = None, *, kwarg_name: str | None = None) -> None:
        super().__init__(kwarg_name=kwarg_name)
        self.issuer = issuer or Provider()

    def enable(self) -> Issuer:
        with unlogged():
            policies = conf.load_policies().items()
            trusting = {name: self._trusting(name, configured) for name, configured in policies}
            self._settings = override_settings(JWT_SIGNER=trusting)
            self._settings.enable()
            conf.load_policies()
        return self.issuer

    def _trusting(self, policy: str, configured: Configured) -> dict[str, Any]:
        options = self.issuer.trusted_by(configured.settings, policy).flat()
        services = {**self.issuer.services(), **configured.services, "transport": self.issuer}
        return {**options, **services, "keyset_store": _keys}

    def disable(self) -> None:
        self._settings.disable()

    def __enter__(self) -> Issuer:  # type: ignore[override]  # typed for overriding apps, of all things
        return self.enable()


def sign_headers(
    claims: Claims | None,
    channel_claims: Claims | None = None,
    policy: str = DEFAULT,
    flaw: Flaw | None = None,
) -> dict[str, str]:
    """Request headers with tokens that `policy` accepts; what it demands of claims is filled in.

    Raises `RuntimeError` outside of `trust_issuer`.
    """
    judging = current_gate().policies[policy]
    issuer: Any = judging.assembly.transport
    if not isinstance(issuer, Issuer):
        raise RuntimeError("decorate the test, or its class, by @trust_issuer()")
    return issuer.headers_by(judging.settings, claims, channel_claims, flaw=flaw)


class _Signing:
    """`claims` of one request come on top of the client's own, None sends no access token."""

    claims: Claims = MappingProxyType({})

    def generic(self, *arguments: Any, headers: Mapping[str, str] | None = None, **options: Any) -> Any:
        """`claims`, `channel_claims`, `flaw` and `policy`: see `sign_request`. Headers of one's own win."""
        signed = sign_request(sign_headers, self.claims, options)
        send: Any = super()
        return send.generic(*arguments, headers={**signed, **(headers or {})}, **options)


class SigningClient(_Signing, Client):
    """`client_class = SigningClient`; then `self.client.get("/orders/", claims={"scope": "orders:read"})`."""


class SigningAsyncClient(_Signing, AsyncClient):
    """`async_client_class = SigningAsyncClient`."""


def signed_request(
    request: R,
    claims: Claims | None = None,
    *,
    channel_claims: Claims | None = None,
    consumer: Consumer | Mapping[str, str | None] | None = None,
    policy: str = DEFAULT,
) -> R:
    """A request of a `RequestFactory`, for calling a view: as if `policy` had accepted the claims."""
    passage = Passage(request, current_gate())
    passage.policy_name, passage.policy = policy, passage.gate.policies[policy]
    passage.request.jwt_signer = make_identity(claims, channel_claims, consumer)
    return request
