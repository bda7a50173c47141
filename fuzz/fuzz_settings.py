"""Settings: mappings of any JSON values, and texts as the environment gives them."""

from __future__ import annotations

import atheris

with atheris.instrument_imports(include=["jwt_signer_mw.settings", "jwt_signer_mw.request"]):
    from jwt_signer_mw import ConfigurationError, Settings

import json
import logging

from harness import fuzz

NAMES = sorted(Settings.load({}).flat())
logging.getLogger("jwt_signer_mw").setLevel(logging.CRITICAL)
SEEDS = [
    {"access_token_jwks_uri": "https://idp.example/jwks", "access_token_leeway": 5},
    {"access_token_scopes_required": "a b,c", "access_token_audiences_allowed": '["x"]', "add_claims": "{}"},
    {"access_token_upstream_header": "X-Up:Bearer", "exempt_paths": ["/a/*"], "consumers": [{"id": "1"}]},
    {"keyset_store": "sqlite:////tmp/x.db", "cache": "redis://h/0", "access_token_jwks_uri": "file:///x"},
]


def one(data: bytes) -> None:
    try:
        mapping = json.loads(data)
    except (ValueError, RecursionError):
        mapping = _any_options(data)
    if isinstance(mapping, dict):
        _load(mapping, {})
        texts = {f"JWT_SIGNER_{str(name).upper()}": str(value) for name, value in mapping.items()}
        _load({}, texts)


def _any_options(data: bytes) -> dict[str, object]:
    """Options by number, each with what follows as text."""
    parts = data.decode("utf-8", "replace").split("\n")
    return {NAMES[ord(part[0]) % len(NAMES)]: part[1:] for part in parts if part}


def _load(mapping: dict[str, object], environ: dict[str, str]) -> None:
    try:
        settings = Settings.load(mapping, environ=environ)
    except ConfigurationError as error:
        assert error.problems
        return
    assert Settings.load(settings.flat()).flat() == settings.flat(), "what is shown can be loaded"


if __name__ == "__main__":
    fuzz(one, [json.dumps(seed).encode() for seed in SEEDS])
