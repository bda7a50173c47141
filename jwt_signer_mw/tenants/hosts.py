"""By which of its policies an application judges a request, where its views do not say."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Final

from jwt_signer_mw.errors import ConfigurationError, Problem
from jwt_signer_mw.tenants.choosing import Asked, asked_host, is_name, log, normal_host

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

    from jwt_signer_mw.tenants.choosing import Choose

ANY_OTHER: Final = "*"


class Hosts:
    """The policy for each host, from a map (`*` for any other host) or a callable. Others are refused.

    `names` are the policies that can be chosen: tenants, of which each has keys and memory of its own.
    """

    def __init__(self, given: Mapping[str, str] | Choose, policies: Collection[str], option: str) -> None:
        """Raises `ConfigurationError`."""
        self._given = given
        self._policies = policies
        problems = list(self._find_problems(given, option))
        if problems:
            raise ConfigurationError(problems)
        self.names = frozenset(given.values() if isinstance(given, Mapping) else policies)

    def choose(
        self, header: str | None, targets: Iterable[str | None], path: str, method: str
    ) -> tuple[str | None, Asked]:
        """The policy's name, and what was asked for. None: nobody's, or it is not clear whose."""
        host = asked_host(header, *targets)
        asked = Asked(host or "", path, method)
        if host is None:
            return None, asked
        if isinstance(self._given, Mapping):
            return self._given.get(host, self._given.get(ANY_OTHER)), asked
        try:
            name = self._given(asked)
            return (name if name in self._policies else None), asked
        except Exception:  # noqa: BLE001  of others; it fails closed
            log.exception("the choice of a policy failed")
            return None, asked

    def _find_problems(self, given: object, option: str) -> Iterator[Problem]:
        if isinstance(given, Callable):  # type: ignore[arg-type]
            return
        if not isinstance(given, Mapping) or not given:
            yield Problem("tenants.E004", "error", option, "must map hosts to policies, or choose one.")
            return
        for host, name in given.items():
            if host != ANY_OTHER and (not isinstance(host, str) or normal_host(host) != host):
                hint = "Write it in lower case, without a port and a final dot; * stands for any other."
                yield Problem("tenants.E003", "error", option, f"{host!r} is no host name.", hint)
            if name not in self._policies or not is_name(name):
                near = difflib.get_close_matches(str(name), self._policies, n=1)
                hint = f"Did you mean {near[0]}?" if near else f"There is {', '.join(self._policies)}."
                yield Problem("tenants.E005", "error", option, f"{name!r} is no policy.", hint)
