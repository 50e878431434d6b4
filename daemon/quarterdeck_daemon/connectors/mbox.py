"""Finds the messages of an mbox file by their place. Reads only; one message at a time is in memory."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import BinaryIO

LINE_BYTES_MAX = 65_536
_from_line = re.compile(rb"From \S+ .*\d\d:\d\d.*\d{4}")


def message_spans(file: BinaryIO) -> Iterator[tuple[int, int]]:
    """Yield (from, to) in bytes of each message, without its `From ` line and the blank line after it.

    A message begins with `From `, an address and a date, at the start of the file or after a blank line. The date
    is asked for because writers are not equally careful to quote a text's own lines that begin with "From ".
    """
    start: int | None = None
    end = place = 0
    blank, at_line_start = True, True
    while line := file.readline(LINE_BYTES_MAX):
        if at_line_start and blank and _from_line.match(line):
            if start is not None:
                yield start, end
            start = place + len(line)
        place += len(line)
        blank = at_line_start and line in (b"\n", b"\r\n")
        at_line_start = line.endswith(b"\n")
        if not blank:
            end = place
    if start is not None and end >= start:
        yield start, end
