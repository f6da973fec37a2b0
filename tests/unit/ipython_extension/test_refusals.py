"""Messages of refusals: the reason in the words of the prompt, and what to do."""

import pytest

from bluesky_qs.client.failures import RequestFailedError

_IDLE = "RE Manager is busy. RE Manager must be in idle state, current state: "
_UNKNOWN = "Failed to add an item: Plan validation failed: Plan 'wiggle' is not in the list of allowed plans"
_NOT_ALLOWED = "Function 'where' is not allowed for the user group 'admin': add it to 'allowed_functions'"
_PERMISSIONS = {
    "user_groups": {
        "root": {"allowed_functions": [None]},
        "admin": {"allowed_functions": ["function_sleep", ":^mine"]},
    }
}


@pytest.fixture
def refused(shell, qs_manager, capsys):
    """What is printed for a line whose request is refused with a text."""

    def refused(line, method, msg):
        qs_manager.answers[method] = {"success": False, "msg": msg}
        result = shell.run_cell(f"%qs {line}")
        assert isinstance(result.error_in_exec, RequestFailedError)
        assert str(result.error_in_exec) == msg  # programs match it
        return capsys.readouterr().out.removeprefix("Refused: ").rstrip("\n")

    return refused


@pytest.mark.parametrize(
    ("line", "method", "msg", "expected_text"),
    [
        ("environment open", "environment_open", "RE Worker environment already exists.",
         "The environment is already open. To run the startup code again: %qs close, then %qs open."),
        ("start", "queue_start", "RE Worker environment does not exist. Open it first.",
         "The environment is not open (%qs open)."),
        ("start", "queue_start", f"Queue execution is in progress. {_IDLE}'executing_queue'",
         "The queue is already running."),
        ("start", "queue_start", f"Queue execution is in progress. The current plan is paused. {_IDLE}'paused'",
         "A plan is paused. To resume it: %qs resume."),
        ("close", "environment_close", f"Queue execution is in progress. {_IDLE}'executing_queue'",
         "A plan is running. Wait until it ends (%qs wait), or stop the queue after this plan (%qs stop)."),
        ("resume", "re_resume", "No plan is paused: the manager must be in the state 'paused', current state: 'idle'.",
         "Nothing is running, so there is nothing to resume."),
        ("pause", "re_pause", "Queue is not running: the manager is in the state 'idle'.",
         "Nothing is running."),
        ("start", "queue_start", "RE Manager must be in idle state, current state: 'of_another_version'",
         "RE Manager must be in idle state, current state: 'of_another_version'"),
        ("add count(det1)", "queue_item_add",
         "Failed to add an item: Plan validation failed: parameter 'motor': 'det1' is not a list: write ['det1']",
         "Not queued: parameter 'motor': det1 is not a list: write [det1]"),
        ("add count(det1)", "queue_item_add", "Plan validation failed: parameter 'mode': 'quick' is not one of 'fast'",
         "Not queued: parameter 'mode': 'quick' is not one of 'fast'"),
    ],
)  # fmt: skip
def test_the_reason_is_in_the_words_of_the_prompt(refused, line, method, msg, expected_text):
    assert refused(line, method, msg) == expected_text


def test_a_plan_that_only_this_session_has_is_to_be_pushed(shell, refused):
    assert "push" not in refused("add wiggle()", "queue_item_add", _UNKNOWN)
    shell.run_cell("def wiggle(): yield").raise_error()
    assert refused("add wiggle()", "queue_item_add", _UNKNOWN) == (
        "Not queued: there is no plan wiggle that you may use. "
        "It is defined in this session. Send it to the worker first: %qs push wiggle"
    )


def test_a_plan_is_unknown_before_the_first_opening(shell, qs_manager, refused):
    qs_manager.answers["plans_allowed"] = {"plans_allowed": {}, "plans_allowed_uid": "p1"}
    assert refused("add wiggle()", "queue_item_add", _UNKNOWN).endswith(
        "No plans are known yet: open the environment first (%qs open)."
    )


def test_a_plan_is_unknown_in_an_environment_without_plans(shell, opened, refused):
    opened.answers["plans_allowed"] = {"plans_allowed": {}, "plans_allowed_uid": "p1"}
    assert refused("add wiggle()", "queue_item_add", _UNKNOWN).endswith("no plan wiggle that you may use")


def test_a_forbidden_function_and_a_missing_function_have_different_messages(shell, qs, opened, refused):
    opened.answers["permissions_get"] = {"user_group_permissions": _PERMISSIONS}
    shown = f"{_NOT_ALLOWED}. Allowed functions: function_sleep, :^mine"
    assert refused("func where()", "function_execute", _NOT_ALLOWED) == shown
    shell.run_cell("def where(): return 1").raise_error()
    assert refused("func where()", "function_execute", _NOT_ALLOWED).endswith("has not been pushed to the worker.")
    qs("push where")
    assert "The worker has this function. Call it in a %%qs script cell" in refused(
        "func where()", "function_execute", _NOT_ALLOWED
    )


@pytest.mark.parametrize(("name", "refused"), [("where", True), ("mine", False)])
def test_a_push_reports_whether_the_function_may_be_called(shell, qs, opened, name, refused):
    opened.answers["permissions_get"] = {"user_group_permissions": _PERMISSIONS}
    shell.run_cell(f"def {name}(): return 1").raise_error()
    shown = qs(f"push {name}").sentence
    assert shown.startswith(f"{name} is in the worker now.")
    assert ("does not permit group 'admin' to call where with %qs func" in shown) is refused
