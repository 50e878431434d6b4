"""digest.get: the day, its end and the week at a glance."""

from __future__ import annotations

from quarterdeck_protocol import approval_messages as am
from quarterdeck_protocol.codes import QuarterdeckError

from ..digests import digest
from ..house import House, time_us
from ..rpc import Asked, Handler


def handlers(house: House) -> dict[str, Handler]:
    async def get(asked: Asked, params: am.DigestGet) -> object:
        if params.at and params.as_of is not None:
            raise QuarterdeckError("bad_value", "say `at` or `as_of`, not both")
        if params.at:
            at_us = time_us(params.at)
            return await digest(house, params.span, at_us, house.positions.at_time(at_us, params.at))
        as_of = house.position(params.as_of)
        now_us = house.engine.now_us() if as_of is None else house.positions.at_us(as_of) or 0
        return await digest(house, params.span, now_us, as_of)

    return {"digest.get": get}
