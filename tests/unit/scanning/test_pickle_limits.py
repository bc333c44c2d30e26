"""Pickles that are made to fill the memory of whoever reads them: the walk holds little of any of them.

Each case is a beginning and a piece that is repeated; it is followed in a process of its own, whose memory is measured.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

CASES = {
    "values on the stack": (b"", b"N"),
    "texts on the stack": (b"", b"\x8c\xc8" + b"x" * 200),
    "marks": (b"", b"("),
    "a memo that grows": (b"N", b"\x8c\xc8" + b"x" * 200 + b"\x940"),
    "tuples in tuples": (b")", b"\x85\x94"),
    "tuples of texts": (b"", b"\x8c\xc8" + b"x" * 200 + b"22\x87\x940"),
    "dictionaries in dictionaries": (b"}", b"\x94}\x94\x8c\x01kh\x00s"),
    "calls of calls": (b"cbuiltins\nlist\n\x940N", b"\x85h\x00NR0h\x00)R\x94"),
    "states of states": (b"cnumpy\ndtype\n\x940N", b"\x85\x94h\x00)R}\x8c\x05dtypeh\x01sb\x940"),
    "names": (b"", b"cbuiltins\nlist\n"),
    "places of the memo far away": (b"N", b"r\xff\xff\x7f\x00"),
    "large bytes": (b"", b"B\x00\x00\x10\x00" + bytes(1 << 20) + b"0"),
    "a line without an end": (b"V", b"x" * 1000),
}  # fmt: skip
PROGRAM = """
import re, sys
from pathlib import Path
from registry_tool.scanning.pickles.calls import Calls
from registry_tool.scanning.pickles.vm import walk
from registry_tool.scanning.report import Budget
from registry_tool.scanning.stream import Stream
begin, piece, total = eval(sys.stdin.read())
parts = iter([b"\\x80\\x04" + begin] + [piece * (1 + 65536 // len(piece))] * (total // max(65536, len(piece))))
# Not getrusage: that one begins with what the process held that started this one.
peak = lambda: int(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1]) // 1024
before = peak()
walked = walk(Stream(lambda size: next(parts, b"")), Budget(opcodes=1_500_000), Calls())
print(peak(), before, repr(walked.trouble))
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="memory is read from /proc")
@pytest.mark.parametrize("case", CASES)
def test_memory_stays_small(case: str) -> None:
    begin, piece = CASES[case]
    total = (2 << 30) if case == "large bytes" else (64 << 20)
    ran = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        input=repr((begin, piece, total)),
        capture_output=True,
        text=True,
        check=True,
    )
    peak, before, trouble = ran.stdout.split(" ", 2)
    assert int(peak) - int(before) <= 50, ran.stdout
    assert trouble.strip() != "''"
