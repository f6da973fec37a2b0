"""All commands of ``qserver``, and the 0MQ method that each one calls."""

from bluesky_qs.words.arguments import (
    Choice,
    Destination,
    File,
    FinishedItem,
    Flags,
    Instruction,
    InstructionFor,
    ItemArgument,
    ItemsArgument,
    LineOptions,
    LockNote,
    ModeArguments,
    NamedValues,
    Names,
    Position,
    QueuedItem,
    Replacement,
    RestOfLine,
    Safe,
    SearchWords,
    SizeOrUid,
    Text,
    Uid,
    Uids,
    WholeNumber,
)
from bluesky_qs.words.grammar import Form, Grammar, ParsedCommand

#: Commands of the program itself; there are no 0MQ methods with these names.
MONITOR = "monitor"
SPREADSHEET = "spreadsheet"

_BACKGROUND = ("run_in_background", True)
_POSITION = Position(optional=True)
_SEARCH = SearchWords()
_TO = Position("pos_dest", "POSITION")
_BESIDE = Destination("pos_dest", "front|back|before UID|after UID")
_NOTE = LockNote("note", "NOTE", optional=True)
_REPLACES = "Replace a queued item with another one"
_IN_BACKGROUND = Flags(background=_BACKGROUND)


class CallForm(Form):
    """``call METHOD NAME=VALUE…``: the line names the method."""

    __slots__ = ()

    def __init__(self) -> None:
        super().__init__(
            "call",
            "call",
            Text("method", "METHOD"),
            NamedValues(),
            summary="Call any 0MQ method; values are JSON, Python or plain text",
        )

    def read(self, rest: list[str]) -> ParsedCommand:
        """Return a command for the method in the line."""
        _, params = super().read(rest)
        return ParsedCommand(params.pop("method"), params)


SECTIONS: dict[str, tuple[Form, ...]] = {
    "Service": (
        Form("ping", "ping"),
        Form("status", "status"),
        Form("monitor", MONITOR, summary="Print the status, then each change, until you press Ctrl-C"),
        Form("config", "config_get"),
        Form("manager stop", "manager_stop", Safe()),
        Form("manager kill test", "manager_kill"),
        Form(
            "events get",
            "events_get",
            WholeNumber("since", "N", optional=True),
            since=0,
            summary="Events since event number N",
        ),
        Form(
            "console get",
            "console_get",
            WholeNumber("since", "N", optional=True),
            summary="Show console output since message number N, or the latest",
        ),
        Form(
            "log",
            "console_get",
            FinishedItem("item_uid", "ID"),
            LineOptions(),
            limit=100_000,
            summary="Show what a plan or task printed; --level: records of DEBUG, INFO, WARNING, … or higher",
        ),
        CallForm(),
    ),
    "Environment": (
        Form("environment open", "environment_open"),
        Form("environment close", "environment_close"),
        Form("environment destroy", "environment_destroy"),
        Form("environment update", "environment_update", _IN_BACKGROUND),
        Form("environment report", "environment_report"),
    ),
    "Queue": (
        Form("start", "queue_start", summary="The same as 'queue start'"),
        Form("queue start", "queue_start"),
        Form("queue stop", "queue_stop"),
        Form("queue stop cancel", "queue_stop_cancel"),
        Form("queue autostart", "queue_autostart", Choice("enable", {"enable": True, "disable": False})),
        Form(
            "queue mode set",
            "queue_mode_set",
            ModeArguments(),
            mode={},
            summary="Set queue modes; 'default' turns all of them off",
        ),
        Form("queue get", "queue_get"),
        Form("queue clear", "queue_clear"),
        Form(
            "queue undo",
            "queue_undo",
            WholeNumber("event", "EVENT"),
            summary="Undo a clear, removal, move or edit of the last hour, by its event number",
        ),
        Form("queue add plan", "queue_item_add", _POSITION, ItemArgument("plan")),
        Form("queue add instruction", "queue_item_add", _POSITION, Instruction()),
        Form("queue add batch", "queue_item_add_batch", _POSITION, ItemsArgument()),
        Form(
            "queue add spreadsheet",
            "queue_item_add_batch",
            _POSITION,
            File("items", "spreadsheet"),
            summary="Add the plans in the rows of a .csv or .xlsx file, all or none",
        ),
        Form(
            "spreadsheet",
            SPREADSHEET,
            Text("plan", "PLAN"),
            Text("file", "FILE", optional=True),
            summary="Write an empty spreadsheet for a plan (PLAN.csv, or FILE, which may be .xlsx)",
        ),
        Form("queue update plan", "queue_item_update", Replacement("plan"), summary=_REPLACES),
        Form("queue update instruction", "queue_item_update", InstructionFor(), summary=_REPLACES),
        Form(
            "queue replace plan",
            "queue_item_update",
            Replacement("plan"),
            replace=True,
            summary="Like 'queue update', but the item gets a new uid",
        ),
        Form(
            "queue replace instruction",
            "queue_item_update",
            InstructionFor(),
            replace=True,
            summary="Like 'queue update', but the item gets a new uid",
        ),
        Form("queue update batch", "queue_item_update_batch", ItemsArgument()),
        Form("queue execute plan", "queue_item_execute", ItemArgument("plan")),
        Form("queue execute instruction", "queue_item_execute", Instruction()),
        Form("queue check plan", "item_check", ItemArgument("plan")),
        Form("queue dryrun plan", "item_dry_run", ItemArgument("plan"), summary="Show what a plan would do"),
        Form("queue dryrun", "queue_dry_run", _IN_BACKGROUND, summary="Show what the queued plans would do"),
        Form(
            "queue estimates",
            "estimates_get",
            Uids("uids", listed=True, optional=True),
            summary="Show how long the plans take, and when the queue ends",
        ),
        Form("queue item get", "queue_item_get", QueuedItem(optional=True)),
        Form("queue item remove", "queue_item_remove", QueuedItem(optional=True)),
        Form(
            "queue item remove batch",
            "queue_item_remove_batch",
            Uids("uids", listed=True),
            summary="Remove the items with these uids",
        ),
        Form("queue item move", "queue_item_move", QueuedItem("SOURCE"), _TO, summary="Move one item"),
        Form("queue item move batch", "queue_item_move_batch", Uids("uids", listed=True, until=_BESIDE), _BESIDE),
        Form("queue item status", "item_status", Uids("item_uid"), summary="Show the states and the results of items"),
    ),
    "History": (
        Form(
            "history get",
            "history_get",
            WholeNumber("limit", "N", optional=True, before=_SEARCH),
            _SEARCH,
            summary="Show the history, its newest N items, or the items with all of the words; oldest first",
        ),
        Form(
            "history clear",
            "history_clear",
            SizeOrUid(),
            summary="Clear the history; keep the newest N items, or remove item UID and all older ones",
        ),
    ),
    "Plans, devices, permissions": (
        Form("allowed plans", "plans_allowed"),
        Form("allowed devices", "devices_allowed"),
        Form("allowed functions", "functions_allowed"),
        Form(
            "device read",
            "device_read",
            Names("names", "NAME…", optional=True),
            summary="Read the named devices now, or all movable devices if no names are given",
        ),
        Form("existing plans", "plans_existing"),
        Form("existing devices", "devices_existing"),
        Form("permissions get", "permissions_get"),
        Form("permissions set", "permissions_set", File("user_group_permissions", "yaml")),
        Form("permissions reload", "permissions_reload", Flags(lists=("restore_plans_devices", True))),
    ),
    "RunEngine": (
        Form(
            "re pause",
            "re_pause",
            Choice("option", {"deferred": "deferred", "immediate": "immediate"}, optional=True),
        ),
        Form("re resume", "re_resume"),
        Form("re stop", "re_stop"),
        Form("re abort", "re_abort"),
        Form("re halt", "re_halt"),
        Form(
            "re runs",
            "re_runs",
            Choice("option", {"active": "active", "open": "open", "closed": "closed"}, optional=True),
        ),
        Form("re metadata", "re_metadata"),
        Form(
            "documents get",
            "documents_get",
            Uid("item_uid", "UID", optional=True),
            WholeNumber("limit", "N", optional=True),
            summary="Show the documents of an item, or of the running or last plan, with the latest N events",
        ),
    ),
    "Scripts, functions, tasks": (
        Form(
            "script upload",
            "script_upload",
            File("script", "text"),
            Flags(background=_BACKGROUND, update_re=("update_re", True), keep_lists=("update_lists", False)),
        ),
        Form("function execute", "function_execute", ItemArgument("function"), _IN_BACKGROUND),
        Form("task status", "task_status", Uids("task_uid"), summary="Show whether tasks are running or completed"),
        Form("task result", "task_result", Text("task_uid", "UID")),
        Form(
            "input reply",
            "input_reply",
            Text("input_uid", "UID"),
            RestOfLine("text", "TEXT", optional=True),
            summary="Answer an input() prompt; without TEXT, you are asked for it without echo",
        ),
        Form(
            "kernel interrupt",
            "kernel_interrupt",
            Flags(task=("interrupt_task", True), plan=("interrupt_plan", True)),
        ),
    ),
    "Lock": (
        Form("lock environment", "lock", _NOTE, environment=True, summary="Keep others from using the environment"),
        Form("lock queue", "lock", _NOTE, queue=True, summary="Keep others from changing the queue"),
        Form(
            "lock all",
            "lock",
            _NOTE,
            environment=True,
            queue=True,
            summary="Keep others from using the environment and from changing the queue",
        ),
        Form("lock info", "lock_info"),
        Form("unlock", "unlock"),
    ),
}

#: The commands of ``qserver``; ``%qs`` understands them too.
QSERVER = Grammar(form for forms in SECTIONS.values() for form in forms)
