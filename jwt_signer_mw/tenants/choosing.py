"""Which tenant a request is for: by the host that the client asked for, or by a callable. Pure."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias
from urllib.parse import urlsplit

from jwt_signer_mw.errors import ConfigurationError, Problem

if TYPE_CHECKING:
    from jwt_signer_mw.settings import Settings

    Given: TypeAlias = Settings | Mapping[str, Any]

log = logging.getLogger("jwt_signer_mw.tenants")

MAX_HOST = 261  # characters: the longest name, a port, and a dot

# RFC 9110 section 7.2: a registered name in ASCII, or an address in brackets; then perhaps a port.
_HOST = re.compile(r"([a-z0-9_-]{1,63}(?:\.[a-z0-9_-]{1,63})*|\[[0-9a-f:.]{2,45}\])\.?(?::[0-9]{0,5})?")
_NAME = re.compile(r"[A-Za-z0-9_.:\[\]-]{1,100}")  # part of the names of key sets, so it has no slash
_ABSOLUTE = re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]*://")


TENANT = "jwt_signer_mw.tenant"  # where an environ and a scope hold the tenant's name


class Asked(NamedTuple):
    """What the choice of a tenant may rest on. `host` is normal, and empty for a request without one."""

    host: str
    path: str
    method: str


Choose: TypeAlias = Callable[[Asked], str | None]


class Tenants:
    """The tenants of one application, by name."""

    def __init__(
        self,
        policies: Mapping[str, Given] | Callable[[str], Given | None],
        *,
        choose: Choose | None = None,
        default: str | None = None,
        limit: int = 100,
        max_age: float = 300.0,
    ) -> None:
        """`policies`: settings by name, or a callable that gives those of a name, and None for a stranger.

        `choose` names the tenant of a request, or None; without it, it is the host. `default` is who takes
        requests that are nobody's; without one they are refused with 421. What a callable gave is kept for
        `max_age` seconds, for `limit` tenants at most. Raises `ConfigurationError`.
        """
        self.policies = policies
        self.default = default
        self.limit = limit
        self.max_age = max_age
        self._choose = choose
        names = [*policies] if isinstance(policies, Mapping) else []
        problems = [_no_name(name) for name in names if not is_name(name)]
        if choose is None:
            problems += [_no_host(name) for name in names if is_name(name) and normal_host(name) != name]
        if default is not None and not is_name(default):
            problems.append(_no_name(default))
        if default is not None and isinstance(policies, Mapping) and default not in policies:
            text = f"{default!r} is none of the tenants."
            problems.append(
                Problem("tenants.E002", "error", "default", text, f"There are {', '.join(names)}.")
            )
        if problems:
            raise ConfigurationError(problems)

    @property
    def named(self) -> tuple[str, ...]:
        """All tenants, where they are known before they are asked for."""
        return tuple(self.policies) if isinstance(self.policies, Mapping) else ()

    def candidates(self, asked: Asked) -> Iterator[str]:
        """Who the request may be for: the first who is no stranger."""
        try:
            name = asked.host if self._choose is None else self._choose(asked)
        except Exception:
            log.exception("the choice of a tenant failed")  # then it is nobody's, and not the default's
            return
        if name and is_name(name) and not (isinstance(self.policies, Mapping) and name not in self.policies):
            yield name
        if self.default is not None and self.default != name:
            yield self.default

    def settings(self, name: str) -> Given | None:
        """Those of a tenant; None for a stranger. May block."""
        return self.policies.get(name) if isinstance(self.policies, Mapping) else self.policies(name)


def is_name(name: object) -> bool:
    return isinstance(name, str) and _NAME.fullmatch(name) is not None


def normal_host(host: str) -> str:
    """In lower case, without a port and a final dot; empty for what is no host."""
    found = _HOST.fullmatch(host.lower()) if len(host) <= MAX_HOST and host.isascii() else None
    return found[1] if found else ""


def asked_host(header: str | None, *targets: str | None) -> str | None:
    """The host of a request, normal; empty where it names none. None: it is not clear which it is.

    `header` is the value of `Host`, `targets` is the request target as sent, in as many ways as the server
    tells it. One in absolute form has a host of its own, which servers may or may not prefer (RFC 9112
    section 3.2.2), so it has to be the same. No other header counts: a client writes into
    `X-Forwarded-Host` what it likes.
    """
    host = normal_host(header or "")
    if header and not host:
        return None
    for target in targets:
        if target is not None and _ABSOLUTE.match(target) and _named_in(target) != host:
            return None
    return host


def _named_in(target: str) -> str | None:
    try:
        return normal_host(urlsplit(target).netloc) or None
    except ValueError:
        return None


def _no_name(name: object) -> Problem:
    text = f"{name!r} can't name a tenant."
    return Problem("tenants.E001", "error", "policies", text, "Take letters, digits and - _ . : up to 100.")


def _no_host(name: str) -> Problem:
    hint = "Write it in lower case, without a port and a final dot; other alphabets as xn--..."
    return Problem("tenants.E003", "error", "policies", f"{name!r} is no host name.", hint)
