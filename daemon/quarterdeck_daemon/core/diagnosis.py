"""What a failure means, in plain words: what happened, and what most likely is behind it.

The code of a failure says more than its class, so it is looked up first. No model is asked: the same failure is always
explained alike.
"""

from __future__ import annotations

from .entities import Plain

_BY_CODE = {
    "deadline": "It did not answer in time. Likely the work is larger than its timeout allows, or what it waits for hangs.",
    "unavailable": "The process that did it died. Likely it ran out of memory, or its input makes a library crash.",
    "busy": "Too much was waiting already. Likely something slow holds up the queue.",
    "budget_exceeded": "It would use more than its whole limit. Likely the limit is too small for this work.",
    "bad_value": "Its input has a reference that leads nowhere, or a value that does not fit. Likely an earlier step gave less.",
    "schema": "The agent's answer does not fit its contract. Likely agent and playbook are of different versions.",
    "not_found": "Something it was to read is gone. Likely it was removed or forgotten after the run began.",
    "forbidden": "It asked for something that it may not see or do. Likely its grant is too narrow, or it was misled by a text.",
    "no_space": "The disk is full. Nothing is wrong with the work itself.",
    "refused": "The other side refused it. Likely an address, a permission or the content is at fault.",
    "settled": "You said that it did not happen.",
    "internal": "The agent broke on its input. Likely a mistake in the agent.",
}  # fmt: skip
_BY_CLASS = {
    "transient": "It failed in a way that often passes, and did not pass. Likely a service that it needs is down.",
    "permanent": "It failed in a way that trying again does not change. Likely its input is at fault.",
    "contract": "What came back is not what was agreed. Likely the agent has a mistake, or its version changed.",
    "crash": "The process that did it died each time. Likely its input makes a library crash, or memory is short.",
    "timeout": "It did not end in time, each time. Likely it hangs, or the time it is given is too short.",
    "stopped": "Everything outward was stopped.",
    "uncertain": "Nobody could tell whether it happened. Likely the connection broke at the wrong moment.",
}
_UNKNOWN = "It failed for a reason that says no more than its message."


def diagnosed(error: Plain, tries: int) -> str:
    """Return one or two sentences. error: a recorded failure {"failure", "code", "message", "hint"}."""
    code, failure = str(error.get("code", "")), str(error.get("failure", ""))
    said = _BY_CODE.get(code) if failure != "transient" or code == "busy" else None
    text = said or _BY_CLASS.get(failure) or _UNKNOWN
    hint = str(error.get("hint", ""))
    times = f" It was tried {tries} times." if tries > 1 else ""
    return f"{text}{times}{f' {hint}' if hint else ''}"
