"""What the page wants sent, read strictly: whatever it says, it goes to the playground's gateway."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple

import requests

from jwt_signer_mw.request.names import fold
from jwt_signer_mw.settings.addresses import STEERING_HEADERS
from jwt_signer_mw.wire import Malformed

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jwt_signer_mw.demo.trial import Headers

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
MAX_HEADERS = 30
MAX_HEADER = 32_000  # characters; more than the longest token that is accepted
HTTP_SECONDS = 30.0

_PATH = re.compile(r"/[A-Za-z0-9\-._~!$&'()*+,;=:@%/?]{0,1000}")
_NAME = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,100}")  # RFC 9110 section 5.1
_VALUE = re.compile(r"[\x20-\x7e]*")


class Wanted(NamedTuple):
    """A request. The host is not the page's to choose."""

    method: str
    path: str
    headers: Headers

    def __repr__(self) -> str:
        return f"<Wanted {self.method} {self.path}>"  # headers hold tokens

    @classmethod
    def read(cls, given: Mapping[str, Any], own_paths: str) -> Wanted:
        """Raises `Malformed`, with a text for the person who wrote it. `own_paths`: the gateway's own."""
        method, path, headers = given.get("method"), given.get("path"), given.get("headers")
        if method not in METHODS:
            raise Malformed(f"The method must be one of {', '.join(METHODS)}.")
        if not isinstance(path, str) or not _PATH.fullmatch(path):
            raise Malformed("The path must start with / and have no white space, # or other odd characters.")
        if path.startswith(own_paths):
            raise Malformed(f"What is under {own_paths} is answered by the gateway itself.")
        if not isinstance(headers, list) or len(headers) > MAX_HEADERS:
            raise Malformed(f"There may be {MAX_HEADERS} headers at most.")
        read = tuple(map(_read_header, headers))
        _refuse_repeated(read)
        return cls(method, path, read)

    def send(self, origin: str) -> requests.Response:
        """Over a socket, without cookies, proxies and redirects. Raises `requests.RequestException`."""
        with requests.Session() as session:
            session.trust_env = False
            session.headers.clear()
            return session.request(
                self.method,
                f"{origin}{self.path}",
                headers=dict(self.headers),
                timeout=HTTP_SECONDS,
                allow_redirects=False,
            )


def _read_header(pair: object) -> tuple[str, str]:
    if not isinstance(pair, list) or len(pair) != 2 or not all(isinstance(one, str) for one in pair):
        raise Malformed("A header is a name and a value.")
    name, value = pair[0], pair[1].strip()
    if not _NAME.fullmatch(name):
        raise Malformed("The name of a header has letters, digits and hyphens only.")
    if fold(name) in STEERING_HEADERS:
        raise Malformed(f"{name} steers the connection; it is not sent from here.")
    if len(value) > MAX_HEADER or not _VALUE.fullmatch(value):
        raise Malformed(f"The value of {name} is too long, or has characters outside ASCII.")
    return name, value


def _refuse_repeated(headers: Headers) -> None:
    names = [name.lower() for name, _ in headers]
    for name, _ in headers:
        if names.count(name.lower()) > 1:
            raise Malformed(f"{name} would be sent twice.")
