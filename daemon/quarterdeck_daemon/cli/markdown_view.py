"""What is remembered, as Markdown files that people read, edit and keep in git; and back again.

A note is its text under a short YAML head; a fact is the head alone, its values under `value`. The head carries the
hash of what was exported, so that an edit, an edit on both sides and a file that merely grew old are told apart.
Pure: no disk, no daemon.
"""

from __future__ import annotations

import hashlib
import json
import re
import unicodedata

import msgspec
import yaml

from quarterdeck_protocol.codes import QuarterdeckError

from .plain import Plain, record, text

FENCE = "---"
SLUG_CHARS_MAX = 60
HEAD_BYTES_MAX = 256 * 1024
NOTE_HEAD = ("tier", "kind", "tags", "namespace", "source", "language", "at")
FACT_HEAD = ("version", "valid_from", "valid_to", "source", "tier", "namespace", "at")
DOCUMENT_HEAD = ("media_type", "source", "at", "meta", "blob")


class Sheet(msgspec.Struct, frozen=True, kw_only=True):
    """One file. entity: `memory:m1`, `fact:client/acme`, or "" for what has not been remembered yet.

    exported   hash of the content when it was written; "" for a file of the operator's own making
    content    hash of the content as it stands in the file
    """

    entity: str = ""
    head: Plain = {}
    body: str = ""
    exported: str = ""
    content: str = ""

    @property
    def edited(self) -> bool:
        return self.content != self.exported


def path_of(one: Plain) -> str:
    """Return the relative path of a record's file; stable while its title is."""
    kind, _, id = text(one, "entity").partition(":")
    if kind == "fact":
        fact_kind, _, key = id.partition("/")
        return f"facts/{slug(fact_kind)}/{_unique(slug(key), key)}.md"
    folder = "documents" if kind == "document" else "notes"
    return f"{folder}/{slug(id)}-{slug(text(one, 'title', 'text'))}".rstrip("-") + ".md"


def slug(words: str) -> str:
    """Return a file name's worth of ASCII; empty when nothing of it can be written so."""
    ascii = unicodedata.normalize("NFKD", words).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", ascii).strip("-")[:SLUG_CHARS_MAX].strip("-")


def _unique(slug: str, key: str) -> str:
    """Two keys may look alike as a file name, so one that lost something carries a mark."""
    return slug if slug == key else f"{slug}-{_hash(key)[:8]}".strip("-")


def render(one: Plain) -> str:
    """Return the file of one exported record: a memory, a fact or a document."""
    kind = text(one, "entity").partition(":")[0]
    labels = record(one.get("labels"))
    head: Plain = {"id": text(one, "entity"), "exported": content_of(one)}
    if one.get("title"):
        head["title"] = one["title"]
    names = {"fact": FACT_HEAD, "document": DOCUMENT_HEAD}.get(kind, NOTE_HEAD)
    head |= {name: one[name] for name in names if one.get(name)}
    head |= {"trust": labels.get("integrity"), "secrecy": labels.get("sensitivity")}
    if kind == "fact":
        return _with_head(head | {"value": record(one.get("value"))}, "")
    if kind == "document":
        head["read_only"] = True  # A document says what its file says; change the file.
    return _with_head(head, text(one, "text"))


def _with_head(head: Plain, body: str) -> str:
    shown = yaml.safe_dump(_yaml_safe(head), allow_unicode=True, sort_keys=False, width=10_000)
    return f"{FENCE}\n{shown}{FENCE}\n{body}\n"


def _yaml_safe(value: object) -> object:
    """Tuples and other plain shapes as YAML knows them."""
    safe: object = json.loads(json.dumps(value, default=str))
    return safe


def content_of(one: Plain) -> str:
    """Return the hash of what an operator may change: a note's text, a fact's value."""
    if text(one, "entity").startswith("fact:"):
        return _hash(json.dumps(_yaml_safe(record(one.get("value"))), sort_keys=True))
    return _hash(text(one, "text").strip("\n"))


def parse(path: str, content: str) -> Sheet:
    """Read a file. Raises QuarterdeckError `schema` naming it when its head is no map."""
    if not content.startswith(FENCE + "\n"):
        return Sheet(body=content.strip("\n"), content=_hash(content.strip("\n")))
    head_text, fence, body = content[len(FENCE) + 1 :].partition(f"\n{FENCE}\n")
    if not fence or len(head_text.encode()) > HEAD_BYTES_MAX:
        raise QuarterdeckError("schema", f"{path}: its head has no end", hint=f"Close it with a line of {FENCE}.")
    try:
        head = yaml.safe_load(head_text)
    except yaml.YAMLError as error:
        raise QuarterdeckError("schema", f"{path}: {error}", hint="Correct the head of the file.") from error
    if not isinstance(head, dict):
        raise QuarterdeckError("schema", f"{path}: its head is no map", hint="Write `name: value` lines.")
    return _sheet(path, {str(name): value for name, value in head.items()}, body.strip("\n"))


def _sheet(path: str, head: Plain, body: str) -> Sheet:
    entity = str(head.get("id") or "")
    if entity.startswith("fact:"):
        value = head.get("value")
        if not isinstance(value, dict):
            raise QuarterdeckError("schema", f"{path}: a fact needs its values", hint="Write them under `value:`.")
        content = _hash(json.dumps(_yaml_safe(value), sort_keys=True))
    else:
        content = _hash(body)
    return Sheet(entity=entity, head=head, body=body, exported=str(head.get("exported") or ""), content=content)


def _hash(content: str) -> str:
    return hashlib.blake2b(content.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
