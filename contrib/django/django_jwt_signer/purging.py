"""Forgetting what was decided before its time is over."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django_jwt_signer.gate import current_gate
from django_jwt_signer.marks import DEFAULT
from jwt_signer_mw.flows.purge import Purge

if TYPE_CHECKING:
    from jwt_signer_mw.flows.purge import Purged


def purge(
    *,
    jti: str | None = None,
    subject: str | None = None,
    token: str | None = None,
    everything: bool = False,
) -> Purged:
    """Forgets in all policies what was decided and answered about a token, a subject or all.

    The next request is judged anew: good for a receiver of a signal, so that a user who is deactivated is
    out at once. Raises `ValueError` unless one of them is given, `StoreError`.
    """
    gate = current_gate()
    wanted = Purge.of(jti=jti, subject=subject, token=token, everything=everything)
    return gate.policies[DEFAULT].driver.run(gate.purge(wanted))
