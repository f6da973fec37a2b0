"""The shapes of the door's own responses."""

from typing import Any, Literal, NotRequired, TypedDict

from bluesky_qs.api.types import Reply
from bluesky_qs.api.values import ParameterKind


class Refusal(TypedDict):
    """The service refuses a request. The response may also have keys of the reply to an accepted request."""

    success: Literal[False]
    msg: str
    error: NotRequired[str]


class Detail(TypedDict):
    """The reason why the HTTP server does not carry out the request."""

    detail: str


class Presence(TypedDict):
    """Whether a part of the service is available."""

    status: Literal["ok", "slow", "down"]


class PlanFault(TypedDict):
    """An error in the text of a plan, with its place; columns are counted from 0."""

    msg: str
    column: int
    length: int


class Place(TypedDict):
    """A place in the text of a plan; columns are counted from 0."""

    column: int
    length: int


class PlacedName(TypedDict):
    """An unquoted name in the text of a plan, with its place."""

    name: str
    column: int
    length: int


class ParsedPlan(Reply):
    """A plan typed as in ``RE(…)``. ``places`` has the place of each requested path, in the same order."""

    item: dict[str, Any] | None
    errors: list[PlanFault]
    names: NotRequired[list[PlacedName]]
    places: NotRequired[list[Place]]


class SheetColumn(TypedDict):
    """A column of a spreadsheet: its number from 1, its letters, and its heading."""

    number: int
    letters: str
    heading: str


class SheetCells(TypedDict):
    """A row of a spreadsheet: its number from 1, and the texts of its cells, in the order of the columns."""

    number: int
    cells: list[str]


class SheetFault(TypedDict):
    """An error or a warning about a cell. ``column`` is 0, and ``label`` empty, if it is about the whole row."""

    row: int
    column: int
    label: str
    msg: str


class ParsedSheet(Reply):
    """The plans of a spreadsheet. ``row_count`` and ``error_count`` include those that the reply leaves out."""

    sheet: str
    columns: list[SheetColumn]
    rows: list[SheetCells]
    row_count: int
    items: list[dict[str, Any]]
    item_rows: list[int]
    errors: list[SheetFault]
    error_count: int
    warnings: list[SheetFault]


class Glance(TypedDict):
    """A service behind the HTTP server. ``state`` is ``down``, ``slow``, or the state of the manager."""

    name: str
    state: str
    items_in_queue: int | None
    running_item_uid: str | None
    last_message_age: float | None


class Instruments(Reply):
    """The services behind the HTTP server."""

    instruments: list[Glance]


class ConsoleLines(Reply):
    """Console output as one text."""

    text: str


class ConsoleUid(Reply):
    """Changes whenever there is new console output."""

    console_output_uid: str


class ConsolePiece(TypedDict):
    """A piece of console output."""

    time: float
    msg: str


class ConsoleUpdate(Reply):
    """The console output after a message."""

    last_msg_uid: str
    console_output_msgs: list[ConsolePiece]


class ShortParameter(TypedDict):
    """A parameter of a plan, for drawing a form.

    ``type`` is missing for all other types. ``enum`` has the choices. ``default`` and the limits are values.
    """

    name: str
    kind: NotRequired[ParameterKind]
    description: NotRequired[str]
    type: NotRequired[Literal["float", "int", "str"]]
    enum: NotRequired[list[str | None]]
    is_list: NotRequired[bool]
    default: NotRequired[Any]
    min: NotRequired[Any]
    max: NotRequired[Any]
    step: NotRequired[Any]
    is_optional: bool


class ShortPlan(TypedDict):
    """A plan, for drawing a form."""

    name: str
    description: NotRequired[str]
    parameters: NotRequired[list[ShortParameter]]


class ShortDevice(TypedDict):
    """A device without its subdevices."""

    classname: str
    module: str
    is_readable: bool
    is_movable: bool
    is_flyable: bool
    excluded: NotRequired[bool]


class ShortPlansAllowed(Reply):
    """The reply with ``reduced``."""

    plans_allowed: dict[str, ShortPlan]
    plans_allowed_uid: str | None


class ShortPlansExisting(Reply):
    """The reply with ``reduced``."""

    plans_existing: dict[str, ShortPlan]
    plans_existing_uid: str | None


class ShortDevicesAllowed(Reply):
    """The reply with ``reduced``."""

    devices_allowed: dict[str, ShortDevice]
    devices_allowed_uid: str | None


class ShortDevicesExisting(Reply):
    """The reply with ``reduced``."""

    devices_existing: dict[str, ShortDevice]
    devices_existing_uid: str | None
