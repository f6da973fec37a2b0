import pytest

from bluesky_qs.errors import StartupError
from bluesky_qs.startup.find import find, ipython_folder, local_folder, profile, shipped_profiles, startup_files


@pytest.fixture
def ipython_dir(tmp_path):
    startup = tmp_path / "ipython" / "profile_collection" / "startup"
    startup.mkdir(parents=True)
    (startup / "00-base.py").touch()
    return tmp_path / "ipython"


def test_without_settings_the_built_in_sim_profile_is_found():
    found = find()
    assert found.directory == str(shipped_profiles() / "profile_sim" / "startup")
    assert found.profile_dir == str(shipped_profiles() / "profile_sim")
    assert found.permissions_path == found.directory + "/user_group_permissions.yaml"


def test_built_in_profile_is_not_written_to():
    assert not find().writable
    assert not find(startup_dir=str(shipped_profiles() / "profile_sim" / "startup")).writable


def test_lists_of_the_built_in_profile_may_be_written_elsewhere(tmp_path):
    found = find(existing_plans_devices=str(tmp_path))
    assert found.writable
    assert found.lists_path == str(tmp_path / "existing_plans_and_devices.yaml")


def test_profile_is_looked_up_in_the_ipython_folder(ipython_dir):
    found = find(startup_profile="collection", ipython_dir=str(ipython_dir))
    assert found.directory == str(ipython_dir / "profile_collection" / "startup")
    assert found.lists_path == found.directory + "/existing_plans_and_devices.yaml"
    assert found.writable


def test_ipython_folder_comes_from_the_environment(ipython_dir, monkeypatch):
    monkeypatch.setenv("IPYTHONDIR", str(ipython_dir))
    assert profile("collection") == ipython_dir / "profile_collection"


def test_ipython_folder_is_in_the_home_by_default(monkeypatch, tmp_path):
    monkeypatch.delenv("IPYTHONDIR", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert ipython_folder() == tmp_path / ".ipython"


def test_profile_that_the_user_does_not_have_is_looked_up_among_the_shipped_ones(ipython_dir):
    assert profile("sim", ipython_dir=str(ipython_dir)) == shipped_profiles() / "profile_sim"


def test_users_own_profile_comes_before_the_shipped_one_of_the_same_name(ipython_dir):
    (ipython_dir / "profile_sim").mkdir()
    assert profile("sim", ipython_dir=str(ipython_dir)) == ipython_dir / "profile_sim"


def test_unknown_profile_is_refused_with_near_names_and_the_folders_searched(ipython_dir):
    with pytest.raises(StartupError) as error:
        find(startup_profile="colection", ipython_dir=str(ipython_dir))
    assert "'colection' was not found" in str(error.value)
    assert "did you mean 'collection'" in str(error.value)
    assert str(ipython_dir) in str(error.value)
    assert str(shipped_profiles()) in str(error.value)


def test_lists_and_permissions_lie_beside_a_script(tmp_path):
    (tmp_path / "start.py").touch()
    (tmp_path / "user_group_permissions.yaml").touch()
    found = find(startup_script=str(tmp_path / "start.py"))
    assert (found.directory, found.script) == (None, str(tmp_path / "start.py"))
    assert found.lists_path == str(tmp_path / "existing_plans_and_devices.yaml")
    assert found.permissions_path == str(tmp_path / "user_group_permissions.yaml")


def test_a_module_has_no_place_for_lists_and_logs_it():
    found = find(startup_module="my_beamline.startup")
    assert found.module == "my_beamline.startup"
    assert found.lists_path is None
    assert not found.writable
    assert any("not saved" in note for note in found.notes)


def test_profile_beside_a_module_supplies_lists_and_permissions(ipython_dir):
    beside = ipython_dir / "profile_collection" / "startup"
    (beside / "user_group_permissions.yaml").touch()
    found = find(startup_module="m", startup_profile="collection", ipython_dir=str(ipython_dir))
    assert found.directory is None
    assert found.lists_path == str(beside / "existing_plans_and_devices.yaml")
    assert found.permissions_path == str(beside / "user_group_permissions.yaml")


@pytest.mark.parametrize(
    ("settings", "folder"),
    [
        ({"startup_module": "m", "startup_profile": "collection"}, "profile_collection/startup"),
        ({"startup_module": "m"}, "profile_default/startup"),
        ({"startup_profile": "collection"}, "profile_collection/startup"),
        ({"startup_script": "start.py", "startup_profile": "collection"}, "."),
    ],
)
def test_folder_from_which_uploaded_scripts_import(ipython_dir, monkeypatch, settings, folder):
    monkeypatch.chdir(ipython_dir)
    (ipython_dir / "start.py").touch()
    assert local_folder(find(**settings, ipython_dir=str(ipython_dir))) == ipython_dir / folder


def test_missing_permissions_are_replaced_by_the_built_in_ones_with_a_log_line(ipython_dir):
    found = find(startup_profile="collection", ipython_dir=str(ipython_dir))
    assert found.permissions_path == find().permissions_path
    assert any("built-in user group permissions" in note for note in found.notes)


def test_permissions_named_in_the_settings_must_exist(tmp_path):
    with pytest.raises(StartupError, match=r"file of user group permissions .*nothing\.yaml' does not exist"):
        find(user_group_permissions=str(tmp_path / "nothing.yaml"))


def test_file_of_lists_may_be_named_with_any_name(tmp_path):
    assert find(existing_plans_devices=str(tmp_path / "lists.yml")).lists_path == str(tmp_path / "lists.yml")


@pytest.mark.parametrize(
    "settings",
    [
        {"startup_dir": "a", "startup_profile": "b"},
        {"startup_dir": "a", "startup_module": "b"},
        {"startup_dir": "a", "startup_script": "b"},
        {"startup_module": "a", "startup_script": "b"},
    ],
)
def test_only_one_source_of_startup_code_is_accepted(settings):
    with pytest.raises(StartupError, match="Only one source of startup code"):
        find(**settings)


def test_missing_folder_is_an_error(tmp_path):
    (tmp_path / "code.py").touch()
    with pytest.raises(StartupError, match=r"startup folder '.*code\.py' is a file\. To run a single file"):
        find(startup_dir=str(tmp_path / "code.py"))
    with pytest.raises(StartupError, match=r"startup folder '.*absent' does not exist"):
        find(startup_dir=str(tmp_path / "absent"))


def test_folder_without_startup_files_is_an_error(tmp_path):
    (tmp_path / "notes.txt").touch()
    with pytest.raises(StartupError, match="contains no startup files"):
        find(startup_dir=str(tmp_path))


def test_missing_script_is_an_error(tmp_path):
    with pytest.raises(StartupError, match=r"startup script '.*absent\.py' does not exist"):
        find(startup_script=str(tmp_path / "absent.py"))


def test_startup_files_are_python_and_ipython_files_in_alphabetical_order(tmp_path):
    for name in ("10-b.ipy", "00-a.py", "99-z.py", "README.md", ".00-lock.py"):
        (tmp_path / name).touch()
    (tmp_path / "05-folder.py").mkdir()
    assert [f.name for f in startup_files(tmp_path)] == ["00-a.py", "10-b.ipy", "99-z.py"]


def test_relative_folder_becomes_absolute(tmp_path, monkeypatch):
    (tmp_path / "00.py").touch()
    monkeypatch.chdir(tmp_path)
    assert find(startup_dir=".").directory == str(tmp_path)
