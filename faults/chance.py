"""The only source of randomness: a hash of a text, equal in Python, in the inlet's Lua and in the three stubs."""

from __future__ import annotations

_MASK = 0xFFFF_FFFF


def unit(text: str) -> float:
    """Return a number in [0, 1) that depends only on `text`, evenly distributed.

    FNV-1a with 32 bits (Fowler, Noll, Vo: offset 2166136261, prime 16777619) over the UTF-8 bytes, then the finalizer
    of MurmurHash3 (Appleby, fmix32), because FNV alone spreads the last bytes too little over the high bits.
    """
    value = 0x811C9DC5
    for byte in text.encode():
        value = ((value ^ byte) * 0x01000193) & _MASK
    value ^= value >> 16
    value = (value * 0x85EBCA6B) & _MASK
    value ^= value >> 13
    value = (value * 0xC2B2AE35) & _MASK
    value ^= value >> 16
    return value / 2**32
