"""``%qs`` and ``%%qs``: the magics that IPython calls."""

import keyword
import re
import sys
from collections import ChainMap
from collections.abc import Mapping, Sequence
from contextlib import suppress
from types import FrameType
from typing import Any

from IPython.core.completer import CompletionContext, SimpleCompletion, SimpleMatcherResult, context_matcher
from IPython.core.error import UsageError
from IPython.core.magic import Magics, line_cell_magic, magics_class, needs_local_scope, no_var_expand
from traitlets import Enum, Float, Int, TraitError, Unicode, observe, validate

from bluesky_qs.addresses import both_addresses, reachable_info_address
from bluesky_qs.client.authorization import Keys
from bluesky_qs.client.sync import REManagerAPI
from bluesky_qs.errors import ConfigError, QSError
from ipython_extension.shown.error_rendering import in_one_line, usage
from ipython_extension.words.free_text import has_text, without_comment


class OnlyCompletions(list[SimpleCompletion]):
    """The complete list of completions, even if it is empty.

    If a matcher returns an empty list, IPython also asks its other matchers, which would offer files and Python names.
    IPython checks the length, so an empty list pretends to have one element.
    """

    def __len__(self) -> int:
        return max(1, super().__len__())


_METHOD = "widget"
_CONNECTION = (
    "control_addr",
    "info_addr",
    "encoding",
    "public_key",
    "http_server_uri",
    "http_ca_file",
    "user",
    "user_group",
    "lock_key",
    "timeout",
)


@magics_class
class QSMagics(Magics):
    """The Queue Server at the prompt.

    Empty settings come from the environment variables that all clients of the Queue Server read.
    """

    control_addr = Unicode(help="Address of the service; empty: QSERVER_ZMQ_CONTROL_ADDRESS.").tag(config=True)
    info_addr = Unicode(help="Address of the service's info (publish) socket; empty: QSERVER_ZMQ_INFO_ADDRESS.").tag(
        config=True
    )
    encoding = Enum(("", "json", "msgpack"), "", help="Message encoding; empty: QSERVER_ZMQ_ENCODING.").tag(config=True)
    public_key = Unicode(help="CURVE public key of the service; empty: QSERVER_ZMQ_PUBLIC_KEY.").tag(config=True)
    http_server_uri = Unicode(help="Address of an HTTP server to use instead of 0MQ; empty: 0MQ.").tag(config=True)
    http_ca_file = Unicode(help="File with the certificates to trust; empty: the system's.").tag(config=True)
    user = Unicode(help="User name to record with items; empty: QSERVER_USER, or else the login name.").tag(config=True)
    user_group = Unicode(help="User group whose permissions apply; empty: QSERVER_USER_GROUP.").tag(config=True)
    lock_key = Unicode(help="Key to use while the manager is locked.").tag(config=True)
    timeout = Float(2.0, min=0.001, help="Seconds to wait for a reply.").tag(config=True)
    name = Unicode("RM", help="The variable that holds the client.").tag(config=True)
    table_rows = Int(20, min=1, help="Maximum number of table rows to show.").tag(config=True)

    #: Any IPython shell.
    shell: Any

    def __init__(self, shell: Any, **kwargs: Any) -> None:
        super().__init__(shell, **kwargs)
        self._rm: REManagerAPI | None = None
        self._session: Any = None
        #: The output for the progress of this line's latest wait.
        self._output: Any = None
        self._is_silent = False
        #: This session's credentials, by server address.
        self._keys: dict[str, Keys] = {}
        self._views: Any = None

    # -------------------------------------------------------------------------------------------------- the magics
    # This replaces `output_can_be_silenced`. IPython's version tokenizes the line as Python *after* running it, and
    # raises an error if the line is not Python, such as a note or JSON.
    @no_var_expand  # IPython must not evaluate {…} and $… first
    @needs_local_scope
    @line_cell_magic
    def qs(self, line: str, cell: str | None = None, local_ns: dict[str, Any] | None = None) -> Any:
        """Control the Queue Server; ``%qs help`` lists all commands.

        %qs                                    show the state
        %qs open                               open the environment
        %qs add count([det1, det2], num=10)    queue a plan
        %qs queue                              show the queue
        %qs start                              start the queue
        %qs history                            show the plans that ran
        """
        from ipython_extension.session import refusals  # noqa: PLC0415 - loading the extension does not need it
        from ipython_extension.words import dispatch  # noqa: PLC0415 - loading the extension does not need it

        session = self._conversation()
        line = without_comment(line)
        text = line if cell is None else cell
        silent = self._is_silent = text.rstrip().endswith(";")
        self._output = None
        variables = ChainMap(local_ns or {}, _globals_of_caller(), self.shell.user_ns)
        try:
            if cell is None:
                view = dispatch.carry_out(session, line.rstrip().rstrip(";"), variables)
            else:
                view = dispatch.carry_out_cell(session, line, cell, variables)
        except UsageError as error:
            raise (usage(error, width) if (width := self._width()) else error) from None
        except QSError as error:
            if not silent and (view := getattr(error, "view", None)) is not None:
                self._give_place(view)
                self._show(view)
            message = refusals.explain(error, session)
            raise in_one_line(error, message, theme=self._theme(), width=self._width()) from None
        if silent:
            return None
        self._give_place(view)
        hidden = _hidden_result(everything=self.shell.ast_node_interactivity == "all")
        if (hidden or self._place is not None) and (show := getattr(view, "brief", None)):
            self._print(show(self._terminal_width()), is_in_block=hidden == "block")
        elif hidden == "line" and not getattr(view, "is_long", False):
            self._show(view)
        if (width := self._terminal_width()) and getattr(view, "is_long", False):
            from IPython.core import page  # noqa: PLC0415 - only help needs it

            page.page(view.text(width))
            return None
        return view

    @context_matcher(priority=1000, identifier="QSMagics.matches")
    def matches(self, context: CompletionContext) -> SimpleMatcherResult:
        """Completions after ``%qs``."""
        above = context.full_text.split("\n")[: context.cursor_line]
        text = "\n".join([*above, context.text_until_cursor])
        if "%qs" not in text:
            return {"completions": []}
        from ipython_extension.words.completion import offers_for  # noqa: PLC0415 - see `qs`

        found = offers_for(text, self._conversation())
        if found is None:
            return {"completions": []}
        completions = OnlyCompletions(SimpleCompletion(offer.text, type=offer.kind) for offer in found.offers)
        return {
            "completions": completions,
            "matched_fragment": found.fragment,
            "suppress": True,
            "ordered": True,
        }

    def _conversation(self) -> Any:
        if self._session is None:
            from ipython_extension.session.session import Session  # noqa: PLC0415 - see `qs`

            self._session = Session(self)
        return self._session

    def _width(self) -> int | None:
        """Width in columns for errors in the terminal or the notebook; None if output goes to a file."""
        from ipython_extension.shown.tables import NOTEBOOK_ERROR_WIDTH  # noqa: PLC0415 - see `qs`

        return NOTEBOOK_ERROR_WIDTH if hasattr(self.shell, "kernel") else self._terminal_width()

    def _terminal_width(self) -> int | None:
        """Width of the terminal that the output goes to; None if there is no terminal."""
        from ipython_extension.shown.tables import terminal_width  # noqa: PLC0415 - see `qs`

        return None if hasattr(self.shell, "kernel") or not sys.stdout.isatty() else terminal_width()

    def _print(self, text: str, *, is_in_block: bool) -> None:
        """Print a reply.

        A notebook indents printed text, unlike the reply of the last line, which is HTML. HTML is not an alternative in
        a loop with many replies, because a notebook would show only the first fifty.
        """
        if (is_in_block and self._place is None) or not hasattr(self.shell, "kernel"):
            print(text)
            return
        from IPython.display import display  # noqa: PLC0415 - a terminal does not need it

        from ipython_extension.shown.notebook_html import in_one_typeface, preformatted  # noqa: PLC0415 - see `qs`

        data = {"text/plain": text, "text/html": in_one_typeface(preformatted(text))}
        if self._place is None:
            display(data, raw=True)
        else:
            self._place.update(data, raw=True)

    @property
    def _place(self) -> Any:
        """The notebook display, if it has shown only this line's progress; otherwise None."""
        return getattr(self._output, "place", None)

    def _give_place(self, view: Any) -> None:
        """Let a reply replace the progress display in the same cell. That display would otherwise stay empty."""
        place = self._place
        if place is None or not hasattr(view, "show_here"):
            return
        request = self._request()

        def show(data: dict[str, str]) -> bool:
            if is_here := self._request() == request:
                place.update(data, raw=True)
            return is_here

        view.show_here = show

    def _request(self) -> str:
        """The request that the notebook's kernel is working on."""
        return str(self.shell.kernel.get_parent("shell").get("header", {}).get("msg_id"))

    def _show(self, view: Any) -> None:
        """Show the table of a line that is not the last one, just as IPython shows the last line's table."""
        if not hasattr(self.shell, "kernel"):
            print(self.shell.display_formatter.format(view, include={"text/plain"})[0]["text/plain"])
            return
        from IPython.display import display  # noqa: PLC0415 - a terminal does not need it

        display(view)

    def _theme(self) -> str:
        """Color theme for errors: IPython's theme, unless errors go to a file or the user wants no colors."""
        from ipython_extension.shown import colors  # noqa: PLC0415 - see `qs`

        return colors.theme() if hasattr(self.shell, "kernel") or colors.are_wanted() else "nocolor"

    # -------------------------------------------------------------------------------- what the session uses
    def progress_output(self) -> Any:
        """The output for the progress of a wait: a notebook, a terminal, or none."""
        self._output = self._new_output()
        return self._output

    def _new_output(self) -> Any:
        from ipython_extension.live import progress_output  # noqa: PLC0415 - see `qs`

        is_terminal = bool(self._terminal_width())
        return progress_output.of(self.shell, is_terminal=is_terminal, is_silent=self._is_silent, place=self._place)

    def table_width(self) -> int:
        """Width in columns of a live table."""
        return self._new_output().width

    def canvas(self) -> Any:
        """The output for figures: a notebook, windows, or text in a terminal."""
        from ipython_extension.live.canvases import canvas  # noqa: PLC0415 - see `qs`

        return canvas(self.shell)

    def new_view(self, client: REManagerAPI) -> Any:
        """A live view of a service, for a notebook."""
        from ipython_extension.widget.views import Views  # noqa: PLC0415 - see `qs`

        self._views = self._views or Views(self.shell)
        return self._views.new(client)

    def rows(self) -> int:
        """The number of table rows to show."""
        return self.table_rows

    def variables(self) -> dict[str, Any]:
        """The user's namespace."""
        return self.shell.user_ns

    def inputs(self) -> Sequence[str]:
        """The inputs of this session as Python code, oldest first."""
        return self.shell.history_manager.input_hist_parsed

    def client(self) -> REManagerAPI:
        """The client: the user's own in the namespace, otherwise ours."""
        held = self.shell.user_ns.get(self.name)
        if isinstance(held, REManagerAPI):
            return held
        if self._rm is None:
            self._rm = self._new_client()
        return self._rm

    def connect(
        self, *, address: str | None = None, info: str | None = None, user: str | None = None, group: str | None = None
    ) -> tuple[REManagerAPI, str | None]:
        """Switch to the service at another address over 0MQ if it answers. Return its client and its info address.

        The info address is None unless it is only a guess, because neither the user nor the service has given one.
        """
        control, guess = both_addresses(address) if address else (self.control_addr, self.info_addr)
        wanted = {"control_addr": control, "info_addr": info or guess, "http_server_uri": ""}
        wanted |= {"user": user or self.user, "user_group": group or self.user_group}
        assumed: str | None = None
        with self._new_client(**wanted) as candidate:
            candidate.status()
            if address and not info:
                reachable = reachable_info_address(candidate.config_get().get("zmq_info_addr"), control)
                wanted["info_addr"], assumed = reachable or guess, None if reachable else guess
            if group:
                candidate.plans_allowed()  # refused if there is no such group
        return self._connected(wanted), assumed

    def uses_http(self) -> bool:
        """Whether the client in use talks to an HTTP server."""
        return bool(self.http_server_uri)

    def http_client(self, *, address: str | None = None, ca_file: str | None = None) -> REManagerAPI:
        """A client for an HTTP server, with an existing key. `use` switches to it. Close it in either case."""
        return self._new_client(
            http_server_uri=address or self.http_server_uri, http_ca_file=ca_file or self.http_ca_file
        )

    def use(self, client: REManagerAPI) -> REManagerAPI:
        """Switch to a copy of this client, which talks to the same HTTP server with the same keys."""
        address = client.settings.address
        self._keys[address] = client.authorization_keys
        return self._connected({"http_server_uri": address, "http_ca_file": client.http_settings.ca_file or ""})

    def _connected(self, wanted: Mapping[str, str]) -> REManagerAPI:
        with self.hold_trait_notifications():
            for name, value in wanted.items():
                self.set_trait(name, value)
        self._replace_client(whoever_made_it=True)
        return self.client()

    # ------------------------------------------------------------------------------------------ loading, unloading
    def put_client(self) -> None:
        """Put the client into the namespace, unless its name is taken."""
        if self.name not in self.shell.user_ns:
            try:
                self._rm = self._rm or self._new_client()
            except ConfigError as error:
                print(f"The client {self.name} was not created: {error}")
                return
            self.shell.push({self.name: self._rm})

    def put_method(self) -> None:
        """Add the method ``widget`` to clients, which know nothing about notebooks."""

        def widget(client: REManagerAPI) -> Any:
            """Show the state, the queue and the history live in the notebook. Use this as the last line of a cell."""
            return self.new_view(client.raising())

        setattr(REManagerAPI, _METHOD, widget)

    def take_back_method(self) -> None:
        """Remove the method, and close all views."""
        if hasattr(REManagerAPI, _METHOD):
            delattr(REManagerAPI, _METHOD)
        if self._views is not None:
            self._views.close()

    def take_back_client(self) -> None:
        """Remove our client from the namespace and close it."""
        if self._rm is not None:
            self.shell.drop_by_id({self.name: self._rm})
            self._rm.close()
            self._rm = None

    @observe(*_CONNECTION)
    def _connection_changed(self, _change: Any) -> None:
        if getattr(self, "_rm", None) is not None:
            self._replace_client(whoever_made_it=False)

    @validate("name")
    def _name_is_one(self, proposal: Any) -> str:
        if not proposal["value"].isidentifier() or keyword.iskeyword(proposal["value"]):
            raise TraitError(f"The 'name' trait of QSMagics must be a variable name, not {proposal['value']!r}")
        return proposal["value"]

    @observe("name")
    def _name_changed(self, change: Any) -> None:
        if getattr(self, "_rm", None) is not None:
            self.shell.drop_by_id({change["old"]: self._rm})
            self.put_client()

    def _replace_client(self, *, whoever_made_it: bool) -> None:
        held = self.shell.user_ns.get(self.name)
        ours = held is self._rm or (whoever_made_it and isinstance(held, REManagerAPI))
        if self._rm is not None:
            self._rm.close()
        self._rm = self._new_client()
        if ours or held is None:
            self.shell.push({self.name: self._rm})

    def _new_client(self, **instead: str) -> REManagerAPI:
        settings = {name: getattr(self, name) or None for name in _CONNECTION} | {
            name: value or None for name, value in instead.items()
        }
        who: dict[str, Any] = {name: settings[name] for name in ("user", "user_group", "lock_key")}
        if uri := settings["http_server_uri"]:
            return self._new_http_client(uri, settings["http_ca_file"], who)
        return REManagerAPI(
            settings["control_addr"],
            zmq_info_addr=settings["info_addr"],
            zmq_encoding=settings["encoding"],
            zmq_public_key=settings["public_key"],
            timeout_recv=self.timeout,
            **who,
        )

    def _new_http_client(self, uri: str, ca_file: str | None, who: Mapping[str, Any]) -> REManagerAPI:
        """A client with this session's key, the kept key, or the key from the environment variable, in this order."""
        from bluesky_qs.client import kept_keys  # noqa: PLC0415 - most sessions use 0MQ

        # Over HTTP, requests take longer.
        timeout = None if self.timeout == type(self).timeout.default_value else self.timeout
        client = REManagerAPI(http_server_uri=uri, http_ca_file=ca_file, timeout=timeout, **who)
        address = client.settings.address
        if address in self._keys:
            client.authorization_keys = self._keys[address]
        elif client.auth_key is None:  # the environment variable is not set
            with suppress(kept_keys.UnclearKeyError):  # %qs connect asks for the user
                client.set_authorization_key(api_key=kept_keys.key_for(address, who["user"]))
        return client


def _globals_of_caller() -> dict[str, Any]:
    """The variables of the module that contains the line. Those of a ``%run`` script are not in the session yet."""
    frame: FrameType | None = sys._getframe(1)  # noqa: SLF001 - inspect.currentframe is the same
    while frame and frame.f_globals.get("__name__", "").partition(".")[0] in _OURS:
        frame = frame.f_back
    return frame.f_globals if frame else {}


def _hidden_result(*, everything: bool) -> str:
    """``line`` or ``block`` if IPython does not show the line's result: it is a statement in a cell, or in a block.

    IPython shows the last statement's result, or, with ``everything``, the result of each statement outside blocks.
    """
    frame: FrameType | None = sys._getframe(1)  # noqa: SLF001 - see `_globals_of_caller`
    while frame and frame.f_globals.get("__name__", "").partition(".")[0] in _OURS:
        frame = frame.f_back
    if frame is None or frame.f_code.co_name != "<module>":
        return ""
    import ast  # noqa: PLC0415 - loading the extension does not need it
    import linecache  # noqa: PLC0415

    place = list(frame.f_code.co_positions())[frame.f_lasti // 2]
    try:
        tree = ast.parse("".join(linecache.getlines(frame.f_code.co_filename)))
    except SyntaxError:
        return ""
    blocks = [node for statement in tree.body for node in ast.walk(statement) if node is not statement]
    before = [] if everything else tree.body[:-1]

    def is_here(node: ast.AST) -> bool:
        if not isinstance(node, ast.Expr):
            return False
        value = node.value
        return (value.lineno, value.end_lineno, value.col_offset, value.end_col_offset) == place

    return "block" if any(map(is_here, blocks)) else "line" if any(map(is_here, before)) else ""


#: Packages whose functions are on the stack between the line and the magic.
_OURS = frozenset({"IPython", "ipykernel", __name__.partition(".")[0]})
_QUESTION = re.compile(r"\s*%qs\s+(.*\?)\s*")
_HELP = re.compile(r"\s*%?(%qs)((?:\s[^'\"]*?)?)\s*\?{1,2}\s*")


def help_lines(lines: list[str]) -> list[str]:
    """Turn ``%qs add?`` into ``%qs help add``. Otherwise, IPython would look for an object named ``add``.

    Text that ends with a question mark, such as an answer, is not changed.
    """
    text = _QUESTION.fullmatch(lines[0]) if len(lines) == 1 else None
    if text and has_text(text[1].split()):
        return [f"get_ipython().run_line_magic('qs', {text[1]!r})\n"]
    found = _HELP.fullmatch(lines[0]) if len(lines) == 1 else None
    if found and without_comment(found[2]) != found[2]:  # the question mark ends a comment
        return lines
    return [f"{found[1]} help {found[2].strip()}\n"] if found else lines
