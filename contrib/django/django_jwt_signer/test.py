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
from jwt_signer_mw.messages import Consumer, Identity, Outcome
from jwt_signer_mw.testing import Issuer
from jwt_signer_mw.wire import dump_json

if TYPE_CHECKING:
    from collections.abc import Mapping

    from django.http import HttpRequest

    from django_jwt_signer.conf import Configured

    Claims = Mapping[str, Any]

R = TypeVar("R", bound="HttpRequest")

_keys = MemoryStore()  # one for all tests of a process: a new RSA key takes a moment


class trust_issuer(TestContextDecorator):  # noqa: N801  as `override_settings`
    """Has every policy trust an issuer in memory, wherever it names a provider.

    A decorator for test cases and tests, or a context manager that gives the issuer.
    """

    def __init__(self, issuer: Issuer | None = None, *, kwarg_name: str | None = None) -> None:
        super().__init__(kwarg_name=kwarg_name)
        self.issuer = issuer or Issuer()

    def enable(self) -> Issuer:
        with conf.unlogged():
            policies = conf.load_policies().items()
            trusting = {name: self._trusting(configured) for name, configured in policies}
            self._settings = override_settings(JWT_SIGNER=trusting)
            self._settings.enable()
            conf.load_policies()
        return self.issuer

    def _trusting(self, configured: Configured) -> dict[str, Any]:
        options = self.issuer.trusted_by(configured.settings).flat()
        return {**options, **configured.services, "keyset_store": _keys, "transport": self.issuer}

    def disable(self) -> None:
        self._settings.disable()

    def __enter__(self) -> Issuer:  # type: ignore[override]  # typed for overriding apps, of all things
        return self.enable()


def sign_headers(
    claims: Claims | None, channel_claims: Claims | None = None, policy: str = DEFAULT
) -> dict[str, str]:
    """Request headers with tokens that `policy` accepts; what it demands of claims is filled in.

    Raises `RuntimeError` outside of `trust_issuer`.
    """
    judging = current_gate().policies[policy]
    wanted = ((judging.settings.access_token, claims), (judging.settings.channel_token, channel_claims))
    issuer: Any = judging.assembly.transport
    if any(held is not None for _, held in wanted) and not isinstance(issuer, Issuer):
        raise RuntimeError("decorate the test, or its class, by @trust_issuer()")
    return dict(issuer.header(token, held) for token, held in wanted if held is not None)


class _Signing:
    """`claims` of one request come on top of the client's own, None sends no access token."""

    claims: Claims = MappingProxyType({})

    def generic(
        self,
        *arguments: Any,
        claims: Claims | None = (),  # type: ignore[assignment]
        channel_claims: Claims | None = None,
        policy: str = DEFAULT,
        headers: Mapping[str, str] | None = None,
        **extra: Any,
    ) -> Any:
        held = None if claims is None else {**self.claims, **dict(claims)}
        signed = sign_headers(held, channel_claims, policy)
        send: Any = super()
        return send.generic(*arguments, headers={**signed, **(headers or {})}, **extra)


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
    outcomes = tuple(
        None if held is None else Outcome("jwt", 0, dump_json(dict(held)), None)
        for held in (claims, channel_claims)
    )
    mapped = consumer if consumer is None or isinstance(consumer, Consumer) else Consumer(**consumer)
    passage.request.jwt_signer = Identity(outcomes, ("",), (), mapped)
    return request
