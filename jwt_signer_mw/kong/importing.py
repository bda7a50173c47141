"""From a Kong file to the content of a gateway file, and a report about every line of it."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlsplit

from jwt_signer_mw.errors import ConfigurationError
from jwt_signer_mw.gateway.options import DEFAULT
from jwt_signer_mw.kong.differences import differences
from jwt_signer_mw.kong.reading import read_kong
from jwt_signer_mw.kong.report import Line
from jwt_signer_mw.settings import Settings
from jwt_signer_mw.settings.loading import OPTIONS

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator
    from typing import TypeAlias

    from jwt_signer_mw.kong.reading import KongFile, KongRoute, Plugin

    Owned: TypeAlias = tuple[tuple[str, str], Plugin]
    Track: TypeAlias = Callable[[Collection[Owned]], Iterable[Owned]]

UNEXPRESSIBLE = ("headers", "snis", "sources", "destinations", "expression")  # conditions of a route
PORTS = {"http": 80, "https": 443}
_NOT_IN_A_NAME = re.compile(r"[^A-Za-z0-9_-]+")


class Imported(NamedTuple):
    """`content` is what `gateway.configuration` reads."""

    content: Mapping[str, Any]
    report: tuple[Line, ...]


class AnySecret(Mapping[str, str]):
    """Stands in for the environment in which the file will be used: any variable is set."""

    def __getitem__(self, name: str) -> str:
        return f"the-value-of-{name}-".ljust(44, "x")

    def __contains__(self, name: object) -> bool:
        return True

    def __iter__(self) -> Iterator[str]:
        return iter(())

    def __len__(self) -> int:
        return 0


def import_kong(content: Mapping[str, Any], track: Track = tuple) -> Imported:
    """Never raises for what it finds: what can't be taken over is in the report, as "refused".

    `track` gives the plugins one by one, and may tell somebody.
    """
    kong = read_kong(content)
    report: list[Line] = []
    names = _policy_names(kong)
    policies: dict[str, dict[str, Any]] = {DEFAULT: {}}
    for owner, plugin in track(kong.plugins.items()):
        policies[names[owner]] = _policy(plugin, report)
    if ("", "") not in kong.plugins:
        report.append(
            Line("differs", "plugins", f"no global plugin: the policy {DEFAULT!r} refuses whatever meets it")
        )
    routes = [one for route in kong.routes for one in _routes(route, kong, names, report)]
    report += (Line("ignored", place, what) for place, what in kong.others)
    gateway: dict[str, Any] = {"policies": policies}
    if kong.consumers:
        gateway = {"consumers": list(kong.consumers), **gateway}
        report.append(Line("taken", "consumers", f"{len(kong.consumers)} consumers, for all policies"))
    if routes:
        gateway["routes"] = routes
    return Imported(gateway, tuple(report))


def _policy_names(kong: KongFile) -> dict[tuple[str, str], str]:
    """Names of owners, made unique: a service and a route may share one."""
    names: dict[tuple[str, str], str] = {}
    for owner in kong.plugins:
        base = _NOT_IN_A_NAME.sub("-", owner[1]).strip("-")[:50] or DEFAULT
        name, number = base, 2
        while name in names.values() or (name == DEFAULT and owner != ("", "")):
            name, number = f"{base}-{number}", number + 1
        names[owner] = name
    return names


# Policies


def _policy(plugin: Plugin, report: list[Line]) -> dict[str, Any]:
    """The parameters that are set, nulls aside; what can't be used stays in, so that `check` complains."""
    given = {name: value for name, value in plugin.config.items() if value is not None}
    policy: dict[str, Any] = {}
    for name, value in given.items():
        place = f"{plugin.place}.config.{name}"
        if name in OPTIONS:
            policy[name] = value
            report.append(Line("taken", place, "the same name, the same meaning"))
        else:
            near = difflib.get_close_matches(name, OPTIONS, n=1)
            hint = f"; did you mean {near[0]}?" if near else ""
            report.append(Line("refused", place, f"there is no such parameter{hint}"))
    report += (Line("differs", f"{plugin.place}.config.{name}", text) for name, text in differences(policy))
    report += _problems(plugin, policy)
    return policy


def _problems(plugin: Plugin, policy: Mapping[str, Any]) -> Iterator[Line]:
    try:
        problems = Settings.load(policy, environ=AnySecret()).warnings
    except ConfigurationError as error:
        problems = error.problems
    for problem in problems:
        fate = "refused" if problem.level == "error" else "weak"
        place = f"{plugin.place}.config.{problem.option}"
        yield Line(fate, place, f"{problem.text} {problem.hint}".strip())  # type: ignore[arg-type]


# Routes


def _routes(
    found: KongRoute, kong: KongFile, names: Mapping[tuple[str, str], str], report: list[Line]
) -> Iterator[dict[str, Any]]:
    """One of ours for each path of Kong's; none where ours would take requests that Kong's does not."""
    route, service = found.route, found.service
    conditions = [name for name in UNEXPRESSIBLE if route.get(name)]
    hosts = [str(host).lower() for host in route.get("hosts") or ()]
    if conditions or any(":" in host or host.endswith("*") for host in hosts):
        what = ", ".join(conditions) or "hosts with a port or with an ending that is open"
        report.append(Line("refused", found.place, f"the route depends on {what}, which routes here can't"))
        return
    upstream = _upstream(service)
    if upstream is None:
        report.append(Line("refused", found.place, "its service has no address that is known here"))
        return
    shared: dict[str, Any] = {"hosts": hosts or None, "methods": route.get("methods"), "upstream": upstream}
    shared |= {"strip_path": route.get("strip_path", True) or None}
    shared |= {"preserve_host": route.get("preserve_host") or None}
    shared |= _judged_by(found, kong, names, report)
    for path in route.get("paths") or ["/"]:
        if str(path).startswith("~"):
            report.append(Line("refused", found.place, f"the regular expression {path} is no path here"))
            continue
        prefix = str(path).rstrip("/")
        if prefix:
            text = f"{path} takes {prefix} and all below {prefix}/, not {prefix}more as in Kong"
            report.append(Line("differs", found.place, text))
        wanted = {"path": f"{prefix}/*", **shared}
        if not prefix:
            wanted.pop("strip_path")  # there is nothing to take away
        yield {name: value for name, value in wanted.items() if value is not None}


def _judged_by(
    found: KongRoute, kong: KongFile, names: Mapping[tuple[str, str], str], report: list[Line]
) -> dict[str, Any]:
    """Kong's precedence: the route's own plugin, its service's, the global one."""
    service = str(found.service.get("name") or found.service.get("id") or "")
    for owner in (("route", found.name), ("service", service), ("", "")):
        if owner in kong.plugins:
            report.append(Line("taken", found.place, f"meets the policy {names[owner]!r}"))
            return {"policy": names[owner]}
    report.append(
        Line("weak", found.place, "no plugin is on this route: requests pass unchecked, as in Kong")
    )
    return {"exempt": True}


def _upstream(service: Mapping[str, Any]) -> str | None:
    if service.get("url"):
        parts = urlsplit(str(service["url"]))
        return parts._replace(path=parts.path.rstrip("/"), query="", fragment="").geturl()
    host, scheme = service.get("host"), str(service.get("protocol", "http"))
    if not host or scheme not in PORTS:
        return None
    path = str(service.get("path") or "").rstrip("/")
    return f"{scheme}://{host}:{service.get('port', PORTS[scheme])}{path}"
