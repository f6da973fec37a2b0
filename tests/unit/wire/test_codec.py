"""Messages mean what Python's json means."""

import json
import math

import msgspec
import pytest

from bluesky_qs.wire.codec import DecodeError, Encoded, decode, encode, json_text, standard_json

VALUES = [{}, {"a": [1, 2.5, None, True, "µ\x1b"]}, 2**70, [], "", {"nested": {"deep": [[]]}}]


@pytest.mark.parametrize("value", VALUES)
def test_json_that_python_writes_is_read_as_python_reads_it(value):
    assert decode(json.dumps(value).encode()) == value


@pytest.mark.parametrize("text", ["NaN", "Infinity", "-Infinity", "[1e999]"])
def test_numbers_that_strict_json_does_not_have_are_read(text):
    found = decode(text.encode())
    assert math.isnan(found) if text == "NaN" else found == json.loads(text)


@pytest.mark.parametrize("frame", [b"", b"{", b"\xff", b"{'a': 1}", b"[" * 100_000])
def test_what_is_no_json_is_refused_with_the_known_words(frame):
    with pytest.raises(DecodeError, match=r"^JSON decode error: "):
        decode(frame)


@pytest.mark.parametrize("frame", [b"", b"\xc1", b"\x92\x01"])
def test_what_is_no_msgpack_is_refused_with_the_known_words(frame):
    with pytest.raises(DecodeError, match=r"^MSGPACK decode error: "):
        decode(frame, "msgpack")


@pytest.mark.parametrize("encoding", ["json", "msgpack"])
def test_encoded_parts_stand_in_messages_like_their_values(encoding):
    message = {"item": Encoded(b'{"name": "count"}'), "items": Encoded.array([b"1", b'"a"']), "none": Encoded.array([])}
    assert decode(encode(message, encoding), encoding) == {"item": {"name": "count"}, "items": [1, "a"], "none": []}


def test_user_values_keep_nan():
    assert json_text([math.nan, 2**70]) == b"[NaN, 1180591620717411303424]"


@pytest.mark.parametrize("value", [b"bytes", {1, 2}, object(), [msgspec.Raw(b"1")]])
def test_user_values_without_a_json_form_are_refused_by_their_type(value):
    kind = type(value[0] if isinstance(value, list) else value).__name__
    with pytest.raises(TypeError, match=kind):
        json_text(value)


@pytest.mark.parametrize("encoding", ["json", "msgpack"])
def test_message_with_something_else_is_refused_by_its_type(encoding):
    with pytest.raises(TypeError, match="object"):
        encode({"a": object()}, encoding)


HALF = {"\ud800": ["x\udfff", {"deep": ("\udc00",)}], "whole": "ö", "n": 1}


def test_half_a_surrogate_pair_is_written_as_json_writes_it():
    message = {"msg": "\ud800", "item": Encoded(json_text(HALF))}
    assert json.loads(encode(message)) == json.loads(json.dumps({"msg": "\ud800", "item": HALF}))


def test_half_a_surrogate_pair_is_an_escape_sequence_where_messagepack_cannot_hold_it():
    message = {"msg": "\ud800", "item": Encoded(json_text(HALF)), "none": None}
    assert decode(encode(message, "msgpack"), "msgpack") == {
        "msg": "\\ud800",
        "item": {"\\ud800": ["x\\udfff", {"deep": ["\\udc00"]}], "whole": "ö", "n": 1},
        "none": None,
    }


def test_an_integer_of_more_than_64_bits_is_a_float_or_a_text_where_messagepack_cannot_hold_it():
    message = {"items": Encoded(json_text([2**70, -(2**63), 2**64 - 1, 10**400, True]))}
    assert decode(encode(message, "msgpack"), "msgpack") == {
        "items": [float(2**70), -(2**63), 2**64 - 1, str(10**400), True]
    }


@pytest.mark.parametrize(
    ("text", "standard"),
    [
        ('{"x": NaN}', {"x": None}),
        ('{"x":-Infinity,"y":[Infinity, 1]}', {"x": None, "y": [None, 1]}),
        ('{"x": "a, NaN", "y": 1180591620717411303424}', {"x": "a, NaN", "y": 2**70}),
    ],
)
def test_standard_json_has_null_where_python_writes_nan(text, standard):
    assert msgspec.json.decode(standard_json(text.encode())) == standard
