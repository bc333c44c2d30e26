"""Counts how a run travels through a package: functions, calls, changes of module, depth of the stack.

Run as a program it starts another one under the tracer and writes what it counted as JSON::

    python crossings.py FIGURES.json FOLDER_OF_THE_PACKAGE MODULE ARGUMENT...
    python crossings.py FIGURES.json FOLDER_OF_THE_PACKAGE -c CODE

What counts: Python functions whose source lies in the package's folder, in every thread. Bodies of modules and classes,
lambdas, comprehensions and generator expressions do not; a generator counts each time it is resumed. A *crossing* is a
call into another module, or the return from it, seen from the nearest caller that counts: there and back is two.

It imports nothing but the standard library, because it must not disturb what it counts.
"""

from __future__ import annotations

import json
import os
import runpy
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from types import CodeType, FrameType

__all__ = ["Crossings", "Tracer"]

_OPTIMIZED = 0x1  # CO_OPTIMIZED: set for functions, not for the bodies of modules and classes
_LEAST = 4  # this file, where figures go, the package, what to run


@dataclass(frozen=True)
class Crossings:
    """What one run did in a package.

    Attributes:
        imported: Modules imported, packages' own ``__init__`` not counted.
        entered: Modules of which at least one function ran.
        functions: Different functions that ran.
        calls: How often functions were called (or generators resumed).
        modules: Calls into another module and returns from it.
        packages: The same for packages: the first part of a module's name below the package, a folder or a loose module.
        folders: The same for top-level folders: all loose modules count as one.
        depth: The most functions of the package that were on one stack.
    """

    imported: int
    entered: int
    functions: int
    calls: int
    modules: int
    packages: int
    folders: int
    depth: int


class _Sums:
    """What one thread has counted."""

    def __init__(self) -> None:
        self.calls = self.modules = self.packages = self.folders = self.depth = 0


class Tracer:
    """Counts the run of a package's functions while it is active.

    Args:
        package: The package's folder; its name is the name of the package.
    """

    def __init__(self, package: Path) -> None:
        self._name = package.name
        self._root = f"{package.resolve()}{os.sep}"
        self._places: dict[int, tuple[str, str, str] | None] = {}
        self._codes: dict[
            int, CodeType
        ] = {}  # keeps codes alive, so that an id stays the same one's
        self._sums: list[_Sums] = []
        self._local = threading.local()

    def _place(self, code: CodeType) -> tuple[str, str, str] | None:
        """The module, package and folder of a function that counts."""
        key = id(code)
        if key not in self._places:
            self._codes[key] = code
            counts = code.co_filename.startswith(self._root) and code.co_flags & _OPTIMIZED
            if not counts or code.co_name.startswith("<"):
                self._places[key] = None
            else:
                module = code.co_filename[len(self._root) :].removesuffix(".py")
                first, slash, _ = module.partition(os.sep)
                self._places[key] = (module, first, first if slash else "")
        return self._places[key]

    def _event(self, frame: FrameType, event: str, _: object) -> None:
        if event not in {"call", "return"}:
            return
        place = self._place(frame.f_code)
        if place is None:
            return
        sums: _Sums | None = getattr(self._local, "sums", None)
        if sums is None:
            sums = self._local.sums = _Sums()
            self._sums.append(sums)
        callers = self._callers(frame)
        for caller in callers[:1]:
            sums.modules += caller[0] != place[0]
            sums.packages += caller[1] != place[1]
            sums.folders += caller[2] != place[2]
        if event == "call":
            sums.calls += 1
            sums.depth = max(sums.depth, len(callers) + 1)

    def _callers(self, frame: FrameType) -> list[tuple[str, str, str]]:
        """Those of a frame's callers that count, the nearest first."""
        found = []
        above = frame.f_back
        while above is not None:
            place = self._place(above.f_code)
            if place is not None:
                found.append(place)
            above = above.f_back
        return found

    @contextmanager
    def active(self) -> Iterator[None]:
        """Count in this thread and in those that are started meanwhile."""
        threading.setprofile(self._event)
        sys.setprofile(self._event)
        try:
            yield
        finally:
            self.stop()

    def stop(self) -> None:
        """Count no more."""
        sys.setprofile(None)
        threading.setprofile(None)

    def crossings(self) -> Crossings:
        """What was counted so far."""
        places = [place for place in self._places.values() if place is not None]
        imported = [
            module
            for name, module in list(sys.modules.items())
            if name.startswith(f"{self._name}.") and not hasattr(module, "__path__")
        ]
        return Crossings(
            imported=len(imported),
            entered=len({module for module, _, _ in places}),
            functions=len(places),
            calls=sum(sums.calls for sums in self._sums),
            modules=sum(sums.modules for sums in self._sums),
            packages=sum(sums.packages for sums in self._sums),
            folders=sum(sums.folders for sums in self._sums),
            depth=max((sums.depth for sums in self._sums), default=0),
        )


def _program(words: list[str]) -> Callable[[], object]:
    """What to run: some code, or a module with arguments."""
    if words[0] == "-c":
        code = compile(words[1], "<walk>", "exec")
        return lambda: exec(code, {"__name__": "__main__"})
    sys.argv = [words[0], *words[1:]]
    return lambda: runpy.run_module(words[0], run_name="__main__", alter_sys=True)


def main(arguments: list[str]) -> None:
    """Run a program under the tracer; it ends with the program's own exit code."""
    if len(arguments) < _LEAST:
        sys.exit(__doc__)
    figures, package = Path(arguments[1]), Path(arguments[2])
    tracer, leave = Tracer(package), os._exit

    def written() -> None:
        tracer.stop()
        figures.write_text(json.dumps(asdict(tracer.crossings())), encoding="utf-8")

    def left(code: int) -> None:
        written()
        leave(code)

    # A program may end without taking the interpreter apart; what it did until then counts.
    os._exit = left  # type: ignore[assignment]
    sys.path[0] = str(package.resolve().parent)
    program = _program(arguments[3:])
    try:
        with tracer.active():
            program()
    finally:
        written()


if __name__ == "__main__":
    main(sys.argv)
