"""The limit on a process's open files. Each client connection is an open file."""

import contextlib
import resource

#: Highest limit that is set. A higher limit would only cost time: some programs close every file that a process might
#: have.
_MOST = 102_400


def raise_limit() -> int:
    """Raise the soft limit as far as the system allows, and return the previous limit. Child processes inherit it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _MOST if hard == resource.RLIM_INFINITY else min(hard, _MOST)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with contextlib.suppress(OSError, ValueError):  # the old limit remains
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    return soft


def set_limit(soft: int) -> None:
    """Set the soft limit for this process and its child processes."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def limit() -> int | None:
    """Return the soft limit; None if there is no limit."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return None if soft == resource.RLIM_INFINITY else soft
