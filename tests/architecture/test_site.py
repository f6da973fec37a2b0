"""The check of the built documentation site finds what it is there for."""

import importlib.util
from pathlib import Path

import bluesky_qs

ROOT = Path(bluesky_qs.__file__).parents[1]
_SPEC = importlib.util.spec_from_file_location("check_site", ROOT / "docs" / "check_site.py")
check_site = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(check_site)


def site(tmp_path, text):
    (tmp_path / "index.html").write_text(text)
    (tmp_path / "other.html").write_text('<h1 id="here">Here</h1>')
    return check_site.faults(tmp_path)


def test_links_inside_and_to_other_hosts_are_right(tmp_path):
    assert site(tmp_path, '<a href="other.html#here">x</a> <a href="https://example.org">y</a> <a href="#">z</a>') == []


def test_links_and_anchors_that_lead_nowhere_are_found(tmp_path):
    assert site(tmp_path, '<a href="gone.html">x</a> <a href="other.html#gone">y</a>') == [
        "index.html: gone.html leads nowhere",
        "index.html: other.html#gone: there is no such anchor",
    ]


def test_fonts_and_scripts_of_other_hosts_are_found(tmp_path):
    (tmp_path / "style.css").write_text("@import url('//fonts.example.org/a.css')")
    found = site(
        tmp_path, '<script src="https://example.org/x.js"></script><style>a {src: url(https://e.org/f)}</style>'
    )
    assert [line.partition(": loads")[0] for line in found] == ["index.html", "index.html", "style.css"]
