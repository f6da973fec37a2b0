"""The tutorials in notebooks/, run from top to bottom against a real service and in a real kernel."""

import importlib.util
from pathlib import Path

import nbformat
import pytest

import bluesky_qs

_SCRIPT = Path(bluesky_qs.__file__).parents[1] / "notebooks" / "execute.py"
_SPEC = importlib.util.spec_from_file_location("execute_notebooks", _SCRIPT)
notebooks = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(notebooks)


@pytest.mark.parametrize("path", notebooks.tutorials(), ids=lambda path: path.stem)
def test_a_tutorial_runs_to_its_end_and_shows_what_is_stored(path, new_service):
    tutorial = nbformat.read(path, as_version=4)
    options, door = notebooks.door_at_free_port(notebooks.service_options(tutorial))
    service = new_service("--warm-worker", "OFF", *options, env=door)
    notebooks.furnish(service.home)
    service.start()
    ran = notebooks.execute(tutorial, service.home, service.env)
    notebooks.as_read(ran, service.home, service.env)
    for stored, cell in zip(tutorial.cells, ran.cells, strict=True):
        raised = [output for output in cell.get("outputs", ()) if is_error(output)]
        assert bool(raised) is notebooks.is_tagged(cell, notebooks.RAISES), f"{cell.source}: {raised}"
        if not notebooks.is_tagged(cell, notebooks.VARIES):
            assert notebooks.shows(cell) == notebooks.shows(stored), f"{cell.source}\nIf this is right: make notebooks"


def is_error(output):
    """IPython prints a UsageError where it displays the others."""
    return output.output_type == "error" or (output.get("name") == "stderr" and output.text.startswith("UsageError"))


@pytest.mark.parametrize("path", notebooks.tutorials(), ids=lambda path: path.stem)
def test_a_tutorial_is_stored_with_its_outputs_and_nothing_of_a_machine(path):
    tutorial = nbformat.read(path, as_version=4)
    assert any(cell.get("outputs") for cell in tutorial.cells)
    assert all(cell.execution_count for cell in tutorial.cells if cell.cell_type == "code")
    text = path.read_text()
    assert [trace for trace in ("/tmp/", "/home/", "/root", "/Users/", "127.0.0.1") if trace in text] == []
