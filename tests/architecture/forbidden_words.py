"""Words that a user's text does not use, and what to write instead: ``python tests/architecture/forbidden_words.py [PATH…]``.

Prints ``file:line: word: write this instead`` for every place. Read are the strings of the package (messages, help,
docstrings of rules, of commands and of the public API; not docstrings of other functions, and no comments), the words of
``schemas/``, and the whole text of ``templates/``, ``hooks/`` and the documents. ``docs/glossary.md`` explains the list.

``--update`` writes today's counts to ``words_todo.json``. It refuses when their sum would rise, so it can follow files
that move and words that are fixed, and nothing else.
"""

from __future__ import annotations

import argparse
import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
TODO = Path(__file__).with_name("words_todo.json")
# Generated from the package, where the same words are counted.
_GENERATED = {"docs/commands.md", "docs/rules.md"}
# In a document: between these lines words are named, not used.
_OFF, _ON = "<!-- words: off -->", "<!-- words: on -->"
# Their docstrings are read by users: every function of a rule module, and the public API.
_DOCUMENTED = ("registry_tool/checks/rules/", "registry_tool/api/", "registry_tool/errors.py")
_BE = r"(?:is|are|was|were|be)"


class Forbidden(NamedTuple):
    """``word`` names the entry in the glossary; ``pattern`` is searched without regard to case."""

    word: str
    pattern: str
    instead: str


FORBIDDEN = (
    Forbidden("mend", r"mend(?:s|ed|ing)?", "fix; in a label: How to fix"),
    Forbidden("anew", r"anew", "again; or say what is created: build, re-encrypt"),
    Forbidden("nobody", r"nobody(?:'s)?", "name the actor: no user, no process, no version"),
    Forbidden("somebody", r"somebody(?:'s)?", "name the actor: another user, another process"),
    Forbidden("whoever", r"whoever|whomever", "the user who, anyone who, the holder of the key"),
    Forbidden("beside", r"beside", "next to; in addition to; other than"),
    Forbidden(
        "is there, is not there",
        rf"{_BE}(?: not| no longer| still| already)? there(?! (?:a|an|any|no)\b)",
        "exists, already exists; is missing, does not exist",
    ),
    Forbidden(
        "what is (as a noun)",
        rf"(?<!no matter )what (?:{_BE})\b(?![^.;\n]*\?)",
        "a noun: the staged files, the published state, the error",
    ),
    Forbidden("belong into", r"belongs? into", "store … in, belongs in"),
    Forbidden(
        "in the way",
        r"in the way(?! (?:that|of|Git|DVC|it|they|you|we)\b)",
        "would be overwritten; blocks",
    ),
    Forbidden("went away", r"(?:went|goes|gone) away", "exited; was deleted; disconnected"),
    Forbidden("so many", r"so many(?! that\b)", "at most N, the maximum number of"),
    Forbidden("all the same", r"(?<!are )(?<!were )(?<!not )all the same", "anyway; still"),
    Forbidden(
        "tell, told",
        r"(?:tell(?! me who you are)|tells|told|telling)",
        "report, show, print; determine; distinguish; warn",
    ),
    Forbidden(
        "hold, held",
        r"(?<![`\"])(?<!legal )(?<!on )(?:holds?|held|holding)(?<!lock is held)(?<!lock held)(?<!locks held)"
        r"(?<!lease is held)(?!-)(?!(?: \S+){0,3} (?:locks?|leases?)\b)(?! back\b)",
        "pass, satisfy (a gate, a rule); contain, store; keep; point to (an alias)",
    ),
    Forbidden(
        "lie, lay",
        r"(?:lies|lie|lay|lain|lying)(?! (?:down|out)\b)",
        "is in, is stored in; overlap",
    ),
    Forbidden(
        "is no X",
        rf"(?<!there )(?<!default )(?:{_BE}) (?:no|none)(?! (?:longer|more|less|fewer|later|newer|earlier|older"
        r"|larger|smaller|matter|such|wiser)\b)",
        "is not a X; has no",
    ),
    Forbidden("break off", r"(?:breaks?|broke|broken) off", "was interrupted, stopped, failed"),
    Forbidden("go on", r"(?:go|goes|went) on(?! (?:the|a|to)\b)", "continue, resume"),
    Forbidden("half done", r"half(?: |-)done", "unfinished, interrupted"),
    Forbidden("for good", r"for good(?! (?:measure|reason))", "permanently; cannot be undone"),
    Forbidden("of its own", r"of (?:its|their) own", "separate; its own …"),
    Forbidden(
        "bring", r"(?:brings?|brought|bringing)", "fetch, download, restore, add; merge, rebase"
    ),
    Forbidden(
        "stand", r"(?:stands?|stood|standing)(?! (?:for|out|in for)\b)(?!-)", "is, appears, exists"
    ),
    Forbidden(
        "ask (a remote, a file)",
        rf"(?:asks?|asked|asking) for|(?:asks?|asked|asking) (?:(?:the|a|no|this|that|which|whose|published|new|other|artifact|dvc) ){{0,3}}"
        rf"(?:remotes?|gates?|git|engine|server|registry|history)|(?:{_BE}|not) asked|ask (?:it|them)(?! to\b)",
        "query, check, contact; require; prompt for",
    ),
    Forbidden("answer for", r"answers? for", "is responsible for, owns; also resolve"),
    Forbidden(
        "look at, look through",
        r"(?:looks|looked|looking) (?:at|through)|look through",
        "check, read, scan, inspect, search",
    ),
    Forbidden(
        "write down", r"(?:write|writes|wrote|written|writing) (?:it |them )?down", "write, record"
    ),
    Forbidden(
        "is said", rf"(?:{_BE}|must be|not) (?:only )?said", "is reported, is given, is specified"
    ),
    Forbidden("on the desk", r"on the desk", "locally, in the working tree"),
    Forbidden(
        "archaic adverbs",
        r"lest|whence|thereof|therein|thereby|wherein|hither|thither|thrice|henceforth",
        "a plain clause",
    ),
    Forbidden(
        "inverted clauses",
        r"(?<=[.;:] )(?:taken|compared|checked|refused|allowed|kept|shown|counted|read|meant|deleted"
        r"|accepted|left out|not read|looked at) (?:is|are)",
        "subject first: the engine checks …",
    ),
)
_ANY = tuple((entry, re.compile(rf"\b(?:{entry.pattern})\b", re.IGNORECASE)) for entry in FORBIDDEN)


class Place(NamedTuple):
    """One word in one file."""

    path: str
    line: int
    found: str
    instead: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.found}: {self.instead}"


def find(text: str) -> Iterator[tuple[int, str, str]]:
    """Offset, word and what to write instead, for each forbidden word of a text; line breaks count as spaces."""
    flat = re.sub(
        r"\n[ \t]*(?:#[ \t]*)?", lambda m: m[0].replace("#", " ").replace("\n", " "), text
    )
    flat = re.sub(r" {2,}", lambda m: " " + "\0" * (len(m[0]) - 1), flat)
    # Runs of spaces become one, while every character that stays knows its offset.
    kept = [place for place, letter in enumerate(flat) if letter != "\0"]
    line = "".join(flat[place] for place in kept)
    for entry, pattern in _ANY:
        for match in pattern.finditer(line):
            yield kept[match.start()], match[0], entry.instead


def _in_text(path: str, text: str, first_line: int = 1) -> Iterator[Place]:
    for offset, found, instead in find(text):
        yield Place(path, first_line + text.count("\n", 0, offset), found, instead)


def _docstring(node: ast.AST) -> ast.Constant | None:
    if not isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
        return None
    first = node.body[0] if node.body else None
    if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
        return first.value if isinstance(first.value.value, str) else None
    return None


def _is_read(path: str, node: ast.AST) -> bool:
    """True for a function or a class whose docstring is shown to users: a command, a rule, the public API."""
    if isinstance(node, ast.Module):
        return False
    name = str(getattr(node, "name", ""))
    command = path.startswith("registry_tool/cli/") and getattr(node, "decorator_list", [])
    return bool(command) or (path.startswith(_DOCUMENTED) and not name.startswith("_"))


def _literals(tree: ast.Module, path: str) -> Iterator[tuple[int, str]]:
    """First line and text of every string that a user may read; an f-string is one text, with ``{}`` in it."""
    docstrings = {id(doc): node for node in ast.walk(tree) if (doc := _docstring(node))}
    inner = {
        id(part)
        for node in ast.walk(tree)
        if isinstance(node, ast.JoinedStr)
        for part in node.values
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            parts = (
                str(part.value) if isinstance(part, ast.Constant) else "{}" for part in node.values
            )
            yield node.lineno, "".join(parts)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            shown = id(node) not in docstrings or _is_read(path, docstrings[id(node)])
            if shown and id(node) not in inner and " " in node.value:
                yield node.lineno, node.value


def _words_of_schema(value: object) -> Iterator[str]:
    if isinstance(value, dict):
        for key, inner in value.items():
            if key in {"description", "title", "$comment"} and isinstance(inner, str):
                yield inner
            else:
                yield from _words_of_schema(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _words_of_schema(inner)


def _in_schema(path: str, text: str) -> Iterator[Place]:
    for words in _words_of_schema(json.loads(text)):
        start = text.find(json.dumps(words, ensure_ascii=False))
        yield from _in_text(path, words, 1 + text.count("\n", 0, max(start, 0)))


def _used(text: str) -> str:
    """A document whose lines between the two marks are empty, and whose links lead nowhere: names of files are not words."""
    lines, used = [], True
    text = re.sub(r"\]\([^)\n]*\)", lambda link: "]" + " " * (len(link[0]) - 1), text)
    for line in text.split("\n"):
        used = line.strip() == _ON or (used and line.strip() != _OFF)
        lines.append(line if used else "")
    return "\n".join(lines)


def places(path: str) -> list[Place]:
    """Every forbidden word of a file of the project, in the order of its lines."""
    text = (ROOT / path).read_text(encoding="utf-8")
    if path.endswith(".py"):
        found = [
            place
            for line, words in _literals(ast.parse(text), path)
            for place in _in_text(path, words, line)
        ]
    elif path.endswith(".json"):
        found = list(_in_schema(path, text))
    else:
        found = list(_in_text(path, _used(text)))
    return sorted(found)


def files() -> list[str]:
    """The files whose words users read."""
    roots = (
        "registry_tool/**/*.py",
        "schemas/**/*.json",
        "templates/**/*",
        "hooks/*",
        "docs/**/*.md",
    )
    texts = [path for pattern in roots for path in ROOT.glob(pattern) if path.is_file()]
    texts += [ROOT / name for name in (".pre-commit-hooks.yaml", "README.md", "CONTRIBUTING.md")]
    texts += [ROOT / "CHANGELOG.md"]
    names = {path.relative_to(ROOT).as_posix() for path in texts}
    return sorted(name for name in names - _GENERATED if "__pycache__" not in name)


def counts() -> dict[str, int]:
    """How many forbidden words each file has; files without are left out."""
    return {path: number for path in files() if (number := len(places(path)))}


def allowed() -> dict[str, int]:
    """How many each file may still have."""
    todo: dict[str, int] = json.loads(TODO.read_text(encoding="utf-8"))
    return todo


def _update() -> None:
    now = counts()
    before = sum(allowed().values()) if TODO.exists() else sum(now.values())
    if sum(now.values()) > before:
        raise SystemExit(
            f"{sum(now.values())} forbidden words, and {before} are allowed: fix the new ones"
        )
    TODO.write_text(json.dumps(now, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    print(f"{sum(now.values())} forbidden words in {len(now)} files (before: {before})")


def main() -> None:
    """Print every place, or write today's counts."""
    parser = argparse.ArgumentParser(description="Find forbidden words.")
    parser.add_argument("paths", nargs="*", help="files or folders; default: everything")
    parser.add_argument("--update", action="store_true", help="write the counts of today")
    options = parser.parse_args()
    if options.update:
        _update()
        return
    wanted = [Path(path).resolve().relative_to(ROOT).as_posix() for path in options.paths]
    found = [
        place
        for path in files()
        if not wanted or any(path == name or path.startswith(f"{name}/") for name in wanted)
        for place in places(path)
    ]
    print(*found, f"{len(found)} forbidden words", sep="\n")


if __name__ == "__main__":
    main()
