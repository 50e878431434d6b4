"""The emergency stop on its way out: by the supervisor, else by the daemon, else by a file that both obey.

Promises each way is tried in turn, and all of them in less than `STOP_ANSWER_MS` each; `engage` never raises.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path

import msgspec

from quarterdeck_protocol.calls import Result
from quarterdeck_protocol.codes import QuarterdeckError

from . import replies, typed_lines
from .views import StopView
from .wire import Client, Plain, Wire

STOP_ANSWER_MS = 1_500
BY_FILE = "No daemon answered. The file .quarterdeck/STOP is laid: what runs stops, and what starts starts stopped."


async def engage(wire: Wire, asked: StopView, *, kill: bool) -> StopView:
    """Return the stop as it was confirmed, or `asked` with the reasons why nobody confirmed it."""
    params: Plain = {"reason": asked.reason, "kill": kill}
    line = typed_lines.stop_line(kill)
    failures: list[str] = []
    client: Client | None = None
    try:
        client = wire.another()  # Its own: the other may be busy, or being closed.
        for way in (client.call_control, client.call):
            told = await _by(way, params, failures)
            wire.note(line, failures[-1] if told is None else "stopped", failed=told is None)
            if told is not None:
                return _known(told, asked)
    except (QuarterdeckError, OSError) as error:
        failures.append(str(error))
    finally:
        if client is not None:
            await client.close()
    return _by_file(wire, asked, failures)


async def _by(way: Callable[..., Awaitable[Result]], params: Plain, failures: list[str]) -> StopView | None:
    try:
        answer = await way("stop.engage", params, deadline_ms=STOP_ANSWER_MS)
        return replies.stop(answer.result, engaged=True)
    except (QuarterdeckError, OSError, msgspec.ValidationError) as error:
        failures.append(str(error))
        return None


def _known(told: StopView, asked: StopView) -> StopView:
    return StopView(
        engaged=True,
        reason=told.reason or asked.reason,
        by=asked.by,
        at_us=told.at_us or asked.at_us,
        in_flight=told.in_flight,
        note=told.note,
    )


def _by_file(wire: Wire, asked: StopView, failures: list[str]) -> StopView:
    flag = flag_of(wire.workspace)
    try:
        flag.parent.mkdir(mode=0o700, exist_ok=True)
        flag.write_text(f"{asked.reason}\n", encoding="utf-8")
    except OSError as error:
        failures.append(str(error))
        return StopView(True, False, asked.reason, asked.by, asked.at_us, note="; ".join(failures))
    wire.note(f"touch {flag}", "laid")
    return StopView(True, False, asked.reason, asked.by, asked.at_us, note=BY_FILE)


def flag_of(workspace: Path) -> Path:
    """While this file is there, everything is stopped."""
    return workspace / ".quarterdeck" / "STOP"
