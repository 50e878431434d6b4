"""Error codes: stable words for programs, sentences and a next step for people."""

from __future__ import annotations

from typing import Literal, get_args

Code = Literal[
    "bad_envelope", "bad_msgpack", "bad_value", "schema", "unknown_method", "unsupported_version",
    "unauthorized", "forbidden", "not_found", "conflict", "id_conflict", "out_of_range", "busy",
    "deadline", "stopped", "no_space", "budget_exceeded", "policy_denied", "needs_approval",
    "unavailable", "internal",
]  # fmt: skip
CODES: frozenset[str] = frozenset(get_args(Code))

# What the command line returns to the shell for each code; anything else is 1.
EXIT_STATUS: dict[str, int] = {
    "schema": 2,
    "bad_value": 2,
    "out_of_range": 2,
    "not_found": 3,
    "policy_denied": 4,
    "forbidden": 4,
    "needs_approval": 5,
    "unavailable": 6,
    "stopped": 7,
    "conflict": 8,
    "id_conflict": 8,
    "deadline": 124,
}


class QuarterdeckError(Exception):
    """Any refusal: `code` for programs, `message` and `hint` (the next step) for people.

    `details` carries facts as plain values (numbers, strings, lists, maps), never objects.
    """

    def __init__(self, code: Code, message: str, *, hint: str = "", details: dict[str, object] | None = None) -> None:
        super().__init__(message)
        self.code: Code = code
        self.message = message
        self.hint = hint
        self.details: dict[str, object] = details or {}

    @property
    def exit_status(self) -> int:
        return EXIT_STATUS.get(self.code, 1)
