"""The time limit of a server's hook: a push that takes too long is refused.

Limits that count steps come first, because they are equal on every machine (docs/decisions/0032). This limit is generous,
and its message names the setting that changes it. A signal interrupts Python code and its waits; native code ends on its
own, because its input is bounded.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Final

from registry_tool.errors import OperationalError, UsageError
from registry_tool.git.command import Git

__all__ = ["SECONDS", "SETTING", "limit_time", "time_limit_seconds"]

SETTING: Final = "registry.receive.timeLimit"
SECONDS: Final = 1_800
_LONGEST: Final = 7 * 24 * 3_600


class _TooLate(BaseException):
    """Not an Exception, so that no error handler on the way catches it."""


def time_limit_seconds(git: Git) -> int:
    """The time limit of a push, in seconds; 0 for none.

    Raises:
        UsageError: The setting is not a number of seconds.
    """
    value = git.config(SETTING) or str(SECONDS)
    if not value.isascii() or not value.isdigit() or len(value) > 6 or int(value) > _LONGEST:  # noqa: PLR2004 (digits of a week)
        raise UsageError(
            f"the server's setting {SETTING} is {value[:40]!a}, and must be a number of seconds; 0 means no limit",
            remedy=f"on the server: git config {SETTING} {SECONDS}",
        )
    return int(value)


@contextmanager
def limit_time(git: Git) -> Iterator[None]:
    """Limit a block to the time of the server's setting; without signals, or outside the main thread, no limit.

    Raises:
        OperationalError: The block took longer.
        UsageError: The setting is invalid.
    """
    seconds = time_limit_seconds(git)
    main = threading.current_thread() is threading.main_thread()
    if not seconds or not main or not hasattr(signal, "setitimer"):
        yield
        return

    def ring(_number: int, _frame: FrameType | None) -> None:
        raise _TooLate

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    except _TooLate as exc:
        raise OperationalError(
            f"checking the push took longer than {seconds} seconds",
            remedy=f"push fewer commits at once, or on the server: git config {SETTING} {min(4 * seconds, _LONGEST)}",
        ) from exc
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
