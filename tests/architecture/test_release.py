"""One version: that of the package is the newest release in the changelog, and the releases have commits."""

import re
from datetime import date
from pathlib import Path

import bluesky_qs

ROOT = Path(bluesky_qs.__file__).parents[1]
RELEASES = re.findall(r"^## (\S+) \((\d{4}-\d{2}-\d{2})\)$", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)


def test_the_version_is_the_newest_release_of_the_changelog():
    assert RELEASES[0][0] == bluesky_qs.__version__


def test_releases_stand_newest_first_with_their_dates():
    dates = [date.fromisoformat(day) for _, day in RELEASES]
    assert dates == sorted(dates, reverse=True)


def test_the_commits_of_releases_are_those_of_the_changelog():
    text = (ROOT / "RELEASING.md").read_text()
    with_commits = re.findall(r"^\| (\S+) \| (\S+) \| [0-9a-f]{40} \|$", text, re.MULTILINE)
    # The commit of a release is known only after it, hence the newest one may be missing for a moment.
    assert sorted(with_commits) in (sorted(RELEASES), sorted(RELEASES[1:]))


def test_a_heading_of_the_changelog_is_a_release_or_what_comes_next():
    headings = re.findall(r"^## (.+)$", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert [h for h in headings if not re.fullmatch(r"Unreleased|\d+\.\d+\.\d+ \(\d{4}-\d{2}-\d{2}\)", h)] == []
