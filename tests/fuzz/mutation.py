"""Inputs that are nearly right: the committed corpus, changed at random."""

import copy
import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

CORPUS = Path(__file__).parent / "corpus"
#: Bytes with a meaning in JSON or MessagePack.
_TELLING = [
    b"{",
    b"}",
    b"[",
    b"]",
    b'"',
    b"\\u",
    b"\\ud800",
    b",",
    b":",
    b"NaN",
    b"1e999",
    b"-",
    b"\xc1",
    b"\xdf",
    b"\xdd",
]
_TELLING += [
    b"\xc4\xff",
    b"\xdb\xff\xff\xff\xff",
    b"\xd4",
    b"\xd6\xff",
    b"\xc7",
    b"\x00",
    b"\xff",
    b"\xf0\x9f",
    b"[" * 500,
]
_ODD_VALUES: list[Any] = [
    None,
    True,
    -1,
    0,
    2**63,
    2**64,
    -(10**400),
    1e308,
    float("nan"),
    float("inf"),
    "",
    "\x00",
    "\ud800",
]
_ODD_VALUES += [
    "é" * 50,
    "x" * 2000,
    "front",
    "-1",
    [],
    {},
    [[[]]],
    {"": {}},
    {"item_uid": 1},
    ["a"] * 300,
    "count",
    "$x",
    "*",
]


def corpus(kind: str) -> dict[str, bytes]:
    """The files of the corpus of this kind, by name."""
    return {path.name: path.read_bytes() for path in sorted((CORPUS / kind).iterdir())}


def changed_bytes(chosen: random.Random, data: bytes) -> bytes:
    """The bytes with one to four changes."""
    for _ in range(chosen.randint(1, 4)):
        at, end = sorted((chosen.randint(0, len(data)), chosen.randint(0, len(data))))
        match chosen.randrange(6):
            case 0:
                data = data[:at] + chosen.choice(_TELLING) + data[at:]
            case 1:
                data = data[:at] + data[min(end, at + 8) :]
            case 2:
                data = data[:at] + chosen.randbytes(chosen.randint(1, 4)) + data[at + 1 :]
            case 3:
                data = data[:end]
            case 4:
                data = data[:end] + data[at:end] + data[end:]
            case _:
                data = (
                    data[:at] + bytes([data[at] ^ (1 << chosen.randrange(8))]) + data[at + 1 :]
                    if at < len(data)
                    else data
                )
    return data[:100_000]


def changed_value(chosen: random.Random, value: Any) -> Any:
    """A JSON value with an odd value somewhere inside it."""
    whole = copy.deepcopy(value)
    place = whole
    while True:
        keys = list(place) if isinstance(place, dict) else list(range(len(place)))
        key = chosen.choice(keys) if keys else None
        inner = place[key] if key is not None else None
        if isinstance(inner, dict | list) and inner and chosen.random() < 0.8:
            place = inner
            continue
        odd = chosen.choice(_ODD_VALUES)
        if isinstance(place, dict):
            if key is not None and chosen.random() < 0.1:
                del place[key]
            else:
                place[
                    chosen.choice(["user", "pos", "uid", "a\ud800"]) if key is None or chosen.random() < 0.1 else key
                ] = odd
        elif key is not None:
            place[key] = odd
        else:
            place.append(odd)
        return whole


def frames(chosen: random.Random, count: int, kind: str) -> Iterator[bytes]:
    """The corpus, then changes of it."""
    files = list(corpus(kind).values())
    yield from files[:count]
    for _ in range(count - len(files)):
        data = chosen.choice(files)
        if kind == "json" and chosen.random() < 0.6:
            try:
                yield json.dumps(changed_value(chosen, json.loads(data))).encode()
            except (ValueError, TypeError, RecursionError):  # this file of the corpus is no JSON object
                yield changed_bytes(chosen, data)
        else:
            yield changed_bytes(chosen, data)


def lines(chosen: random.Random, count: int) -> Iterator[list[str]]:
    """The command lines of the corpus, then changes of them."""
    known = [json.loads(line) for line in (CORPUS / "command_lines.jsonl").read_text().splitlines()]
    words = sorted(
        {word for line in known for word in line} | {"", "-", "--", "-1", "0", "é\ud800", "{", "[", "x=1", "\x1b[31m"}
    )
    yield from known[:count]
    for _ in range(count - len(known)):
        line = list(chosen.choice(known))
        for _ in range(chosen.randint(1, 3)):
            at = chosen.randint(0, len(line))
            match chosen.randrange(4):
                case 0:
                    line.insert(at, chosen.choice(words))
                case 1:
                    line[at : at + 1] = [chosen.choice(words)]
                case 2:
                    del line[at : at + 1]
                case _:
                    line[at : at + 1] = [
                        changed_bytes(chosen, word.encode(errors="replace")).decode(errors="replace")
                        for word in line[at : at + 1]
                    ]
        yield [word[:5000] for word in line]
