"""Checks of Parquet files in a process of its own: pyarrow ends the process that reads some broken files.

The server asks one child process, in lines of JSON, and starts another where a file has ended it. Its answer is only whether a file
can be read: what the server then reads of the same bytes, the child has read before. Run as a program, this module is the child.
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import weakref
from collections import OrderedDict
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from registry_tool.errors import OperationalError
from registry_tool.server.kolena.errors import IncorrectUsageError
from registry_tool.server.kolena.rows.parquet import Column, check_files, check_footer, read_files

if TYPE_CHECKING:
    from registry_tool.manifests.problems import JSON

__all__ = ["FileChecker"]

_SECONDS: Final = 600.0  # for one question; then the child is ended
_MOST_KNOWN: Final = 10_000
_FOOTER, _UPLOAD, _STORED = "footer", "upload", "stored"


class FileChecker:
    """Asks the child; from any thread, one question at a time."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._child: subprocess.Popen[str] | None = None
        self._stop: Callable[[], object] = (
            int  # ends the child; also when this object or the program ends
        )
        self._known: OrderedDict[tuple[str, tuple[Column, ...]], None] = OrderedDict()

    def check_footer(self, path: Path) -> None:
        """Check that a file is Parquet, and says to be within the limits.

        Raises:
            IncorrectUsageError: It is not.
            OperationalError: No child can be started.
        """
        self._ask(_FOOTER, [path], ())

    def check_upload(self, paths: Sequence[Path], columns: Sequence[Column]) -> None:
        """Check all files of an upload; see ``parquet.check_files``.

        Raises:
            IncorrectUsageError: They are not what they must be.
            OperationalError: No child can be started.
        """
        self._ask(_UPLOAD, paths, columns)

    def check_stored(self, sha256: str, path: Path, columns: Sequence[Column]) -> None:
        """Check columns of a stored file, once for each content; another program may have stored it.

        Args:
            sha256: Of its bytes, which were verified.
            path: Where it is.
            columns: The columns that will be read.

        Raises:
            IncorrectUsageError: They cannot be read.
            OperationalError: No child can be started.
        """
        key = (sha256, tuple(columns))
        if key not in self._known:
            self._ask(_STORED, [path], columns)
            self._known[key] = None
            while len(self._known) > _MOST_KNOWN:
                self._known.popitem(last=False)

    def _ask(self, what: str, paths: Sequence[Path], columns: Sequence[Column]) -> None:
        question = json.dumps([what, [*map(str, paths)], [[*one] for one in columns]])
        with self._lock:
            answer = self._exchange(question)
        if answer is None:
            raise IncorrectUsageError("the upload is not a Parquet file that can be read")
        if answer:
            raise IncorrectUsageError(answer)

    def _exchange(self, question: str) -> str | None:
        """The answer; None where the question has ended the child."""
        for _ in range(2):  # the first one may have been ended by something else before
            child = self._start()
            timer = threading.Timer(_SECONDS, child.kill)
            timer.daemon = True
            timer.start()
            try:
                child.stdin.write(f"{question}\n")  # type: ignore[union-attr]  # a pipe
                child.stdin.flush()  # type: ignore[union-attr]
                line = child.stdout.readline()  # type: ignore[union-attr]
            except (BrokenPipeError, ConnectionError):
                line = ""
            finally:
                timer.cancel()
            if line:
                return str(json.loads(line))
            self._end()
        return None

    def _start(self) -> subprocess.Popen[str]:
        if self._child is None or self._child.poll() is not None:
            self._end()
            # -P: no module in the current folder may be imported. In a session of its own Ctrl-C does not reach it.
            command = [sys.executable, "-P", "-m", __name__]
            try:
                self._child = subprocess.Popen(
                    command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                    text=True, encoding="utf-8", start_new_session=True,
                )  # fmt: skip
            except OSError as exc:
                raise OperationalError(f"cannot start a process that checks uploads: {exc.strerror}") from exc  # fmt: skip
            self._stop = weakref.finalize(self, _stop, self._child)
        return self._child

    def _end(self) -> None:
        self._child = None
        self._stop()


def _stop(child: subprocess.Popen[str]) -> None:
    child.kill()
    child.communicate()


def _check(what: str, paths: Sequence[Path], columns: Sequence[Column]) -> JSON:
    try:
        if what == _FOOTER:
            check_footer(paths[0])
        elif what == _UPLOAD:
            check_files(paths, columns)
        else:
            read_files(paths, columns)
    except IncorrectUsageError as exc:
        return exc.message
    return ""


def main() -> None:
    """Answer questions until there are no more."""
    for line in sys.stdin:
        what, paths, columns = json.loads(line)
        found = _check(what, [*map(Path, paths)], [Column(*one) for one in columns])
        sys.stdout.write(f"{json.dumps(found)}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
