"""Whatever is given either loads or is a `ConfigurationError`, and what loads comes back."""

from __future__ import annotations

import math
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from jwt_signer_mw import ConfigurationError, Settings
from jwt_signer_mw.settings import load_file, parse_form
from jwt_signer_mw.settings.loading import OPTIONS, variable_name

LEAVES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.binary(max_size=5)
    | st.sampled_from(
        [
            *("", "null", "RS256", "kong", "https://a.example/x", "file:///k", "a,b", "[", '[["a"]]'),
            *(
                "{vault://env/X}",
                "{file:///nowhere}",
                "Authorization:Bearer",
                "username",
                "/a/*",
                '{"a":"b"}',
            ),
        ]
    )
)
VALUES = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5) | st.integers(), inner, max_size=4)
    ),
    max_leaves=8,
)
NAMES = st.sampled_from(sorted(OPTIONS))
MAPPINGS = st.dictionaries(NAMES | st.text(max_size=5), VALUES, max_size=6)


def load(mapping: Any, environ: dict[str, str] | None = None) -> Settings | None:
    try:
        return Settings.load(mapping, environ or {})
    except ConfigurationError:
        return None


@settings(max_examples=150, deadline=None)
@given(MAPPINGS)
def test_any_mapping(mapping: dict[str, object]) -> None:
    loaded = load(mapping)
    if loaded is not None:
        assert Settings.load(loaded.flat()) == loaded


@settings(max_examples=150, deadline=None)
@given(NAMES, VALUES)
def test_any_value_of_any_option(name: str, value: object) -> None:
    loaded = load({name: value})
    if loaded is not None:
        held = loaded.flat()[name]
        assert not (isinstance(held, float) and not math.isfinite(held))
        assert Settings.load({name: held}) == loaded


@settings(max_examples=150, deadline=None)
@given(st.dictionaries(NAMES, st.text() | LEAVES.filter(lambda leaf: isinstance(leaf, str)), max_size=5))
def test_any_text_in_the_environment_and_in_a_form(texts: dict[str, Any]) -> None:
    from_environment = load({}, {variable_name(name): text for name, text in texts.items()})
    assert from_environment == load(parse_form(texts))


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=200) | st.text().map(str.encode), st.sampled_from(["toml", "json", "yaml"]))
def test_any_bytes_in_a_file(tmp_path_factory: Any, content: bytes, ending: str) -> None:
    file = tmp_path_factory.getbasetemp() / f"settings.{ending}"
    file.write_bytes(content)
    try:
        loaded = load_file(file)
    except ConfigurationError:
        return
    assert isinstance(loaded, dict)
