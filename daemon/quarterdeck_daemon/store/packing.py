"""Content made smaller before it is sealed: sealed bytes look random, so nothing below can compress them.

Content is MessagePack. Packed it begins with a byte that no MessagePack begins with, then the number of the
dictionary, then raw DEFLATE over that dictionary. Content that packing does not shrink stays as it is, and so does
everything from before packing. What runs and actions write is not packed: it is written at every step, and there
speed counts more than size.

The length of sealed bytes tells a little of what packed well. Whoever could use that has the files in hand and no
way to choose what is packed together with a secret: each event and value is packed by itself.
"""

from __future__ import annotations

import zlib
from typing import Final

PACKED: Final = b"\xc1"  # Never used in MessagePack.
BYTES_MIN: Final = 192  # Below it packing saves little for its time; receipts and aliases are shorter.
SMALL_BYTES: Final = 4_096  # Up to here a small window holds it all, and is quicker to set up.
LEVEL: Final = 1  # Higher levels gain one percent on notes.
NOT_PACKED: Final = ("run:", "action:", "deadletter:")

# What contents have in common, the most frequent last. A changed dictionary needs a new number; old ones stay.
_WORDS: Final = (
    " about after against also before being between because could during each every first from good great have here"
    " into just know like made make many more most much must need never next only other over people place should"
    " since some such than that their them then there these they thing this those through time under very want well"
    " were what when where which while will with work would year your please invoice customer client project meeting"
    " price offer contract order delivery payment account agreed wants prefers email phone address Monday Tuesday"
    " Wednesday Thursday Friday January February March April June July August September October November December"
    " nicht eine einer werden wird sich auch noch bei und der die das den dem mit von zu auf ist im f\u00fcr"
    " and but for had has her him his how its may not now of on one or our out she so the to two up us use was we who"
    " you is it in at as be by can do if me my no "
).encode()
_NAMES: Final = (
    b"versionvalid_fromvalid_toconfidencecanonicalproposedmade_fromlanguagemedia_typechunksblobexternal_idconnector"
    b"memory_kindrepeatsexpires_usdepthsuperseded_bysupersedesendorsedpinnedwithdrawnforgottenrunwhendocumentspan"
    b"\xa4kind\xa3key\xa5value\xa7sources\xa9integrity\xa5agent\xa8external\xabsensitivity\xa6public\xa6secret"
    b"\x85\xa2id\xa3seq\xa9body_hash\xd9 \xa5reply\x82\xa2id\xa2m1\xa4tier\xa9long-term\xa9reply_seq"
    b"\x91\x83\xaarequest_id\xa9body_hash\xd9 \xa5reply\x82\xa2id\xa2m1\xa4tier\xa9long-term"
    b"\x83\xa2id\xa6target\xa3seq\xd9%text:\x88\xa2id\xa2m1\xa5at_us\xcf\x00\x06\xa6labels\x83\xa9integrity\xa8operator"
    b"\xabsensitivity\xa7private\xa7sources\x90\xa5title\xd9P\xa6source\xa8operator\xa4tier\xa9long-term\xa4kind\xa4note"
    b"\xa4tags\x90\xa9namespace\xa7default\xa4text\xda\x01"
)
DICTIONARIES: Final[dict[int, bytes]] = {1: _WORDS + _NAMES}
_CURRENT: Final = 1
_BEGINNING: Final = PACKED + bytes((_CURRENT,))


def packed(subject: str, plain: bytes) -> bytes:
    """Return the content to seal for this subject: packed if that is smaller, else as it is."""
    if len(plain) < BYTES_MIN or subject.startswith(NOT_PACKED):
        return plain
    window, memory = (-12, 5) if len(plain) <= SMALL_BYTES else (-15, 8)
    packer = zlib.compressobj(LEVEL, zlib.DEFLATED, window, memory, zlib.Z_DEFAULT_STRATEGY, DICTIONARIES[_CURRENT])
    small = packer.compress(plain) + packer.flush()
    return _BEGINNING + small if len(small) + len(_BEGINNING) < len(plain) else plain


def unpacked(raw: bytes) -> bytes:
    """Return the content of opened bytes. Raises ValueError for what was never packed by us.

    The seal was checked before, so these are bytes that we wrote; their size is that of what we packed.
    """
    if not raw.startswith(PACKED):
        return raw
    dictionary = DICTIONARIES.get(raw[1]) if len(raw) > 1 else None
    if dictionary is None:
        raise ValueError("the content was packed by a newer version")
    unpacker = zlib.decompressobj(-15, zdict=dictionary)
    try:
        plain = unpacker.decompress(raw[2:])
    except zlib.error as error:
        raise ValueError(f"the content cannot be unpacked ({error})") from error
    if not unpacker.eof:
        raise ValueError("the packed content was cut short")
    return plain
