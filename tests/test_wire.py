"""Base64url and JSON, read strictly (S1, S3)."""

from __future__ import annotations

import base64
import json
import math
import sys
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jwt_signer_mw.wire import (
    MAX_DEPTH,
    MAX_INTEGER_DIGITS,
    MAX_MEMBERS,
    Malformed,
    Repeated,
    decode_base64url,
    dump_json,
    encode_base64url,
    parse_document,
    parse_json,
    parse_object,
)

JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


# base64url ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text, octets",
    [
        ("", b""),
        ("Zg", b"f"),
        ("Zm8", b"fo"),
        ("Zm9v", b"foo"),
        ("Zm9vYg", b"foob"),
        ("-_-_", b"\xfb\xff\xbf"),
        ("A-z_4ME", bytes([3, 236, 255, 224, 193])),  # RFC 7515 appendix C
    ],
)
def test_base64url(text: str, octets: bytes) -> None:
    assert decode_base64url(text) == octets
    assert decode_base64url(text.encode()) == octets
    assert encode_base64url(octets) == text


@pytest.mark.parametrize(
    "text",
    [
        "Z",  # six bits are no octet
        "Zm9vY",
        "Zh",  # unused bits set: another spelling of "Zg"
        "Zm9",
        "Zg==",
        "Zm8=",
        "Zm9v=",
        "=",
        "Z=g",
        "+/+/",
        "Zm9v\n",
        " Zm9v",
        "Zm 9v",
        "Zm9v.",
        "Zm9v\x00",
        "Zméé",
        "Zm９v",  # noqa: RUF001  a full-width digit
        "\ud800AAA",
    ],
)
def test_base64url_that_has_another_reading(text: str) -> None:
    with pytest.raises(Malformed):
        decode_base64url(text)


@given(st.binary(max_size=200))
def test_base64url_round_trip(octets: bytes) -> None:
    text = encode_base64url(octets)
    assert decode_base64url(text) == octets
    assert text == base64.urlsafe_b64encode(octets).decode().rstrip("=")


@given(st.text(alphabet="AQgwBCZ-_=+/ .\n", max_size=12) | st.text(max_size=12))
def test_base64url_has_one_spelling(text: str) -> None:
    """Whatever is accepted is what our own encoder writes."""
    try:
        octets = decode_base64url(text)
    except Malformed:
        return
    assert encode_base64url(octets) == text


@given(st.binary(max_size=40))
def test_base64url_of_any_bytes(data: bytes) -> None:
    try:
        decode_base64url(data)
    except Malformed:
        return


# JSON -----------------------------------------------------------------------------------------------


@given(JSON_VALUES)
def test_json_round_trip(value: Any) -> None:
    assert parse_json(dump_json(value)) == value


@given(
    st.binary(max_size=60) | st.text(alphabet='{}[]",:\\u0dD89eE+-.1NaInfty ', max_size=40).map(str.encode)
)
def test_nothing_but_malformed(data: bytes) -> None:
    for parse in (parse_json, parse_document):
        try:
            value = parse(data)
        except Malformed:
            continue
        if parse is parse_json:
            assert dump_json(value)  # what is read can be written


@given(JSON_VALUES)
def test_the_standard_reader_agrees(value: Any) -> None:
    text = json.dumps(value, indent=1).encode()
    assert parse_json(text) == json.loads(text)


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b" ",
        b"{",
        b'{"a":1} x',
        b'{"a":1}{"a":1}',
        b'{"a":1,}',
        b"[1,]",
        b'{"a":1}// no',
        b'{"a":/**/1}',
        b"{'a':1}",
        b'{"a":01}',
        b'{"a":1.}',
        b'{"a":+1}',
        b'{"a":"\n"}',
        b'{"a":NaN}',
        b'{"a":Infinity}',
        b'{"a":-Infinity}',
        b'{"a":1e400}',
        b'{"a":-1e400}',
        b'\xef\xbb\xbf{"a":1}',
        '{"a":1}'.encode("utf-16"),
        '{"a":1}'.encode("utf-16-le"),
        b'{"a":"\xff"}',
        b'{"a":"\xed\xa0\x80"}',  # a surrogate in UTF-8
        rb'{"a":"\ud800"}',
        rb'{"a":"\uDC00x"}',
        rb'{"\uD83D":1}',
        rb'{"a":"\ud83d\ud83d\ude00"}',
        rb'{"a":"\u12"}',
        rb'{"a":"\x"}',
        b'\xa0{"a":1}',
        b"\x0b{}",
        b'{"a":1}\x00',
    ],
)
def test_not_json(text: bytes) -> None:
    with pytest.raises(Malformed):
        parse_json(text)


@pytest.mark.parametrize(
    "text, value",
    [
        (rb'{"a":"\ud83d\ude00"}', {"a": "\U0001f600"}),
        (rb'{"a":"\\ud800"}', {"a": "\\ud800"}),  # an escaped backslash, not an escaped surrogate
        (rb'{"a":"\u0000"}', {"a": "\x00"}),
        (b' \t\r\n{"a":9007199254740993}\n', {"a": 9007199254740993}),
        (b'{"a":-0.0}', {"a": -0.0}),
        (b'{"a":1E3}', {"a": 1000.0}),
        (b'{"a":1e-999}', {"a": 0.0}),
        ('{"ä":"\u2028"}'.encode(), {"ä": "\u2028"}),
        (b'{"__proto__":{},"__class__":1}', {"__proto__": {}, "__class__": 1}),
    ],
)
def test_json_is_read_as_it_is(text: bytes, value: object) -> None:
    assert parse_json(text) == value


@pytest.mark.parametrize(
    "text",
    [
        b'{"exp":1,"exp":2}',
        b'{"exp":1,"exp":1}',
        rb'{"scope":"a","s\u0063ope":"b"}',
        b'{"a":{"b":1,"b":2}}',
        b'{"a":[{"b":1,"b":2}]}',
    ],
)
def test_a_repeated_name_is_refused_at_every_level(text: bytes) -> None:
    with pytest.raises(Malformed, match="repeated"):
        parse_object(text)


def test_a_document_marks_only_the_object_that_repeats_a_name() -> None:
    document = parse_document(b'{"keys":[{"n":"1","n":"2"},{"n":"3"}]}')
    assert isinstance(document, dict)
    bad, good = document["keys"]
    assert isinstance(bad, Repeated)
    assert good == {"n": "3"}
    assert isinstance(parse_document(b'{"keys":[],"keys":[]}'), Repeated)
    with pytest.raises(Malformed):
        parse_document(rb'[{"n":"1","n":"2"},"\ud83d\ude00"]')


@pytest.mark.parametrize("text", [b"[]", b"1", b"null", b'"{}"', b"true"])
def test_an_object_is_asked_for(text: bytes) -> None:
    assert parse_json(text) != {}
    with pytest.raises(Malformed, match="object"):
        parse_object(text)


def test_depth_is_bounded() -> None:
    assert parse_json(b"[" * MAX_DEPTH + b"]" * MAX_DEPTH)
    with pytest.raises(Malformed, match="deep"):
        parse_json(b"[" * (MAX_DEPTH + 1) + b"]" * (MAX_DEPTH + 1))
    with pytest.raises(Malformed, match="deep"):
        parse_json(b'{"a":' * 100 + b"1" + b"}" * 100)
    with pytest.raises(Malformed):
        parse_json(b"[" * 1_000_000)


def test_many_brackets_are_not_depth() -> None:
    assert parse_json(b"[" + b"{},[]," * 1000 + b"0]")
    brackets = "[{" * 500 + '\\"["'
    assert parse_object(dump_json({"a": brackets, "b": [1]})) == {"a": brackets, "b": [1]}


def test_depth_costs_no_stack() -> None:
    """The bound also holds where the caller has used nearly the whole stack."""

    def deeper(frames: int) -> None:
        if frames:
            deeper(frames - 1)
        else:
            with pytest.raises(Malformed):
                parse_json(b"[" * 900 + b"]" * 900)

    deeper(sys.getrecursionlimit() // 2)


def test_integers_are_exact_and_bounded() -> None:
    longest = b"9" * MAX_INTEGER_DIGITS
    assert parse_json(longest) == 10**MAX_INTEGER_DIGITS - 1
    with pytest.raises(Malformed, match="long"):
        parse_json(longest + b"9")
    assert dump_json(2**63 - 1) == b"9223372036854775807"


def test_members_are_bounded() -> None:
    members = {f"m{number}": 1 for number in range(MAX_MEMBERS)}
    assert parse_object(dump_json(members)) == members
    for parse in (parse_json, parse_document):
        with pytest.raises(Malformed, match="members"):
            parse(dump_json(members | {"one": "more"}))


def test_a_hundred_thousand_names_are_refused_quickly() -> None:
    data = b"{" + b",".join(b'"%d":1' % number for number in range(100_000)) + b"}"
    started = time.process_time()
    with pytest.raises(Malformed):
        parse_object(data)
    assert time.process_time() - started < 0.5


@pytest.mark.parametrize(
    "value",
    [math.nan, math.inf, "\ud800", {"\ud800": 1}, {1, 2}, b"bytes", object(), {(1,): 1}],
)
def test_what_json_cannot_say(value: object) -> None:
    with pytest.raises(Malformed):
        dump_json(value)


def test_a_value_that_holds_itself() -> None:
    value: list[object] = []
    value.append(value)
    with pytest.raises(Malformed):
        dump_json(value)


def test_written_compactly_and_in_utf_8() -> None:
    assert (
        dump_json({"a": [1, 0.1, "é\U0001f600"], "b": None})
        == '{"a":[1,0.1,"é\U0001f600"],"b":null}'.encode()
    )


def test_texts_of_errors_hold_no_content() -> None:
    for data in (b'{"secret":"s3cr3t"', b'{"s3cr3t":1,"s3cr3t":1}', b"s3cr3t"):
        with pytest.raises(Malformed) as caught:
            parse_json(data)
        assert "s3cr3t" not in str(caught.value)
        assert caught.value.__cause__ is None
