"""npm oidc-provider, an OpenID certified server: JWT and opaque tokens, rotation, faults, TLS."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import requests

from providers.identity import HTTP_SECONDS, IdentityProvider
from providers.process import ServerProcess

if TYPE_CHECKING:
    from collections.abc import Mapping

FOLDER = Path(__file__).parent
READER = ("reader", "reader-secret")  # who may read basic_jwks_uri


def missing_part() -> str:
    """Why it can't run here, in words for a skipped test; empty if it can."""
    if shutil.which("node") is None:
        return "node is not installed"
    if not (FOLDER / "node_modules" / "oidc-provider").is_dir():
        return "npm oidc-provider is not installed; run tests/providers/install"
    return ""


class OidcProvider(IdentityProvider):
    """The server and its control port. It begins with a key each for RS256, PS256, ES256 and EdDSA.

    Introspecting a JWT is refused (400). What it says about an opaque token has no `sub`.
    """

    jwks_path = "/jwks"
    token_path = "/token"
    introspection_path = "/token/introspection"
    revocation_path = "/token/revocation"

    def __init__(self, log: Path, *, tls: Mapping[str, Path] | None = None) -> None:
        """`tls` has paths of PEM files: `certificate` and `key` of the server, `authority` of both sides."""
        options = {"tls": {name: str(path) for name, path in tls.items()}} if tls else {}
        command = ["node", "oidc_server.mjs", json.dumps(options)]
        self.process = ServerProcess(command, log, folder=FOLDER)
        ready = json.loads(self.process.wait_for(r"^ready (.+)$")[1])
        self._control: str = ready["control"]
        super().__init__(ready["issuer"], tls["authority"] if tls else None)
        self.basic_jwks_uri = f"{self.issuer}/basic/jwks"  # for the user READER
        self.certificate_jwks_uri = f"{self.issuer}/certificate/jwks"  # for clients with a certificate

    def resource(self, *, jwt: bool, alg: str = "RS256") -> str:
        if not jwt:
            return "urn:api:orders:opaque"
        return "urn:api:orders:jwt" + ("" if alg == "RS256" else f"-{alg.lower()}")

    def add_key(self, alg: str, kid: str, *, pending: bool = False) -> None:
        """Publish a key that signs at once or, `pending`, only when it is activated."""
        self.control("keys/add", {"alg": alg, "kid": kid, "pending": pending})

    def activate_key(self, kid: str) -> None:
        self.control("keys/activate", {"kid": kid})

    def remove_key(self, kid: str) -> None:
        """Stop publishing a key. One key of each algorithm must stay."""
        self.control("keys/remove", {"kid": kid})

    def rotate_keys(self) -> None:
        """Replace every key at once, as after a leak."""
        self.control("keys/replace")

    def issue(self, use: str) -> str:
        """What is no access token, by the same keys: `idtoken`, `logout` or `introspection`; `aud` is
        the client `middleware`."""
        token: str = self.control("tokens/issue", {"use": use})["token"]
        return token

    def add_client(self, name: str, **metadata: object) -> None:
        """One more client that may introspect, if its name begins with `middleware` (RFC 7591 section 2)."""
        self.control("clients", {"client_id": name, "grant_types": [], **metadata})

    def stats(self) -> dict[str, int]:
        """Number of requests by path since the last reset, those with faults included."""
        counts: dict[str, int] = self.control("stats")
        return counts

    def fail(self, path: str, **fault: object) -> None:
        """Let requests fail whose path begins so; replaces the fault before.

        `status` (with `body` and `headers`), `delay` in seconds, `drop` the connection; `count` at most.
        """
        self.control("faults", [{"path": path, **fault}])

    def reset(self) -> None:
        """Back to the first keys, no faults, no counts. Tokens live on."""
        self.control("reset")

    def control(self, command: str, body: Any = None) -> Any:
        """Any command of the control port, as `oidc_server.mjs` lists them."""
        response = requests.post(f"{self._control}/{command}", json=body or {}, timeout=HTTP_SECONDS)
        response.raise_for_status()
        return response.json()

    def close(self) -> None:
        super().close()
        self.process.stop()
