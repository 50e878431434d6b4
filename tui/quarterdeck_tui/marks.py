"""The few signs the screen is drawn with: fine lines, or plain ASCII where the terminal has no more."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Marks:
    """`cursor`, `ticked` and `alarm` are letters on purpose: they must be seen without colour."""

    rule: str = "─"
    bar: str = "│"
    cursor: str = ">"
    ticked: str = "x"
    alarm: str = "!"
    new: str = "+"
    stop: str = "█"
    border: str = "round"
    levels: str = " ▁▂▃▄▅▆▇█"  # From nothing to much.


FINE = Marks()
ASCII = Marks(rule="-", bar="|", stop="#", border="ascii", levels=" .:-=+*%#")
