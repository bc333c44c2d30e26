"""Small files that are named on a command line: fields in YAML or JSON, cards, requirements.

They are read whole, under a limit, and under the rules manifests have; what is wrong with one is a UsageError that
names the option, the file and the line.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from registry_tool.cli.values import check_typed, parse_json, shown
from registry_tool.errors import UsageError
from registry_tool.manifests.incoming import typed_float
from registry_tool.manifests.problems import JSON, JSONPath

if TYPE_CHECKING:
    from registry_tool.manifests.explain import Text

__all__ = ["read_fields", "read_text", "requirements"]

_LIMIT = 256 * 1024
_FREE = ("metadata", "parameters", "metrics")
# Numbers of YAML that readers of manifests take for text, since none of 64 bits is meant. Dates and `010` are no numbers.
_LARGE = re.compile(
    r"[-+]?[1-9][0-9]{18,}|0x[0-9a-fA-F]{16,}|0o[0-7]{21,}|[-+]?[0-9.]+[eE]\+?[0-9]{3,}|[-+]?[1-9][0-9]{308,}\.[0-9]*"
)


def read_text(path: str, option: str) -> str:
    """A small text file.

    Raises:
        UsageError: There is no such file, or it is too large or not UTF-8 text.
    """
    try:
        if not Path(path).is_file():
            raise UsageError(f"{option}: there is no file {shown(path)}")
        with Path(path).open("rb") as stream:
            data = stream.read(_LIMIT + 1)
    except OSError as exc:
        raise UsageError(f"{option}: {shown(path)} cannot be read: {exc.strerror}") from exc
    if len(data) > _LIMIT:
        raise UsageError(f"{option}: {shown(path)} is larger than {_LIMIT // 1024} kB")
    try:
        return data.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as exc:
        raise UsageError(f"{option}: {shown(path)} is not UTF-8 text") from exc


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
                f"--requirements: {shown(path)} line {number}: {plain[:60]!a} is an option of pip",
                remedy="list the packages themselves: pip freeze > requirements.txt",
            )
        if plain:
            found.append(plain)
    return found


def read_fields(path: str, schema: str, option: str = "--file") -> dict[str, JSON]:
    """The fields of a YAML or JSON file, under the rules manifests have: no anchors, tags or double keys.

    Args:
        path: The file; one that ends in ``.json`` is JSON.
        schema: The manifest the fields are for; where it wants text, ``3.10`` without quotes is that text.
        option: What to call it in messages.

    Raises:
        UsageError: It cannot be read, or is not such a file; the message has the line.
    """
    from registry_tool.manifests.explain import Text, explain

    source = read_text(path, option)
    text = Text(_json(path, source, option)) if path.endswith(".json") else explain(source.encode())
    for problem in (p for p in text.problems if p.code != "ambiguous"):
        raise UsageError(
            f"{option}: {shown(path)} line {problem.line}: {problem.message}", remedy=problem.remedy
        )
    if not isinstance(text.data, dict):
        raise UsageError(f"{option}: {shown(path)} is not a mapping of fields")
    _keep_texts(text.data, text.written, schema, f"{option}: {shown(path)}")
    _check_numbers(text, f"{option}: {shown(path)}")
    if not path.endswith(".json"):  # there a number that is too large is none
        _check_size(text, source, f"{option}: {shown(path)}")
    return text.data


def _check_numbers(text: Text, where: str) -> None:
    """See that no number of the file became 0."""
    for path, written in text.written.items():
        if not re.fullmatch(r"[-+.0-9]+[eE]-[0-9]+", written):
            continue
        try:
            typed_float(written)
        except ValueError as exc:
            line, dotted = text.place(path)[0], ".".join(map(str, path))
            raise UsageError(
                f"{where} line {line}: `{dotted}`: {exc}", remedy=f'write it as text: "{written}"'
            ) from exc


def _texts(value: JSON, path: JSONPath) -> Iterator[tuple[JSONPath, str]]:
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, dict | list):
        for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
            yield from _texts(inner, (*path, key))


def _check_size(text: Text, source: str, where: str) -> None:
    """See that no number of the free fields became text because it is too large; in quotes it is text."""
    lines, data = source.split("\n"), text.data if isinstance(text.data, dict) else {}
    for path, value in (found for key in _FREE for found in _texts(data.get(key), (key,))):
        if not _LARGE.fullmatch(value):
            continue
        line, column = text.place(path)
        if lines[line - 1][column - 1 :].startswith(value):
            dotted = ".".join(map(str, path))
            raise UsageError(
                f"{where} line {line}: `{dotted}`: {value[:20]} is too large: whole numbers below 2^63 and numbers of 64 bits "
                "are kept",
                remedy=f'write it as text: "{value}"',
            )


def _keep_texts(
    data: dict[str, JSON], written: Mapping[JSONPath, str], schema: str, where: str
) -> None:
    """Put back what was written where the schema wants text and a number or boolean was read."""
    from registry_tool.manifests.schema import mismatches

    for found in mismatches(schema, data):
        if found.keyword != "type" or found.rule.get("type") != "string" or not found.path:
            continue
        if not isinstance(found.value, int | float):
            continue
        if found.path not in written:
            dotted = ".".join(map(str, found.path))
            raise UsageError(f"{where}: `{dotted}` is not text", remedy="put it in quotes")
        holder: JSON = data
        *above, last = found.path
        for step in above:
            holder = holder[step]  # type: ignore[index]  # a path of this very data
        holder[last] = written[found.path]  # type: ignore[index]  # as above


def _json(path: str, text: str, option: str) -> JSON:
    try:
        data = parse_json(text)
    except ValueError as exc:
        raise UsageError(f"{option}: {shown(path)} is not JSON: {exc}") from exc
    if not text.isascii() or "\\u" in text:
        check_typed(f"{option}: {shown(path)}", json.dumps(data, ensure_ascii=False))
    return data
