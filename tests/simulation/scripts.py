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
PLAYBOOKS = {"lead": LEAD, "parallel": PARALLEL, "waiting": WAITING}

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
id = "mine"
match = "mail.send"
when = "labels.integrity != 'external' && confidence > 0.5"
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
"""
POLICIES = {"careful": CAREFUL, "trusting": TRUSTING, "strict": STRICT}
