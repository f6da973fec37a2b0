"""A sign-in route: its verb, its path, and the credentials that it needs."""

from collections.abc import Awaitable, Callable
from enum import Enum
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from bluesky_qs.api.paths import PREFIX
from bluesky_qs.door.refusals import HTTPRefusal
from bluesky_qs.door.signin.rows import SignInDatabaseError


class Needs(Enum):
    """The requirements of a sign-in route without a scope."""

    NOTHING = "open to anyone"
    SIGN_IN = "anyone who is signed in"


class AuthRoute(Route):
    """A sign-in route.

    Attributes
    ----------
    verb
        GET, POST or DELETE.
    needs
        The scope, or the requirement that replaces it.
    body, answers
        Types of the body and the response, for the documentation.
    function
        The handler; its docstring is the documentation.
    """

    def __init__(
        self,
        verb: str,
        path: str,
        handle: Callable[[Request], Awaitable[Response]],
        *,
        needs: str | Needs,
        body: Any = None,
        answers: Any = None,
    ) -> None:
        super().__init__(f"{PREFIX}/auth{path}", _refusing(handle), methods=[verb])
        self.verb = verb
        self.needs = needs
        self.body = body
        self.answers = answers
        self.function = handle


def _refusing(handle: Callable[[Request], Awaitable[Response]]) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(request: Request) -> Response:
        try:
            return await handle(request)
        except SignInDatabaseError as error:
            raise HTTPRefusal(f"Sign-in is not possible now. {error.message}", status=503) from None

    return endpoint
