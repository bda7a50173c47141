"""A gateway file: policies by name, routes, and how to serve. All problems are told at once.

A file without `policies` is one policy, `default`, and nothing else need be in it: a settings file of a
middleware is a gateway file. In a file with policies, whatever stands beside them holds for each of them
that does not say otherwise.
"""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Mapping
from ipaddress import ip_network
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from jwt_signer_mw.errors import ConfigurationError, Problem
from jwt_signer_mw.gateway.options import DEFAULT, GatewayOptions, Route, declared
from jwt_signer_mw.request.exempt import is_ambiguous
from jwt_signer_mw.settings import Settings, load_file
from jwt_signer_mw.settings.addresses import HTTP, fault_of_url
from jwt_signer_mw.settings.kinds import Unreadable, describe
from jwt_signer_mw.settings.references import resolve
from jwt_signer_mw.settings.reporting import find_strangers

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

T = TypeVar("T")

POLICIES, ROUTES, GATEWAY = "policies", "routes", "gateway"
ENDPOINTS = ("admin_path", "admin_token")  # options about endpoints that all policies share
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
_METHOD = re.compile(r"[A-Z]{1,32}")
_HOST = re.compile(r"(\*\.)?[a-z0-9_-]+(\.[a-z0-9_-]+)*|\[[0-9a-f:]+\]")


class Configuration(NamedTuple):
    """Everything that a gateway file says, checked. `warnings` have the policy in their option."""

    policies: Mapping[str, Settings]
    routes: tuple[Route, ...]
    gateway: GatewayOptions
    warnings: tuple[Problem, ...] = ()

    @property
    def is_one_policy(self) -> bool:
        return len(self.policies) == 1 and self.routes == (Route(),)


def load_configuration(
    path: str | os.PathLike[str], environ: Mapping[str, str] | None = None
) -> Configuration:
    """Raises `ConfigurationError`. `environ` (of the process, if None) fills what policies leave unset."""
    return read_configuration(load_file(path), os.environ if environ is None else environ)


def read_configuration(content: Mapping[str, Any], environ: Mapping[str, str]) -> Configuration:
    """Raises `ConfigurationError` with the problems of all parts at once."""
    problems: list[Problem] = []
    policies = _read_policies(content, environ, problems)
    gateway = _read_part(GatewayOptions, content.get(GATEWAY, {}), GATEWAY, environ, problems)
    routes = _read_routes(content.get(ROUTES), environ, problems)
    names = [*given_policies(content)]
    problems += (*faults_of_gateway(gateway), *_faults_of_routes(routes, names))
    if any(problem.level == "error" for problem in problems):
        raise ConfigurationError(problems)
    return Configuration(policies, routes, gateway, tuple(problems))


# Policies


def given_policies(content: Mapping[str, Any]) -> Mapping[str, Any]:
    """By name, each with what stands beside them all."""
    shared = {name: value for name, value in content.items() if name not in (POLICIES, ROUTES, GATEWAY)}
    given = content.get(POLICIES)
    if given is None:
        return {DEFAULT: shared}
    if not isinstance(given, Mapping):
        return {}
    return {name: {**shared, **own} if isinstance(own, Mapping) else own for name, own in given.items()}


def _read_policies(
    content: Mapping[str, Any], environ: Mapping[str, str], problems: list[Problem]
) -> dict[str, Settings]:
    policies: dict[str, Settings] = {}
    given = content.get(POLICIES)
    if given is not None and (not isinstance(given, Mapping) or DEFAULT not in given):
        text = f"must be a map of policies by name, one of them {DEFAULT!r}."
        problems.append(_error("E001", POLICIES, text, "It holds for whatever no route speaks of."))
    for name, own in given_policies(content).items():
        if not _NAME.fullmatch(str(name)):
            text = "is no name for a policy."
            problems.append(_error("E002", f"{POLICIES}.{name}", text, "Take letters, digits, - and _."))
        problems += _misplaced(name, (given or {}).get(name))
        try:
            policies[name] = Settings.load(own, environ=environ)
            problems += (_named(name, warning) for warning in policies[name].warnings)
        except ConfigurationError as error:
            problems += (_named(name, problem) for problem in error.problems)
    problems += (_named(name, problem) for name, problem in find_strangers(policies))
    return policies


def _misplaced(policy: str, own: Any) -> Iterator[Problem]:
    for option in ENDPOINTS if policy != DEFAULT and isinstance(own, Mapping) else ():
        if option in own:
            text = "has no effect in this policy: the endpoints serve the key sets of all."
            yield _error("E003", f"{policy}.{option}", text, f"Set it for the policy {DEFAULT!r}.")


def _named(policy: str, problem: Problem) -> Problem:
    return problem if policy == DEFAULT else problem._replace(option=f"{policy}.{problem.option}")


# Routes and the gateway's own options


def _read_routes(given: Any, environ: Mapping[str, str], problems: list[Problem]) -> tuple[Route, ...]:
    if given is None:
        return (Route(),)
    if not isinstance(given, list) or not given:
        problems.append(_error("E004", ROUTES, f"must be a list of routes, not {describe(given)}."))
        return ()
    return tuple(
        _read_part(Route, one, f"{ROUTES}[{index}]", environ, problems) for index, one in enumerate(given)
    )


def _read_part(
    kind: type[T], given: Any, place: str, environ: Mapping[str, str], problems: list[Problem]
) -> T:
    """A `Route` or `GatewayOptions`; what can't be read has its default meanwhile."""
    if not isinstance(given, Mapping):
        problems.append(_error("E004", place, f"must be a map of options, not {describe(given)}."))
        return kind()
    known, values = declared(kind), {}
    for name, value in given.items():
        if name not in known:
            near = difflib.get_close_matches(str(name)[:100], known, n=1)
            hint = f"Did you mean {near[0]}?" if near else f"It takes {', '.join(known)}."
            problems.append(_error("E005", f"{place}.{name}", "There is no such option.", hint))
            continue
        try:
            resolved = resolve(value, environ) if known[name].secret else value
            values[name] = known[name].kind.read(resolved)
        except Unreadable as problem:
            problems.append(_error("E006", f"{place}.{name}", str(problem)))
    return kind(**values)


def faults_of_gateway(gateway: GatewayOptions) -> Iterator[Problem]:
    yield from _fault_of_upstream(gateway.upstream, f"{GATEWAY}.upstream")
    if listening(gateway.listen) is None:
        yield _error("E007", f"{GATEWAY}.listen", "is neither host:port nor unix:/path.")
    for network in gateway.trusted_proxies:
        try:
            ip_network(network)
        except ValueError:
            yield _error(
                "E008", f"{GATEWAY}.trusted_proxies", f"{network!r} is no network, as in 10.0.0.0/8."
            )


def listening(listen: str) -> tuple[str, int] | str | None:
    """Host and port, or the path of a socket; None for neither."""
    if listen.startswith("unix:/"):
        return listen.removeprefix("unix:")
    host, _, port = listen.rpartition(":")
    if not (host and port.isascii() and port.isdigit() and int(port) < 65_536):
        return None
    return host.removeprefix("[").removesuffix("]"), int(port)


def _faults_of_routes(routes: Iterable[Route], policies: list[str]) -> Iterator[Problem]:
    seen: dict[object, int] = {}
    for index, route in enumerate(routes):
        place = f"{ROUTES}[{index}]"
        yield from _faults_of_route(route, place, policies)
        for host in route.hosts or ("",):
            for method in route.methods or ("",):
                first = seen.setdefault((host, route.path, method), index)
                if first != index:
                    text = f"takes the same requests as {ROUTES}[{first}]."
                    yield _error("E009", place, text, "Tell them apart by host, path or method.")
    unused = set(policies) - {route.policy for route in routes} - {DEFAULT}
    for name in sorted(unused):
        yield Problem("gateway.W001", "warning", f"{POLICIES}.{name}", "is the policy of no route.", "")


def _faults_of_route(route: Route, place: str, policies: list[str]) -> Iterator[Problem]:
    if route.policy not in policies:
        near = difflib.get_close_matches(route.policy, policies, n=1)
        hint = f"Did you mean {near[0]}?" if near else f"There is {', '.join(policies)}."
        yield _error("E010", f"{place}.policy", f"{route.policy!r} is no policy.", hint)
    if route.exempt and route.policy != DEFAULT:
        yield _error(
            "E011", f"{place}.exempt", "contradicts the policy of this route.", "Remove one of them."
        )
    path = route.path.removesuffix("*")
    if is_ambiguous(path) or "*" in path or (route.path.endswith("*") and not path.endswith("/")):
        yield _error("E012", f"{place}.path", "is neither a plain path nor a prefix.", "Write /a or /a/*.")
    for host in route.hosts or ():
        if not _HOST.fullmatch(host):
            yield _error(
                "E013", f"{place}.hosts", f"{host!r} is no host name in lower case.", "Without a port."
            )
    for method in route.methods or ():
        if not _METHOD.fullmatch(method):
            yield _error("E014", f"{place}.methods", f"{method!r} is no method.", "Write GET, POST.")
    yield from _fault_of_upstream(route.upstream, f"{place}.upstream")


def _fault_of_upstream(url: str | None, option: str) -> Iterator[Problem]:
    fault = "" if url is None else fault_of_url(url, HTTP)
    if fault or (url is not None and "?" in url):
        yield _error(
            "E015", option, fault or "has a query.", "Write http://host:port, with a path if need be."
        )


def _error(number: str, option: str, text: str, hint: str = "") -> Problem:
    return Problem(f"gateway.{number}", "error", option, text, hint)
