"""Decimal numbers between two limits, written digit by digit: a number begun can always be ended inside them.

Limits are counted in units of the last decimal place, so all of it is exact. At most fifteen digits are written: then
no two of them become the same binary fraction, and what is below a limit here is below it for whoever reads the number.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal

DIGITS_MAX = 15
PLACES, PLACES_NARROW = 4, 6  # Decimals, and those of a range narrower than NARROW.
NARROW = 10**6
_POINT, _MINUS = 0x2E, 0x2D


@dataclass(frozen=True, slots=True)
class Number:
    """low, high: limits in units of 10**-places.  value, digits: those before the point, then all of them.

    shown  decimals written so far; -1 before the point
    """

    low: int
    high: int
    places: int
    negative: bool = False
    value: int = 0
    digits: int = 0
    shown: int = -1

    @property
    def complete(self) -> bool:
        if not self.digits or self.shown == 0:
            return False
        low, high = self._sizes()
        size = self._around(0)[0]
        return low <= size <= high

    def steps(self) -> Iterator[tuple[int, Number]]:
        """Each byte that may come next, with what is left then."""
        for byte, after in self._ways():
            if after._reaches():
                yield byte, after._settled()

    def end(self) -> bytes | None:
        """The shortest text that completes it; None when there is none."""
        if self.complete:
            return b""
        found = [text for text in self._ends() if text is not None]
        return min(found, key=len) if found else None

    def _sizes(self) -> tuple[int, int]:
        """The limits without the sign. There is no minus zero."""
        return (max(1, -self.high), -self.low) if self.negative else (max(0, self.low), self.high)

    def _ways(self) -> Iterator[tuple[int, Number]]:
        if not self.digits and not self.negative:
            yield _MINUS, replace(self, negative=True)
        if self.digits and self.shown < 0 < self.places:
            yield _POINT, replace(self, shown=0)
        if self.shown == self.places or (self.shown < 0 and self.digits == 1 and self.value == 0):
            return
        for digit in range(10):
            value, before = self.value * 10 + digit, self.shown < 0
            yield (
                0x30 + digit,
                replace(self, value=value, digits=self.digits + before, shown=self.shown + (not before)),
            )

    def _settled(self) -> Number:
        """The same for all numbers so far from the limits that only the count of further digits matters: else each
        number that a token spells would be a state of its own.
        """
        if not self.digits:
            return self
        low, high = self._sizes()
        reached = list(self._ranges())
        clear = [more for more, *_ in reached] == list(range(len(reached))) and all(
            (least, most) == self._around(more) for more, least, most in reached
        )
        if not clear or low > high or (self.shown < 0 and self.value == 0):
            return self
        more = len(reached) - 1
        shown = max(self.shown, 0)
        return Number(0, 10 ** (1 + more + self.places) - 1, self.places, False, 10**shown, 1, self.shown)

    def _around(self, more: int) -> tuple[int, int]:
        """All sizes that `more` further digits before the point can give."""
        unit: int = 10 ** (self.places - max(self.shown, 0) + more)
        return self.value * unit, (self.value + 1) * unit - 1

    def _reaches(self) -> bool:
        return any(True for _ in self._ranges())

    def _ranges(self) -> Iterator[tuple[int, int, int]]:
        """For each count of further digits before the point: the count, and the sizes that can be reached with it."""
        low, high = self._sizes()
        if self.shown >= 0 or (self.digits == 1 and self.value == 0):
            spans = [(0, *self._around(0))]
        else:
            spans = [self._further(more) for more in range(0 if self.digits else 1, DIGITS_MAX - self.digits + 1)]
        for more, least, most in spans:
            if max(least, low) <= min(most, high):
                yield more, max(least, low), min(most, high)

    def _further(self, more: int) -> tuple[int, int, int]:
        least, most = self._around(more)
        if not self.digits and more > 1:  # No leading zero.
            least = 10 ** (self.places + more - 1)
        return more, least, most

    def _ends(self) -> Iterator[bytes | None]:
        if not self.digits and not self.negative:
            below = replace(self, negative=True)
            end = below.end() if below._reaches() else None
            yield None if end is None else b"-" + end
        for more, least, most in self._ranges():
            for shown in range(max(self.shown, 0), self.places + 1):
                unit = 10 ** (self.places - shown)
                size = -(-least // unit)
                if size * unit <= most and (shown or self.shown < 0):
                    yield self._spelled(size, shown, more)
                    break

    def _spelled(self, size: int, shown: int, more: int) -> bytes:
        """What has to follow so that `size` stands there, with `shown` decimals."""
        before = str(size // 10**shown).rjust(self.digits + more, "0")
        after = str(size % 10**shown).rjust(shown, "0") if shown else ""
        whole = f"{before}.{after}" if shown else before
        there = self.digits + (0 if self.shown < 0 else 1 + self.shown)
        return whole[there:].encode()


def number(
    low: Decimal | None, high: Decimal | None, *, whole: bool, above: bool = False, below: bool = False
) -> Number | None:
    """The numbers from low to high; above, below: without the limit itself. None when there is none."""
    narrow = low is not None and high is not None and max(abs(low), abs(high)) <= NARROW
    places = 0 if whole else PLACES_NARROW if narrow else PLACES
    unit, most = Decimal(10) ** places, 10**DIGITS_MAX - 1
    least_units, most_units = -most, most
    if low is not None:
        exact = low * unit
        units = int(exact.to_integral_value(ROUND_CEILING))
        least_units = max(least_units, units + (above and units == exact))
    if high is not None:
        exact = high * unit
        units = int(exact.to_integral_value(ROUND_FLOOR))
        most_units = min(most_units, units - (below and units == exact))
    one = Number(least_units, most_units, places)
    return one if least_units <= most_units and one.end() is not None else None
