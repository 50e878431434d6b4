"""Carries out one effect: every check again by itself, then the journal, the wire, the journal.

    prepare    hash, targets, verb, arguments, operation unused, fence, look at the other side
    Started    (sent by the caller)
    carry_out  journal "started" (synced) -> fence once more -> connector -> journal outcome (synced)

The checks repeat what the kernel decided on purpose. They are not for tests: a bug or a forged order must meet a
second lock. Dying anywhere between two of these lines leaves a state that the next try reads correctly.

What was begun and has no outcome: of class A it is sent again under its key; of class B it is looked for, and sent
again only when it provably is not there; of class C it is never sent again.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping

import msgspec

from ..connectors.base import Connector, Effect, EffectFailed, Found
from ..connectors.faults import fault, lookup_disabled
from ..core.hashing import action_hash
from ..core.orders import EffectAbsent, EffectDone, ExecuteEffect, Failed, Failure, Outcome, ReconcileEffect
from ..core.verbs import class_of, targets_of
from .effect_journal import EffectJournal, Entry, now_us
from .fence import Fence

log = logging.getLogger("quarterdeck.effects")


class EffectRunner:
    """`fence` is read anew each time it is asked."""

    def __init__(
        self, connectors: Mapping[str, Connector], journal: EffectJournal, fence: Callable[[], Fence]
    ) -> None:
        self._connectors, self._journal, self._fence = connectors, journal, fence

    def prepare(self, work: ExecuteEffect) -> Outcome | None:
        """Return the answer when nothing needs to be done or may be done; None: go on with `carry_out`."""
        try:
            connector = self._checked(work)
            effect = _effect(work)
            known = self._known(work, connector, effect)
            if known is not None:
                return known
            self._gate(work.epoch)
        except EffectFailed as error:
            log.warning("refused", extra={"fields": {"operation": work.operation_id, "code": error.failure.code}})
            return Failed(failure=self._refusal(work, error))
        return None

    def _refusal(self, work: ExecuteEffect, error: EffectFailed) -> Failure:
        """A refusal says that nothing left. When an earlier try of the same thing had begun, nobody can say that."""
        # A stop comes after the look: of class A, which need not look, an earlier try may still have left.
        stopped = error.failure.failure == "stopped" and _class(work) != "A"
        if lookup_disabled() or stopped or error.failure.code == "operation_reused":
            return error.failure
        try:
            entry = self._journal.read(work.operation_id)
        except EffectFailed:  # What cannot even be looked up was never begun under that name.
            return error.failure
        if entry is None or entry.state == "failed":
            return error.failure
        message = f"{error.failure.message}; but an earlier try may have left"
        return msgspec.structs.replace(error.failure, failure="uncertain", message=message)

    def carry_out(self, work: ExecuteEffect) -> Outcome:
        """Do it. Call only after `prepare` returned None and Started was sent."""
        entry = _started(work)
        doubtful = self._was_begun(work)
        fault("effect.before_journal")
        try:
            self._journal.write(entry)
        except OSError as error:
            message = f"the effector's journal cannot be written: {error}"
            return Failed(failure=Failure(failure="transient", code="journal_unwritable", message=message))
        fault("effect.after_journal")
        outcome = self._on_the_wire(work)
        if doubtful and isinstance(outcome, Failed) and outcome.failure.failure in ("transient", "stopped"):
            # This try did not leave; the one before it may have.
            message = f"{outcome.failure.message}; but an earlier try may have left"
            outcome = Failed(failure=msgspec.structs.replace(outcome.failure, failure="uncertain", message=message))
        fault("effect.before_outcome")
        self._note(entry, outcome)
        fault("effect.after_outcome_before_answer")
        return outcome

    def _was_begun(self, work: ExecuteEffect) -> bool:
        """Whether an earlier try of class A has no outcome; of the others nothing is sent in such doubt."""
        if lookup_disabled() or _class(work) != "A":
            return False
        entry = self._journal.read(work.operation_id)
        return entry is not None and entry.state == "started"

    def reconcile(self, work: ReconcileEffect) -> Outcome:
        """Say whether the effect happened, without ever repeating it. Allowed while stopped."""
        try:
            entry = self._journal.read(work.operation_id)
        except EffectFailed as error:
            return Failed(failure=error.failure)
        if entry is not None and entry.state == "done":
            return EffectDone(result=entry.result, already=True)
        begun = entry is not None and entry.state == "started"
        try:
            connector = self._connector(work.connector, work.verb)
            found = connector.lookup(Effect(operation_id=work.operation_id, verb=work.verb, args=work.args))
        except (EffectFailed, OSError) as error:
            return Failed(failure=_unseen(work.operation_id, error)) if begun else EffectAbsent()
        if found.finding == "done":
            return EffectDone(result=found.result, already=True)
        if not begun or (found.finding == "absent" and _class(work) != "C"):
            return EffectAbsent()
        return Failed(failure=_uncertain(found))

    # --- checks -----------------------------------------------------------------------------------

    def _checked(self, work: ExecuteEffect) -> Connector:
        connector = self._connector(work.connector, work.verb)
        if action_hash(work.connector, work.verb, work.args, work.targets) != work.approved_hash:
            raise EffectFailed("contract", "hash_mismatch", "this is not what was approved", "Look at it again.")
        if tuple(work.targets) != targets_of(f"{work.connector}.{work.verb}", work.args):
            raise EffectFailed("contract", "targets_mismatch", "the targets shown are not those of the arguments")
        if not work.reserved:
            raise EffectFailed("transient", "not_reserved", "no limit or budget holds a place for it")
        connector.check(_effect(work))
        return connector

    def _connector(self, name: str, verb: str) -> Connector:
        connector = self._connectors.get(name)
        if connector is None or verb not in connector.verbs:
            raise EffectFailed("contract", "unknown_verb", f"there is no {name}.{verb} here")
        return connector

    def _known(self, work: ExecuteEffect, connector: Connector, effect: Effect) -> Outcome | None:
        """What an earlier try of this operation left: in the journal, or on the other side."""
        if lookup_disabled():
            return None
        entry = self._journal.read(work.operation_id)
        if entry is not None and entry.state != "failed" and entry.hash != work.approved_hash:
            message = f"{work.operation_id} was used before, for something else"
            raise EffectFailed("contract", "operation_reused", message)
        if entry is not None and entry.state == "done":
            return EffectDone(result=entry.result, already=True)
        if _class(work) == "A":
            return None  # The other side knows the key: it does a thing once, however often it is told.
        begun = entry is not None and entry.state == "started"
        try:
            found = connector.lookup(effect)
        except OSError as error:
            if begun:
                return Failed(failure=_unseen(work.operation_id, error))
            raise EffectFailed("transient", "lookup_failed", f"looking before sending failed: {error}") from error
        if found.finding == "done":
            self._note(_started(work), EffectDone(result=found.result))
            return EffectDone(result=found.result, already=True)
        if begun and (found.finding == "uncertain" or _class(work) == "C"):
            return Failed(failure=_uncertain(found))
        return None

    def _gate(self, epoch: int) -> None:
        """Raise when the stop is engaged, or was since the intent was recorded."""
        fence = self._fence()
        if fence.stopped:
            raise EffectFailed("stopped", "stopped", f"everything outward is stopped: {fence.reason}")
        if fence.epoch != epoch:
            message = f"the order is from before a stop (epoch {epoch}, now {fence.epoch})"
            raise EffectFailed("stopped", "stale_epoch", message)

    # --- doing ------------------------------------------------------------------------------------

    def _on_the_wire(self, work: ExecuteEffect) -> Outcome:
        connector = self._connectors[work.connector]
        try:
            fault("effect.before_wire")
            self._gate(work.epoch)
            result = connector.execute(_effect(work), lambda: self._gate(work.epoch))
        except EffectFailed as error:
            return Failed(failure=error.failure)
        except Exception as error:
            log.exception("a connector broke", extra={"fields": {"operation": work.operation_id}})
            message = f"connector {work.connector} broke while acting: {type(error).__name__}: {error}"
            return Failed(failure=Failure(failure="uncertain", code="connector_broke", message=message))
        fault("effect.after_wire")
        return EffectDone(result=result)

    def _note(self, entry: Entry, outcome: Outcome) -> None:
        """Write what came out. An uncertain outcome stays `started`: that is exactly what is known.

        When the disk refuses, the answer still goes out; after a crash the lookup finds out again.
        """
        match outcome:
            case EffectDone(result=result):
                entry = msgspec.structs.replace(entry, state="done", result=result)
            case Failed(failure=failure):
                state = "started" if failure.failure == "uncertain" else "failed"
                entry = msgspec.structs.replace(entry, state=state, failure=failure)
        try:
            self._journal.write(entry)
        except OSError as error:
            fields = {"operation": entry.operation_id, "state": entry.state, "error": str(error)}
            log.error("an outcome could not be noted", extra={"fields": fields})


def _class(work: ExecuteEffect | ReconcileEffect) -> str:
    return class_of(f"{work.connector}.{work.verb}")


def _effect(work: ExecuteEffect) -> Effect:
    return Effect(operation_id=work.operation_id, verb=work.verb, args=work.args)


def _started(work: ExecuteEffect) -> Entry:
    return Entry(
        operation_id=work.operation_id,
        connector=work.connector,
        verb=work.verb,
        hash=work.approved_hash,
        state="started",
        at_us=now_us(),
    )


def _uncertain(found: Found) -> Failure:
    hint = "Look on the other side, then settle it."
    return Failure(failure="uncertain", code="unconfirmed", message=found.message, hint=hint)


def _unseen(operation_id: str, error: Exception) -> Failure:
    message = f"{operation_id} was begun and the look at the other side failed: {error}"
    return Failure(failure="uncertain", code="lookup_failed", message=message)
