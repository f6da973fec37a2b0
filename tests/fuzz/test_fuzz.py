"""The bounded part of fuzzing: the corpus, and some changes of it. `make fuzz N=…` tries many more.

A failure shows its seed; ``QS_FUZZ_SEED`` repeats it.
"""

import os
import random
import secrets

import pytest

from tests.fuzz import mutation, targets

SEED = os.environ.get("QS_FUZZ_SEED") or secrets.token_hex(4)


@pytest.fixture
def chosen():
    """Random numbers; the report of a failure shows the seed."""
    print(f"QS_FUZZ_SEED={SEED}")
    return random.Random(SEED)


@pytest.mark.parametrize("encoding", ["json", "msgpack"])
def test_the_decoder_reads_or_refuses_anything(chosen, encoding):
    for frame in mutation.frames(chosen, 10_000, encoding):
        targets.decoder(frame, encoding)


async def test_the_dispatcher_answers_anything(chosen):
    assert await targets.dispatcher(mutation.frames(chosen, 1500, "json")) > 50


def test_a_command_line_ends_with_a_result_or_a_reason(chosen, qs_manager, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("getpass.getpass", lambda *_: "yes")
    assert targets.command_lines(mutation.lines(chosen, 300), qs_manager) > 5


def test_the_corpus_is_small():
    files = [path for path in mutation.CORPUS.rglob("*") if path.is_file()]
    assert 100 < len(files) < 200
    assert sum(path.stat().st_size for path in files) < 300_000
