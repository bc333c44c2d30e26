"""What others push is served at once, and checked: what the check refuses is kept for ``/status``.

It is published already, so a server that held it back would only differ from every clone. Small pushes come with the
report of the writer, which checks them to know its own ground. All others are checked in a process of their own, with the same
engine: a change of policy concerns every file, and a thread would take Python's lock from the requests.

The last commit that passed is remembered, so what was pushed while no server ran is checked by the next one.
"""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Final, NamedTuple, cast

import orjson

from registry_tool.manifests.problems import JSON
from registry_tool.server.state_files import StateFiles, find_state_folder

if TYPE_CHECKING:
    from pathlib import Path

    from registry_tool.checks.findings import Report
    from registry_tool.git.repository import Repository
    from registry_tool.live.follow import LiveCatalog
    from registry_tool.live.snapshot import Snapshot

__all__ = ["CheckedPushes", "PushFinding", "begin_checking", "report_moves"]

_AGAIN: Final = 60.0
_LONGEST: Final = 3600.0
_MOST_BYTES: Final = 64 << 20  # of a report
_MOST_KEPT: Final = 1000
_REST: Final = 2.0
_NICENESS: Final = 10  # requests come first
_SAVED_EVERY: Final = (
    60.0  # while only this server writes: what is checked again after it was killed
)
_COMMIT: Final = re.compile(rb"[0-9a-f]{40}([0-9a-f]{24})?")


class PushFinding(NamedTuple):
    """What the check refuses in what others pushed.

    Attributes:
        path: The file.
        line: Counted from 1.
        rule: The id of the rule.
        message: One sentence.
    """

    path: str
    line: int
    rule: str
    message: str


class CheckedPushes:
    """Checks what others pushed, in a thread, one check at a time; all that came meanwhile is one change.

    Args:
        place: The repository.
        tip: Gives the full id of the commit that is served.
        again: After how many seconds a registry with findings is checked again, if it has moved: its own clients may have
            corrected them.
        rest: How many times as long as a check took to wait until the next: a replica of a busy writer would never pause.
        files: Where it is remembered which commit passed.
        branch: The name of that file: what is served.
    """

    def __init__(
        self,
        place: Path,
        tip: Callable[[], str],
        *,
        again: float = _AGAIN,
        rest: float = _REST,
        files: StateFiles | None = None,
        branch: str = "",
    ) -> None:
        self._place = place
        self._tip = tip
        self._files = StateFiles(None) if files is None else files
        self._branch = branch
        self._again, self._rest = again, rest
        self._lock = threading.Lock()
        self._pushed = threading.Event()
        self._stopped = threading.Event()
        self._taken = 0
        self._since = ""
        self._passed = ""
        self._unanswered = ""
        self._saved = ""
        self._saved_at = 0.0
        self._last = ""
        self._trouble = ""
        self._findings: tuple[PushFinding, ...] = ()
        self._process: subprocess.Popen[bytes] | None = None
        self._thread: threading.Thread | None = None

    @property
    def findings(self) -> tuple[PushFinding, ...]:
        """What the check refuses of what was pushed and is served; the first thousand."""
        return self._findings

    @property
    def is_checking(self) -> bool:
        """True while something that is served has not been checked."""
        return self._pushed.is_set()

    @property
    def trouble(self) -> str:
        """Why the last check gave no answer; empty where it did."""
        return self._trouble

    def begin(self, is_known: Callable[[str], bool]) -> None:
        """Have everything checked that came since the last commit which passed; at the first start, nothing.

        Args:
            is_known: True for the full id of a commit that is in the repository.
        """
        head = self._tip()
        passed = self._files.read(self._branch).strip()
        self._saved = passed.decode() if _COMMIT.fullmatch(passed) else ""
        self._passed = self._saved or head
        if self._passed == head or not head:
            self._save()
        elif is_known(self._passed):
            self.take(self._passed, head)
        else:
            self._trouble = (
                f"{self._passed[:12]}..{head[:12]} could not be checked: the repository no longer has {self._passed[:12]};"
                " check everything: registry check --all"
            )
            self._passed = head
            self._save()

    def extend(self, before: str, after: str) -> None:
        """Note that this server moved the branch by commits that it has checked.

        Args:
            before: The full id of the commit that they were made on.
            after: The full id of the last of them.
        """
        with self._lock:
            if self._since:
                return  # it is checked with what waits
            if self._passed == before:
                self._passed = after
                if time.monotonic() - self._saved_at > _SAVED_EVERY:
                    self._save()
                return
        self.take(self._passed, after)  # something came in between that was not reported

    def take(self, before: str, after: str, report: Report | None = None) -> None:
        """Have a push checked.

        Args:
            before: The full id of the commit that was served before it.
            after: The full id of the commit that it moved the branch to.
            report: The check of it as one change, where it was made already.
        """
        with self._lock:
            self._taken += 1
            is_whole = not self._since and self._passed in {"", before}
            if is_whole and report is not None and report.verdict != "refuse":
                self._passed = after
                return
            self._since = self._since or self._passed or before
            if is_whole and report is not None:
                self._last, self._findings = after, _from_report(report)
            else:
                self._pushed.set()
            if self._thread is None and not self._stopped.is_set():
                self._thread = threading.Thread(target=self._run, name="pushes", daemon=True)
                self._thread.start()

    def _save(self) -> None:
        """Remember where the next server's check begins."""
        passed = self._unanswered or self._since or self._passed
        if passed and passed != self._saved:
            self._files.replace(self._branch, f"{passed}\n".encode())
        self._saved, self._saved_at = passed, time.monotonic()

    def _run(self) -> None:
        rest = 0.0
        while not self._stopped.wait(rest):
            is_pushed = self._pushed.wait(self._again if self._findings else None)
            head, began = self._tip(), time.monotonic()
            if is_pushed or head != self._last:
                self._judge(head)
            rest = self._rest * (time.monotonic() - began)

    def _judge(self, head: str) -> None:
        with self._lock:
            since, taken = self._since, self._taken
        found = self._check(since, head)
        with self._lock:
            self._last, self._findings = head, found or ()
            if found is None:
                self._unanswered = self._unanswered or since
            if not found:
                self._passed = head
            if self._taken == taken:
                self._pushed.clear()
                self._since = since if found else ""
            elif not found:
                self._since = head
            self._save()

    def _check(self, base: str, head: str) -> tuple[PushFinding, ...] | None:
        """What the check refuses in the changes between two commits; None where there is no answer."""
        words = ["check", "--repo", str(self._place), "--base", base, "--head", head]
        command = [sys.executable, "-P", "-m", "registry_tool", *words, "--format", "json"]
        with subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        ) as process:
            self._process = process
            if self._stopped.is_set():
                process.kill()
            timer = threading.Timer(_LONGEST, process.kill)
            timer.daemon = True
            timer.start()
            try:
                if hasattr(os, "setpriority"):
                    with contextlib.suppress(OSError):
                        os.setpriority(os.PRIO_PROCESS, process.pid, _NICENESS)
                said = b"" if process.stdout is None else process.stdout.read(_MOST_BYTES)
                if len(said) == _MOST_BYTES:
                    process.kill()
            finally:
                timer.cancel()
                process.wait()
                self._process = None
        found = _from_json(said)  # half a report is no JSON
        self._trouble = (
            "" if found is not None else f"{base[:12]}..{head[:12]} could not be checked"
        )
        return found

    def describe(self, is_visible: Callable[[str], bool]) -> Mapping[str, JSON]:
        """For ``/status``: the findings in pushed commits, in the namespaces that a subject may read."""
        shown: list[JSON] = [
            {"path": f.path, "line": f.line, "rule": f.rule, "message": f.message}
            for f in self._findings
            if is_visible(f.path)
        ]
        return {"checking": self.is_checking, "trouble": self._trouble, "refused": shown}

    def close(self) -> None:
        """Stop checking."""
        self._stopped.set()
        self._pushed.set()
        process = self._process
        if process is not None:
            process.kill()
        if self._thread is not None:
            self._thread.join()
        with self._lock:
            self._save()


def begin_checking(
    repository: Repository, place: Path, live: LiveCatalog, branch: str
) -> CheckedPushes:
    """Have checked what others have pushed to a branch since the last server of it.

    Args:
        repository: What is served.
        place: Where it is: a path that the command line takes.
        live: Says which commit is served.
        branch: Without ``refs/heads/``.
    """

    def is_known(commit: str) -> bool:
        found = repository.reader.read(commit, limit=0)
        return found is not None and found[1] == "commit"

    files = StateFiles(find_state_folder("checked", repository.git.git_dir))
    pushes = CheckedPushes(place, lambda: live.snapshot.commit, files=files, branch=branch)
    pushes.begin(is_known)
    return pushes


def report_moves(
    pushes: CheckedPushes, began_at: Callable[[], str | None]
) -> Callable[[Snapshot, Snapshot], None]:
    """A listener that has moves checked which no writer reports.

    Args:
        pushes: Checks them.
        began_at: The commit of the branch that the writer saw first; None where there is no writer yet. It reports what
            comes after that commit.
    """

    def moved(former: Snapshot, new: Snapshot) -> None:
        if former.commit and began_at() in {None, new.commit}:
            pushes.take(former.commit, new.commit)

    return moved


def _from_report(report: Report) -> tuple[PushFinding, ...]:
    refused = (f for f in report.findings if f.severity == "refuse")
    return _first(PushFinding(f.path, f.line, f.rule, f.message) for f in refused)


def _from_json(said: bytes) -> tuple[PushFinding, ...] | None:
    try:
        found = cast("list[dict[str, JSON]]", orjson.loads(said)["findings"])
        refused = [one for one in found if one["severity"] == "refuse"]
        return _first(
            PushFinding(str(f["path"]), int(str(f["line"])), str(f["rule"]), str(f["message"]))
            for f in refused
        )
    except (ValueError, KeyError, TypeError):
        return None


def _first(found: Iterable[PushFinding]) -> tuple[PushFinding, ...]:
    return tuple(one for _, one in zip(range(_MOST_KEPT), found, strict=False))
