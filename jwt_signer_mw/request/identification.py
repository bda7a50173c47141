"""The id of a request, as a proxy in front gave it: text of a client, until proven harmless."""

from __future__ import annotations

import re
from typing import Final

from jwt_signer_mw.request.names import fold

MAX_ID: Final = 128  # characters
_ID = re.compile(rf"[A-Za-z0-9._~:/+=@-]{{1,{MAX_ID}}}")
_TRACEPARENT = re.compile(r"[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}(-.*)?")  # W3C Trace Context


class RequestIds:
    """Reads ids from the header that `request_id_header` names; of `traceparent`, the trace's."""

    def __init__(self, header: str) -> None:
        self.header = header
        self._is_trace = fold(header) == "traceparent"

    def read(self, value: str | None) -> str:
        """Empty for an id that is absent, too long, or has other characters than ids need."""
        if value is None:
            return ""
        if self._is_trace:
            found = _TRACEPARENT.fullmatch(value)
            return found[1] if found and len(value) <= MAX_ID else ""
        return value if _ID.fullmatch(value) else ""
