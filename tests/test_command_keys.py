"""`jwt-signer keys`, on the SQLite store that a running middleware uses."""

from __future__ import annotations

import json
import re
import stat
import time
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
from cryptography.fernet import Fernet

from jwt_signer_mw.command import main
from jwt_signer_mw.flows.named import Named
from jwt_signer_mw.keysets.store import open_store
from jwt_signer_mw.wsgi import JWTSignerMiddleware

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from _typeshed.wsgi import StartResponse, WSGIEnvironment

PRIVATE = ("d", "p", "q", "dp", "dq", "qi", "k")  # members of RFC 7518 section 6 that nobody may see


class Output(NamedTuple):
    status: int
    out: str
    err: str


class Command:
    """`jwt-signer keys` with a store."""

    def __init__(self, url: str, capsys: pytest.CaptureFixture[str]) -> None:
        self.url = url
        self._capsys = capsys

    def __call__(self, *arguments: str) -> Output:
        status = main(["keys", *arguments, "--store", self.url])
        captured = self._capsys.readouterr()
        return Output(status, captured.out, captured.err)


@pytest.fixture
def url(tmp_path: Path) -> str:
    directory = tmp_path / "state"
    directory.mkdir(mode=0o700)
    return f"sqlite:///{directory / 'keysets.sqlite3'}"


@pytest.fixture
def keys(url: str, capsys: pytest.CaptureFixture[str]) -> Command:
    return Command(url, capsys)


def application(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    raise AssertionError("no request is sent here")


def middleware(url: str, now: list[float] | None = None, **settings: Any) -> JWTSignerMiddleware:
    """A middleware that makes the key set `kong` in this store."""
    given = {"channel_token_optional": True, "access_token_jwks_uri": "https://idp.example/jwks", **settings}
    clock = None if now is None else (lambda: now[0])
    return JWTSignerMiddleware(application, {**given, "keyset_store": url}, clock=clock)


def kids(keys: Command, generation: str) -> list[str]:
    document = json.loads(keys("show", "kong", "--json").out)
    return [key["kid"] for key in document["keys"] if key["generation"] == generation]


def test_list(keys: Command, url: str) -> None:
    middleware(url)
    middleware(url, access_token_keyset="orders", access_token_signing_algorithm="ES256")
    status, out, err = keys("list")
    assert (status, err) == (0, "")
    head, *rows = out.splitlines()
    assert head.split() == ["NAME", "ALGORITHMS", "KEYS", "CREATED", "ROTATED"]
    assert [row.split()[:3] for row in rows] == [["kong", "RS256", "2"], ["orders", "ES256", "2"]]
    names = [(one["name"], one["algorithms"]) for one in json.loads(keys("list", "--json").out)]
    assert names == [("kong", ["RS256"]), ("orders", ["ES256"])]


def test_show(keys: Command, url: str) -> None:
    middleware(url, access_token_signing_algorithm="ES256")
    status, out, err = keys("show", "kong")
    assert (status, err) == (0, "")
    title, head, *rows = out.splitlines()
    assert title.startswith("kong  id ")
    assert head.split() == [
        "GENERATION",
        "ALGORITHM",
        "KID",
        *("PUBLISHED", "SINCE", "SIGNS", "NEEDED", "UNTIL"),
    ]
    assert [row.split()[:3] for row in rows] == [
        ["current", "ES256", kids(keys, "current")[0]],
        ["next", "ES256", kids(keys, "next")[0]],
    ]
    assert re.search(r" since \S+ \d\d:\d\dZ  -$", rows[0])
    assert re.search(r"  not yet +-$", rows[1])


def test_show_tells_until_when_a_key_is_needed(keys: Command, url: str) -> None:
    now = [time.time()]
    worker = middleware(url, now, access_token_signing_algorithm="ES256")
    (named,) = [keys for keys in worker.assembly.keyring.sets() if isinstance(keys, Named)]
    named.note_life(3000)
    now[0] += 2
    worker.driver.run(worker.assembly.keyring.maintain())
    keys("rotate", "kong")
    (previous,) = [row for row in keys("show", "kong").out.splitlines() if row.startswith("previous")]
    assert re.search(r"Z to \S+ \S+Z  \S+ \S+Z$", previous)
    document = json.loads(keys("show", "kong", "--json").out)
    told = {key["generation"]: (key["signing_until"], key["needed_until"]) for key in document["keys"]}
    assert told["current"] == told["next"] == (None, None)
    assert told["previous"][1] == told["previous"][0] + 3000


@pytest.mark.parametrize("algorithm", ["RS256", "EdDSA", "HS256"])
def test_public_parts_only(algorithm: str, keys: Command, url: str) -> None:
    middleware(url, access_token_signing_algorithm=algorithm)
    stored = open_store(url).load("kong")
    assert stored is not None
    shown = "".join(
        keys(*command).out for command in (["show", "kong"], ["show", "kong", "--json"], ["list"])
    )
    secrets = [key.jwk[name] for key in stored.keys for name in PRIVATE if name in key.jwk]
    assert len(secrets) >= 2
    assert [secret for secret in secrets if secret in shown] == []


def test_rotate_is_what_running_workers_see(keys: Command, url: str) -> None:
    now = [1_800_000_000.0]
    worker = middleware(url, now, access_token_signing_algorithm="ES256")
    settings = worker.assembly.settings
    signing = worker.assembly.keyring.signing(settings.access_token)
    assert signing.key is not None
    assert [signing.key.kid] == kids(keys, "current")
    before, following = kids(keys, "current"), kids(keys, "next")
    status, out, err = keys("rotate", "kong")
    assert (status, err) == (0, "")
    assert [row.split()[0] for row in out.splitlines()[2:]] == ["current", "next", "previous"]
    assert (kids(keys, "current"), kids(keys, "previous")) == (following, before)
    now[0] += 2
    worker.driver.run(worker.assembly.keyring.maintain())
    assert [signing.key.kid] == following


def test_revoke_is_what_running_workers_see(keys: Command, url: str) -> None:
    now = [time.time()]
    worker = middleware(url, now, access_token_signing_algorithm="ES256")
    signing = worker.assembly.keyring.signing(worker.assembly.settings.access_token)
    (kid,), (following,) = kids(keys, "current"), kids(keys, "next")
    status, out, err = keys("revoke", "kong", kid)
    assert (status, err) == (0, "")
    assert out.splitlines()[:3] == [
        f"Key {kid} is revoked.",
        "It signs with ES256 at this moment: every token that it signed is refused from now on.",
        f"{following} signs in its place.",
    ]
    assert kids(keys, "current") == [following]
    assert kids(keys, "previous") == []
    now[0] += 2
    worker.driver.run(worker.assembly.keyring.maintain())
    assert signing.key is not None
    assert signing.key.kid == following


def test_revoke_of_what_is_not_there(keys: Command, url: str) -> None:
    middleware(url, access_token_signing_algorithm="ES256")
    before = keys("show", "kong", "--json").out
    text = "jwt-signer: there is no key 'nothing' in the set 'kong'\n"
    assert keys("revoke", "kong", "nothing") == (1, "", text)
    assert keys("show", "kong", "--json").out == before


def test_delete(keys: Command, url: str) -> None:
    middleware(url, access_token_signing_algorithm="ES256")
    status, out, err = keys("delete", "kong")
    assert (status, err) == (0, "")
    assert out == "Key set 'kong' is deleted: tokens that it signed can't be verified any more.\n"
    assert keys("list").out == "No key set is in this store.\n"
    assert json.loads(keys("list", "--json").out) == []


def test_rotate_many(keys: Command, url: str) -> None:
    for name in ("kong", "orders"):
        middleware(url, access_token_keyset=name, access_token_signing_algorithm="ES256")
    before = {name: open_store(url).load(name) for name in ("kong", "orders")}
    assert keys("rotate", "kong", "nowhere", "orders").status == 1
    assert {name: open_store(url).load(name) for name in before} == before, "all of them, or none"
    status, out, _ = keys("rotate", "kong", "orders", "kong")
    assert status == 0
    assert re.findall(r"^(\w+)  id", out, re.MULTILINE) == ["kong", "orders"]
    for name, old in before.items():
        new = open_store(url).load(name)
        assert old is not None
        assert new is not None
        assert new.rotated_at > old.rotated_at


@pytest.mark.parametrize("action", [["show"], ["rotate"], ["delete"], ["revoke", "kid"]])
def test_unknown_name(action: list[str], keys: Command, url: str) -> None:
    middleware(url, access_token_signing_algorithm="ES256")
    assert keys(action[0], "nobody", *action[1:]) == (1, "", "jwt-signer: there is no key set 'nobody'\n")


def test_misspelt_store_is_not_made(keys: Command, url: str, tmp_path: Path) -> None:
    assert keys("list") == (1, "", f"jwt-signer: there is no store at {url}\n")
    assert list((tmp_path / "state").iterdir()) == []


@pytest.mark.parametrize(
    "store, wanted",
    [
        ("nonsense://x", "keyset_store must start with"),
        ("sqlite:///", "keyset_store names no plain file. Use memory://"),
        ("redis://127.0.0.1:1/0", "the store of key sets"),
    ],
)
def test_store_that_does_not_work(store: str, wanted: str, capsys: pytest.CaptureFixture[str]) -> None:
    status, out, err = Command(store, capsys)("list")
    assert (status, out) == (1, "")
    assert err.startswith(f"jwt-signer: {wanted}")
    assert err.count("\n") == 1


def test_damaged_store(keys: Command, url: str, tmp_path: Path) -> None:
    file = tmp_path / "state" / "keysets.sqlite3"
    file.write_bytes(b"this is no database" * 100)
    file.chmod(stat.S_IRUSR | stat.S_IWUSR)
    status, out, err = keys("list")
    assert (status, out) == (1, "")
    assert err.startswith("jwt-signer: the store of key sets")
    assert err.count("\n") == 1


def test_store_of_a_settings_file(url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Encrypted sets need the keys that the same file names."""
    encryption_key = Fernet.generate_key().decode()
    middleware(url, keyset_encryption_keys=[encryption_key], access_token_signing_algorithm="ES256")
    config = tmp_path / "policy.json"
    config.write_text(json.dumps({"keyset_store": url, "keyset_encryption_keys": [encryption_key]}))
    assert main(["keys", "show", "kong", "--config", str(config)]) == 0
    assert "current" in capsys.readouterr().out
    assert main(["keys", "show", "kong", "--store", url]) == 1
    captured = capsys.readouterr()
    assert captured.err == "jwt-signer: key set 'kong' is encrypted: keyset_encryption_keys is not set\n"


def test_the_encryption_key_is_replaced_while_workers_run(
    url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """As `docs/key-sets.md` says: all workers can read before anything is written with the new key."""
    old, new = Fernet.generate_key().decode(), Fernet.generate_key().decode()
    now, es256 = [time.time()], {"access_token_signing_algorithm": "ES256"}
    first = middleware(url, now, keyset_encryption_keys=[old], **es256)
    kid = kid_of(first)
    config = tmp_path / "policy.json"

    def reencrypt(*encryption_keys: str) -> int:
        config.write_text(json.dumps({"keyset_store": url, "keyset_encryption_keys": encryption_keys}))
        return main(["keys", "reencrypt", "--config", str(config)])

    second = middleware(url, now, keyset_encryption_keys=[new, old], **es256)
    assert reencrypt(new, old) == 0
    assert capsys.readouterr().out == "Encrypted with the newest key: kong.\n"
    third = middleware(url, now, keyset_encryption_keys=[new], **es256)
    now[0] += 2
    for worker in (first, second, third):
        worker.driver.run(worker.assembly.keyring.maintain())
    assert kid_of(first) == kid_of(second) == kid_of(third) == kid, "who can't read signs on"
    assert main(["keys", "rotate", "kong", "--config", str(config)]) == 0
    now[0] += 2
    for worker in (second, third):
        worker.driver.run(worker.assembly.keyring.maintain())
    assert kid_of(second) == kid_of(third) != kid
    capsys.readouterr()
    assert reencrypt(old) == 1
    assert "none of keyset_encryption_keys opens key set 'kong'" in capsys.readouterr().err
    assert main(["keys", "reencrypt", "--store", url]) == 1
    assert "keyset_encryption_keys is not set" in capsys.readouterr().err


def kid_of(worker: JWTSignerMiddleware) -> str | None:
    key = worker.assembly.keyring.signing(worker.assembly.settings.access_token).key
    return None if key is None else key.kid


def test_store_of_the_environment(
    url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    middleware(url, access_token_signing_algorithm="ES256")
    monkeypatch.setenv("JWT_SIGNER_KEYSET_STORE", url)
    assert main(["keys", "list"]) == 0
    assert "kong" in capsys.readouterr().out


def test_default_store(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    assert main(["keys", "list"]) == 1
    assert "jwt-signer/keysets.sqlite3" in capsys.readouterr().err
