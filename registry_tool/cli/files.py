"""Small files that are named on a command line: fields in YAML or JSON, cards, requirements.

They are read whole, under a limit, and under the rules manifests have; what is wrong with one is a UsageError that
names the option, the file and the line.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

from registry_tool.cli.values import check_typed, parse_json
from registry_tool.errors import UsageError
from registry_tool.manifests.problems import JSON

__all__ = ["read_fields", "read_text", "requirements"]

_LIMIT = 256 * 1024


def read_text(path: str, option: str) -> str:
    """A small text file.

    Raises:
        UsageError: There is no such file, or it is too large or not UTF-8 text.
    """
    try:
        if not Path(path).is_file():
            raise UsageError(f"{option}: there is no file {path!a}")
        with Path(path).open("rb") as stream:
            data = stream.read(_LIMIT + 1)
    except OSError as exc:
        raise UsageError(f"{option}: {path!a} cannot be read: {exc.strerror}") from exc
    if len(data) > _LIMIT:
        raise UsageError(f"{option}: {path!a} is larger than {_LIMIT // 1024} kB")
    try:
        return data.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as exc:
        raise UsageError(f"{option}: {path!a} is not UTF-8 text") from exc


def requirements(path: str) -> list[str]:
    """The requirement strings of a requirements file, without comments and hashes.

    Raises:
        UsageError: A line is an option of pip, such as ``-r other.txt``.
    """
    found = []
    joined = read_text(path, "--requirements").replace("\\\n", " ")
    for number, line in enumerate(joined.split("\n"), start=1):
        plain = re.sub(r"(?:^|\s)#.*", "", line)
        plain = re.sub(r"\s--hash[= ]\S+", "", f" {plain}").strip()
        if plain.startswith("-"):
            raise UsageError(
                f"--requirements: {path!a} line {number}: {plain[:60]!a} is an option of pip",
                remedy="list the packages themselves: pip freeze > requirements.txt",
            )
        if plain:
            found.append(plain)
    return found


def read_fields(path: str, option: str = "--file") -> dict[str, JSON]:
    """The fields of a YAML or JSON file, under the rules manifests have: no anchors, tags or double keys.

    Raises:
        UsageError: It cannot be read, or is not such a file; the message has the line.
    """
    from registry_tool.manifests.explain import explain
    from registry_tool.manifests.yaml import UNSURE, load_fast

    source_text = read_text(path, option)
    if path.endswith(".json"):
        data = _json_file(path, source_text, option)
    else:
        fast = load_fast(source_text.encode())
        if fast is not UNSURE:
            data = fast  # type: ignore[assignment]  # UNSURE is the only other value
        else:
            text = explain(source_text.encode())
            for problem in (p for p in text.problems if p.code != "ambiguous"):
                raise UsageError(
                    f"{option}: {path!a} line {problem.line}: {problem.message}",
                    remedy=problem.remedy,
                )
            data = text.data
    if not isinstance(data, dict):
        raise UsageError(f"{option}: {path!a} is not a mapping of fields")
    return data


def _json_file(path: str, text: str, option: str) -> JSON:
    try:
        data = parse_json(text)
    except ValueError as exc:
        raise UsageError(f"{option}: {path!a} is not JSON: {exc}") from exc
    if not text.isascii() or "\\u" in text:
        check_typed(f"{option}: {path!a}", json.dumps(data, ensure_ascii=False))
    return data
