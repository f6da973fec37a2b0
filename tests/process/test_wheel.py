"""What a wheel brings: the package, the extension and the shipped profiles, found where they are installed."""

import json
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

import bluesky_qs

REPOSITORY = Path(bluesky_qs.__file__).parents[1]


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory):
    """The wheel's content as it would lie in site-packages."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(REPOSITORY)]
    subprocess.run(command, check=True, capture_output=True)
    (wheel,) = folder.glob("*.whl")
    target = folder / "site"
    zipfile.ZipFile(wheel).extractall(target)
    return target


def test_a_wheel_has_the_package_the_extension_and_the_sim_profile(unpacked):
    assert (unpacked / "ipython_extension" / "__init__.py").is_file()
    startup = unpacked / "bluesky_qs" / "profiles" / "profile_sim" / "startup"
    assert sorted(path.name for path in startup.glob("*.py")) == ["00-ophyd.py", "15-plans.py", "99-custom.py"]
    assert (startup / "user_group_permissions.yaml").is_file()
    assert (startup / "existing_plans_and_devices.yaml").is_file()


def test_a_wheel_has_the_page_if_it_is_built_and_nothing_that_it_is_built_from(unpacked):
    built = REPOSITORY / "bluesky_qs" / "web" / "dist"
    packed = unpacked / "bluesky_qs" / "web"
    names = sorted(str(path.relative_to(packed)) for path in packed.rglob("*") if path.is_file())
    expected = [f"dist/{path.relative_to(built)}" for path in built.rglob("*") if path.is_file()]
    assert names == sorted(expected)


def test_a_wheel_has_the_units_of_systemd(unpacked):
    (data,) = unpacked.glob("*.data")
    installed = data / "data" / "share" / "bluesky-qs" / "systemd"
    units = {str(path.relative_to(installed)) for path in installed.rglob("*.service")}
    assert {"system/bluesky-qs.service", "system/bluesky-qs@.service", "user/bluesky-qs.service"} <= units


def found_profiles(cwd):
    code = "from bluesky_qs.startup.find import find; print(find().directory)"
    shown = subprocess.run([sys.executable, "-c", code], cwd=cwd, capture_output=True, text=True, check=True)
    return Path(shown.stdout.strip())


def test_a_wheel_has_the_extension_of_jupyterlab_if_it_is_built(unpacked):
    built = REPOSITORY / "bluesky_qs" / "web" / "labextension"
    (data,) = unpacked.glob("*.data") if (built / "package.json").is_file() else [None]
    if data is not None:
        installed = data / "data" / "share" / "jupyter" / "labextensions" / "bluesky-qs"
        entry = json.loads((installed / "package.json").read_text())["jupyterlab"]["_build"]["load"]
        assert (installed / entry).is_file()
    assert not (unpacked / "bluesky_qs" / "web" / "labextension").exists()


def test_an_installed_wheel_finds_its_own_profile(unpacked):
    # The current folder comes before the editable install.
    assert found_profiles(unpacked) == unpacked / "bluesky_qs" / "profiles" / "profile_sim" / "startup"


def test_an_editable_install_finds_the_profile_in_the_repository(tmp_path):
    assert found_profiles(tmp_path) == REPOSITORY / "profiles" / "profile_sim" / "startup"
