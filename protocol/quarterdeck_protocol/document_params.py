"""What the methods of documents take."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from .params import Name, Params, Read

UPLOAD_BYTES_MAX = 32 * 1024 * 1024  # Of one document.
PIECE_BYTES_MAX = 900_000  # Of one piece: a request is at most 1 MiB.
STATES_MAX = 500
STATE_WAIT_MS_MAX = 60_000


class DocumentUpload(Params, frozen=True, kw_only=True):
    """A piece of a document that is too large for one request; then `memory.remember {upload: hash}`.

    hash: BLAKE2b-256 of the whole, in hex.  size_bytes: of the whole.  offset: where this piece begins; pieces come
    in order, and a piece that is there already is passed over.
    """

    hash: Annotated[str, Meta(pattern=r"^[0-9a-f]{64}$")]
    size_bytes: Annotated[int, Meta(ge=1, le=UPLOAD_BYTES_MAX)]
    offset: Annotated[int, Meta(ge=0, le=UPLOAD_BYTES_MAX)]
    data: Annotated[bytes, Meta(min_length=1, max_length=PIECE_BYTES_MAX)]


class DocumentStatus(Read, frozen=True, kw_only=True):
    """wait_ms: answer as soon as all of them have been read, or after so long. With `as_of`: as they stood then."""

    ids: Annotated[tuple[Name, ...], Meta(max_length=STATES_MAX)]
    wait_ms: Annotated[int, Meta(ge=0, le=STATE_WAIT_MS_MAX)] = 0
