"""The application that the tests of real WSGI servers run behind the middleware, in a process of its own.

It tells what it sees. Whose tokens are good is said by the environment: JWT_SIGNER_ACCESS_TOKEN_JWKS_URI.
Started as a program, with `wsgiref` or `django` and a port, it serves itself by that server.
"""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

from jwt_signer_mw.wsgi import JWTSignerMiddleware

if TYPE_CHECKING:
    from collections.abc import Iterable


def service(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    """Every header as the environ has it, and the length of the body."""
    headers = [[name[5:], value] for name, value in environ.items() if name.startswith("HTTP_")]
    length = environ.get("CONTENT_LENGTH") or "0"
    body = environ["wsgi.input"].read(int(length)) if length != "0" else b""
    answer = json.dumps({"headers": headers, "path": environ["PATH_INFO"], "body": len(body)}).encode()
    start_response("200 OK", [("Content-Type", "application/json"), ("Content-Length", str(len(answer)))])
    return [answer]


app = JWTSignerMiddleware(
    service,
    {
        "access_token_signing_algorithm": "ES256",
        "channel_token_optional": True,
        "keyset_store": "memory://",
        "exempt_paths": ["/health", "/public/*"],
    },
)


def serve(kind: str, port: int) -> None:
    if kind == "wsgiref":
        from wsgiref.simple_server import make_server

        server: Any = make_server("127.0.0.1", port, app)
    else:
        from django.conf import settings
        from django.core.servers.basehttp import ThreadedWSGIServer, WSGIRequestHandler

        settings.configure(DEBUG=False)
        server = ThreadedWSGIServer(("127.0.0.1", port), WSGIRequestHandler, allow_reuse_address=True)
        server.set_app(app)
    print("serving", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    serve(sys.argv[1], int(sys.argv[2]))
