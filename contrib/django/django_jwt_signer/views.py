"""The key set endpoints. They have a rule of their own, `admin_token`, and no token check: see `urls`."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from django.http import HttpResponse
from django.views.decorators.csrf import csrf_exempt

from django_jwt_signer.connections import without_request_transaction
from django_jwt_signer.gate import current_gate
from django_jwt_signer.hosts import choose_policy, raw_path
from django_jwt_signer.http import answer_with
from django_jwt_signer.marks import DEFAULT, ENDPOINTS, mark
from django_jwt_signer.passage import passage_of
from jwt_signer_mw.flows.administration import Administration, AdminRequest
from jwt_signer_mw.flows.published import SetsOfPolicies
from jwt_signer_mw.request.endpoints import HEADERS, MAX_BODY
from jwt_signer_mw.wsgi import environ_key

if TYPE_CHECKING:
    from collections.abc import Iterable

    from django.http import HttpRequest

    from django_jwt_signer.gate import Gate
    from django_jwt_signer.policy import Policy
    from jwt_signer_mw.settings import Settings


def _sets(policies: Iterable[Policy]) -> SetsOfPolicies:
    return SetsOfPolicies((_store(policy), policy.assembly.keyring) for policy in policies)


def _store(policy: Policy) -> str | int:
    """Policies open a store of one URL each for themselves."""
    store = policy.settings.keyset_store
    return store if isinstance(store, str) else id(store)


@lru_cache(maxsize=1)
def _administration(gate: Gate) -> Administration:
    default = gate.policies[DEFAULT]
    sets = _sets(gate.policies.values())
    return Administration(sets, default.settings, default.assembly.clock, purge=gate.purge)


@lru_cache(maxsize=1_000)
def _administration_of(policy: Policy, settings: Settings) -> Administration:
    """Of one tenant: what is not its own is not shown, and not touched."""
    purge = policy.pipeline.purge
    return Administration(_sets([policy]), settings, policy.assembly.clock, purge=purge)


def key_sets(request: HttpRequest, name: str = "") -> HttpResponse:  # noqa: ARG001
    """Whatever the core answers; it reads the name of the set from the path itself."""
    gate = current_gate()
    administration = _administration(gate)
    if gate.hosts is not None:
        chosen = choose_policy(gate.hosts, request)
        if not isinstance(chosen, str):
            return answer_with(chosen, request.method)
        administration = _administration_of(gate.policies[chosen], gate.policies[DEFAULT].settings)
    answer = gate.policies[DEFAULT].driver.run(administration.answer(_admin_request(request)))
    content = b"" if request.method == "HEAD" else answer.body
    response = HttpResponse(content, status=answer.status)
    del response["Content-Type"]  # an answer without content has none
    for header, value in answer.headers:
        response[header] = value
    return response


def _admin_request(request: HttpRequest) -> AdminRequest:
    try:
        sent = {**request.META, **passage_of(request).client_headers}
    except LookupError:  # without the middleware the headers are where they were
        sent = request.META
    return AdminRequest(
        request.method or "",
        request.path,
        raw_path(request),
        {name: sent[environ_key(name)] for name in HEADERS if environ_key(name) in sent},
        request.read(MAX_BODY + 1) if request.method == "POST" else b"",
        request.META.get("HTTP_HOST", ""),
    )


# The bearer secret is the protection against forged requests (decision 31): no cookie authorises anything.
endpoint = csrf_exempt(mark(without_request_transaction(key_sets), ENDPOINTS))
