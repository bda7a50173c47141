"""A fleet under load: hosts with pre-forked workers, upstreams that verify what they get, and the outcome."""

from __future__ import annotations

import json
import random
import signal
import sys
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jwt
import requests

from asgi_serving import free_port
from jwt_signer_mw.flows.documents import fresh_for
from jwt_signer_mw.jose import generate_key, sign_compact
from jwt_signer_mw.wire import dump_json
from providers.process import ServerProcess

if TYPE_CHECKING:
    from collections.abc import Callable

WORKERS = 2  # of a host
THREADS = 4  # of a worker
TOKEN_LIFE = 300  # seconds
ADMIN_TOKEN = "a-secret-of-thirty-two-characters"
SECONDS = 10.0  # that a request may take
FRESH = 0.3  # of the requests bring a new token
REPEATED = 20  # tokens that come again and again, so that they are remembered


class Provider:
    """Signs what clients send; its keys lie in a file."""

    def __init__(self, folder: Path) -> None:
        self._key = generate_key("ES256")
        self.file = folder / "provider.json"
        self.file.write_bytes(dump_json({"keys": [self._key.public_jwk()]}))

    def token(self, subject: str) -> str:
        claims = {"iss": "provider", "sub": subject, "exp": int(time.time()) + TOKEN_LIFE}
        return sign_compact(dump_json(claims), self._key, "ES256")


class Host:
    """Gunicorn with `fleet_app`, in a state directory of its own."""

    def __init__(self, folder: Path, store: str, provider: Provider, algorithm: str, *options: str) -> None:
        folder.mkdir()
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        settings = {
            "keyset_store": store,
            "access_token_jwks_uri": provider.file.as_uri(),
            "access_token_signing_algorithm": algorithm,
            "channel_token_optional": True,
            "admin_token": ADMIN_TOKEN,
        }
        program = str(Path(sys.executable).with_name("gunicorn"))
        shape = [f"--workers={WORKERS}", f"--threads={THREADS}", f"--bind=127.0.0.1:{self.port}"]
        self._master = ServerProcess(
            [program, *shape, "--worker-class=gthread", *options, "fleet_app:application"],
            folder / "gunicorn.log",
            environment={
                "FLEET_SETTINGS": json.dumps(settings),
                "XDG_STATE_HOME": str(folder),
                "PYTHONPATH": str(Path(__file__).parent),
            },
            folder=Path(__file__).parent,
        )

    def wait(self) -> None:
        self._master.wait_for("Booting worker(.|\n)*Booting worker")
        while True:
            try:
                requests.get(f"{self.url}/jwt-signer/jwks/kong", timeout=SECONDS)
            except requests.ConnectionError:
                time.sleep(0.05)
            else:
                return

    def add_worker(self) -> None:
        self._master.signal(signal.SIGTTIN)

    def log(self) -> str:
        return self._master.log.read_text(errors="replace")

    def close(self) -> None:
        self._master.stop()


class Upstream:
    """Keeps the document for as long as it may, and asks for nothing before: the least that is promised."""

    def __init__(self, hosts: list[Host], algorithm: str) -> None:
        self._hosts = hosts
        self._algorithm = algorithm
        self._keys: dict[str, Any] = {}
        self._fresh_until = -1.0
        self.fetches = 0

    def fault(self, token: str) -> str:
        """What is wrong with the token, or ""."""
        began = time.monotonic()
        if began >= self._fresh_until and not self._fetch():
            return ""  # nobody could be asked; a real one goes on with the keys it has, or says 503
        key = self._keys.get(jwt.get_unverified_header(token)["kid"])
        if key is None:
            return "unknown kid"
        try:
            jwt.decode(token, key, algorithms=[self._algorithm], issuer="kong")
        except jwt.InvalidTokenError as error:
            return type(error).__name__
        return ""

    def _fetch(self) -> bool:
        asked = time.monotonic()
        try:
            host = random.choice(self._hosts)
            answer = requests.get(f"{host.url}/jwt-signer/jwks/kong", timeout=SECONDS)
        except requests.ConnectionError:  # of a worker that was killed
            return False
        if answer.status_code != 200:
            return False
        self.fetches += 1
        self._keys = {jwk["kid"]: jwt.PyJWK(jwk) for jwk in answer.json()["keys"]}
        headers = {name.lower(): value for name, value in answer.headers.items()}
        self._fresh_until = asked + (fresh_for(headers) or 0)
        return True


@dataclass
class Tally:
    """What came of it all."""

    statuses: Counter[int] = field(default_factory=Counter)
    broken: int = 0  # connections, by a worker that was killed
    faults: Counter[str] = field(default_factory=Counter)
    kids: set[str] = field(default_factory=set)
    workers: set[int] = field(default_factory=set)
    rotations: Counter[int] = field(default_factory=Counter)
    kills: int = 0
    accepted_without_store: int = 0
    slowest: float = 0.0
    fetches: int = 0

    def __str__(self) -> str:
        return (
            f"{sum(self.statuses.values())} requests {dict(self.statuses)}, slowest {self.slowest:.2f} s, "
            f"{self.broken} broken connections, {self.accepted_without_store} accepted without the store; "
            f"rotations {dict(self.rotations)}, {len(self.kids)} keys signed; "
            f"{len(self.workers)} workers, {self.kills} killed; "
            f"{self.fetches} fetches of the document; refused upstream: {dict(self.faults)}"
        )


class Load:
    """Clients on threads, and somebody who rotates every `pace` seconds. Ends with `stop`."""

    def __init__(self, hosts: list[Host], provider: Provider, algorithm: str, pace: float) -> None:
        self.tally = Tally()
        self.store_is_down = False
        self._hosts = hosts
        self._provider = provider
        self._repeated = [provider.token(f"again-{n}") for n in range(REPEATED)]
        self._upstreams = [Upstream(hosts, algorithm) for _ in range(len(hosts) * WORKERS)]
        self._pace = pace
        self._ended = threading.Event()
        self._threads = [threading.Thread(target=self._call, args=(one,)) for one in self._upstreams]
        self._threads.append(threading.Thread(target=self._rotate))
        for thread in self._threads:
            thread.start()

    def stop(self) -> Tally:
        self._ended.set()
        for thread in self._threads:
            thread.join()
        self.tally.fetches = sum(one.fetches for one in self._upstreams)
        return self.tally

    def workers(self) -> dict[int, Host]:
        """The process ids of those that answer now."""
        found: dict[int, Host] = {}
        for host in self._hosts:
            for _ in range(6 * WORKERS):
                answer = self._ask(host.url, "who")
                if answer is not None and answer.status_code == 200:
                    found[answer.json()["worker"]] = host
        return found

    def _call(self, upstream: Upstream) -> None:
        while not self._ended.is_set():
            answer = self._ask(random.choice(self._hosts).url, str(random.random()))
            if answer is None:
                self.tally.broken += 1
                continue
            self.tally.statuses[answer.status_code] += 1
            if answer.status_code == 200:
                self._judge(upstream, answer.json())
            else:
                time.sleep(0.01)

    def _ask(self, url: str, subject: str) -> requests.Response | None:
        token = random.choice(
            [*self._repeated, self._provider.token(subject)] if random.random() < 0.5 else self._repeated
        )
        began = time.monotonic()
        try:
            answer = requests.get(url, headers={"Authorization": f"Bearer {token}"}, timeout=SECONDS)
        except requests.ConnectionError:
            return None
        self.tally.slowest = max(self.tally.slowest, time.monotonic() - began)
        return answer

    def _judge(self, upstream: Upstream, said: dict[str, Any]) -> None:
        fault = upstream.fault(said["token"])
        if fault:
            self.tally.faults[fault] += 1
        self.tally.kids.add(jwt.get_unverified_header(said["token"])["kid"])
        self.tally.workers.add(said["worker"])
        self.tally.accepted_without_store += self.store_is_down

    def _rotate(self) -> None:
        while not self._ended.wait(self._pace):
            url = f"{random.choice(self._hosts).url}/jwt-signer/jwks/kong/rotate"
            try:
                answer = requests.post(url, headers={"Authorization": f"Bearer {ADMIN_TOKEN}"}, timeout=30)
                self.tally.rotations[answer.status_code] += 1
            except requests.ConnectionError:
                self.tally.rotations[0] += 1


def eventually(holds: Callable[[], bool], seconds: float = 30.0) -> bool:
    """Whether it comes true in time."""
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.1)
    return True
