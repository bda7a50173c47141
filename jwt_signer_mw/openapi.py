"""The endpoints beside a middleware, `middleware.admin`, as an OpenAPI 3.1 document.

`python -m jwt_signer_mw.openapi > docs/reference/openapi.json` brings the one of the docs up to date.
"""

from __future__ import annotations

import json
import sys
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, get_args

from jwt_signer_mw.explain.explanation import Mark, Outcome, Stage
from jwt_signer_mw.flows.purge import Purge
from jwt_signer_mw.request.endpoints import KEY_SET, MAX_BODY, METHODS, PLAIN

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jwt_signer_mw.request.endpoints import Action

TEXT: dict[str, Any] = {"type": "string"}
INTEGER: dict[str, Any] = {"type": "integer"}
NUMBER: dict[str, Any] = {"type": "number"}
BOOLEAN: dict[str, Any] = {"type": "boolean"}
ADMIN = "admin_token"

PATHS: Mapping[Action, str] = {
    "list": "/jwks",
    "one": "/jwks/{name}",
    "rotate": "/jwks/{name}/rotate",
    "revoke": "/jwks/{name}/revoke",
}
NAME = {
    "name": "name",
    "in": "path",
    "required": True,
    "schema": TEXT,
    "description": "Name or id of a key set that the settings name. A URL is percent-encoded.",
}
FAILURES = {
    400: f"The body is not what is asked for, or longer than {MAX_BODY:,} bytes.",
    401: "`Authorization: Bearer <admin_token>` is missing or wrong.",
    403: "A browser sent it for another site.",
    404: "No such set or key, or the settings have no `admin_token`.",
    429: "The set rotated ten times in a row; after that once a second.",
    500: "The stored keys can't be read: damaged, or encrypted with a key that is not configured.",
    503: "The key set store or the provider does not answer.",
}


def document() -> dict[str, Any]:
    """The whole document."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "jwt-signer-mw: the endpoints beside the middleware",
            "version": version("jwt-signer-mw"),
            "description": f"The public keys are for everybody, all else is for who has `{ADMIN}`.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/jwt-signer", "description": "`admin_path`, or where you mount it."}],
        "paths": {path: _path(action) for action, path in PATHS.items()}
        | {"/explain": {"post": EXPLAIN}, "/purge": {"post": PURGE}},
        "components": {
            "schemas": SCHEMAS,
            "securitySchemes": {ADMIN: {"type": "http", "scheme": "bearer"}},
        },
    }


def _path(action: Action) -> dict[str, Any]:
    parameters = {} if action == "list" else {"parameters": [NAME]}
    methods = [method.lower() for method in METHODS[action] if method != "HEAD"]  # as GET, without a body
    return parameters | {method: OPERATIONS[action, method] for method in methods}


def _operation(
    name: str,
    summary: str,
    answers: Mapping[int, Any],
    failures: tuple[int, ...] = (),
    body: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """One that is guarded; `failures` beside those that every guarded one has."""
    codes = sorted({401, 403, 404, *failures})
    responses = {**answers, **{code: _failure(FAILURES[code]) for code in codes}}
    asked = {} if body is None else {"requestBody": body}
    return {
        "operationId": name,
        "summary": summary,
        "security": [{ADMIN: []}],
        **asked,
        "responses": {str(code): response for code, response in sorted(responses.items())},
    }


def _answer(description: str, schema: str, media: str = PLAIN) -> dict[str, Any]:
    return {"description": description, "content": {media: {"schema": _named(schema)}}}


def _failure(description: str) -> dict[str, Any]:
    return _answer(description, "Failure")


def _body(schema: Mapping[str, Any], *, required: bool = True) -> dict[str, Any]:
    return {"required": required, "content": {PLAIN: {"schema": dict(schema)}}}


def _object(*optional: str, closed: bool = False, **properties: Any) -> dict[str, Any]:
    required = [name for name in properties if name not in optional]
    shape = {"type": "object", "properties": properties, "required": required}
    return shape | ({"additionalProperties": False} if closed else {})


def _list(of: Mapping[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": dict(of)}


def _named(name: str) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{name}"}


_MILLISECONDS = INTEGER | {"description": "milliseconds since the epoch"}
_KEYS = _list(_named("Key"))

SCHEMAS: dict[str, Any] = {
    "Key": _object("kid", "alg", kty=TEXT, kid=TEXT, alg=TEXT)
    | {"description": "A public key (RFC 7517). Private halves and HMAC keys are never shown."},
    "KeySet": _object(keys=_KEYS, previous=_KEYS)
    | {"description": "`keys` are all generations, what signs first; `previous` repeats the previous ones."},
    "Listed": _object(
        id=TEXT, name=TEXT, keys=_KEYS, previous=_KEYS, created_at=_MILLISECONDS, updated_at=_MILLISECONDS
    ),
    "List": _object(data=_list(_named("Listed")), total=INTEGER),
    "Failure": _object(message=TEXT),
    "Question": _object(
        *("headers", "method", "path", "host", "at", "offline"),
        closed=True,
        headers={"anyOf": [{"type": "object", "additionalProperties": TEXT}, _list(_list(TEXT))]},
        method=TEXT,
        path=TEXT,
        host=TEXT,
        at=NUMBER | {"description": "Judged at this time, in seconds since the epoch."},
        offline=BOOLEAN | {"description": "Nothing is fetched."},
    ),
    "Step": _object(
        *("token", "option", "milliseconds"),
        stage=TEXT | {"enum": [*get_args(Stage)]},
        mark=TEXT | {"enum": [*get_args(Mark)]},
        text=TEXT,
        token=TEXT,
        option=TEXT,
        milliseconds=NUMBER,
    ),
    "Explanation": _object(
        outcome=TEXT | {"enum": [*get_args(Outcome)]},
        status=INTEGER | {"description": "What the client would get; 0 where the application answers."},
        reason=TEXT,
        option=TEXT,
        detail=TEXT,
        suggestion=TEXT,
        steps=_list(_named("Step")),
        written=_list(TEXT),
        removed=_list(TEXT),
    ),
    "Purge": {
        "oneOf": [
            _object(closed=True, **{name: {"const": True} if name == "everything" else TEXT})
            for name in Purge._fields
        ]
    },
    "Purged": _object(
        verdicts=INTEGER,
        answers={
            "type": ["integer", "null"],
            "description": "Of introspection; null: the cache can't be searched.",
        },
    ),
}

_CREDENTIALS = _object(
    *("client_username", "client_password", "client_certificate"),
    closed=True,
    client_username=TEXT,
    client_password=TEXT,
    client_certificate=_object(closed=True, id=TEXT | {"description": "a name in `certificates`"}),
)
_KEY_SET = _answer("The key set as it is now.", "KeySet", KEY_SET)

OPERATIONS: dict[tuple[Action, str], dict[str, Any]] = {
    ("list", "get"): _operation(
        "listKeySets",
        "List all key sets that the settings name",
        {200: _answer("All of them.", "List")},
        (503,),
    ),
    ("one", "get"): {
        "operationId": "showKeySet",
        "summary": "Show the public keys of a set; for everybody",
        "parameters": [{"name": "If-None-Match", "in": "header", "schema": TEXT}],
        "responses": {
            "200": _KEY_SET | {"headers": {name: {"schema": TEXT} for name in ("Cache-Control", "ETag")}},
            "304": {"description": "The copy that the client has is current."},
            **{str(code): _failure(FAILURES[code]) for code in (404, 500, 503)},
        },
    },
    ("one", "delete"): _operation(
        "deleteKeySet",
        "Forget all keys of a set; the next request that needs it makes new ones",
        {204: {"description": "It is gone."}},
        (500, 503),
    ),
    ("rotate", "post"): _operation(
        "rotateKeySet",
        "Rotate a set of ours, or fetch one that is at a URL",
        {200: _KEY_SET},
        (400, 429, 500, 503),
        _body(_CREDENTIALS, required=False),
    ),
    ("revoke", "post"): _operation(
        "revokeKey",
        "Drop one key of a set at once: one that leaked",
        {200: _KEY_SET},
        (400, 500, 503),
        _body(_object(closed=True, kid=TEXT)),
    ),
}
EXPLAIN = _operation(
    "explain",
    "Say step by step what becomes of a request",
    {200: _answer("The decision and the way to it.", "Explanation")},
    (400,),
    _body(_named("Question")),
)
PURGE = _operation(
    "purge",
    "Forget what was decided about a token, a subject, or all of them",
    {200: _answer("How much was forgotten.", "Purged")},
    (400, 503),
    _body(_named("Purge")),
)


if __name__ == "__main__":
    sys.stdout.write(json.dumps(document(), indent=2) + "\n")
