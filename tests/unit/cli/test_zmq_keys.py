"""``qserver-zmq-keys``."""

import re
import sys

import pytest

from bluesky_qs.cli import zmq_keys
from bluesky_qs.wire.control import generate_keys, public_key


@pytest.fixture
def run(monkeypatch, capsys):
    def command(*args):
        monkeypatch.setattr(sys, "argv", ["qserver-zmq-keys", *args])
        code = zmq_keys.main()
        return code, capsys.readouterr()

    return command


def test_new_keys_are_a_pair(run):
    code, shown = run()
    private, public = re.findall(r": (\S{40})$", shown.out, re.MULTILINE)
    assert code == 0
    assert public_key(private) == public


def test_public_key_of_a_private_one_is_shown_and_that_is_not(run):
    public, private = generate_keys()
    code, shown = run("--zmq-private-key", private)
    assert code == 0
    assert public in shown.out
    assert private not in shown.out


def test_a_private_key_may_begin_with_a_dash(run):
    private = "-IT#HNGtmd(V{]tgua?pb.9n<(Df]yzC83MdaZf["
    code, shown = run("--zmq-private-key", private)
    assert code == 0
    assert public_key(private) in shown.out


def test_invalid_key_is_4_and_not_shown(run):
    code, shown = run("--zmq-private-key", "nonsense")
    assert code == 4
    assert "The private key is not valid" in shown.err
    assert "nonsense" not in shown.err


def test_bad_option_is_2(run):
    assert run("--no")[0] == 2
