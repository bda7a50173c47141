"""What revoking a key breaks, in words for whoever is about to do it. Pure."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from jwt_signer_mw.keysets.lifecycle import cache_life

if TYPE_CHECKING:
    from collections.abc import Iterator

    from jwt_signer_mw.keysets.keyset import Generation, StoredKey, StoredSet


def consequences(stored: StoredSet, kid: str, now: float) -> Iterator[str]:
    """Sentences about the set as it is before that. Raises `LookupError` for an unknown kid."""
    key = stored.find(kid)
    if key.signing_since is None or key.signing_since > now:
        yield f"It is the {key.generation} key for {key.alg} and has signed nothing, so no token breaks."
    elif stored.signing_key(key.alg, now) is key:
        yield f"It signs with {key.alg} at this moment: every token that it signed is refused from now on."
        yield from _succession(stored, key, now)
    else:
        yield from _end(stored, key, now)
    life = cache_life(stored, now)
    if life:
        yield f"Who holds a copy of the public keys accepts it for up to {life} seconds more."


def _succession(stored: StoredSet, key: StoredKey, now: float) -> Iterator[str]:
    following: Generation = "current" if key.generation == "previous" else "next"
    successor = next((one for one in stored.generation(following) if one.alg == key.alg), None)
    if successor is None:
        return
    yield f"{successor.kid} signs in its place."
    if successor.ready_at > now:
        wait = round(successor.ready_at - now)
        yield f"Who holds an older copy of the public keys may refuse that one for up to {wait} seconds."


def _end(stored: StoredSet, key: StoredKey, now: float) -> Iterator[str]:
    needed_until = stored.needed_until(key) or now
    if needed_until > now:
        yield f"It signs no more. Its tokens, good until {moment(needed_until)}, are refused from now on."
    else:
        yield "It signs no more, and as far as is known all its tokens have expired."


def moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%SZ")
