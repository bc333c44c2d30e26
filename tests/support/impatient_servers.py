"""Server processes with short patience, and what a test asks of them after anything that was done to them."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Final

from support import git
from support.raw_http import RawAnswer, ask
from support.wire_clients import ServerProcess, running_server
from support.wire_columns import COLUMNS, WireColumn

__all__ = ["assert_works", "read_tip", "run_impatiently", "serve_impatiently"]

_TESTS: Final = Path(__file__).parents[1]
_PROGRAM: Final = _TESTS / "support" / "impatient_server.py"
_COUNT: Final = itertools.count()


def run_impatiently(
    bare: Path | str, *options: str, clock: Path | None = None
) -> AbstractContextManager[ServerProcess]:
    """A server, which may log what it likes.

    Args:
        bare: What is served.
        options: Of the command.
        clock: A file with the seconds that the server's clock is ahead.
    """
    env = {"PYTHONPATH": os.pathsep.join([str(_TESTS), os.environ.get("PYTHONPATH", "")])}
    if clock is not None:
        env["CLOCK_OFFSET"] = str(clock)
    return running_server(bare, *options, env=env, program=[str(_PROGRAM)])


@contextmanager
def serve_impatiently(
    bare: Path | str, *options: str, clock: Path | None = None, may_log: Sequence[str] = ()
) -> Iterator[ServerProcess]:
    """A server; at the end it has logged no traceback.

    Args:
        bare: What is served.
        options: Of the command.
        clock: A file with the seconds that the server's clock is ahead.
        may_log: Parts of lines that it may write after its start; every other line fails the test.
    """
    with run_impatiently(bare, *options, clock=clock) as server:
        started = len(server.log)
        yield server
    allowed = ("note: ", *may_log)  # notes of the start may come late
    said = [line for line in server.log[started:] if not any(part in line for part in allowed)]
    assert said == [], "\n".join(said)


def assert_works(
    server: ServerProcess, columns: Sequence[WireColumn] = COLUMNS, *, name: str = ""
) -> None:
    """The next request works: in each protocol a model is created and read."""
    for column in columns:
        model = name or f"works-{next(_COUNT)}"
        made: RawAnswer = ask(server.port, column.create({"name": model}))
        assert made.status in {200, 201}, made
        assert column.finds(ask(server.port, column.read(model)))


def read_tip(bare: Path) -> str:
    """The commit of the published branch."""
    return git(bare, "rev-parse", "main")
