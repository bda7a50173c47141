"""What is written on the request that goes on: new tokens, original tokens, the consumer."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import quote

from jwt_signer_mw.errors import ConsumerClaimUnusable
from jwt_signer_mw.request.names import CONSUMER_HEADERS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from jwt_signer_mw.messages import Consumer

_UNWRITABLE = re.compile(r"[\x00-\x1f\x7f]|\A\s|\s\Z")
_SAFE = "".join(map(chr, range(0x20, 0x7F))).replace("%", "")
MAX_VALUE = 1024  # characters of one consumer header


class Output(NamedTuple):
    """One of the four output headers: `Authorization:Bearer` writes a scheme, a plain name the token."""

    name: str
    prefix: str

    @classmethod
    def of(cls, header: str) -> Output:
        name, colon, scheme = header.partition(":")
        return cls(name, f"{scheme[:1].upper()}{scheme[1:]} " if colon else "")

    def value(self, token: str) -> str:
        return self.prefix + token


def consumer_headers(consumer: Consumer) -> Iterator[tuple[str, str]]:
    """The headers of a mapped consumer; what it does not have is not written."""
    for name, value in zip(CONSUMER_HEADERS, consumer, strict=True):
        if value is not None:
            yield name, encode_value(value)


def encode_value(value: str) -> str:
    """A header value of visible ASCII; everything else, and `%` itself, is percent-encoded UTF-8.

    Raises `ConsumerClaimUnusable` for control characters, outer white space and over-long values.
    """
    if len(value) > MAX_VALUE or _UNWRITABLE.search(value):
        raise ConsumerClaimUnusable("a consumer field that can't be written in a header")
    try:
        return quote(value, safe=_SAFE)
    except UnicodeEncodeError:
        raise ConsumerClaimUnusable("a consumer field that is no text") from None
