"""The parser that the commands share."""

import pytest

from bluesky_qs.cli.parser import Parser, ParserExit


@pytest.fixture
def parser():
    parser = Parser("command", "A command.")
    parser.add_argument("-k", "--key")
    parser.add_argument("--report", action="store_true")
    parser.add_help_option()
    return parser


@pytest.mark.parametrize("key", ["-IT#HNGtmd", "--IT#HNGtmd", "-h#", "-", "plain"])
@pytest.mark.parametrize("words", [("--key", "{}"), ("--key={}",), ("-k", "{}")])
def test_a_value_may_begin_with_a_dash(parser, words, key):
    options = parser.parse_args([*(word.format(key) for word in words), "--report"])
    assert (options.key, options.report) == (key, True)


def test_an_option_is_never_the_value_of_another(parser, capsys):
    with pytest.raises(ParserExit):
        parser.parse_args(["--key", "--report"])
    assert "argument -k/--key: expected one argument" in capsys.readouterr().err
