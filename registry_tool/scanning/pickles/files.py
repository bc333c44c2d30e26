"""Files that are pickles: plain ones, joblib's, and torch's before it wrote zip files."""

from __future__ import annotations

import io
from collections.abc import Iterable
from typing import Final

from registry_tool.scanning.context import Look
from registry_tool.scanning.pickles.calls import Calls
from registry_tool.scanning.pickles.joblib_arrays import Arrays
from registry_tool.scanning.pickles.vm import walk
from registry_tool.scanning.report import Level
from registry_tool.scanning.stream import Stream

__all__ = ["could_be_pickle", "is_pickle", "scan_pickle", "try_pickle"]

_SUFFIXES: Final = (".pkl", ".pickle", ".p", ".joblib", ".pt", ".pth", ".ckpt", ".dill", ".sav")
_SHOWN: Final = 8
# Old torch files are five pickles, then bytes of tensors.
_IN_A_ROW: Final = 16
_TORCH: Final = b"\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19"
_PROTOCOLS: Final = frozenset(range(2, 6))


def is_pickle(head: bytes) -> bool:
    """True for bytes that begin as pickles since protocol 2 do."""
    return len(head) > 1 and head[0] == 0x80 and head[1] in _PROTOCOLS  # noqa: PLR2004 (PROTO)


def could_be_pickle(name: str) -> bool:
    """True for a file that is called like a pickle."""
    return name.endswith(_SUFFIXES)


def _join_shown(things: Iterable[object]) -> str:
    listed = [str(one)[:120] for one in things]
    more = f" and {len(listed) - _SHOWN} more" if len(listed) > _SHOWN else ""
    return ", ".join(listed[:_SHOWN]) + more


_SAID: Final[dict[Level, str]] = {
    "dangerous": "loading this pickle runs {}",
    "unknown": "loading this pickle runs {}, which is not known to be harmless",
    "unread": "loading this pickle runs {}",
}


def _report(look: Look, calls: Calls, trouble: str) -> None:
    for level, said in _SAID.items():
        if found := calls.judged.get(level):
            look.finds(level, said.format(_join_shown(found)))
    if calls.extensions:
        look.finds("unread", "this pickle runs code that the loading process has registered")
    if trouble:
        look.finds("unread", f"this pickle cannot be followed to its end: {trouble}")
    for data in calls.nested:
        look.inside(Stream(io.BytesIO(data).read, size=len(data)), "storage")
    calm = not (trouble or calls.extensions or set(calls.judged) - {"unsafe"})
    runs = ""
    if "unsafe" in calls.judged:
        runs = f"; it runs {_join_shown(calls.judged['unsafe'])}"
    elif calm:
        runs = "; this one only creates objects that are known to be harmless"
    look.finds("unsafe", f"a pickle: loading it may run any code{runs}")


def scan_pickle(look: Look) -> None:
    """Follow the pickles at the beginning of a file, as far as they go."""
    budget, calls = look.report.budget, Calls()
    arrays = Arrays(budget)
    is_torch = _TORCH in look.stream.peek(64)
    found = [walk(look.stream, budget, calls, arrays)]
    while not found[-1].trouble and len(found) < _IN_A_ROW and is_pickle(look.stream.peek(2)):
        found.append(walk(look.stream, budget, calls, arrays))
    if not is_torch and not found[-1].trouble and look.stream.peek(1):
        look.finds("unread", "the pickle is followed by bytes of unknown purpose")
    _report(look, calls, found[-1].trouble)
    form = "torch, before 1.6" if is_torch else "joblib" if arrays.seen else "pickle"
    look.tells(
        format=form,
        protocol=max(one.protocol for one in found),
        instructions=sum(one.opcodes for one in found),
    )


def try_pickle(look: Look) -> bool:
    """Follow a file that may be a pickle of an old protocol, which has no mark of its own; False where it is none."""
    calls = Calls()
    arrays = Arrays(look.report.budget)
    walked = walk(look.stream, look.report.budget, calls, arrays)
    runs = calls.judged.get("dangerous")
    if not walked.trouble and (calls.names or could_be_pickle(look.name)):
        _report(look, calls, "")
    elif runs:  # it runs them before it breaks
        look.finds("dangerous", f"read as a pickle, it runs {_join_shown(runs)}")
    else:
        return False
    look.tells(format="pickle", protocol=walked.protocol, instructions=walked.opcodes)
    return True
