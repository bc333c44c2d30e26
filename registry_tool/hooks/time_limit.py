"""The last resort of a server's hook: a push that takes longer than anybody waits is refused.

Bounds that count steps come first, for they are equal everywhere (docs/decisions/0032); this one is generous, and says which
setting changes it. A signal interrupts what Python runs and what it waits for; native code ends by itself, as its input
is bounded.
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
    """No Exception: nothing that handles errors on the way may take it for one of its own."""


def time_limit_seconds(git: Git) -> int:
    """How long a push may take; 0 is for ever.

    Raises:
        UsageError: The setting is no number of seconds.
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
    """Refuse what takes longer than the server's setting says; without signals, or outside the main thread, no limit.

    Raises:
        OperationalError: The time is over.
        UsageError: The setting is wrong.
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
