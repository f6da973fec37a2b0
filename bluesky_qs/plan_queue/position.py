"""Ranks: sort keys of positions in the queue. There is always room for another rank between two ranks.

A rank is a number written in base 256 without trailing zero bytes. Its first eight bytes are the integer part. The
order of the byte strings is the order of the numbers. At both ends of the queue, ranks are whole numbers: they stay
eight bytes long, no matter how many items are added there or moved to the back in loop mode. Each insertion at the same
position between two items makes the rank one bit longer.
"""

from itertools import takewhile

_WHOLE = 8
_ORIGIN = 1 << (8 * _WHOLE - 1)


def between(low: bytes | None, high: bytes | None) -> bytes:
    """Return a rank between two others; None means the front or the back of the queue."""
    return spread(low, high, 1)[0]


def spread(low: bytes | None, high: bytes | None, count: int) -> list[bytes]:
    """Return ``count`` ranks between two others, in ascending order and as short as possible.

    ``low < high`` are the ranks of the neighbors; None means the front or the back of the queue.
    """
    if high is None:
        first = _ORIGIN if low is None else _floor(low, _WHOLE) + 1
        return [_rank(number, _WHOLE) for number in range(first, first + count)]
    if low is None:
        first = _floor(high, _WHOLE) - count
        return [_rank(number, _WHOLE) for number in range(first, first + count)]
    if low >= high:
        msg = f"There is no rank between {low!r} and {high!r}"
        raise ValueError(msg)
    length = max(_WHOLE, sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(low, high, strict=False))))
    while True:
        below, above = _floor(low, length), _floor(high, length)
        if len(high) > length:  # cut off, so the rest is smaller than the rank itself and free
            above += 1
        if above - below > count:
            return [_rank(below + (above - below) * n // (count + 1), length) for n in range(1, count + 1)]
        length += 1


def _floor(rank: bytes, length: int) -> int:
    return int.from_bytes(rank[:length].ljust(length, b"\0"))


def _rank(number: int, length: int) -> bytes:
    return number.to_bytes(length).rstrip(b"\0")
