"""What is wrong with a URL, a header or a path that settings name: a text, or "" if nothing is."""

from __future__ import annotations

import re
from ipaddress import ip_address
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from jwt_signer_mw.request.exempt import ExemptPaths
from jwt_signer_mw.request.names import ManagedNames, fold
from jwt_signer_mw.settings.vault_addresses import Service, is_vault, read_address
from jwt_signer_mw.wire import Malformed

if TYPE_CHECKING:
    from collections.abc import Collection

HTTP = ("http", "https")
KEYSET_SCHEMES = (*HTTP, "file")
MAX_KEYSET_NAME = 200  # characters; a name is a key of every store

# Names that steer a connection or a body, folded. A token there would break the request itself.
STEERING_HEADERS = frozenset(
    {
        *("connection", "content-encoding", "content-length", "content-type", "expect", "host"),
        *("keep-alive", "proxy-authenticate", "proxy-connection", "te", "trailer", "transfer-encoding"),
        *("upgrade", "cookie"),
    }
)

_TOKEN = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"  # noqa: S105  RFC 9110 section 5.6.2
_INPUT = re.compile(rf"{_TOKEN}|authorization:(bearer|basic)", re.IGNORECASE)
_OUTPUT = re.compile(rf"{_TOKEN}(:{_TOKEN})?")
_URL = re.compile(r"[!#-;=?-\[\]_a-z~]+")  # RFC 3986 section 2
_DOTTED = re.compile(r"[^\W\d]\w*([.:][^\W\d]\w*)+")
_CONSUMERS = ManagedNames(())  # the headers of a mapped consumer, which every request has removed


def fault_of_url(url: str, schemes: Collection[str]) -> str:
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return "is not a URL."
    if parts.scheme not in schemes:
        return f"must be a URL that starts with {' or '.join(f'{scheme}:' for scheme in schemes)}//."
    if not _URL.fullmatch(url):
        return "has characters that must be percent-encoded."
    if "@" in parts.netloc:
        return "has a user name or a password in it."
    if "#" in url:
        return "has a fragment."
    if parts.scheme == "file":
        return _fault_of_file(parts.netloc, unquote(parts.path), parts.query)
    return "" if host else "names no host."


def _fault_of_file(host: str, path: str, query: str) -> str:
    if host not in {"", "localhost"} or query:
        return "must name a file of this machine, as in file:///path/to/keys.json."
    return "" if path.strip("/") and not path.endswith("/") and "\0" not in path else "names no file."


def is_url(keyset: str) -> bool:
    """Whether this value of `{token}_keyset` is meant as a URL; anything else is a name."""
    return "://" in keyset or keyset.lower().startswith(("http:", "https:", "file:")) or is_vault(keyset)


def fault_of_keyset(keyset: str) -> str:
    if is_vault(keyset):
        return fault_of_vault(keyset)
    if is_url(keyset):
        return fault_of_url(keyset, KEYSET_SCHEMES)
    if len(keyset) > MAX_KEYSET_NAME:
        return f"is a name of more than {MAX_KEYSET_NAME} characters."
    if keyset in {".", ".."} or keyset.startswith("/") or keyset.endswith(("/", "/rotate")):
        return "is a name that the key set endpoints can't be asked for."
    return ""


def fault_of_vault(url: str) -> str:
    """For the URL of keys that sign where they are, see `jwt_signer_mw.vaults`."""
    try:
        address = read_address(url)
    except Malformed as fault:
        return str(fault)
    endpoint = address.endpoint if isinstance(address, Service) else None
    return "" if endpoint is None else fault_of_url(endpoint, HTTP)


def is_plain_http(url: str | None) -> bool:
    """Whether this is an `http://` URL that leaves the machine."""
    if url is None or not url.lower().startswith("http://"):
        return False
    host = urlsplit(url).hostname or ""
    if host == "localhost" or host.endswith(".localhost"):
        return False
    try:
        return not ip_address(host).is_loopback
    except ValueError:
        return True


def fault_of_issuer(issuer: str) -> str:
    """For an issuer whose metadata are read (RFC 8414 section 2); http is for providers of this machine."""
    if fault := fault_of_url(issuer, HTTP):
        return fault
    if "?" in issuer:
        return "has a query."
    return "must start with https://, since its metadata say whom to trust." if is_plain_http(issuer) else ""


def fault_of_input(header: str) -> str:
    if not _INPUT.fullmatch(header):
        return "must be a header name, authorization:bearer or authorization:basic."
    return _fault_of_name(header.partition(":")[0])


def fault_of_output(header: str) -> str:
    if not _OUTPUT.fullmatch(header):
        return "must be a header name, or a name and a type as in Authorization:Bearer."
    name = header.partition(":")[0]
    return "is a header of the mapped consumer." if name in _CONSUMERS else _fault_of_name(name)


def _fault_of_name(name: str) -> str:
    return (
        "is a header that steers the request; it can't carry a token."
        if fold(name) in STEERING_HEADERS
        else ""
    )


def fault_of_path(path: str) -> str:
    """For a path that the suite compares or serves: one that no server reads in another way."""
    if path not in ExemptPaths((path,)) or "?" in path or "*" in path:
        return "must start with / and have no //, dot segment, backslash or any of ;#?%* in it."
    return ""


def fault_of_exemption(pattern: str) -> str:
    if pattern == "/*":
        return "would let every request through unchecked."
    return fault_of_path(pattern.removesuffix("*") if pattern.endswith("/*") else pattern)


def is_dotted(text: str) -> bool:
    """Whether it can be the path of an object: `package.module.name`, or with a colon before the name."""
    return _DOTTED.fullmatch(text) is not None


def fault_of_service(service: object, schemes: Collection[str]) -> str:
    """For the URL of a store or cache; a dotted path and an object are somebody else's to judge."""
    if not isinstance(service, str) or _DOTTED.fullmatch(service):
        return ""
    scheme, separator, rest = service.partition("://")
    if not separator or scheme.partition("+")[0].lower() not in schemes:
        return f"must start with {', '.join(f'{scheme}://' for scheme in schemes)}."
    return "names no alias." if scheme == "django" and not rest else ""
