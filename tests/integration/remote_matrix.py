"""What works on which kind of remote, as the tests say: ``python tests/integration/remote_matrix.py [FILE]``.

Runs ``test_remotes.py`` and ``test_fetching.py`` against the real servers that are here, and prints a Markdown table;
with FILE, writes it too.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from pathlib import Path
from xml.etree import ElementTree as ET

_TESTS = [Path(__file__).with_name(name) for name in ("test_remotes.py", "test_fetching.py")]
_ROWS = ("local", "s3", "ssh", "webdav", "http")
_SERVERS = {
    "local": "a folder", "s3": "SeaweedFS", "ssh": "OpenSSH", "webdav": "nginx", "http": "nginx, PUT",
}  # fmt: skip
_COLUMNS = {
    "add": "add", "fetch": "fetch", "dvc_pull": "plain `dvc pull`", "resume": "killed add goes on",
    "what_was_killed_goes_on_where_it_stopped": "killed fetch goes on", "down": "down during an add",
    "a_server_that_goes_away_in_the_middle": "down during a fetch", "missing_object": "missing object",
    "wrong_credential": "wrong credential, add", "who_may_not_read_is_told_how_to": "wrong credential, fetch",
    "flipped_byte": "flipped byte",
}  # fmt: skip
_NAME = re.compile(r"test_(\w+)\[(\w+)\]")


def _outcome(case: ET.Element) -> str:
    if case.find("failure") is not None or case.find("error") is not None:
        return "**fails**"
    return "not run" if case.find("skipped") is not None else "yes"


def outcomes() -> dict[tuple[str, str], str]:
    """How each test ended, by the kind of remote and what it is about."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.xml"
        options = ["-q", "-n", "2", f"--junitxml={report}"]
        command = [sys.executable, "-m", "pytest", *options, *map(str, _TESTS)]
        subprocess.run(command, check=False, stdout=sys.stderr)
        found = {}
        for case in ET.parse(report).iter("testcase"):
            match = _NAME.fullmatch(case.get("name", ""))
            if match is not None:
                found[match[2], match[1]] = _outcome(case)
        return found


def table(found: dict[tuple[str, str], str]) -> str:
    """The outcomes as Markdown; what does not apply to a kind is n/a."""
    lines = [
        f"| remote | server | {' | '.join(_COLUMNS.values())} |",
        "| --- " * (len(_COLUMNS) + 2) + "|",
    ]
    for row in _ROWS:
        cells = (found.get((row, column), "n/a") for column in _COLUMNS)
        lines.append(f"| {row} | {_SERVERS[row]} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    """Print the table."""
    text = table(outcomes())
    sys.stdout.write(text)
    for place in sys.argv[1:2]:
        Path(place).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
