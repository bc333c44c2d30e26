"""What must not stand in the repository's files: places of one machine, and hosts of package registries."""

from __future__ import annotations

import re
from pathlib import Path

from support import git

ROOT = Path(__file__).parents[2]
# Put together here, so that this file does not hold what it looks for.
_WORDS = (
    r"(?<![\w.}])/" + r"home/(?!user\b|me\b|runner\b|x\b|you\b)[a-z]", r"(?<![\w.}])/" + r"root/", r"(?<![\w.}])/" + r"Users/(?!me\b|you\b|x\b)[A-Za-z]",
    r"[A-Z]:\\\\?" + "Users", r"files\.python" + r"hosted\.org", r"(?<![\w.])py" + r"pi\.org/simple",
    r"registry\.npm" + r"js\.org", r"artifact" + r"ory\.", r"index-" + r"url\s*=\s*.?https?:",
)  # fmt: skip
FORBIDDEN = re.compile("|".join(_WORDS).encode())
BINARY = (".ftz", ".png", ".gz", ".zip", ".whl", ".bin")


def _files() -> list[str]:
    """Tracked files, and those Git would take in."""
    listed = git(ROOT, "ls-files", "-z", "--cached", "--others", "--exclude-standard").split("\0")
    return [name for name in sorted(set(listed)) if name and (ROOT / name).is_file()]


def test_no_place_of_one_machine_and_no_host_of_packages() -> None:
    wrong = []
    for name in _files():
        data = b"" if name.endswith(BINARY) else (ROOT / name).read_bytes()
        lines = (data.count(b"\n", 0, found.start()) + 1 for found in FORBIDDEN.finditer(data))
        wrong += [f"{name}:{line}" for line in lines]
    assert wrong == []


def test_no_lock_file_of_one_machine() -> None:
    # uv's lock file names the host of every package.
    assert [
        name for name in _files() if name.endswith(("uv.lock", "poetry.lock", "Pipfile.lock"))
    ] == []


def test_files_end_in_a_line_feed_and_have_no_carriage_returns() -> None:
    text = (".py", ".md", ".toml", ".json", ".cfg")
    odd = []
    for name in (n for n in _files() if n.endswith(text) and not n.startswith("tests/corpus/")):
        data = (ROOT / name).read_bytes()
        if data and (not data.endswith(b"\n") or b"\r" in data):
            odd.append(name)
    assert odd == []


def test_what_is_forbidden_would_be_found() -> None:
    for text in ("/" + "home/someone/x", "/" + "root/x", "https://files.python" + "hosted.org/x"):
        assert FORBIDDEN.search(text.encode())
    assert not FORBIDDEN.search(b"https://example.org/home/page")
