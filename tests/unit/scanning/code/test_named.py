"""Code that data names, in each format that can name some."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from support.code_naming_files import HARMLESS, HOSTILE, Sample

from registry_tool.scanning.report import LEVELS, Scanned
from registry_tool.scanning.scan import scan_path

Scan = Callable[[bytes, str], Scanned]


@pytest.mark.parametrize("sample", HOSTILE, ids=lambda sample: sample.name)
def test_code_that_data_names_is_found(tmp_path: Path, sample: Sample) -> None:
    place = tmp_path / Path(sample.name).name
    place.write_bytes(sample.data)
    found = scan_path(place)
    worst = min((finding.level for finding in found.findings), key=LEVELS.index, default=None)
    said = "\n".join(str(finding) for finding in found.findings)
    assert (worst, sample.words in said) == (sample.level, True), said
    assert found.verdict == ("pass" if sample.level == "unsafe" else "fail")


@pytest.mark.parametrize(("name", "data"), HARMLESS, ids=[name for name, _ in HARMLESS])
def test_what_honest_programs_write_is_clean(scan: Scan, name: str, data: bytes) -> None:
    assert [str(finding) for finding in scan(data, name).findings] == []


def test_python_source_is_not_taken_for_a_pickle(scan: Scan) -> None:
    """`i` is an instruction of old pickles, and `import os` begins with it."""
    (finding,) = scan(b"import subprocess\nsubprocess.run('x')\n", "run.py").findings
    assert (finding.level, "source code" in finding.message) == ("unsafe", True)
    assert scan(b"import os\nos.system('x')\n", "notes.txt").findings == ()
