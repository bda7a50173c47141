"""`jwt-signer keys`: our own key sets, in the store that running workers use. Public parts only."""

from __future__ import annotations

import json
import os
import time
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from jwt_signer_mw.clock import Clock
from jwt_signer_mw.command import complain
from jwt_signer_mw.command.progress import Progress
from jwt_signer_mw.command.style import paint, table
from jwt_signer_mw.drivers.blocking import BlockingDriver
from jwt_signer_mw.drivers.transport import RequestsTransport
from jwt_signer_mw.flows.named import Named
from jwt_signer_mw.keysets.consequences import consequences
from jwt_signer_mw.keysets.keyset import GENERATIONS, public_jwk
from jwt_signer_mw.keysets.store import default_url, open_store, reencrypt
from jwt_signer_mw.settings import Settings, load_file
from jwt_signer_mw.settings.redaction import redact_url

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable

    from jwt_signer_mw.flows.commands import Flow
    from jwt_signer_mw.keysets.keyset import StoredKey, StoredSet
    from jwt_signer_mw.keysets.store import KeysetStore

GOOD, BAD = 0, 1


class Argument(NamedTuple):
    """One that an action takes by its place."""

    shown: str
    help: str
    many: bool = False


class Action(NamedTuple):
    """What can be done to a store. `run` takes its `arguments`, and `settings` with the encryption keys.

    `run` returns an exit status. Raises `LookupError` for what is not there, `StoreError`.
    """

    run: Callable[[KeysetStore, argparse.Namespace], int]
    summary: str
    arguments: tuple[str, ...] = ("name",)
    json: bool = False


def add_arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(metavar="ACTION", required=True)
    for name, action in ACTIONS.items():
        summary = action.summary
        one = actions.add_parser(name, help=summary, description=summary[0].upper() + summary[1:] + ".")
        one.add_argument("--store", metavar="URL", help="a store as `keyset_store` names it")
        one.add_argument("--config", metavar="FILE", help="the settings file that names the store")
        add_action(one, action)
    parser.epilog = "Without --store and --config it is the store of JWT_SIGNER_KEYSET_STORE, or the default."


def add_action(parser: argparse.ArgumentParser, action: Action) -> None:
    """What an action takes besides a store."""
    for name in action.arguments:
        argument = ARGUMENTS[name]
        parser.add_argument(
            name, metavar=argument.shown, help=argument.help, nargs="+" if argument.many else None
        )
    if action.json:
        parser.add_argument("--json", action="store_true", help="for machines")
    parser.set_defaults(action=action)


def run(arguments: argparse.Namespace) -> int:
    """1: there is no such key set."""
    action: Action = arguments.action
    try:
        return action.run(_store(arguments), arguments)
    except LookupError as problem:
        return complain(problem.args[0])


def list_sets(store: KeysetStore, arguments: argparse.Namespace) -> int:
    sets = [stored for name in store.names() if (stored := store.load(name)) is not None]
    if arguments.json:
        print(json.dumps([_summary(stored) for stored in sets], indent=2))
    elif sets:
        print(table(("NAME", "ALGORITHMS", "KEYS", "CREATED", "ROTATED"), map(_row_of_set, sets)))
    else:
        print("No key set is in this store.")
    return GOOD


def show_set(store: KeysetStore, arguments: argparse.Namespace) -> int:
    stored = _load(store, arguments.name)
    if arguments.json:
        print(
            json.dumps(
                {**_summary(stored), "keys": [_public(stored, key) for key in _sorted(stored)]}, indent=2
            )
        )
    else:
        _print_set(stored)
    return GOOD


def rotate_sets(store: KeysetStore, arguments: argparse.Namespace) -> int:
    """None is rotated if one of them is not there. Waits for a second or so where workers may not know of
    the rotation before."""
    names = tuple(dict.fromkeys(arguments.names))
    for name in names:
        _load(store, name)
    with Progress() as progress:
        rotated = [
            _run(Named(name, store, Clock()).rotate()) for name in progress.each(names, "rotating key set")
        ]
    for place, stored in enumerate(rotated):
        print(end="\n" if place else "")
        _print_set(stored)
    return GOOD


def revoke_key(store: KeysetStore, arguments: argparse.Namespace) -> int:
    """For a key that leaked: workers drop it within about a second."""
    broken = list(consequences(_load(store, arguments.name), arguments.kid, time.time()))
    stored = _run(Named(arguments.name, store, Clock()).revoke(arguments.kid))
    print(f"Key {arguments.kid} is revoked.", *broken, sep="\n", end="\n\n")
    _print_set(stored)
    return GOOD


def reencrypt_sets(store: KeysetStore, arguments: argparse.Namespace) -> int:
    if not arguments.settings.keyset_encryption_keys:
        raise LookupError("keyset_encryption_keys is not set: there is no key to encrypt with")
    with Progress() as progress:
        names = reencrypt(store, time.time(), partial(progress.each, doing="encrypting key set"))
    print(f"Encrypted with the newest key: {', '.join(names) or 'nothing, as there is no key set'}.")
    return GOOD


def delete_set(store: KeysetStore, arguments: argparse.Namespace) -> int:
    """Workers forget it within about a second; the next request that needs it makes new keys."""
    _load(store, arguments.name)
    store.delete(arguments.name)
    print(f"Key set {arguments.name!r} is deleted: tokens that it signed can't be verified any more.")
    return GOOD


ARGUMENTS = {
    "name": Argument("NAME", "of the key set, such as kong"),
    "names": Argument("NAME", "of the key sets, such as kong", many=True),
    "kid": Argument("KID", "of the key, as `show` tells it"),
}
ACTIONS = {
    "list": Action(list_sets, "list the key sets of a store", (), json=True),
    "show": Action(
        show_set, "show the keys of a set: since when published, when signing, until when needed", json=True
    ),
    "rotate": Action(
        rotate_sets, "rotate key sets: next becomes current, current becomes previous", ("names",)
    ),
    "revoke": Action(revoke_key, "drop one key at once, and say what that breaks", ("name", "kid")),
    "delete": Action(delete_set, "delete a set with all its keys"),
    "reencrypt": Action(reencrypt_sets, "encrypt all sets with the newest of keyset_encryption_keys", ()),
}


def _store(arguments: argparse.Namespace) -> KeysetStore:
    """`--store` wins over `--config`, which wins over the environment."""
    given: dict[str, Any] = load_file(arguments.config) if arguments.config else {}
    if arguments.store:
        given["keyset_store"] = arguments.store
    settings = arguments.settings = Settings.load(given, environ=os.environ)
    url = settings.keyset_store if isinstance(settings.keyset_store, str) else default_url()
    _require_file(url)
    return open_store(url, encryption_keys=settings.keyset_encryption_keys or ())


def _require_file(url: str) -> None:
    """A middleware makes the file that it lacks; here it would hide that the name is misspelt."""
    if url.startswith("sqlite") and not Path(url.partition(":///")[2]).exists():
        raise LookupError(f"there is no store at {redact_url(url)}")


def _load(store: KeysetStore, name: str) -> StoredSet:
    """Raises `LookupError`."""
    stored = store.load(name)
    if stored is None:
        raise LookupError(f"there is no key set {name!r}")
    return stored


def _summary(stored: StoredSet) -> dict[str, Any]:
    return {
        "name": stored.name,
        "id": stored.id,
        "version": stored.version,
        "algorithms": sorted(stored.algorithms),
        "created_at": stored.created_at,
        "updated_at": stored.updated_at,
        "rotated_at": stored.rotated_at,
    }


def _public(stored: StoredSet, key: StoredKey) -> dict[str, Any]:
    times = ("published_at", "ready_at", "signing_since", "signing_until")
    told = {name: getattr(key, name) for name in ("generation", "alg", "kid", *times)}
    return {**told, "needed_until": stored.needed_until(key), "jwk": public_jwk(key.jwk)}


def _row_of_set(stored: StoredSet) -> tuple[str, ...]:
    algorithms = ", ".join(sorted(stored.algorithms))
    return stored.name, algorithms, str(len(stored.keys)), _time(stored.created_at), _time(stored.rotated_at)


def _print_set(stored: StoredSet) -> None:
    name, rotated = paint(stored.name, "bold"), _time(stored.rotated_at)
    print(f"{name}  id {stored.id}  version {stored.version}  rotated {rotated}")
    head = ("GENERATION", "ALGORITHM", "KID", "PUBLISHED SINCE", "SIGNS", "NEEDED UNTIL")
    now = time.time()
    print(table(head, [_row_of_key(stored, key, now) for key in _sorted(stored)]))


def _sorted(stored: StoredSet) -> list[StoredKey]:
    return sorted(stored.keys, key=lambda key: (key.alg, GENERATIONS.index(key.generation)))


def _row_of_key(stored: StoredSet, key: StoredKey, now: float) -> tuple[str, ...]:
    needed_until = stored.needed_until(key)
    needed = "-" if needed_until is None else _time(needed_until) if needed_until > now else "not any more"
    return key.generation, key.alg, key.kid, _time(key.published_at), _signs(key, now), needed


def _signs(key: StoredKey, now: float) -> str:
    """A key may go on until its successor may sign: see `keysets.lifecycle`."""
    if key.signing_since is None:
        return "not yet"
    if key.signing_until is not None:
        return f"{_time(key.signing_since)} to {_time(key.signing_until)}"
    return f"{'since' if key.signing_since <= now else 'from'} {_time(key.signing_since)}"


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%MZ")


def _run(flow: Flow[StoredSet]) -> StoredSet:
    return BlockingDriver(RequestsTransport()).run(flow)
