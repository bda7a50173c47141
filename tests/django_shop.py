"""The example project as a running server, with a database of its own and a service behind that verifies."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
import threading
import uuid
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import jwt
import requests
from sqlalchemy import create_engine, make_url
from sqlalchemy.exc import OperationalError

from parts import ROOT, require
from providers.process import ServerProcess
from stores import SERVERS

if TYPE_CHECKING:
    from collections.abc import Iterator

ADMIN = ("admin", "secret of the tests")
SERVER_COMMANDS = {
    "gunicorn": "gunicorn django_project.shop_wsgi --bind=127.0.0.1:{port} --workers=2 --threads=4 --preload",
    "uvicorn": "uvicorn django_project.shop_asgi:application --port={port} --lifespan=off",
}
READY = {"gunicorn": r"Booting worker(?s:.*)Booting worker", "uvicorn": "Uvicorn running"}


class Stock(ThreadingHTTPServer):
    """The service behind: answers with the claims of the tokens that it verified with the shop's keys."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _StockHandler)
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.shop = ""
        self.kids: list[str] = []
        self.faults: list[str] = []
        self._keys: dict[str, jwt.PyJWK] = {}
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def verify(self, token: str) -> dict[str, Any]:
        """As services do it: the key set is fetched again for an unknown key."""
        header = jwt.get_unverified_header(token)
        if header["kid"] not in self._keys:
            answer = requests.get(f"{self.shop}/jwt-signer/jwks/kong", timeout=5)
            answer.raise_for_status()
            self._keys = {key["kid"]: jwt.PyJWK(key) for key in answer.json()["keys"]}
        self.kids.append(header["kid"])
        key = self._keys[header["kid"]]
        options: Any = {"verify_aud": False}
        return jwt.decode(token, key, algorithms=[header["alg"]], options=options, issuer="kong")


class _StockHandler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        stock = cast("Stock", self.server)
        names = [name for name in ("Authorization", "X-Channel") if name in self.headers]
        try:
            tokens = {name: self.headers[name].removeprefix("Bearer ") for name in names}
            body = json.dumps({name: stock.verify(token) for name, token in tokens.items()}).encode()
        except (jwt.InvalidTokenError, KeyError, requests.RequestException) as fault:
            stock.faults.append(repr(fault))
            body = b"{}"
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  the name it has there
        """Nothing."""


class Shop:
    """A running server."""

    def __init__(self, url: str, stock: Stock, *, asynchronous: bool) -> None:
        self.url = url
        self.stock = stock
        self._view = "async/" if asynchronous else ""
        stock.shop = url

    def get(self, policy: str, token: str | None = None, **headers: str) -> requests.Response:
        bearer = {} if token is None else {"Authorization": f"Bearer {token}"}
        url = f"{self.url}/{policy}/{self._view}"
        return requests.get(url, headers={**bearer, **headers}, timeout=20)

    def log_in(self) -> requests.Session:
        """A browser of the admin."""
        browser = requests.Session()
        browser.trust_env = False
        page = browser.get(f"{self.url}/admin/login/", timeout=10)
        form = {"username": ADMIN[0], "password": ADMIN[1], "csrfmiddlewaretoken": csrf_token(page.text)}
        home = browser.post(f"{self.url}/admin/login/?next=/admin/", form, timeout=10)
        assert "Site administration" in home.text
        return browser


def csrf_token(page: str) -> str:
    found = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', page)
    assert found is not None, page
    return found[1]


@contextmanager
def running_shop(server: str, database: str, folder: Path, policies: dict[str, Any]) -> Iterator[Shop]:
    require(find_spec(server), f"{server} is not installed")
    with ExitStack() as cleanup:
        stock = Stock()
        cleanup.callback(stock.server_close)
        cleanup.callback(stock.shutdown)
        environment = {
            "DJANGO_SETTINGS_MODULE": "django_project.shop_settings",
            "PYTHONPATH": f"{ROOT / 'tests'}{os.pathsep}{ROOT / 'examples' / 'django'}",
            "DATABASE_URL": _database(database, folder, cleanup),
            "SHOP_POLICIES": json.dumps(policies),
            "STOCK_URL": stock.url,
            "DJANGO_SUPERUSER_PASSWORD": ADMIN[1],
        }
        manage(environment, "migrate", "--verbosity=0")
        manage(environment, "createsuperuser", "--noinput", f"--username={ADMIN[0]}", "--email=a@example.org")
        port = _free_port()
        program, *options = SERVER_COMMANDS[server].format(port=port).split()
        command = [str(Path(sys.executable).with_name(program)), *options]
        process = ServerProcess(command, folder / "server.log", environment=environment, folder=folder)
        cleanup.callback(process.stop)
        process.wait_for(READY[server])
        yield Shop(f"http://127.0.0.1:{port}", stock, asynchronous=server == "uvicorn")


def manage(environment: dict[str, str], *arguments: str) -> str:
    """`manage.py` of the example. Raises `AssertionError` with what it said where it fails."""
    command = [sys.executable, "-m", "django", *arguments]
    done = subprocess.run(
        command, env={**os.environ, **environment}, capture_output=True, text=True, check=False, timeout=50
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def _database(kind: str, folder: Path, cleanup: ExitStack) -> str:
    if kind == "sqlite":
        return f"sqlite:///{folder / 'shop.sqlite3'}"
    server, name = make_url(SERVERS["postgresql"]), f"jwt_signer_{uuid.uuid4().hex[:12]}"
    engine = create_engine(server, isolation_level="AUTOCOMMIT")
    cleanup.callback(engine.dispose)
    try:
        with engine.connect() as connection:
            connection.exec_driver_sql(f"CREATE DATABASE {name}")
    except OperationalError as error:
        require(False, f"PostgreSQL does not answer: {str(error).splitlines()[0]}")

    def drop() -> None:
        with engine.connect() as connection:
            connection.exec_driver_sql(f"DROP DATABASE {name} WITH (FORCE)")

    cleanup.callback(drop)
    url = server.set(database=name, drivername="postgresql")
    return url.render_as_string(hide_password=False)


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port
