"""The documentation speaks of what there is: links lead somewhere, commands and words exist."""

import json
import re
import shlex
from pathlib import Path

import pytest

import bluesky_qs
from bluesky_qs import __main__ as commands
from bluesky_qs.cli import backup, doctor, local_commands
from bluesky_qs.config import schema
from bluesky_qs.words import grammar
from bluesky_qs.words.forms import QSERVER
from ipython_extension.words import dispatch
from ipython_extension.words.vocabulary import CELLS, WORDS

ROOT = Path(bluesky_qs.__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))

_OPTIONS = {option for field in schema.fields() for option in field.setting.options}
_OTHER_OPTIONS = {"--config", "--verbose", "--quiet", "--silent", "-h"}
_QSERVER_OPTIONS = {"-k": 1, "--http": 1}


def text_of(path):
    """What a reader sees of a page."""
    if path.suffix != ".ipynb":
        return path.read_text()
    return "\n".join("".join(cell["source"]) for cell in json.loads(path.read_text())["cells"])


page = pytest.mark.parametrize("path", [*PAGES, *NOTEBOOKS], ids=lambda path: path.name)


@page
def test_links_lead_somewhere(path):
    targets = re.findall(r"\]\(([^)#\s]+)(?:#[\w-]+)?\)", text_of(path))
    assert [t for t in targets if "://" not in t and not (path.parent / t).exists()] == []


@page
def test_commands_exist_with_their_options(path):
    for line in re.findall(r"^ *\$ (.+)$", text_of(path), re.MULTILINE):
        words = shlex.split(line.partition("      #")[0])
        if words[:3] == ["python", "-m", "bluesky_qs"]:
            words = words[3:]
        if words[0] == "start-re-manager":
            assert {word for word in words if word.startswith("-")} <= _OPTIONS | _OTHER_OPTIONS, line
        elif words[0] == "qserver":
            assert understood(words[1:]), line
        else:
            assert words[0] in commands._COMMANDS or words[0] in ("sed", "mkdir", "mv"), line


@page
def test_lines_of_qserver_are_understood(path):
    for line in re.findall(r"`qserver ([^`]+)`", text_of(path)):
        words = shlex.split(line)
        while words and words[0] in _QSERVER_OPTIONS:
            del words[:2]
        if words and words[0] not in ("-h", "LINE"):
            assert understood(words), line


@page
def test_words_of_the_prompt_exist(path):
    assert dispatch.VOCABULARIES
    text = text_of(path)
    lines = re.findall(r"`(%%?qs) ([^`]+)`", text) + re.findall(r"^(?:In \[\d+\]: )?(%%?qs) (.+)$", text, re.MULTILINE)
    for magic, line in lines:
        word = line.split()[0].rstrip("?;")
        known = CELLS if magic == "%%qs" else WORDS
        assert word in known or word == "LINE" or QSERVER.beginning_with([word]), line


def test_the_docs_show_each_picture_and_make_pictures_takes_it():
    folder = ROOT / "docs" / "pictures"
    texts = "\n".join(text_of(path) for path in [*PAGES, *NOTEBOOKS])
    shown = re.findall(r"!\[([^\]]*)\]\([./\w]*pictures/([\w-]+)\.webp\)", texts)
    assert [name for alt, name in shown if not alt] == [], "these have no text for people who cannot see them"
    scenes = (ROOT / "tests" / "browser" / "pictures.py").read_text()
    taken = sorted(re.findall(r'^ +take\("([\w-]+)"', scenes, re.MULTILINE))
    assert sorted({name for _, name in shown}) == taken
    assert sorted(path.name for path in folder.iterdir()) == [f"{name}.webp" for name in taken]
    assert sum(path.stat().st_size for path in folder.iterdir()) < 1_000_000


def test_the_index_leads_to_every_page_and_tutorial():
    index = (ROOT / "docs" / "index.md").read_text()
    pages = [path.name for path in (ROOT / "docs").rglob("*.md") if path.parent.name != "decisions"]
    assert [
        name for name in [*pages, *(path.name for path in NOTEBOOKS)] if name not in index and name != "index.md"
    ] == []


def understood(words):
    if words[0] in local_commands.COMMANDS:
        parser = {**backup.PARSERS, "doctor": doctor.parser}[words[0]]()
        return len(words) == 1 or bool(parser.parse_args(words[1:]))
    try:
        QSERVER.parse(words)
    except grammar.UsageError:
        return False
    return True
