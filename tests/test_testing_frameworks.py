"""The clients that sign, with the example of each ASGI framework: the middleware is found wherever it is."""

from __future__ import annotations

import importlib.util
import sys
from typing import TYPE_CHECKING, Any

import pytest

from parts import ROOT, require_module

require_module("starlette", "httpx2")

from jwt_signer_mw.testing import NotProtected  # noqa: E402
from jwt_signer_mw.testing.asgi import signing_client  # noqa: E402
from jwt_signer_mw.testing.trust import find_middlewares  # noqa: E402

if TYPE_CHECKING:
    from pathlib import Path

FRAMEWORKS = ("fastapi", "litestar", "quart", "starlette")


@pytest.fixture
def example(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The application of a framework's example, imported anew."""
    require_module(request.param)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    file = ROOT / "examples" / "asgi" / f"with_{request.param}.py"
    spec = importlib.util.spec_from_file_location(f"example_{request.param}", file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, spec.name, module)  # Litestar looks there
    spec.loader.exec_module(module)
    return module.app


@pytest.mark.parametrize("example", FRAMEWORKS, indirect=True)
def test_an_example(example: Any, request: pytest.FixtureRequest) -> None:
    starlette = "starlette" in request.node.callspec.id  # its first route has a policy for partners
    options = {"policy": "2"} if starlette else {}
    with signing_client(example, sub="alice") as client:
        assert client.get("/me", **options).json()["subject"] == "alice"
        assert client.get("/me", claims=None).status_code == 401
        assert client.get("/me", flaw="forged", **options).status_code == 401
        assert client.get("/health", claims=None).status_code == 200
        if starlette:
            assert client.get("/partners/me").json()["signed_by"] == "partners"


@pytest.mark.parametrize("example", FRAMEWORKS, indirect=True)
def test_it_is_put_back(example: Any) -> None:
    before = [dict(vars(one)) for one in find_middlewares(example)]
    with signing_client(example):
        assert [dict(vars(one)) for one in find_middlewares(example)] != before
    assert [dict(vars(one)) for one in find_middlewares(example)] == before


def test_nothing_is_found() -> None:
    with pytest.raises(NotProtected, match="in this dict"):
        find_middlewares({"app": [lambda: None]})
