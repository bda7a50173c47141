"""The conformance table: every case there is."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

from conformance import (
    cases_access,
    cases_bound,
    cases_caches,
    cases_checks,
    cases_consumers,
    cases_discovery,
    cases_dpop,
    cases_introspection,
    cases_introspection_client,
    cases_issuers,
    cases_jwt,
    cases_keys,
    cases_keysets,
    cases_lifetimes,
    cases_mtls,
    cases_observers,
    cases_outages,
    cases_pairwise,
    cases_paths,
    cases_reading,
    cases_reporting,
    cases_request,
    cases_resource,
    cases_scenarios,
    cases_shaping,
    cases_signing,
    cases_times,
    cases_types,
    cases_writing,
)

if TYPE_CHECKING:
    from conformance.case import Case

TABLE: Final[tuple[Case, ...]] = (
    *cases_scenarios.CASES,
    *cases_reading.CASES,
    *cases_writing.CASES,
    *cases_paths.CASES,
    *cases_jwt.CASES,
    *cases_introspection.CASES,
    *cases_introspection_client.CASES,
    *cases_issuers.CASES,
    *cases_discovery.CASES,
    *cases_outages.CASES,
    *cases_times.CASES,
    *cases_types.CASES,
    *cases_checks.CASES,
    *cases_consumers.CASES,
    *cases_signing.CASES,
    *cases_shaping.CASES,
    *cases_pairwise.CASES,
    *cases_bound.CASES,
    *cases_caches.CASES,
    *cases_access.CASES,
    *cases_keys.CASES,
    *cases_keysets.CASES,
    *cases_lifetimes.CASES,
    *cases_resource.CASES,
    *cases_reporting.CASES,
    *cases_dpop.CASES,
    *cases_mtls.CASES,
    *cases_request.CASES,
    *cases_observers.CASES,
)

_repeated = [name for name, count in Counter(case.name for case in TABLE).items() if count > 1]
assert not _repeated, f"two cases of one name: {_repeated}"
