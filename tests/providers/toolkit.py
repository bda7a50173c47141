"""django-oauth-toolkit behind gunicorn: a second real provider, so that nobody writes for the first alone."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from providers.identity import HTTP_SECONDS, IdentityProvider
from providers.process import ServerProcess

if TYPE_CHECKING:
    from collections.abc import Mapping

FOLDER = Path(__file__).parent
PROGRAMS = FOLDER / ".venv" / "bin"


def missing_part() -> str:
    """Why it can't run here, in words for a skipped test; empty if it can."""
    if (PROGRAMS / "gunicorn").is_file():
        return ""
    return "django-oauth-toolkit is not installed; run tests/providers/install"


def write_key(path: Path) -> None:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    encoding, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    path.write_bytes(key.private_bytes(encoding, form, serialization.NoEncryption()))


class OAuthToolkit(IdentityProvider):
    """The server. Its issuer has a path; all JWTs are RS256.

    Introspection takes JWTs too, and says neither `iss` nor `sub`, `iat` or `token_type`; a wrong secret is
    403 with an empty body. Its JWKS may be cached for an hour by its own word.
    """

    jwks_path = "/.well-known/jwks.json"
    token_path = "/token/"
    introspection_path = "/introspect/"
    revocation_path = "/revoke_token/"

    def __init__(self, folder: Path) -> None:
        """`folder` takes its database, keys and log."""
        self._folder = folder
        write_key(folder / "signing.pem")
        with socket.create_server(("127.0.0.1", 0)) as listener:
            super().__init__(f"http://localhost:{listener.getsockname()[1]}/o")
            environment = {"TOOLKIT_ISSUER": self.issuer, "TOOLKIT_FOLDER": str(folder)}
            self._prepare(environment)
            self.process = self._serve(environment, listener.fileno())
        self.process.wait_for("Booting worker")
        self.kids()

    def resource(self, *, jwt: bool, alg: str = "RS256") -> str:
        """The toolkit wants a host in it."""
        assert alg == "RS256"
        return "https://orders.localhost/" + ("jwt" if jwt else "opaque")

    def rotate_keys(self) -> None:
        """Sign with a new key, publish the one before as well; a new worker takes over in a second or so."""
        (self._folder / "signing.pem").replace(self._folder / "previous.pem")
        write_key(self._folder / "signing.pem")
        before = self.kids()
        self.process.signal(signal.SIGHUP)
        deadline = time.monotonic() + HTTP_SECONDS
        while self.kids() == before:
            assert time.monotonic() < deadline, "the new key is not published"
            time.sleep(0.05)

    def close(self) -> None:
        super().close()
        self.process.stop()

    def _prepare(self, environment: Mapping[str, str]) -> None:
        command = [str(PROGRAMS / "python"), "toolkit_app.py"]
        subprocess.run(command, cwd=FOLDER, env={**os.environ, **environment}, check=True)

    def _serve(self, environment: Mapping[str, str], socket_number: int) -> ServerProcess:
        options = ["--workers=1", "--threads=4", "--no-control-socket", f"--bind=fd://{socket_number}"]
        return ServerProcess(
            [PROGRAMS / "gunicorn", *options, "toolkit_app:application"],
            self._folder / "oauth_toolkit.log",
            environment=environment,
            folder=FOLDER,
            sockets=[socket_number],
        )
