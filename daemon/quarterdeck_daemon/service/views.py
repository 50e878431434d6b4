"""Views: how entities and events look on the wire. Plain maps; times as ISO 8601 in UTC."""

from __future__ import annotations

import functools
from collections.abc import Callable
from datetime import UTC, datetime

import msgspec

from quarterdeck_protocol.labels import OPERATOR

from ..core.confirming import word_for
from ..core.entities import (
    Action,
    Asset,
    DeadLetter,
    Document,
    Entity,
    Evidence,
    Fact,
    Memory,
    ModelCall,
    Plain,
    Run,
    Step,
    Waiter,
)
from ..core.gates import CONNECTOR, RISK, VERB, Gate, gates_of
from ..core.hashing import text_hash, value_hash
from ..core.kind_versions import lifted
from ..core.modes import mode_of_run
from ..core.quarantine import remedies_for
from ..core.shown import rebuild, tokens_by_read
from ..core.tokens import tokens_of
from ..store.api import Store
from ..store.scoped import versions_of

EXCERPT_CHARS = 600
ISO_SECOND_CHARS = len("2026-11-20T14:05:12")  # Without the offset.


def iso(at_us: int | None) -> str | None:
    """Microseconds since 1970 as `2026-11-20T14:05:12.000000Z`."""
    if at_us is None:
        return None
    seconds, rest_us = divmod(at_us, 1_000_000)
    return f"{_iso_second(seconds)}.{rest_us:06d}Z"


@functools.lru_cache(maxsize=1_024)
def _iso_second(seconds: int) -> str:
    """Kept, since what came together is shown together."""
    return datetime.fromtimestamp(seconds, UTC).isoformat()[:ISO_SECOND_CHARS]


def plain(value: object) -> Plain:
    """A struct as a map."""
    result: object = msgspec.to_builtins(value)
    assert isinstance(result, dict), "structs become maps"
    return result


def memory_view(memory: Memory) -> Plain:
    return {
        "id": memory.id,
        "seq": memory.seq,
        "text": memory.text,
        "title": memory.title,
        "source": memory.source,
        "document": memory.document,
        "span": list(memory.span) if memory.span else None,
        "at": iso(memory.at_us),
        "tier": memory.tier,
        "kind": memory.memory_kind,
        "tags": list(memory.tags),
        "namespace": memory.namespace,
        "labels": plain(memory.labels),
        "hash": text_hash(memory.text),
        "tokens": tokens_of(memory.text),
        "pinned": memory.pinned,
        "run": memory.run,
        "when": memory.when,
        "repeats": memory.repeats,
        "fired": list(memory.fired),
        "expires_at": iso(memory.expires_us),
        "supersedes": memory.supersedes,
        "superseded_by": memory.superseded_by,
        "stands_for": list(memory.stands_for),
        "withdrawn": memory.withdrawn,
        "endorsed": memory.endorsed,
    }


def document_view(document: Document) -> Plain:
    return {
        "id": document.id,
        "seq": document.seq,
        "kind": "document",
        "title": document.title,
        "text": document.text,
        "source": document.external_id.partition("#")[0],
        "media_type": document.media_type,
        "status": document.status,
        "error": document.error,
        "at": iso(document.at_us),
        "meta": document.meta,
        "chunks": list(document.chunks),
        "blob": document.blob,
        "size_bytes": document.size_bytes,
        "labels": plain(document.labels),
        "hash": text_hash(document.text),
    }


def fact_view(fact: Fact, *, latest_version: int | None = None) -> Plain:
    """A fact as it is said, without a look at its other versions. The value as its kind says it today."""
    start = fact.valid_from or (iso(fact.since_us) if fact.since_us is not None else None)
    return {
        "id": fact.id,
        "kind": fact.fact_kind,
        "key": fact.key,
        "value": lifted(fact.fact_kind, fact.kind_version, fact.value),
        "version": fact.version,
        "latest_version": fact.version if latest_version is None else latest_version,
        "seq": fact.seq,
        "at": iso(fact.at_us),
        "valid_from": start,
        "valid_to": fact.valid_to,
        "superseded_by_version": None,
        "spans": [] if fact.withdrawn else [[start, fact.valid_to]],
        "retracted": fact.withdrawn,
        "source": fact.source,
        "tier": fact.tier,
        "labels": plain(fact.labels),
        "namespace": fact.namespace,
        "kind_version": fact.kind_version,
        "proposes": fact.proposes,
        "hash": value_hash(fact.value),
    }


def run_row(run: Run) -> Plain:
    return {
        "id": run.id,
        "run_id": run.id,
        "playbook": run.playbook,
        "namespace": run.namespace,
        "status": run.status,
        "reason": run.reason,
        "at": iso(run.at_us),
        "ended_at": iso(run.ended_us),
        "steps_done": sum(step.status in ("succeeded", "skipped") for step in run.steps.values()),
        "steps_total": len(run.steps),
        "waits_for": [id for step in run.steps.values() if step.status == "waiting" for id in step.actions],
        "inputs": run.inputs,
        "cause": run.cause,
        "seq": run.seq,
        "cost": "0",
        "parent": run.parent,
        "priority": run.priority,
        "origin": run.origin,
        "objective": run.objective,
        "gates": [{"id": one.id, "step": one.step.id, "text": one.step.gate} for one in gates_of(run)],
        "trouble": run.trouble,
        "mode": run.mode,
    }


def run_view(store: Store, run: Run, order: list[str]) -> Plain:
    """The whole run; `order` names its steps as the playbook does."""
    steps = [_step_view(store, run.steps[id]) for id in order if id in run.steps]
    view: Plain = {
        "steps": steps,
        "labels": plain(run.labels),
        "playbook_hash": run.playbook_hash,
        "signals": run.signals,
        "outputs": run.outputs,
        "agents": run.agents,
        "late_at": iso(run.late_us),
        "deadline_at": iso(run.deadline_us),
        "opens_at": iso(run.opens_us),
        "remedies": _remedies(run),
        "mode": mode_of_run(store, run),
    }
    return run_row(run) | view


def _remedies(run: Run) -> list[str]:
    return remedies_for(run) if run.status == "quarantined" else []


def _step_view(store: Store, step: Step) -> Plain:
    started = store.event(step.input_seq) if step.input_seq else None
    shown = rebuild(started.body, started.at_us, versions_of(store)) if started else None
    return {
        "id": step.id,
        "agent": step.agent,
        "status": step.status,
        "attempts": step.attempts,
        "input": started.body.get("input", {}) if started else {},
        "context": shown.context if shown else {},
        "context_tokens": tokens_by_read(started.body, shown.context) if started and shown else {},
        "context_forgotten": list(shown.forgotten) if shown else [],
        "context_differs": list(shown.differs) if shown else [],
        "output": step.output,
        "error": step.error,
        "sources": list(step.sources),
        "actions": list(step.actions),
        "wakes_at": iso(step.until_us),
        "queued_for": _queued_for(store, step),
        "parent": step.parent,
        "item": step.item,
        "gate": step.gate if step.status == "waiting" else "",
        "run": step.child,
        "agent_version": step.agent_version,
        "given": step.given_output,
        "mode": step.mode or ("creative" if step.input_seq else ""),
        "calls": [call_row(call) for id in step.calls if (call := store.get(ModelCall, id)) is not None],
        "started_at": iso(step.started_us),
        "ended_at": iso(step.ended_us),
    }


def call_row(call: ModelCall) -> Plain:
    return {
        "id": call.id,
        "purpose": call.purpose,
        "model": call.model,
        "status": call.status,
        "why": call.why,
        "reused": call.reused,
        "tokens": call.tokens_in + call.tokens_out,
        "money": money_text(call.money),
    }


def money_text(minor: int) -> str:
    """Money in major units, as it is shown: "0" for nothing."""
    return f"{minor // 100}.{minor % 100:02d}" if minor else "0"


def _queued_for(store: Store, step: Step) -> str:
    """The limit or breaker that it waits at, "" when it does not."""
    waiter = store.get(Waiter, step.queued) if step.status == "queued" and step.queued else None
    return waiter.scope if waiter is not None else ""


def evidence_view(evidence: Evidence) -> Plain:
    return {
        "claim": evidence.claim,
        "source": evidence.source,
        "quote": evidence.quote,
        "span": list(evidence.span) if evidence.span else None,
    }


def action_view(action: Action) -> Plain:
    """An action as an approval shows it; `shown_hash` covers the `action` part."""
    return {
        "id": action.id,
        "seq": action.seq,
        "status": action.status,
        "action": {
            "connector": action.connector,
            "verb": action.verb,
            "args": action.args,
            "targets": list(action.targets),
        },
        "summary": action.summary,
        "risk": action.verdict.risk,
        "why": action.why,
        "evidence": [evidence_view(one) for one in action.evidence],
        "confidence": action.confidence,
        "basis": action.basis,
        "calibrated": action.calibrated,
        "alternatives": msgspec.to_builtins(action.alternatives),
        "made_with": list(action.made_with),
        "policy": {
            "verdict": action.verdict.verdict,
            "rule": action.verdict.rule,
            "where": action.verdict.where,
            "reasons": list(action.verdict.reasons),
            "hold_ms": action.verdict.hold_us // 1000,
            "guards": list(action.verdict.guards),
            "grant": action.verdict.grant,
            "level": action.verdict.level,
            "typed": action.verdict.typed,
            "alone": action.verdict.alone,
            "report": action.verdict.report,
        },
        "risks": list(action.risks),
        "undo": action.undo,
        "cost": action.cost,
        "at": iso(action.at_us),
        "expires_at": iso(action.expires_us),
        "snoozed_until": iso(action.snoozed_until_us),
        "snoozed_on": action.snoozed_on,
        "cooling": bool(action.cooling) and action.status == "held",
        "returned": list(action.returned),
        "confirm": word_for(action) if action.status == "proposed" else "",
        "releases_at": iso(action.release_us),
        "shown_hash": action.shown_hash,
        "operation_id": action.operation_id,
        "group": action.group,
        "agent": action.agent,
        "run": action.run,
        "step": action.step,
        "labels": plain(action.labels),
        "approval": plain(action.approval) if action.approval else None,
        "approved_by": action.approval.by if action.approval else "",
        "proposed_args": action.proposed_args,
        "result": action.result,
        "error": action.error,
        "compensates": action.compensates,
        "compensated_by": action.compensated_by,
        "held_back": action.held_back,
        "looks_at": iso(action.look_us),
    }


def gate_view(gate: Gate) -> Plain:
    """A question of a run, as an approval shows it."""
    run, step = gate.run, gate.step
    return {
        "id": gate.id,
        "gate": True,
        "action": {"connector": CONNECTOR, "verb": VERB, "args": gate.args, "targets": []},
        "summary": step.gate,
        "risk": RISK,
        "why": f"Run {run.id} of {run.playbook} waits here; what comes after the step `{step.id}` goes on after a yes.",
        "evidence": [],
        "confidence": None,
        "policy": {
            "verdict": "ask", "rule": step.id, "where": f"playbooks/{run.playbook}",
            "reasons": ["its playbook asks you here; actions after it still meet your rules"],
        },
        "undo": "an answer stands; to take a yes back is to roll back all that its run did",
        "cost": "",
        "at": iso(step.started_us or run.at_us),
        "expires_at": iso(gate.expires_us),
        "snoozed_until": iso(step.away_us),
        "snoozed_on": step.away_on,
        "shown_hash": gate.shown_hash,
        "group": "",
        "agent": ", ".join(gate.agents),
        "run": run.id,
        "step": step.id,
        "labels": plain(run.labels),
    }  # fmt: skip


def dead_letter_view(letter: DeadLetter) -> Plain:
    return {
        "id": letter.id,
        "run": letter.run,
        "step": letter.step,
        "error": letter.error,
        "attempts": letter.attempts,
        "at": iso(letter.at_us),
        "remedies": list(letter.remedies),
        "resolved": letter.resolved,
        "agent": letter.agent,
        "playbook": letter.playbook,
        "diagnosis": letter.diagnosis,
        "escalated": letter.escalated,
    }


def asset_view(asset: Asset) -> Plain:
    return {
        "id": asset.name,
        "kind": asset.asset_kind,
        "name": asset.name,
        "path": asset.path,
        "hash": asset.hash,
        "at": iso(asset.at_us),
        "seq": asset.seq,
    }


def record_view(entity: Entity) -> Plain:
    """Any entity with its own values under `fields`; memories, documents and facts also spread out."""
    fields = plain(entity)
    view = VIEWS[entity.kind](entity) if entity.kind in VIEWS else {}
    at_us, labels = fields.get("at_us"), fields.get("labels")
    common: Plain = {
        "id": entity.id,
        "entity": f"{entity.kind}:{entity.id}",
        "seq": entity.seq,
        "at": iso(at_us if isinstance(at_us, int) else 0),
        "labels": labels or plain(OPERATOR),
        "fields": fields,
    }
    return {**view, **common}


VIEWS: dict[str, Callable[..., Plain]] = {"memory": memory_view, "document": document_view, "fact": fact_view}
