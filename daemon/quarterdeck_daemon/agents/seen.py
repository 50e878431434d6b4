"""What a step saw, read once into typed values: the mail, the facts, the operator."""

from __future__ import annotations

from typing import TypeVar

import msgspec

from quarterdeck_daemon.core.entities import Plain
from quarterdeck_daemon.core.orders import RunStep

from .contract import AgentFailure, plain_map

T = TypeVar("T")
TEXT_CHARS_MAX = 60_000  # Of a mail that the rules look at.


class Meta(msgspec.Struct, frozen=True, kw_only=True):
    """The metadata of a mail, as the parser documents them."""

    message_id: str = ""
    from_name: str = ""
    from_address: str = ""
    reply_to: str = ""
    to: list[str] = []
    cc: list[str] = []
    subject: str = ""
    date: str = ""
    in_reply_to: str = ""
    references: list[str] = []
    auto: str = ""
    language: str = ""
    attachments: list[str] = []
    media_types: list[str] = []
    reply_text: str = ""
    signature: str = ""
    form: list[str] = []
    warnings: list[str] = []


class Mail(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    title: str = ""
    text: str = ""
    meta: Meta = Meta()

    @property
    def source(self) -> str:
        return f"document:{self.id}"

    @property
    def form(self) -> dict[str, str]:
        """Fields of the own contact form, when it relayed this mail; else empty."""
        pairs = (line.partition(": ") for line in self.meta.form)
        return {name: value for name, _, value in pairs}

    @property
    def newest(self) -> str:
        """What its writer says now: the form's message, or the mail without history and signature."""
        return (self.form.get("message") or self.meta.reply_text or self.text)[:TEXT_CHARS_MAX]

    def locate(self, quote: str, near: int = 0) -> tuple[int, int] | None:
        """Where the quote stands in the text, at or after `near` if possible."""
        at = self.text.find(quote, near)
        at = at if at >= 0 else self.text.find(quote)
        return (at, at + len(quote)) if quote and at >= 0 else None

    @property
    def newest_at(self) -> int:
        return max(0, self.text.find(self.newest))


class Fact(msgspec.Struct, frozen=True, kw_only=True):
    """`id` is `kind/key`."""

    id: str
    key: str
    value: Plain = {}

    @property
    def kind(self) -> str:
        return self.id.partition("/")[0]

    @property
    def source(self) -> str:
        return f"fact:{self.id}"

    def text(self, name: str) -> str:
        value = self.value.get(name)
        return value if isinstance(value, str) else ""

    def words(self, name: str) -> list[str]:
        value = self.value.get(name)
        return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []


def mail_of(step: RunStep) -> Mail:
    """The mail that the step read as `mail`. Raises AgentFailure `missing_read` or `bad_read`."""
    value = step.context.get("mail")
    if value is None:
        raise AgentFailure(
            "contract",
            "missing_read",
            f"{step.agent} needs a mail and found none",
            'Give the step `reads: {mail: {document: "${inputs.document}"}}` and a document that exists.',
        )
    return typed(value, Mail, "context.mail")


def typed(value: object, wanted: type[T], where: str) -> T:
    try:
        return msgspec.convert(value, wanted)
    except msgspec.ValidationError as error:
        raise AgentFailure("contract", "bad_read", f"{where}: {error}") from error


def facts_of(step: RunStep) -> dict[str, list[Fact]]:
    """All facts that any read of the step found, by kind. It does not matter how the reads are called."""
    found: dict[str, dict[str, Fact]] = {}
    for value in step.context.values():
        for item in value if isinstance(value, list) else [value]:
            plain = plain_map(item)
            if "/" in str(plain.get("id", "")) and "key" in plain and "value" in plain:
                fact = typed(plain, Fact, "a fact in the context")
                found.setdefault(fact.kind, {})[fact.id] = fact
    return {kind: list(facts.values()) for kind, facts in found.items()}


class Piece(msgspec.Struct, frozen=True, kw_only=True):
    """One text of an assembled context. part: recalled, lessons, core … ; id: `memory:m1`."""

    part: str
    id: str
    text: str
    title: str = ""
    source: str = ""
    score: float = 0.0


def pieces_of(step: RunStep, *parts: str) -> list[Piece]:
    """The texts of these parts in the contexts that the step was given, in their order."""
    found: list[Piece] = []
    for name, value in step.context.items():
        pieces = plain_map(value).get("pieces")
        for piece in pieces if isinstance(pieces, list) else []:
            one = typed(piece, Piece, f"context.{name}")
            if one.part in parts:
                found.append(one)
    return found


def is_context(value: object) -> bool:
    """Whether a read gave an assembled context."""
    return isinstance(plain_map(value).get("pieces"), list)


def input_map(step: RunStep, name: str) -> Plain:
    """A map among the inputs, e.g. the output of an earlier step; empty without one."""
    return plain_map(step.input.get(name))
