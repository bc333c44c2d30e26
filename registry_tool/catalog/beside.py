"""A second process of this program, which works ahead of the first one until that is done.

It shares nothing with it but what it puts on a shelf, so it can be slow, killed or missing. Processes, not threads: reading
YAML holds Python's lock.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator

__all__ = ["beside"]


@contextlib.contextmanager
def beside(module: str, *arguments: str) -> Iterator[None]:
    """While the block runs, a module runs in a process of its own; with a single processor none does.

    Args:
        module: Its full name.
        arguments: What it is given.
    """
    if (os.cpu_count() or 1) < 2:  # noqa: PLR2004 (a second process)
        yield
        return
    # -P: no code that lies in the current folder may be imported.
    helper = subprocess.Popen(
        [sys.executable, "-P", "-m", module, *arguments],
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        yield
    finally:
        helper.terminate()
        helper.wait()
