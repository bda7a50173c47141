"""A declarative Kong file (decK, or Kong's own), as far as it matters here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import parse_qsl

from jwt_signer_mw.settings import parse_form

if TYPE_CHECKING:
    from collections.abc import Iterator

PLUGIN = "jwt-signer"
FORM_ENDINGS = (".form", ".txt")
_ANONYMOUS = "unnamed"


class Plugin(NamedTuple):
    """One instance of the plugin that is switched on. `owner` is a service's or route's name, or empty."""

    place: str
    owner: str
    config: Mapping[str, Any]


class KongRoute(NamedTuple):
    """A route with the service it belongs to; both as they stand in the file."""

    place: str
    name: str
    route: Mapping[str, Any]
    service: Mapping[str, Any]


class KongFile(NamedTuple):
    """`plugins` by owner: ("route", name), ("service", name) or ("", "") for the global one.

    `others` are places of things that are not ours, with what they are.
    """

    routes: tuple[KongRoute, ...]
    plugins: Mapping[tuple[str, str], Plugin]
    consumers: tuple[Mapping[str, Any], ...]
    others: tuple[tuple[str, str], ...]


def read_kong(content: Mapping[str, Any]) -> KongFile:
    """From a file's content. Entities are nested, or refer to each other by name or id, or both."""
    return _Reader(content).read()


def read_form(text: str) -> Mapping[str, Any]:
    """The Admin API's form post of one plugin, pairs separated by `&` or by lines, as a Kong file.

    Lists are `config.name[]=a` repeated, `config.name[1]=a`, `config.name.1=a`, or text with commas.
    """
    fields: dict[str, Any] = {}
    lists: dict[str, list[str]] = {}
    for name, value in parse_qsl(text.strip().replace("\n", "&"), keep_blank_values=True):
        if not name.startswith("config."):
            continue
        option, is_element = _split_element(name.removeprefix("config."))
        if is_element:
            lists.setdefault(option, []).append(value)
        else:
            fields[option] = value
    config = {**parse_form(fields), **lists}
    return {"plugins": [{"name": PLUGIN, "config": config}]}


def _split_element(name: str) -> tuple[str, bool]:
    """`scopes[]`, `scopes[1]` and `scopes.1` are elements of `scopes`."""
    head, bracket, _ = name.partition("[")
    if bracket:
        return head, True
    head, dot, index = name.rpartition(".")
    return (head, True) if dot and index.isdigit() else (name, False)


class _Reader:
    def __init__(self, content: Mapping[str, Any]) -> None:
        self._content = content
        self._plugins: dict[tuple[str, str], Plugin] = {}
        self._others: list[tuple[str, str]] = []

    def read(self) -> KongFile:
        services = list(_maps(self._content, "services"))
        routes: list[KongRoute] = []
        for index, service in enumerate(services):
            place = f"services[{index}]"
            name = _name(service, place)
            self._take_plugins(service, place, ("service", name))
            for position, route in enumerate(_maps(service, "routes")):
                routes.append(self._route(route, f"{place}.routes[{position}]", service))
        for index, route in enumerate(_maps(self._content, "routes")):
            owner = _reference(route.get("service"))
            found = next((one for one in services if owner in (one.get("name"), one.get("id"))), {})
            routes.append(self._route(route, f"routes[{index}]", found))
        self._take_plugins(self._content, "", ("", ""))
        consumers = tuple(self._consumers())
        return KongFile(tuple(routes), self._plugins, consumers, tuple(self._others))

    def _route(self, route: Mapping[str, Any], place: str, service: Mapping[str, Any]) -> KongRoute:
        name = _name(route, place)
        self._take_plugins(route, place, ("route", name))
        return KongRoute(place, name, route, service)

    def _take_plugins(self, owner: Mapping[str, Any], place: str, key: tuple[str, str]) -> None:
        for index, plugin in enumerate(_maps(owner, "plugins")):
            where = f"{place}.plugins[{index}]".lstrip(".")
            if plugin.get("name") != PLUGIN:
                self._others.append((where, f"the plugin {plugin.get('name')}"))
            elif plugin.get("enabled", True) is False:
                self._others.append((where, "a plugin that is switched off"))
            elif plugin.get("consumer") or plugin.get("consumer_group"):
                self._others.append((where, "a plugin of a consumer, which Kong does not allow either"))
            else:
                at = self._owner_of(plugin) or key
                self._plugins[at] = Plugin(where, at[1], plugin.get("config") or {})

    def _owner_of(self, plugin: Mapping[str, Any]) -> tuple[str, str] | None:
        """A plugin at the top may refer to what it belongs to."""
        for kind in ("route", "service"):
            reference = _reference(plugin.get(kind))
            if reference:
                return kind, self._named(kind, reference)
        return None

    def _named(self, kind: str, reference: str) -> str:
        """The name behind an id; a name is itself."""
        found = [*_maps(self._content, f"{kind}s")]
        found += [one for service in _maps(self._content, "services") for one in _maps(service, f"{kind}s")]
        return next((str(one.get("name")) for one in found if one.get("id") == reference), reference)

    def _consumers(self) -> Iterator[Mapping[str, Any]]:
        for index, consumer in enumerate(_maps(self._content, "consumers")):
            fields = {name: consumer.get(name) for name in ("id", "username", "custom_id")}
            yield {name: str(value) for name, value in fields.items() if value is not None}
            for other in consumer.keys() - {*fields, "tags", "created_at", "updated_at"}:
                self._others.append((f"consumers[{index}].{other}", f"{other} of a consumer"))


def _maps(owner: Mapping[str, Any], name: str) -> Iterator[Mapping[str, Any]]:
    entries = owner.get(name)
    return (one for one in entries if isinstance(one, Mapping)) if isinstance(entries, list) else iter(())


def _name(entity: Mapping[str, Any], place: str) -> str:
    return str(entity.get("name") or entity.get("id") or f"{_ANONYMOUS}-{place}")


def _reference(value: object) -> str:
    """`service: orders`, `service: {name: orders}` and `service: {id: ...}` are all in use."""
    if isinstance(value, Mapping):
        value = value.get("name") or value.get("id")
    return "" if value is None else str(value)
