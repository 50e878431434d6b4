"""What the simulated workspace consists of."""

from __future__ import annotations

LEAD = """
name: lead
on:
  - event: mail.received
    when: 'doc.meta.auto == ""'
inputs:
  document: {type: string, required: true}
steps:
  - id: extract
    agent: reader
    reads:
      mail: {document: "${inputs.document}"}
      known: {facts: lead}
  - id: draft
    needs: [extract]
    when: "steps.extract.output.lead"
    agent: writer
    reads:
      recalled: {recall: "${steps.extract.output.person}", limit: 3}
    in: {person: "${steps.extract.output.person}"}
    retry: {times: 2, backoff: 1s}
  - id: send
    needs: [draft]
    agent: sender
    in: {text: "${steps.draft.output.text}"}
"""
PARALLEL = """
name: parallel
steps:
  - {id: left, agent: sender, retry: {times: 1, backoff: 500ms}}
  - {id: right, agent: writer, retry: {times: 0}}
  - {id: file, agent: filer}
  - id: answer
    needs: [left]
    wait: {signal: answered, for: 1h}
  - id: last
    needs: [answer, right]
    when: "!steps.answer.output.timed_out"
    agent: sender
"""
WAITING = """
name: waiting
steps:
  - id: open
    wait: {signal: go}
  - {id: write, needs: [open], agent: filer}
  - {id: never, needs: [write], when: "steps.open.output.signal.missing", agent: writer}
"""
FANNING = """
name: fanning
steps:
  - {id: each, agent: sender, each: "['a', 'b', 'c', 'd']", at_most: 2, retry: {times: 1, backoff: 1s}, on_failure: continue}
  - {id: gather, needs: [each], join: 1, agent: writer, on_failure: {reroute: filer}}
"""
NESTED = """
name: nested
steps:
  - {id: ask, wait: {approval: "Shall it go on?", for: 2h}}
  - {id: inner, needs: [ask], playbook: dealing}
  - {id: after, needs: [inner], agent: filer}
"""
DEALING = """
name: dealing
steps:
  - {id: deal, agent: dealer, retry: {times: 2, backoff: 1s}}
  - {id: note, needs: [deal], agent: filer}
"""
FRUGAL = """
name: frugal
budget: {calls: 4, over: stop}
steps:
  - {id: one, agent: sender, retry: {times: 3, backoff: 1s}}
  - {id: two, needs: [one], agent: dealer}
  - {id: three, needs: [two], agent: filer}
"""
THRIFTY = FRUGAL.replace("frugal", "thrifty").replace("over: stop", "over: escalate")
HASTY = """
name: hasty
deadline: 3h
sla: 1h
stalls_after: 2d
steps:
  - {id: work, agent: dealer}
  - {id: pause, needs: [work], wait: {for: 1h}}
  - {id: open, needs: [pause], wait: {signal: go}}
"""
SLEEPY = """
name: sleepy
stalls_after: 12h
steps:
  - {id: open, wait: {signal: later}}
"""
MEETING = """
name: meeting
steps:
  - {id: left, agent: writer, retry: {times: 0}, on_failure: continue}
  - {id: right, agent: dealer, retry: {times: 0}, on_failure: continue, compensate: {agent: mender, in: {of: "${action.id}"}}}
  - {id: both, needs: [left, right], join: 2, agent: filer}
"""
TICKING = """
name: ticking
steps:
  - {id: tick, agent: filer}
"""
PLAYBOOKS = {
    "lead": LEAD, "parallel": PARALLEL, "waiting": WAITING, "fanning": FANNING, "nested": NESTED, "dealing": DEALING,
    "frugal": FRUGAL, "thrifty": THRIFTY, "hasty": HASTY, "ticking": TICKING,
    "sleepy": SLEEPY, "meeting": MEETING,
}  # fmt: skip

CAREFUL = """
[[rule]]
id = "ask"
match = "mail.*"
verdict = "ask"
risk = "low"
hold = "8s"
"""
TRUSTING = """
[[rule]]
id = "not-them"
match = "mail.send"
when = "'enemy@example.test' in targets"
verdict = "deny"

[[rule]]
id = "rooms"
match = "practice.book"
verdict = "allow"

[[rule]]
id = "mine"
match = "mail.send"
when = "labels.integrity != 'external' && (track.decisions < 10 || confidence > 0.5)"
verdict = "allow"
hold = "3s"

[[rule]]
id = "unclear"
match = "*"
when = "args.nothing.like.this"
verdict = "allow"
"""
STRICT = """
[[rule]]
id = "nothing"
match = "mail.*"
verdict = "deny"

[[rule]]
id = "no-posts"
match = "practice.post"
verdict = "deny"
"""
CARELESS = """
[[rule]]
id = "anything"
match = "*"
verdict = "allow"
"""
POLICIES = {"careless": CARELESS, "careful": CAREFUL, "trusting": TRUSTING, "strict": STRICT}
