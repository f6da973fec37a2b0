"""The report on the opening of the environment: the files that ran, and problems that did not stop the code."""

import msgspec


class LoadedFile(msgspec.Struct, frozen=True):
    """A file that ran, and the number of seconds that it took."""

    file: str
    seconds: float


class Overwritten(msgspec.Struct, frozen=True):
    """A name that one file defined and a later file redefined as something else."""

    name: str
    file: str
    by: str


class LoadProblem(msgspec.Struct, frozen=True):
    """A problem that did not stop the startup code."""

    message: str
    file: str | None = None
    line: int | None = None


class LoadReport(msgspec.Struct, frozen=True):
    """The result of running the startup code."""

    files: list[LoadedFile]
    seconds: float
    overwritten: list[Overwritten]
    problems: list[LoadProblem]
