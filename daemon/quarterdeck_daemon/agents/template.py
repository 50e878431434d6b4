"""A template of the operator's: TOML front matter between `+++` lines, then Jinja2."""

from __future__ import annotations

import hashlib
import tomllib

import msgspec

from quarterdeck_daemon.core.entities import Plain

from .contract import AgentFailure, plain_map
from .seen import typed

TEMPLATE_CHARS_MAX = 64_000
FENCE = "+++"


class Source(msgspec.Struct, frozen=True, kw_only=True):
    """What the read gave. `variants`: the same template in other languages, by language code."""

    text: str
    id: str = ""
    name: str = ""
    hash: str = ""
    variants: dict[str, object] = {}


class Template(msgspec.Struct, frozen=True, kw_only=True):
    """subject and body are Jinja2; language is "" when neither front matter nor name tells it."""

    id: str
    name: str
    hash: str
    language: str
    subject: str
    body: str

    def plain(self) -> Plain:
        return {"id": self.id, "name": self.name, "hash": self.hash}


def template_for(value: object, language: str) -> Template:
    """The variant in that language, else the base. Raises AgentFailure for no template or bad front matter."""
    if value is None:
        hint = "Put it into templates/ and name it in the step's `reads: {template: {template: …}}`."
        raise AgentFailure("contract", "missing_read", "the composer needs a template and found none", hint)
    base = typed(value, Source, "context.template")
    variant = base.variants.get(language)
    if variant is None:
        return _split(base, "")
    return _split(typed(_as_map(variant, base), Source, f"context.template.variants.{language}"), language)


def _as_map(variant: object, base: Source) -> Plain:
    return {"text": variant, "id": base.id, "name": base.name} if isinstance(variant, str) else plain_map(variant)


def _split(source: Source, language: str) -> Template:
    if len(source.text) > TEMPLATE_CHARS_MAX:
        raise AgentFailure("contract", "template_too_long", f"{source.name}: over {TEMPLATE_CHARS_MAX} characters")
    head, body = _parts(source)
    try:
        front = tomllib.loads(head)
    except tomllib.TOMLDecodeError as error:
        raise AgentFailure("contract", "template_front_matter", f"{source.name}: {error}") from error
    return Template(
        id=source.id or f"asset:template/{source.name}",
        name=source.name,
        hash=source.hash or hashlib.blake2b(source.text.encode(), digest_size=16).hexdigest(),
        language=language or str(front.get("language", "")),
        subject=str(front.get("subject", "")),
        body=body,
    )


def _parts(source: Source) -> tuple[str, str]:
    text = source.text.lstrip("\ufeff\n\r ")
    if not text.startswith(FENCE):
        return "", source.text
    head, fence, body = text.removeprefix(FENCE).partition(f"\n{FENCE}")
    if not fence:
        hint = "Close the front matter with a line of +++."
        raise AgentFailure("contract", "template_front_matter", f"{source.name}: no closing +++", hint)
    return head, body.partition("\n")[2]
