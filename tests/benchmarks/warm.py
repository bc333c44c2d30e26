"""Calls in a process that lives, each side in one of its own: nobody collects the other's garbage.

A library that holds 100,000 versions in memory makes every collection slow, for whoever shares the process with it.
"""

from __future__ import annotations

import os
import traceback
from collections.abc import Callable
from multiprocessing import get_context
from multiprocessing.connection import Connection
from types import TracebackType
from typing import NamedTuple, Self

from benchmarks.figures import Candidate

__all__ = ["Warm", "Worker"]


class Warm(NamedTuple):
    """A candidate that is ready.

    Attributes:
        candidate: Does the work once; it has done it before.
        note: What was seen while it was made ready.
    """

    candidate: Candidate
    note: str = ""


class Worker:
    """A process in which a candidate is made ready, and then runs when it is asked to.

    Args:
        make: Makes it ready, in that process.

    Attributes:
        note: What it noted.

    Raises:
        RuntimeError: It could not be made.
    """

    def __init__(self, make: Callable[[], Warm]) -> None:
        context = get_context("fork")  # what is to be made may be a closure
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(make, theirs, self._pipe), daemon=True)
        self._process.start()
        theirs.close()
        self.note = str(self._answer())

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._pipe.close()  # which ends it
        self._process.join()

    def run(self) -> float:
        """Let it do the work once, and tell what it cost.

        Raises:
            RuntimeError: It failed.
        """
        self._pipe.send(None)
        return float(self._answer())

    def _answer(self) -> str:
        try:
            done, words = self._pipe.recv()
        except EOFError:
            done, words = False, "the process ended"
        if not done:
            raise RuntimeError(words)
        return str(words)


def _serve(make: Callable[[], Warm], pipe: Connection, other_end: Connection) -> None:
    other_end.close()
    try:
        warm = make()
        pipe.send((True, warm.note))
        while True:
            pipe.recv()
            pipe.send((True, repr(warm.candidate())))
    except EOFError:
        os._exit(0)  # nothing here is worth an orderly end
    except BaseException as exc:  # noqa: BLE001 (told to the other side)
        traceback.print_exc()
        pipe.send((False, f"{type(exc).__name__}: {exc}"))
        os._exit(1)
