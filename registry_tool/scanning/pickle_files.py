"""Files that are pickles: plain ones, joblib's, and torch's before it wrote zip files."""

from __future__ import annotations

from typing import Final

from registry_tool.scanning.joblib_arrays import Arrays
from registry_tool.scanning.look import Look
from registry_tool.scanning.pickle_machine import Imported
from registry_tool.scanning.pickle_names import kind_of_name
from registry_tool.scanning.pickles import Walked, walk

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


def _shown(names: list[Imported]) -> str:
    said = [f"{module}.{name}"[:120] for module, name in names[:_SHOWN]]
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(said) + more


def _tell(look: Look, walked: Walked) -> None:
    kinds = {name: kind_of_name(*name) for name in walked.names}
    bad = [name for name, kind in kinds.items() if kind == "dangerous"]
    if bad:
        look.finds("dangerous", f"loading this pickle runs {_shown(bad)}")
    if walked.computed:
        look.finds("dangerous", "this pickle computes the name of what it runs")
    if walked.extensions:
        look.finds("unread", "this pickle runs what the process that loads it has registered")
    if any(kind == "nested" for kind in kinds.values()):
        look.finds("unread", "this pickle loads another one from bytes that it holds")
    if walked.trouble:
        look.finds("unread", f"this pickle cannot be followed to its end: {walked.trouble}")
    other = [name for name, kind in kinds.items() if kind == "other"]
    runs = f"; it runs {_shown(other)}" if other else "; this one only makes plain data and tensors"
    calm = not (bad or walked.computed or walked.trouble or walked.extensions)
    look.finds("unsafe", f"a pickle: loading it may run any code{runs if other or calm else ''}")


def _joined(walked: list[Walked]) -> Walked:
    names = dict.fromkeys(name for one in walked for name in one.names)
    return Walked(
        tuple(names),
        any(one.computed for one in walked),
        any(one.extensions for one in walked),
        max(one.protocol for one in walked),
        sum(one.opcodes for one in walked),
        walked[-1].trouble,
    )


def scan_pickle(look: Look) -> None:
    """Follow the pickles at the beginning of a file, as far as they go."""
    arrays = Arrays(look.report.budget)
    is_torch = _TORCH in look.stream.peek(64)
    found = [walk(look.stream, look.report.budget, arrays)]
    while not found[-1].trouble and len(found) < _IN_A_ROW and is_pickle(look.stream.peek(2)):
        found.append(walk(look.stream, look.report.budget, arrays))
    if not is_torch and not found[-1].trouble and look.stream.peek(1):
        look.finds("unread", "bytes follow on the pickle, and no scan knows what reads them")
    _tell(look, _joined(found))
    form = "torch, before 1.6" if is_torch else "joblib" if arrays.seen else "pickle"
    look.tells(
        format=form,
        protocol=max(one.protocol for one in found),
        instructions=sum(one.opcodes for one in found),
    )


def try_pickle(look: Look) -> bool:
    """Follow a file that may be a pickle of an old protocol, which has no mark of its own; False where it is none."""
    walked = walk(look.stream, look.report.budget)
    runs = [name for name in walked.names if kind_of_name(*name) == "dangerous"]
    if not walked.trouble and (walked.names or could_be_pickle(look.name)):
        _tell(look, walked)
    elif runs:  # it runs them before it breaks
        look.finds("dangerous", f"read as a pickle, it runs {_shown(runs)}")
    else:
        return False
    look.tells(format="pickle", protocol=walked.protocol, instructions=walked.opcodes)
    return True
