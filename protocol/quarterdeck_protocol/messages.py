"""The methods: one table with what each takes, gives, requires and does.

Owns     the list of methods and the roles that may call them.
Leaves   the fields to params.py and results.py, the doing to the daemon.
"""

from __future__ import annotations

import difflib
from typing import Literal, get_args

import msgspec

from . import agent_messages as ag
from . import approval_messages as am
from . import audit_messages as au
from . import document_params as dp
from . import document_results as dr
from . import learning_messages as le
from . import limit_messages as lm
from . import memory_params as mp
from . import model_messages as mm
from . import params as p
from . import plan_messages as pm
from . import planning_params as wp
from . import planning_results as wr
from . import policy_params as op
from . import policy_results as po
from . import privacy_params as pp
from . import privacy_results as pr
from . import results as r
from . import run_messages as rm
from . import scope_results as sr
from . import time_params as t
from . import time_results as tr
from . import undo_messages as u
from .codes import QuarterdeckError
from .frames import Plain

Role = Literal["observer", "script", "editor", "operator"]
ROLES: tuple[Role, ...] = get_args(Role)  # Each may do what those before it may.


class Method(msgspec.Struct, frozen=True, kw_only=True):
    """One row of the table.

    role     the least role that may call it; a `script` token also what the operator granted to it by name
    changes  whether it writes to the log: then a `request_id` makes it happen once, however often it is sent
    streams  whether chunks come before the reply
    """

    params: type[p.Params]
    result: type[r.Shape]
    doc: str
    role: Role = "observer"
    changes: bool = False
    streams: bool = False


def _read(params: type[p.Params], result: type[r.Shape], doc: str, *, streams: bool = False) -> Method:
    return Method(params=params, result=result, doc=doc, streams=streams)


def _change(params: type[p.Params], result: type[r.Shape], doc: str, *, role: Role = "operator") -> Method:
    return Method(params=params, result=result, doc=doc, role=role, changes=True)


METHODS: dict[str, Method] = {
    "system.hello": _read(p.Nothing, r.Hello, "Who answers, and how long the log is."),
    "system.status": _read(p.Nothing, r.Status, "Counts and alerts for the first glance."),
    "system.doctor": _read(p.Nothing, r.Checkup, "Checks of the installation and the workspace, with fixes."),
    "system.shutdown": _change(p.Change, r.Ending, "End the daemon cleanly."),
    "stop.engage": _change(p.StopEngage, r.StopState, "Emergency stop: nothing leaves any more.", role="editor"),
    "stop.release": _change(
        p.StopRelease, r.StopState, "Let things leave again: all, or only some runs and actions."
    ),
    "stop.state": _read(p.Nothing, u.StopDetail, "What the last stop met, and what has become of it."),
    "stop.let_go": _change(u.LetGo, u.LetGone, "Let go on, one by one, what a release of some kept back."),
    "memory.remember": _change(p.MemoryRemember, r.Remembered, "Keep a text or a document.", role="editor"),
    "memory.search": _read(p.MemorySearch, r.Hits, "Recall; each hit says why it was found."),
    "memory.search_many": _read(p.MemorySearchMany, r.Answers, "Several questions at once, with the same filters."),
    "memory.get": _read(p.ReadOne, r.Record, "One memory, document or other entity."),
    "memory.history": _read(p.Versions, r.Records, "Every version of it, oldest first."),
    "memory.why": _read(p.Linked, r.Traces, "Back to what it was made from."),
    "memory.used_by": _read(p.Linked, r.Traces, "Forward to what was made from it or read it."),
    "memory.endorse": _change(p.MemoryEndorse, r.Done, "The operator vouches for its exact content."),
    "memory.list": _read(mp.MemoryList, r.Memories, "Memories, newest first."),
    "memory.edit": _change(mp.MemoryEdit, r.Changed, "Change a note in place; its versions stay."),
    "memory.supersede": _change(mp.MemorySupersede, r.Changed, "A new text takes the place of a note."),
    "memory.move": _change(mp.MemoryMove, r.Changed, "Lay it into another tier."),
    "memory.pin": _change(mp.MemoryPin, r.Changed, "Put it into every context, or take it out."),
    "memory.withdraw": _change(p.ChangeOne, r.Changed, "No longer recalled; stays readable."),
    "memory.restore": _change(p.ChangeOne, r.Changed, "Recalled again after a withdrawal, an expiry or a summary."),
    "memory.health": _read(p.Nothing, r.Health, "Junk, duplicates, contradictions, age and use, as numbers."),
    "memory.retention": _read(p.Nothing, r.Retention, "Each setting of retention: what it holds, saves and costs."),
    "memory.keep": _change(mp.MemoryKeep, r.Keeping, "A pass of the keeper now: expiry, budgets, summaries."),
    "memory.export": _read(
        p.MemoryExport,
        r.MemoryExported,
        "Memories, documents, facts and links in chunks, to keep elsewhere.",
        streams=True,
    ),
    "document.upload": Method(
        params=dp.DocumentUpload,
        result=dr.Uploaded,
        doc="A piece of a document too large for one request.",
        role="editor",
    ),
    "document.status": _read(
        dp.DocumentStatus, dr.DocumentStates, "Whether documents have been read, and if not, why."
    ),
    "fact.put": _change(p.FactPut, r.FactStored, "Write a canonical record; compare-and-set on its version."),
    "fact.get": _read(p.FactGet, r.FactView, "One record, as believed or as true at a time."),
    "fact.query": _read(p.FactQuery, r.Facts, "Records of one kind."),
    "fact.history": _read(
        p.FactHistory, r.Facts, "Its versions as they were learned, each with the time it is true for."
    ),
    "fact.retract": _change(p.FactRetract, r.FactStored, "Take a record back; its versions stay."),
    "fact.transact": _change(p.FactTransact, r.Transacted, "Several records and links, all of them or none."),
    "fact.kinds": _read(p.FactKinds, r.Kinds, "Kinds of records with their JSON Schema."),
    "fact.link": _change(p.FactLink, r.Done, "Relate two records."),
    "fact.unlink": _change(p.FactLink, r.Done, "Take a relation back."),
    "fact.neighbours": _read(p.FactNeighbours, r.Neighbours, "What a record is related to, both ways."),
    "fact.path": _read(p.FactPath, r.Path, "The shortest way from one record to another."),
    "fact.proposed": _read(p.FactProposed, r.Proposals, "What was found in texts and waits for the operator's word."),
    "fact.accept": _change(p.FactDecide, r.ProposalDecided, "Make a proposed record canonical."),
    "fact.reject": _change(p.FactDecide, r.ProposalDecided, "Keep a proposed record as rejected."),
    "alert.list": _read(p.AlertList, r.Alerts, "What the operator should look at, newest first."),
    "alert.resolve": _change(p.ChangeOne, r.Done, "It has been seen to."),
    "snapshot.create": _change(t.SnapshotCreate, tr.SnapshotView, "Give a position of the log a name."),
    "snapshot.list": _read(t.SnapshotList, tr.Snapshots, "Named positions, newest first."),
    "snapshot.remove": _change(t.SnapshotRemove, r.Done, "Take a name away; the log keeps all it named."),
    "snapshot.diff": _read(t.SnapshotDiff, tr.Diff, "What differs between two moments, who changed it and why."),
    "rewind": _change(t.Rewind, tr.Rewound, "Take records back to how they were, as new events; can be undone."),
    "fork": Method(
        params=t.Fork,
        result=tr.Forked,
        doc="Make a new workspace whose log ends at a moment; it begins stopped.",
        role="operator",
        changes=True,
        streams=True,
    ),
    "memory.forget": _change(
        pp.MemoryForget, pr.Forgotten, "Erase for good: shown as a plan, carried out by its hash."
    ),
    "memory.verify_forgotten": Method(
        params=pp.VerifyForgotten,
        result=pr.ForgottenCheck,
        doc="Look once more for what was forgotten.",
        role="operator",
    ),
    "backup.create": _change(pp.BackupName, pr.Backup, "Copy the running log, keys of content and blobs included."),
    "backup.list": _read(p.Listing, pr.Backups, "Backups in the state folder."),
    "backup.verify": Method(
        params=pp.BackupName,
        result=pr.Backup,
        doc="Compare every file, then verify the whole chain.",
        role="operator",
    ),
    "backup.forget": _change(pp.BackupForget, pr.BackupForgotten, "Make a copy forget what the log has forgotten."),
    "intent.submit": _change(
        pm.IntentSubmit, pm.IntentPlan, "Say what is to be done; the answer is a plan, never a deed."
    ),
    "plan.list": _read(pm.PlanList, pm.Plans, "Plans, newest first."),
    "plan.get": _read(pm.PlanGet, pm.PlanView, "One plan: steps, effects, questions to come, risks."),
    "plan.edit": _change(pm.PlanEdit, pm.PlanChanged, "Change inputs or playbook of a plan."),
    "plan.approve": _change(pm.PlanApprove, pm.PlanStarted, "Start exactly what was shown."),
    "plan.reject": _change(p.ChangeOne, pm.PlanChanged, "It is not to be done."),
    "plan.save": Method(
        params=pm.PlanSave, result=pm.PlanSaved, doc="Write the plan as a playbook of the workspace.", role="operator"
    ),
    "run.start": _change(p.RunStart, r.RunStarted, "Start a playbook."),
    "run.get": _read(p.ReadOne, r.RunView, "Where a run stands, step by step."),
    "run.list": _read(p.RunList, r.Runs, "Runs, newest first."),
    "run.pause": _change(p.ChangeOne, r.Done, "Begin no further step."),
    "run.resume": _change(
        p.ChangeOne, r.Done, "Go on after a pause, a quarantine or an end for want of time or tries."
    ),
    "run.kill": _change(p.ChangeOne, r.Done, "End it at once; whoever works on it is ended too."),
    "run.cancel": _change(p.ChangeOne, r.Done, "End it; what waits for approval is withdrawn."),
    "run.rollback": _change(u.UndoOne, u.UndoState, "Take back what it did, newest first."),
    "run.retry_step": _change(p.RunStep, r.Done, "Try a failed step again."),
    "run.skip_step": _change(p.RunStep, r.Done, "Go on without a step."),
    "run.edit_step": _change(rm.RunEditStep, rm.StepEdited, "Give a step other input, or another output."),
    "run.reassign": _change(rm.RunReassign, rm.StepEdited, "Have another agent do a step."),
    "run.save": Method(
        params=rm.RunSave, result=rm.RunSaved, doc="Write its plan to playbooks/ under a new name.", role="operator"
    ),
    "run.signal": _change(p.RunSignal, r.Done, "Hand a signal to a run."),
    "approval.list": _read(p.ApprovalList, r.Approvals, "What waits for a decision, riskiest first."),
    "approval.decide": _change(p.ApprovalDecide, r.Decisions, "Approve, reject or snooze exactly what was shown."),
    "approval.delegate": _change(
        am.ApprovalDelegate, am.Delegation, "Draft a narrow rule or permission from one; write it after a look."
    ),
    "digest.get": _read(am.DigestGet, am.Digest, "What waits, went out, failed, is late; attention used."),
    "action.get": _read(p.ReadOne, r.ActionView, "One action and what became of it."),
    "action.list": _read(p.ActionList, r.Actions, "Actions, newest first."),
    "action.settle": _change(p.ActionSettle, r.Done, "Say what became of an effect that nobody could find out."),
    "action.undo": _change(
        u.UndoOne, u.UndoState, "As `undo.start` for one action: withdrawn, or what takes it back."
    ),
    "undo.start": _change(
        u.UndoStart, u.UndoState, "Take back what an action, run, agent or time did; dry run first."
    ),
    "undo.get": _read(p.ReadOne, u.UndoState, "How far an undoing is."),
    "undo.list": _read(p.Listing, u.UndoStates, "Undoings, newest first."),
    "deadletter.list": _read(p.DeadLetterList, r.DeadLetters, "Work that gave up, with remedies."),
    "deadletter.get": _read(p.ReadOne, lm.DeadLetterOpened, "One of them with all that is known about it."),
    "deadletter.resolve": _change(p.DeadLetterResolve, r.Done, "Apply a remedy."),
    "breaker.list": _read(p.Listing, lm.Breakers, "Circuit breakers of agents, connectors and models."),
    "breaker.reset": _change(p.ChangeOne, r.Done, "Close a breaker by hand; who waits for it goes on."),
    "budget.list": _read(p.Listing, lm.Budgets, "Limits and budgets: what is reserved, used and left, who waits."),
    "budget.raise": _change(lm.BudgetRaise, r.Done, "Give more for the present span of time; who waits goes on."),
    "budget.set": _change(lm.BudgetSet, r.Done, "Limit a run."),
    "schedule.list": _read(wp.ScheduleList, wr.Schedules, "Schedules, with their next times."),
    "schedule.get": _read(p.ReadOne, wr.ScheduleView, "One schedule."),
    "schedule.next": _read(wp.ScheduleNext, wr.ComingRuns, "What would run in the days to come."),
    "schedule.put": _change(wp.SchedulePut, wr.ScheduleChanged, "Make a schedule, or change one."),
    "schedule.pause": _change(p.ChangeOne, wr.ScheduleChanged, "Start nothing until it is resumed."),
    "schedule.resume": _change(p.ChangeOne, wr.ScheduleChanged, "Start again, from now on."),
    "schedule.delete": _change(p.ChangeOne, wr.ScheduleChanged, "Remove a schedule; its past stays."),
    "task.list": _read(wp.TaskList, wr.Tasks, "Tasks by due date, those that are closed left out."),
    "task.get": _read(p.ReadOne, wr.TaskRecord, "One task and everything that became of it."),
    "task.put": _change(wp.TaskPut, wr.TaskChanged, "Make a task, or change one."),
    "task.accept": _change(wp.TaskDecide, wr.TaskChanged, "Accept that it is done, or what is proposed for it."),
    "task.reject": _change(wp.TaskDecide, wr.TaskChanged, "It is not done, or not to be changed like that."),
    "objective.list": _read(wp.ObjectiveList, wr.Objectives, "Objectives and projects, with how far they are."),
    "objective.get": _read(p.ReadOne, wr.ObjectiveView, "An objective with the tree of what serves it."),
    "objective.put": _change(wp.ObjectivePut, wr.ObjectiveChanged, "Make an objective or project, or change one."),
    "objective.attach": _change(wp.ObjectiveAttach, wr.Attached, "Have a run, task, schedule or project serve one."),
    "objective.replan": _change(wp.ObjectiveReplan, wr.Replanned, "Do what a change proposes for what is below."),
    "playbook.list": _read(p.Listing, r.Assets, "Playbooks of the workspace."),
    "playbook.validate": _read(
        p.PlaybookValidate, r.Validation, "Check a playbook; every fault at once, with line and column."
    ),
    "playbook.schema": _read(p.Nothing, rm.PlaybookSchema, "JSON Schema of playbooks, for editors."),
    "policy.list": _read(p.Listing, r.Assets, "Rules in the order in which they are tried."),
    "policy.explain": _read(p.PolicyExplain, r.Explanation, "Which rule decides about an action, and why."),
    "policy.test": _read(
        op.PolicyTest, po.PolicyTested, "What other rules would have said to the past; does nothing."
    ),
    "policy.grants": _read(op.PolicyGrants, po.Grants, "Standing permissions, newest first."),
    "policy.grant": _change(
        op.PolicyGrant, po.GrantGiven, "Let one agent do one kind of thing unasked, so often, until then."
    ),
    "policy.revoke": _change(p.ChangeOne, r.Done, "End a standing permission, for good."),
    "agent.autonomy": _read(
        op.AutonomyList, po.AutonomyViews, "How far each agent may go in each kind of action; its record."
    ),
    "agent.set_autonomy": _change(
        op.AutonomySet, po.LevelSet, "Decide how far it may go, or decline what is proposed."
    ),
    "agent.record": _read(
        le.RecordList, le.RecordViews, "What became of each agent's actions; stated confidence against observed."
    ),
    "lesson.list": _read(le.LessonList, le.Lessons, "Lessons, newest first, with what each was worth."),
    "lesson.suggested": _read(
        le.SuggestedList, le.SuggestedLessons, "Edits made again and again, which could be lessons."
    ),
    "lesson.get": _read(p.ReadOne, le.LessonFound, "One lesson with the edit that taught it, or one suggestion."),
    "lesson.decide": _change(le.LessonDecide, le.LessonDecided, "Keep a suggested lesson, or decline it."),
    "template.record": _read(p.Listing, le.TemplateRecords, "What became of the mails made from each template."),
    "template.keep": _change(le.TemplateKeep, le.TemplateKept, "Write a template from a mail that was approved."),
    "connector.list": _read(p.Listing, r.Connectors, "Connectors, their verbs and health."),
    "agent.list": _read(p.Listing, r.Assets, "Agents and their contracts."),
    "agent.get": _read(p.ReadOne, ag.AgentView, "One agent: contract, prompt, autonomy, what it does now."),
    "agent.validate": _read(ag.AgentValidate, ag.AgentChecked, "Check an agent file; every fault with its place."),
    "agent.test": _read(ag.AgentTest, ag.AgentTested, "Run its examples in a worker; nothing is recorded or done."),
    "agent.reload": _change(ag.AgentReload, ag.AgentsReloaded, "Read the files that steer the workspace again now."),
    "scope.list": _read(
        p.Listing, sr.Scopes, "Who may see and change what; for others than the operator, their own."
    ),
    "model.list": _read(
        p.Listing, mm.Models, "The models: those that make the vectors of recall, and those that answer."
    ),
    "model.use": _change(mm.ModelUse, mm.ModelUsed, "Have another one make them; rows move over in the background."),
    "model.ask": Method(
        params=mm.ModelAsk,
        result=mm.ModelAnswer,
        doc="Have a model answer; recorded, routed and reserved for like any other. Pieces come as chunks.",
        role="operator",
        changes=True,
        streams=True,
    ),
    "model.add": _change(mm.ModelAdd, mm.ModelAdded, "Take a model file, or a service, into the settings."),
    "model.pull": _change(mm.ModelPull, mm.ModelAdded, "Fetch a model, verify it, take it into the settings."),
    "model.bench": _change(mm.ModelBench, mm.ModelFigures, "Measure a language model on this machine."),
    "model.judge": Method(
        params=mm.ModelJudge,
        result=mm.ModelsJudged,
        doc="Ask models what was decided before, to see how near they come; nothing else comes of it.",
        role="operator",
        changes=True,
        streams=True,
    ),
    "model.reload": _change(mm.ModelReload, mm.ModelsReloaded, "Read [models] and [routes] of the settings again."),
    "model.cancel": _change(mm.ModelCancel, mm.CallState, "End a question that nobody waits for any more."),
    "template.list": _read(p.Listing, r.Assets, "Templates of the workspace."),
    "timeline.read": _read(p.TimelineRead, r.Timeline, "Events of the log, in either direction."),
    "timeline.event": _read(p.TimelineEvent, r.TimelineEntry, "One event with its cause, content and consequences."),
    "audit.verify": _read(
        p.Nothing, au.Audited, "Walk the keyed chain over the whole log; compare it with noted heads."
    ),
    "audit.export": _read(au.AuditExport, au.Exported, "The log in chunks, for keeping elsewhere.", streams=True),
    "audit.trail": _read(au.AuditTrail, au.Trail, "From intent to outcome and compensation, as one tree."),
    "audit.report": _read(au.AuditReport, au.Conduct, "What each agent did, and what of it is unlike its past."),
    "audit.head": Method(
        params=p.Change, result=au.HeadNoted, doc="Note the head of the chain outside the log now.", role="operator"
    ),
    "cost.report": _read(p.CostReport, r.Costs, "Calls, tokens, seconds and money."),
    "ingest.wait": _read(p.IngestWait, r.Ingested, "Wait until what arrived is parsed and its runs have settled."),
}


def method_of(name: str) -> Method:
    """Return the row of the table. Raises QuarterdeckError `unknown_method` naming the nearest."""
    method = METHODS.get(name)
    if method is None:
        near = difflib.get_close_matches(name[:64], METHODS, n=1)
        hint = f"Did you mean {near[0]}?" if near else "protocol/README.md lists the methods."
        raise QuarterdeckError("unknown_method", f"there is no method {name[:64]!r}", hint=hint)
    return method


def parse_params(method: Method, params: Plain) -> p.Params:
    """Return the typed params. Raises QuarterdeckError `schema` with the path of what does not fit."""
    try:
        return msgspec.convert(params, method.params)
    except msgspec.ValidationError as error:
        fields = ", ".join(method.params.__struct_fields__) or "none"
        raise QuarterdeckError("schema", f"params: {error}", hint=f"Its fields: {fields}.") from error


def may_call(role: Role, method: Method) -> bool:
    """Whether the role alone is enough; what was granted to a script by name is the daemon's to know."""
    return ROLES.index(role) >= ROLES.index(method.role)


def role_of(text: str) -> Role:
    """Return `text` as a role. Raises QuarterdeckError `schema`."""
    if text not in ROLES:
        raise QuarterdeckError("schema", f"{text!r} is not a role", hint=f"Roles: {', '.join(ROLES)}.")
    return text
