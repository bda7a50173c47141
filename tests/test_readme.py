"""The README's first view does what the README says, as it stands there."""

from __future__ import annotations

import json
import re
import time
from typing import TYPE_CHECKING, Any
from wsgiref.util import setup_testing_defaults

from jwt_signer_mw.flows.commands import Exchange, Reply
from jwt_signer_mw.jose import generate_key, sign_compact
from parts import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    import pytest

IDP = generate_key("ES256")


class Provider:
    """The provider that the README's settings name."""

    def send(self, exchange: Exchange) -> Reply:
        assert exchange.url == "https://idp.example/jwks"
        return Reply(200, {}, json.dumps({"keys": [IDP.public_jwk()]}).encode())


def call(app: Any, **more: str) -> tuple[str, dict[str, str], bytes]:
    environ: dict[str, Any] = {}
    setup_testing_defaults(environ)
    answer: list[Any] = []
    body: Iterable[bytes] = app(environ | more, lambda *started: answer.extend(started))
    return answer[0], dict(answer[1]), b"".join(body)


def test_one_minute_to_a_protected_view(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    monkeypatch.setattr("jwt_signer_mw.wsgi.RequestsTransport", Provider)
    example = re.search(r"```python\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    assert example is not None
    names: dict[str, Any] = {}
    exec(example[1], names)
    application = names["application"]

    status, headers, _ = call(application)
    assert status == "401 Unauthorized"
    assert headers["WWW-Authenticate"].startswith("Bearer")

    claims = {
        "iss": "https://idp.example",
        "aud": "https://api.example",
        "sub": "alice",
        "exp": time.time() + 9,
    }
    token = sign_compact(json.dumps(claims).encode(), IDP, "ES256")
    assert call(application, HTTP_AUTHORIZATION=f"Bearer {token}") == (
        "200 OK",
        {"Content-Type": "text/plain"},
        b"hello alice\n",
    )

    status, headers, body = call(application.admin, PATH_INFO="/jwt-signer/jwks/kong")
    assert status == "200 OK"
    assert headers["Content-Type"] == "application/jwk-set+json"
    assert json.loads(body)["keys"]


def test_the_links_lead_somewhere() -> None:
    """Also those of the pages under docs."""
    for page in [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")]:
        for target in re.findall(r"\]\(([^)#:\s]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
            assert (page.parent / target).exists(), f"{page.relative_to(ROOT)} links to {target}"
