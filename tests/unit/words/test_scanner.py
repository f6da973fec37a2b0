"""One pass makes the tokens of a line; nothing that is typed cannot be scanned."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bluesky_qs.words.scanner import ExpressionError, TokenKind, brackets, leaves, scan


def kinds(text):
    return [(token.kind.value, token.text) for token in scan(text).tokens]


def words(text):
    return [word.text for word in scan(text).words()]


def test_a_line_has_tokens_of_every_kind():
    assert kinds("add count([det1], {n + 1}), 'a b' $x --front -n5 # last") == [
        ("word", "add"),
        ("word", "count"),
        ("brackets", "([det1], {n + 1})"),
        ("separator", ","),
        ("quoted", "'a b'"),
        ("variable", "$x"),
        ("option", "--front"),
        ("option", "-n"),
        ("word", "5"),
        ("comment", "# last"),
    ]


def test_brackets_hold_tokens():
    (token,) = scan("([a, $n], num={n}  # why )\n)").tokens
    assert [each.kind for each in token.inner] == [
        TokenKind.BRACKETS, TokenKind.SEPARATOR, TokenKind.WORD, TokenKind.BRACKETS, TokenKind.COMMENT,
    ]  # fmt: skip
    assert [each.text for each in leaves([token]) if each.kind is TokenKind.VARIABLE] == ["$n"]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("lock all it's mine, don't", ["lock", "all", "it's", "mine,", "don't"]),
        ("""queue add plan '{"a": 1}' {'b': [1, 2]}""", ["queue", "add", "plan", '{"a": 1}', "{'b': [1, 2]}"]),
        ('call m x=\'a b\' y="it\'s \\"so\\"" z={1: 2}', ["call", "m", "x=a b", 'y=it\'s "so"', "z={1: 2}"]),
        ("script upload 'C:\\data\\' C:\\\\x a\\ b", ["script", "upload", "C:\\data\\", "C:\\x", "a b"]),
        ("lock all sample #5  of 6", ["lock", "all", "sample", "#5", "of", "6"]),
        ("mode={'loop': True} '' -1", ["mode={'loop': True}", "", "-1"]),
    ],
)
def test_words_are_those_of_a_shell_but_brackets_need_no_quotes(line, expected):
    assert words(line) == expected


def test_a_string_after_an_equals_sign_may_have_a_prefix():
    assert kinds("num=r'a b' x") == [("word", "num=r"), ("quoted", "'a b'"), ("word", "x")]


@pytest.mark.parametrize(
    ("text", "message", "offset"),
    [
        ("a 'b", "The string is never closed", 2),
        ("f(a, [b)", "')' does not close '['", 7),
        ("f(a, [b", "'[' is never closed", 5),
        ("f('a)", "The string is never closed", 2),
    ],
)
def test_what_is_wrong_is_kept_with_its_place(text, message, offset):
    fault = scan(text).faults[0]
    assert (fault.message, fault.offset) == (message, offset)


def test_brackets_that_do_not_end_are_an_error():
    assert brackets("f(a) g(", 1).end == 4
    with pytest.raises(ExpressionError, match="never closed"):
        brackets("f(a) g(", 6)


@given(st.text(alphabet="ab '\"()[]{}$#,;=-\\\n1", max_size=40))
def test_tokens_cover_every_text_but_its_blanks(text):
    at = 0
    for token in scan(text).tokens:
        assert not text[at : token.start].strip()
        assert token.text == text[token.start : token.end] != ""
        at = token.end
    assert not text[at:].strip()
