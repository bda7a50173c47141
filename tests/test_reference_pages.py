"""The reference of refusals and of endpoints: complete, and as current as the code."""

from __future__ import annotations

import json
import re
from io import BytesIO
from typing import Any

import pytest
from openapi_schema_validator import OAS31Validator
from openapi_spec_validator import validate

from jwt_signer_mw.explain import reference_page
from jwt_signer_mw.explain.suggestions import REASONS
from jwt_signer_mw.openapi import document
from jwt_signer_mw.wsgi import JWTSignerMiddleware
from pages import DOCS
from test_readme import call

ERRORS = DOCS / "reference" / "errors.md"
OPENAPI = DOCS / "reference" / "openapi.json"
SECRET = "an-admin-token"


def test_the_page_of_refusals_is_current() -> None:
    assert ERRORS.read_text(encoding="utf-8") == reference_page.render(), (
        "bring it up to date: python -m jwt_signer_mw.explain.reference_page > docs/reference/errors.md"
    )


def test_every_reason_has_a_place_on_it() -> None:
    codes = [kind.code for kind in reference_page.reasons()]
    assert re.findall(r"^### `(\w+)`$", ERRORS.read_text(), re.MULTILINE) == codes
    assert set(codes) == REASONS - {"undecided"}
    assert reference_page.CAUSES.keys() <= set(codes)


def test_the_openapi_document_is_current() -> None:
    assert json.loads(OPENAPI.read_text(encoding="utf-8")) == document(), (
        "bring it up to date: python -m jwt_signer_mw.openapi > docs/reference/openapi.json"
    )


def test_it_is_openapi() -> None:
    validate(document())


def test_the_page_of_endpoints_has_them_all() -> None:
    page = (DOCS / "reference" / "endpoints.md").read_text(encoding="utf-8")
    rows = set(re.findall(r"^\| `([A-Z]+ /[^`]*)` \|", page, re.MULTILINE))
    assert rows == {
        f"{method.upper()} {path}"
        for path, item in document()["paths"].items()
        for method in item
        if method != "parameters"
    }


@pytest.fixture
def admin() -> Any:
    settings = {"channel_token_optional": True, "admin_token": SECRET, "keyset_store": "memory://"}
    settings["access_token_jwks_uri"] = "https://idp.example/jwks"
    return JWTSignerMiddleware(lambda *_: [], settings).admin


def ask(admin: Any, method: str, path: str, body: object = None, **more: str) -> tuple[int, str, bytes]:

    data = b"" if body is None else json.dumps(body).encode()
    given: dict[str, Any] = {"wsgi.input": BytesIO(data), "CONTENT_LENGTH": str(len(data))}
    environ = {"REQUEST_METHOD": method, "PATH_INFO": f"/jwt-signer{path}", **given, **more}
    status, headers, answer = call(admin, **environ)
    return int(status[:3]), headers.get("Content-Type", ""), answer


def check(operation: dict[str, Any], status: int, media: str, body: bytes) -> None:
    """A real answer is one that the document describes."""
    described = operation["responses"][str(status)]
    if "content" not in described:
        assert body == b""
        return
    schema = described["content"][media]["schema"]
    whole = {**schema, "components": document()["components"]}
    OAS31Validator(whole).validate(json.loads(body))


CALLS = [
    ("GET", "/jwks", "/jwks", None),
    ("GET", "/jwks/{name}", "/jwks/kong", None),
    ("GET", "/jwks/{name}", "/jwks/nobody", None),
    ("POST", "/jwks/{name}/rotate", "/jwks/kong/rotate", None),
    ("POST", "/jwks/{name}/rotate", "/jwks/kong/rotate", {"foreign": 1}),
    ("POST", "/jwks/{name}/revoke", "/jwks/kong/revoke", {"kid": "nobody"}),
    ("POST", "/jwks/{name}/revoke", "/jwks/kong/revoke", {}),
    ("DELETE", "/jwks/{name}", "/jwks/kong", None),
    ("POST", "/explain", "/explain", {"path": "/orders", "offline": True}),
    ("POST", "/explain", "/explain", {"foreign": 1}),
    ("POST", "/purge", "/purge", {"everything": True}),
    ("POST", "/purge", "/purge", {"jti": "a", "subject": "b"}),
]


@pytest.mark.parametrize("method, path, place, body", CALLS)
@pytest.mark.parametrize("secret", [SECRET, "another"])
def test_answers_are_as_described(
    method: str, path: str, place: str, body: object, secret: str, admin: Any
) -> None:
    operation = document()["paths"][path][method.lower()]
    answer = ask(admin, method, place, body, HTTP_AUTHORIZATION=f"Bearer {secret}")
    check(operation, *answer)
    guarded = "security" in operation
    assert (answer[0] == 401) == (guarded and secret != SECRET)


@pytest.mark.parametrize(
    "body, good",
    [
        ({"everything": True}, True),
        ({"jti": "a"}, True),
        ({"token": "a.b.c"}, True),
        ({"jti": "a", "subject": "b"}, False),
        ({}, False),
    ],
)
def test_bodies_that_are_refused_do_not_fit_the_schema(body: object, good: bool, admin: Any) -> None:
    whole = {**document()["components"]["schemas"]["Purge"], "components": document()["components"]}
    assert OAS31Validator(whole).is_valid(body) is good
    status, _, _ = ask(admin, "POST", "/purge", body, HTTP_AUTHORIZATION=f"Bearer {SECRET}")
    assert (status == 200) is good
