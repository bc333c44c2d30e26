"""Text that the repository must not contain: paths of one machine, hosts of package registries, forbidden words."""

from __future__ import annotations

import re
from pathlib import Path

from architecture.forbidden_words import FORBIDDEN as WORDS
from architecture.forbidden_words import allowed, counts, find
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


def test_no_file_gains_a_forbidden_word() -> None:
    limits = allowed()
    risen = {path: n for path, n in counts().items() if n > limits.get(path, 0)}
    assert risen == {}, "run: python tests/architecture/forbidden_words.py PATH"


def test_the_glossary_lists_every_forbidden_word() -> None:
    glossary = (ROOT / "docs/glossary.md").read_text(encoding="utf-8")
    assert [word.word for word in WORDS if f"| {word.word} |" not in glossary] == []


def test_forbidden_words_are_found_and_good_english_is_not() -> None:
    for text in (
        "Mend it: put the file back",
        "the folder is not there",
        "what is\n# staged",
        "{} is no key",
        "{}: asks for a review",
        "every gate holds",
        "it lies outside the registry",
        "readers are told",
        "taken from it. Taken are options",
    ):
        assert list(find(text)), text
    for text in (
        "another process holds the lock",
        "the lock is held by process 12",
        "there is no registry.yaml here",
        "it is no longer published",
        "the value stands for a tag",
        "a legal hold on the object",
        "What is a registry?",
        "all the labels are all the same",
        "the label `hold`",
        "layout, holder, besides, recommend, asking a person",
    ):
        assert list(find(text)) == [], text


def test_the_line_of_a_word_is_that_of_its_first_letter() -> None:
    text = "one\n  two\n    # what\n    # is staged, anew\n"
    found = {word: text.count("\n", 0, offset) + 1 for offset, word, _ in find(text)}
    assert found == {"what is": 3, "anew": 4}
