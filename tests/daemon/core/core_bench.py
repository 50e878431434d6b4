"""A kernel on a bench: the pure core over the in-memory store, with a clock that the test turns."""

from __future__ import annotations

from collections.abc import Sequence

from quarterdeck_daemon.core.commands import AssetFile, Command, LoadAssets, Needs, ReceiveDocument, Wake
from quarterdeck_daemon.core.entities import Entity, Plain
from quarterdeck_daemon.core.hashing import text_hash
from quarterdeck_daemon.core.kernel import Decision, all_needs, decide, fold
from quarterdeck_daemon.core.table import Draft
from quarterdeck_daemon.core.turn import Env
from quarterdeck_daemon.store.cache import READ_SOON
from quarterdeck_daemon.store.codec import pack_entity, unpack_entity
from quarterdeck_daemon.store.in_memory import InMemoryStore
from quarterdeck_protocol.labels import EXTERNAL

PLAYBOOK = """
name: lead
on:
  - event: mail.received
    when: 'doc.meta.auto == ""'
inputs:
  document: {type: string, required: true}
steps:
  - id: extract
    agent: extractor
    reads:
      mail: {document: "${inputs.document}"}
  - id: draft
    needs: [extract]
    when: "steps.extract.output.lead"
    agent: composer
    in: {person: "${steps.extract.output.person}"}
    retry: {times: 2, backoff: 1s}
  - id: send
    needs: [draft]
    agent: outreach
    in: {text: "${steps.draft.output.text}"}
"""
POLICY = """
[[rule]]
id = "mail.reply"
match = "mail.send"
verdict = "ask"
risk = "low"
hold = "8s"
"""


class Bench:
    """`do` a command, look at `store`, read `needs` that are still open."""

    def __init__(self, playbook: str = PLAYBOOK, policy: str = POLICY) -> None:
        self.store = InMemoryStore()
        self.now_us = 1_790_000_000_000_000
        files = (
            AssetFile(
                asset_kind="playbook",
                name="lead",
                path="playbooks/lead.yaml",
                text=playbook,
                hash=text_hash(playbook),
            ),
            AssetFile(
                asset_kind="policy", name="mail", path="policies/mail.toml", text=policy, hash=text_hash(policy)
            ),
        )
        self.do(LoadAssets(files=files))

    def do(self, command: Command, *, actor: str = "operator", request_id: str | None = None) -> Plain:
        return self.decide(command, actor=actor, request_id=request_id).reply

    def decide(self, command: Command, *, actor: str = "operator", request_id: str | None = None) -> Decision:
        decision = decide(
            self.store,
            command,
            Env(now_us=self.now_us),
            head=self.store.head.seq,
            actor=actor,
            request_id=request_id,
            body_hash=repr(command),
        )
        if decision.commit.events:
            self.store.append([decision.commit])
            self.store.sync()
            check_read_soon(decision.commit.puts)
        return decision

    def needs(self, kind: str) -> list[Needs]:
        return [need for need in all_needs(self.store) if need.kind == kind]

    def pass_time(self, us: int) -> None:
        """Turn the clock and wake what is due, in order, each moment of each entity once, as timers do."""
        self.now_us += us
        rung: set[str] = set()
        while due := [need for need in self.needs("wake") if need.at_us <= self.now_us and need.key not in rung]:
            first = min(due, key=lambda need: need.at_us)
            rung.add(first.key)
            self.do(Wake(entity=first.entity, due_us=first.at_us), actor="kernel")

    def receive_mail(self, name: str = "one.eml") -> str:
        command = ReceiveDocument(
            connector="mail",
            external_id=name,
            media_type="message/rfc822",
            name=name,
            blob=f"blob of {name}",
            size_bytes=10,
            labels=EXTERNAL,
            trigger=True,
        )
        return str(self.do(command, actor="connector:mail")["id"])

    def kinds(self) -> list[str]:
        return [event.kind for event in self.store.events()]


def rebuilt(store: InMemoryStore) -> Draft:
    """The state folded anew from the log alone."""
    draft = Draft(InMemoryStore())
    for event in store.events():
        fold(draft, event)
    return draft


def check_read_soon(puts: Sequence[Entity]) -> None:
    """What the store keeps as it was written is what it would read: a tuple, say, would be a list after a restart."""
    kept = [one for one in puts if isinstance(one, READ_SOON)]
    assert [unpack_entity(type(one), pack_entity(one)) for one in kept] == kept
