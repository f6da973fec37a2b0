"""The functions that may be called: as a table, and at hand for completion."""

from IPython.lib.pretty import pretty


def test_functions_are_shown_as_they_are_called(qs, opened):
    assert pretty(qs("functions")).splitlines() == [
        "1 function",
        "  function              description",
        "  function_sleep(time)  Sleep for a given number of seconds.",
    ]
    assert pretty(qs("allowed functions")) == pretty(qs("functions func*"))
    assert pretty(qs("functions gain*")) == "No function matches 'gain*'."


def test_before_the_first_opening_no_function_is_known(qs):
    assert "Open the environment first (%qs open)" in pretty(qs("functions"))


def test_where_no_function_is_allowed_the_open_environment_is_not_blamed(qs, opened, update):
    update(functions={})
    sentence = "Your user group may not call any of the functions here (allowed_functions in its permissions)."
    assert pretty(qs("functions")) == sentence


def test_the_names_are_at_hand_without_a_request(qs, shell, opened, update):
    session = shell.magics_manager.registry["QSMagics"]._conversation()
    qs("status")
    opened.requests.clear()
    assert list(session.at_hand().functions) == ["function_sleep"]
    assert opened.requests == []
    update(functions={"function_sleep": {"signature": "()", "description": ""}, "other": {}})
    qs("status")
    assert session.at_hand().functions == {"function_sleep": {"signature": "()", "description": ""}}
    qs("status")
    assert opened.methods.count("functions_allowed") == 1


def test_a_service_that_lists_no_functions_has_none(qs, shell, opened):
    status = opened.do("status")
    opened.answers["status"] = {key: value for key, value in status.items() if key != "functions_allowed_uid"}
    qs("status")
    session = shell.magics_manager.registry["QSMagics"]._conversation()
    assert session.at_hand().functions == {}
    assert "functions_allowed" not in opened.methods
    assert "count" in session.at_hand().plans
