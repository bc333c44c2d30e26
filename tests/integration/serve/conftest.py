"""A server process with short patience over a bare registry, and what every test asks of it afterwards."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Final

import pytest
from support import git
from support.raw_http import ask
from support.wire_clients import ServerProcess, running_server
from support.wire_columns import COLUMNS, WireColumn

Serve = Callable[..., AbstractContextManager[ServerProcess]]
_TESTS: Final = Path(__file__).parents[2]
_PROGRAM: Final = _TESTS / "support" / "impatient_server.py"
_COUNT: Final = itertools.count()


@pytest.fixture(params=COLUMNS, ids=[one.name for one in COLUMNS])
def column(request: pytest.FixtureRequest) -> WireColumn:
    """A protocol."""
    found = request.param
    assert isinstance(found, WireColumn)
    return found


@contextmanager
def serve_impatiently(bare: Path | str, *options: str, clock: Path | None = None) -> Iterator[ServerProcess]:  # fmt: skip
    """The server; at the end it has logged no traceback and nothing else that it did not print at its start."""
    env = {"PYTHONPATH": os.pathsep.join([str(_TESTS), os.environ.get("PYTHONPATH", "")])}
    if clock is not None:
        env["CLOCK_OFFSET"] = str(clock)
    with running_server(bare, *options, env=env, program=[str(_PROGRAM)]) as server:
        yield server
    log = "\n".join(server.log)
    assert "Traceback" not in log, log
    assert "Error" not in log, log


def assert_works(server: ServerProcess, column: WireColumn) -> str:
    """The next request works: a model is created and read; its name."""
    name = f"works-{next(_COUNT)}"
    made = ask(server.port, column.create({"name": name}))
    assert made.status in {200, 201}, made
    assert ask(server.port, column.read(name)).status == 200
    return name


def read_tip(bare: Path) -> str:
    """The commit of the published branch."""
    return git(bare, "rev-parse", "main")
