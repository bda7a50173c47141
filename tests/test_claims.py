"""Reading claims by path, their types, and the edits of new claims."""

from __future__ import annotations

from typing import Any

import pytest

from jwt_signer_mw.errors import ClaimMalformed
from jwt_signer_mw.tokens.claims import (
    ClaimEdits,
    decode_values,
    is_date,
    read_claim,
    read_date,
    require_registered_types,
)

CLAIMS: dict[str, Any] = {
    "sub": "alice",
    "none": None,
    "realm_access": {"roles": ["a"], "none": None},
    "list": [{"x": 1}],
    "zero": 0,
    "empty": "",
    "no": False,
}


@pytest.mark.parametrize(
    "path, value",
    [
        (("sub",), "alice"),
        (("realm_access", "roles"), ["a"]),
        (("absent",), None),
        (("none",), None),
        (("none", "deeper"), None),
        (("realm_access", "none"), None),
        (("sub", "length"), None),
        (("list", "0", "x"), None),
        (("zero",), 0),
        (("empty",), ""),
        (("no",), False),
    ],
)
def test_read_claim(path: tuple[str, ...], value: object) -> None:
    """S16: wrong types on the way are absence, never a crash; falsy values are present."""
    assert read_claim(CLAIMS, path) == value


@pytest.mark.parametrize("value", [0, 1, 1.5, -1, 253_402_300_799])
def test_dates(value: float) -> None:
    assert is_date(value)
    assert read_date({"exp": value}, ("exp",)) == value


@pytest.mark.parametrize(
    "value",
    [True, "1", [], {}, float("inf"), float("-inf"), float("nan"), 2.001e206, 253_402_300_800, 10**400],
)
def test_what_is_no_date(value: object) -> None:
    """S12: a JSON number, no bool, finite, in a sane range."""
    assert not is_date(value)
    with pytest.raises(ClaimMalformed):
        read_date({"exp": value}, ("exp",))


@pytest.mark.parametrize("name", ["exp", "nbf", "iat"])
def test_registered_dates(name: str) -> None:
    require_registered_types({name: None})
    with pytest.raises(ClaimMalformed):
        require_registered_types({name: "soon"})


@pytest.mark.parametrize("name", ["iss", "sub", "jti"])
@pytest.mark.parametrize("value", [1, True, [], {}])
def test_registered_texts(name: str, value: object) -> None:
    """S13"""
    require_registered_types({name: "x"})
    require_registered_types({name: None})
    with pytest.raises(ClaimMalformed):
        require_registered_types({name: value})


def test_configured_values_are_decoded_where_they_are_json() -> None:
    values = decode_values(
        [
            ("n", "123"),
            ("b", "true"),
            ("t", '"123"'),
            ("x", "plain"),
            ("l", '["a", 1]'),
            ("nan", "NaN"),
            ("e", ""),
        ]
    )
    assert dict(values) == {
        "n": 123,
        "b": True,
        "t": "123",
        "x": "plain",
        "l": ["a", 1],
        "nan": "NaN",
        "e": "",
    }


def test_edits_add_then_set_then_remove() -> None:
    edits = ClaimEdits(
        add=(("a", 1), ("kept", "new"), ("null", "filled")),
        set=(("s", 2), ("gone", 3)),
        remove=("gone", "absent"),
    )
    claims: dict[str, Any] = {"kept": "old", "s": 0, "null": None}
    edits.apply(claims)
    assert claims == {"kept": "old", "null": "filled", "a": 1, "s": 2}
