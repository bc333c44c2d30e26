"""Every command that a remedy prints works as it is printed.

``support/command_situations.py`` lists the situations; each is entered, the remedy is read from the output, its commands are run through a shell
as they stand, and what they were printed for is gone. The second half reads the program's source: a remedy with a command
that no situation covers must be named in ``EXCUSED``, with the reason why no test can run it here.
"""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from support.command_situations import EXCUSED, SITUATIONS, Situation
from support.programs import programs_folder

import registry_tool

PACKAGE = Path(registry_tool.__file__).parent
_PROGRAMS = (
    "registry", "git", "dvc", "pip", "mkdir", "ssh-keygen", "age-keygen", "openssl", "rm", "chmod", "ulimit",
)  # fmt: skip
_PROGRAM = rf"(?:{'|'.join(_PROGRAMS)})"
# A command, and not the word: `git exited unexpectedly`, `registry needs`.
_VERBS = (
    r"registry (?:alias|annotate|archive|audit|cache|check|codeowners|compare|decrypt|demo|deprecate|diff|encrypt|erase|evidence"
    r"|fetch|gc|history|hooks|init|list|lock|model|promote|recover|rekey|resolve|rewrap|rollback|rules|scan|search|show|sign|tag"
    r"|upload|verify|version|withdraw)"
    r"|git (?:add|checkout|clone|commit|config|fetch|fsck|init|log|ls-remote|merge|mv|pull|push|remote|replace|reset|restore|revert"
    r"|rm|stash|status|switch|symbolic-ref|update-index)"
    r"|dvc (?:add|commit|get-url|init|pull|push|remote)|pip install|(?:mkdir|chmod|rm|ulimit|ssh-keygen|age-keygen) -|openssl e"
)
_NAMED = re.compile(rf"(?<![\w./-])(?:{_VERBS})")
_CAPITALS = re.compile(r"(?<![A-Za-z])[A-Z]{2,}(?![A-Za-z])")
_COMMIT = re.compile(r"(?<=--source=)[0-9a-f]{12}")


def commands_in(remedy: str) -> list[str]:
    """The commands of a remedy: in backticks, or from where they begin to the end of their clause.

    Clauses are parted by ``; ``; words may come before a command, with a colon, and none after it.
    """
    found: list[str] = []
    for clause in remedy.split("; "):
        ticked = re.findall(rf"`({_PROGRAM}(?: [^`]*)?)`", clause)
        bare = re.search(rf"(?:^|: )({_PROGRAM} .*)$", clause)
        found += ticked or ([bare[1]] if bare else [])
    return found


def filled(command: str, fills: Mapping[str, str]) -> str:
    return _CAPITALS.sub(lambda match: fills.get(match[0], match[0]), command)


def shell(line: str, cwd: Path) -> tuple[int, str]:
    places = (programs_folder(), Path(sys.executable).parent, os.environ["PATH"])
    env = {**os.environ, "PATH": os.pathsep.join(map(str, places))}
    done = subprocess.run(
        line, shell=True, cwd=cwd, env=env, capture_output=True, text=True, check=False
    )
    return done.returncode, done.stdout + done.stderr


def printed(output: str, about: str) -> str | None:
    """The remedy under a message; None where the message is not there."""
    lines = output.splitlines()
    start = next((number for number, line in enumerate(lines) if about in line), None)
    if start is None:
        return None
    tries = (re.match(r"\s*try:\s*(.*)$", line) for line in lines[start:])
    return next((match[1].strip() for match in tries if match), "")


@pytest.mark.parametrize("situation", SITUATIONS, ids=lambda situation: situation.name)
def test_a_command_works_as_printed(registry: Path, situation: Situation) -> None:
    (registry / "new.bin").write_bytes(b"new")
    if situation.prepare:
        code, said = shell(situation.prepare, registry)
        assert code == 0, said
    _, said = shell(situation.asks, registry)
    remedy = printed(said, situation.about)
    assert remedy is not None, said
    assert _COMMIT.sub("<commit>", remedy) == situation.prints
    commands = commands_in(remedy)
    # What stands before the command in `asks`: where it is asked, and as whom.
    place = "".join(f"{part}; " for part in re.split(r" && |; ", situation.asks)[:-1] if part.startswith(("cd ", "unset ")))  # fmt: skip
    for number in situation.runs:
        code, said = shell(place + filled(commands[number], situation.fills), registry)
        assert code == 0, f"{commands[number]}: {said}"
    if situation.after:
        code, said = shell(situation.after, registry)
        assert code == 0, said
    _, said = shell(situation.asks, registry)
    assert (situation.about in said) is situation.stays, said


def _documentation(tree: ast.Module) -> set[ast.AST]:
    found: set[ast.AST] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.FunctionDef | ast.ClassDef) and node.body:
            first = node.body[0]
            if isinstance(first, ast.Expr):
                found.add(first.value)
    return found


def _text(node: ast.AST) -> str | None:
    """A text of the source, with ``{}`` for what is filled in."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(
            str(part.value) if isinstance(part, ast.Constant) else "{}" for part in node.values
        )
    return None


def templates() -> Iterator[tuple[str, str]]:
    """Each text of the program that names a command, with the module it stands in."""
    for path in sorted(PACKAGE.rglob("*.py")):
        if path.parent.name == "devtools":
            continue  # these write pages
        tree = ast.parse(path.read_text(encoding="utf-8"))
        skipped = _documentation(tree)
        for node in ast.walk(tree):
            if isinstance(node, ast.JoinedStr):
                skipped |= set(node.values)
            text = None if node in skipped else _text(node)
            if text is not None and _NAMED.search(text):
                yield path.relative_to(PACKAGE).as_posix(), text


def _is_covered(template: str) -> bool:
    # The end of a template may be filled by a call that adds to it, and its beginning stand after other words.
    pattern = re.compile(".*?".join(map(re.escape, template.strip().split("{}"))))
    return any(pattern.search(situation.prints) for situation in SITUATIONS)


def test_every_command_in_the_source_is_covered_or_excused() -> None:
    bare = [
        f"{place}: {text}"
        for place, text in templates()
        if text not in EXCUSED and not _is_covered(text)
    ]
    assert bare == []


def test_no_excuse_is_left_over() -> None:
    assert [text for text in EXCUSED if _is_covered(text)] == []
    there = {text for _, text in templates()}
    assert sorted(text for text in EXCUSED if text not in there) == []


def test_no_words_follow_a_command() -> None:
    """``registry list shows them``, pasted, is another command."""
    after = re.compile(
        rf"(?:^|: |; ){_PROGRAM} [^`;]*?(?:, (?:or|and|then|with)\b| (?:makes|takes|shows|explains|asks|adds|tells|writes) )"
    )
    assert [f"{place}: {text}" for place, text in templates() if after.search(text)] == []


@pytest.mark.parametrize(
    ("remedy", "commands"),
    [
        ("registry list", ["registry list"]),
        ("create one: registry init DIR --name NAME", ["registry init DIR --name NAME"]),
        ("git add a; then: git commit -m TEXT", ["git add a", "git commit -m TEXT"]),
        ("`registry list` shows them", ["registry list"]),
        ("choose another name", []),
        ("git exited unexpectedly", ["git exited unexpectedly"]),
    ],
)
def test_what_is_a_command(remedy: str, commands: list[str]) -> None:
    assert commands_in(remedy) == commands
