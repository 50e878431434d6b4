"""How a plan is worked out: by a run of this playbook, so that it is durable, recorded and told like any other work.

It reads what the operator said, wrote and endorsed: steering files, canonical facts, past plans. No mail, no document and no
memory is shown to it, so no text from outside can shape a plan.
"""

from __future__ import annotations

from typing import Final

INTENT_PLAYBOOK: Final = "plan-intent"
INTENT_TEXT: Final = """name: plan-intent
version: 1
description: Works out a plan for what was asked. Nothing from outside is read, and nothing is done.
inputs:
  intent: {type: string, required: true}
steps:
  - id: route
    agent: coordinator
    reads:
      playbooks: {playbooks: all}
      agents: {agents: all}
      past: {plans: 50}
      contacts: {facts: contact}
      clients: {facts: client}
    in: {intent: "${inputs.intent}"}
    timeout: 60s
  - id: compose
    agent: planner
    needs: [route]
    when: steps.route.output.found == ""
    reads:
      agents: {agents: all}
      contacts: {facts: contact}
      clients: {facts: client}
    in:
      intent: "${inputs.intent}"
      wanted: "${steps.route.output.agents}"
      slots: "${steps.route.output.slots}"
    timeout: 60s
"""
