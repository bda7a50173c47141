"""Kinds of values that stand for something outside: a service, a client certificate, consumers."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from jwt_signer_mw.messages import Consumer
from jwt_signer_mw.settings.kinds import (
    MAX_ELEMENTS,
    Plain,
    Schema,
    Text,
    Unreadable,
    bounded,
    read_json,
    wrong_type,
)

CERTIFICATE_FORMS = 'the path of a PEM file, {"cert": path, "key": path} or {"id": name}'
CONSUMER_FIELDS = Consumer._fields


class ClientCertificate(NamedTuple):
    """Paths of PEM files; one file may hold both certificate and key."""

    cert: str
    key: str


class CertificateName(NamedTuple):
    """A client certificate by its name in the option `certificates`; loading looks it up."""

    id: str


def is_service(value: object) -> bool:
    """Whether this is an object that may replace a real part: nothing that a settings file can say."""
    return not isinstance(value, (str, bytes, int, float, complex, list, tuple, set, frozenset, Mapping))


@dataclass(frozen=True)
class Certificate(Plain):
    """A client certificate for TLS."""

    by_name: bool = True

    def read(self, value: object) -> ClientCertificate | CertificateName:
        if isinstance(value, str) and value.lstrip().startswith("{"):
            value = read_json(value)
        if isinstance(value, Mapping):
            return self._from_map(value)
        path = _read_path(value)
        return ClientCertificate(path, path)

    def _from_map(self, value: Mapping[Any, object]) -> ClientCertificate | CertificateName:
        names = set(value)
        if names == {"cert", "key"}:
            return ClientCertificate(_read_path(value["cert"]), _read_path(value["key"]))
        if names == {"id"} and self.by_name:
            return CertificateName(Text().read(value["id"]))
        raise wrong_type(CERTIFICATE_FORMS, value)

    def plain(self, value: Any) -> object:
        return value._asdict()

    def schema(self) -> Schema:
        pair = _object("cert", "key")
        return {"anyOf": [Text().schema(), pair, *([_object("id")] if self.by_name else [])]}


@dataclass(frozen=True)
class CertificateMap(Plain):
    """Client certificates by name."""

    def read(self, value: object) -> tuple[tuple[str, ClientCertificate], ...]:
        value = read_json(value) if isinstance(value, str) else value
        if not isinstance(value, Mapping) or len(value) > MAX_ELEMENTS:
            raise wrong_type('a map from a name to {"cert": path, "key": path}', value)
        one = Certificate(by_name=False)
        return tuple((Text().read(name), one.read(files)) for name, files in value.items())  # type: ignore[misc]

    def plain(self, value: Any) -> object:
        return {name: files._asdict() for name, files in value}

    def schema(self) -> Schema:
        return {"type": "object", "additionalProperties": Certificate(by_name=False).schema()}


@dataclass(frozen=True)
class Service(Plain):
    """The URL of a service, or the object that is the service."""

    def read(self, value: object) -> object:
        return value if is_service(value) and value is not None else Text().read(value)

    def schema(self) -> Schema:
        return Text().schema()


@dataclass(frozen=True)
class Consumers(Plain):
    """A list of consumers, or the dotted path, URL or callable that finds them."""

    def read(self, value: object) -> object:
        if isinstance(value, str) and value.lstrip().startswith("["):
            value = read_json(value)
        if isinstance(value, (list, tuple)):
            return tuple(map(_read_consumer, bounded(value, "a list of consumers")))
        return Service().read(value)

    def plain(self, value: Any) -> object:
        if not isinstance(value, tuple):
            return value
        return [{name: text for name, text in one._asdict().items() if text is not None} for one in value]

    def schema(self) -> Schema:
        fields = {name: Text().schema() for name in CONSUMER_FIELDS}
        one = {"type": "object", "properties": fields, "additionalProperties": False, "minProperties": 1}
        return {"anyOf": [Text().schema(), {"type": "array", "items": one}]}


def _read_path(value: object) -> str:
    path = os.fspath(value) if isinstance(value, os.PathLike) else value
    if not isinstance(path, str):
        raise wrong_type(CERTIFICATE_FORMS, value)
    return Text().read(path)


def _read_consumer(value: object) -> Consumer:
    wanted = "a list of maps with id, username and custom_id"
    if isinstance(value, Consumer):
        value = value._asdict()
    if not isinstance(value, Mapping) or not value or not set(value) <= set(CONSUMER_FIELDS):
        raise wrong_type(wanted, value)
    texts = {name: Text().read(text) for name, text in value.items() if text is not None}
    if not texts:
        raise Unreadable("settings.E002", f"must be {wanted}, and one of them says nothing.")
    return Consumer(**texts)


def _object(*names: str) -> Schema:
    properties = {name: Text().schema() for name in names}
    closed = {"type": "object", "additionalProperties": False}
    return closed | {"properties": properties, "required": list(names)}
