"""What the methods of documents give."""

from __future__ import annotations

from .results import Shape


class Uploaded(Shape, frozen=True, kw_only=True):
    """received_bytes: so many lie there, in order. complete: all of them, and the hash is right."""

    received_bytes: int
    complete: bool


class DocumentState(Shape, frozen=True, kw_only=True):
    """status: received (still being read), parsed or unreadable; then error and reason (one word) say why."""

    id: str
    status: str
    title: str = ""
    error: str = ""
    reason: str = ""
    media_type: str = ""
    chunks: int = 0
    supersedes: str = ""
    superseded_by: str = ""
    withdrawn: bool = False
    same_text_as: str = ""
    warnings: list[str] = []


class DocumentStates(Shape, frozen=True, kw_only=True):
    """In the order of the ids; unknown ones are left out."""

    items: list[DocumentState]
