"""Values on a command line: ``key=value``, ``key=json``, ``[name=]path``; and small files that it names.

Each function takes text and returns plain data, or raises a UsageError that names the option and the form it requires.
Files (fields in YAML or JSON, cards, requirements) are read whole, up to a limit, under the rules of manifests; an error
names the option, the file and the line. Whether the data makes a valid manifest is decided by the check.
"""

from __future__ import annotations

import datetime as dt
import difflib
import json
import re
import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, NoReturn

from registry_tool.api.interface.typed_text import typed_float, typed_integer
from registry_tool.errors import UsageError
from registry_tool.names import check_artifact_name

if TYPE_CHECKING:
    from registry_tool.api.interface.types import JSON, JSONPath
    from registry_tool.api.interface.yaml_text import YamlText

__all__ = [
    "Metric",
    "Named",
    "check_typed",
    "code",
    "format_text",
    "framework",
    "json_pairs",
    "json_value",
    "link",
    "metric",
    "parse_choice",
    "parse_duration",
    "parse_json",
    "parse_named",
    "read_fields",
    "read_text",
    "requirements",
    "source",
]

_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff\ufeff]")
_NUMBER = re.compile(r"[-+]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][-+]?[0-9]+)?")
_WHOLE = re.compile(r"[-+]?[0-9]+")
_STEP = re.compile(r"(.+)@([0-9]{1,15})", re.DOTALL)
_LINK = re.compile(r"(.+?)=([A-Za-z][A-Za-z0-9+.-]*:.+)", re.DOTALL)
_DEEPEST = 60
_SHOWN = 80


def format_text(text: str) -> str:
    """A text as it appears in a message: quoted, escaped, shortened."""
    return ascii(text if len(text) <= _SHOWN else f"…{text[-_SHOWN:]}")


class Metric(NamedTuple):
    """``key[@step]=value``."""

    key: str
    value: float | str
    step: int | None


class Named(NamedTuple):
    """``[name=]text``; the name is empty where none was given."""

    name: str
    text: str


def check_typed(option: str, value: object) -> None:
    """Check that an argument is text that can be shown and stored.

    Raises:
        UsageError: It holds a control character, or bytes that are not UTF-8.
    """
    for text in value if isinstance(value, tuple) else (value,):
        if isinstance(text, str) and _CONTROL.search(text):
            raise UsageError(
                f"{option} contains a control character, or is not UTF-8: {format_text(text)}",
                remedy="remove it",
            )


def _pair(text: str, option: str) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    if not equals or not key:
        raise UsageError(f"{option} requires KEY=VALUE, not {format_text(text)}")
    return key, value


def _no_constant(word: str) -> NoReturn:
    raise ValueError(f"{word} is not JSON")


def _once(pairs: list[tuple[str, JSON]]) -> dict[str, JSON]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("duplicate key")
    return found


def parse_json(text: str) -> JSON:
    """JSON that a manifest can hold.

    Raises:
        ValueError: It is no JSON, a key stands twice, a number is too large or too small, or it is nested too deep.
    """
    try:
        value: JSON = json.loads(
            text,
            parse_constant=_no_constant,
            parse_float=typed_float,
            parse_int=typed_integer,
            object_pairs_hook=_once,
        )
    except RecursionError as exc:
        raise ValueError("it is nested too deeply") from exc
    level: list[JSON] = [value]
    for _ in range(_DEEPEST):
        level = [v for one in level for v in _inside(one)]
    if level:
        raise ValueError(f"it is nested more than {_DEEPEST} levels deep")
    return value


def _inside(value: JSON) -> Iterable[JSON]:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()


def json_value(text: str, option: str) -> JSON:
    """A value as JSON; what is not JSON is the text itself, so that words need no quotes.

    Raises:
        UsageError: It begins like a mapping, list or quoted text, and is not one; or it is a number that a manifest
            cannot hold.
    """
    begun = text.lstrip()[:1]
    typed_number(
        text.strip(), option, f"write it as text, in quotes: {_quote(option, text.strip())}"
    )
    try:
        value = parse_json(text)
    except ValueError as exc:
        if begun in {"{", "[", '"'}:
            raise UsageError(
                f"{option}: {format_text(text)} is not JSON: {exc}",
                remedy='write it as JSON, such as {"priority": 1}, and quote it for the shell',
            ) from exc
        return text
    if begun in {"{", "[", '"'}:
        # Escapes may bring in what could not be typed.
        check_typed(option, json.dumps(value, ensure_ascii=False))
    return value


def json_pairs(texts: Iterable[str], option: str) -> dict[str, JSON]:
    """``key=json`` options as one mapping.

    Raises:
        UsageError: One has no key, is no JSON though it begins so, or a key is given twice.
    """
    found: dict[str, JSON] = {}
    for text in texts:
        key, value = _pair(text, option)
        if key in found:
            raise UsageError(f"{option} gives {format_text(key)} twice")
        found[key] = json_value(value, f"{option} {key}")
    return found


def metric(text: str, option: str = "--metric") -> Metric:
    """``key=value`` or ``key@STEP=value``: a number where the value is one, else text.

    Raises:
        UsageError: It has no key or no value, or its number would become another.
    """
    key, value = _pair(text, option)
    if not value:
        raise UsageError(f"{option} {format_text(key)} has no value")
    stepped = _STEP.fullmatch(key)
    step = int(stepped[2]) if stepped else None
    remedy = f"a metric has 64 bits; as text it goes into the metadata: {_quote(f'--metadata {key}', value)}"
    return Metric(
        stepped[1] if stepped else key,
        typed_number(value, f"{option} {format_text(key)}", remedy),
        step,
    )


def _quote(option: str, text: str) -> str:
    """The option with a value in quotes, for a shell."""
    name, _, key = option.partition(" ")
    pair = shlex.quote(f"{key}={json.dumps(text)}")
    return f"{name} {pair}" if name.startswith("--") else pair


def typed_number(text: str, what: str, remedy: str) -> float | str:
    """A number where the text looks like one, else the text.

    Raises:
        UsageError: It is a number that would become 0, infinity or text.
    """
    try:
        if _WHOLE.fullmatch(text):
            return typed_integer(text)
        return typed_float(text) if _NUMBER.fullmatch(text) else text
    except ValueError as exc:
        raise UsageError(f"{what}: {exc}", remedy=remedy) from exc


def parse_named(text: str, option: str) -> Named:
    """``[NAME=]PATH`` or ``[NAME=]URI``. Where the part before ``=`` holds ``/`` or ``:``, it is no name.

    Raises:
        UsageError: The name is not an artifact's, or nothing follows it.
    """
    name, equals, rest = text.partition("=")
    if not equals or "/" in name or ":" in name:
        name, rest = "", text
    if not rest:
        raise UsageError(f"{option} {format_text(text)} does not name a file")
    return Named(check_artifact_name(name) if name else "", rest)


def link(text: str) -> dict[str, JSON]:
    """``TITLE=URL`` as an entry of ``links``.

    Raises:
        UsageError: It is not of that form.
    """
    match = _LINK.fullmatch(text)
    if match is None:
        raise UsageError(
            f"--link requires TITLE=URL, not {format_text(text)}",
            remedy='--link "Paper=https://example.org/p"',
        )
    return {"title": match[1], "url": match[2]}


def parse_choice(text: str, known: Sequence[str], what: str) -> str:
    """The text, which must be one of the known words.

    Raises:
        UsageError: It is not; the remedy names near ones.
    """
    if text in known:
        return text
    near = difflib.get_close_matches(text, known, n=2)
    remedy = f"did you mean {' or '.join(near)}?" if near else f"one of {', '.join(known)}"
    raise UsageError(f"{format_text(text)} is not a {what}", remedy=remedy)


def framework(text: str) -> dict[str, JSON]:
    """``TYPE[==VERSION]``."""
    kind, equals, release = text.partition("==")
    return {"type": kind, "version": release} if equals else {"type": kind}


def source(text: str) -> dict[str, JSON]:
    """``TYPE[:URI]``, such as ``git:https://example.org/acme/training``."""
    kind, colon, uri = text.partition(":")
    return {"type": kind, "uri": uri} if colon else {"type": kind}


def code(text: str) -> dict[str, JSON]:
    """``REPOSITORY@COMMIT``; the repository itself may hold ``@``.

    Raises:
        UsageError: There is no commit.
    """
    repository, at, commit = text.rpartition("@")
    if not at or not repository or not commit:
        raise UsageError(
            f"--code requires REPOSITORY@COMMIT, not {format_text(text)}",
            remedy="--code https://example.org/acme/training@$(git rev-parse HEAD)",
        )
    return {"repository": repository, "commit": commit}


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
            raise UsageError(f"{option}: no such file: {format_text(path)}")
        with Path(path).open("rb") as stream:
            data = stream.read(_LIMIT + 1)
    except OSError as exc:
        raise UsageError(f"{option}: cannot read {format_text(path)}: {exc.strerror}") from exc
    if len(data) > _LIMIT:
        raise UsageError(f"{option}: {format_text(path)} is larger than {_LIMIT // 1024} kB")
    try:
        return data.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError as exc:
        raise UsageError(f"{option}: {format_text(path)} is not UTF-8 text") from exc


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
                f"--requirements: {format_text(path)} line {number}: {plain[:60]!a} is an option of pip",
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
    from registry_tool.api.interface.yaml_text import YamlText, explain

    source = read_text(path, option)
    text = (
        YamlText(_json(path, source, option))
        if path.endswith(".json")
        else explain(source.encode())
    )
    for problem in (p for p in text.problems if p.code != "ambiguous"):
        raise UsageError(
            f"{option}: {format_text(path)} line {problem.line}: {problem.message}",
            remedy=problem.remedy,
        )
    if not isinstance(text.data, dict):
        raise UsageError(f"{option}: {format_text(path)} is not a mapping of fields")
    _keep_texts(text.data, text.written, schema, f"{option}: {format_text(path)}")
    _check_numbers(text, f"{option}: {format_text(path)}")
    if not path.endswith(".json"):  # there a number that is too large is none
        _check_size(text, source, f"{option}: {format_text(path)}")
    return text.data


def _check_numbers(text: YamlText, where: str) -> None:
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


def _check_size(text: YamlText, source: str, where: str) -> None:
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
    from registry_tool.api.interface.yaml_text import mismatches

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
        raise UsageError(f"{option}: {format_text(path)} is not JSON: {exc}") from exc
    if not text.isascii() or "\\u" in text:
        check_typed(f"{option}: {format_text(path)}", json.dumps(data, ensure_ascii=False))
    return data


_DURATION = re.compile(r"([0-9]{1,6})([smhdw])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def parse_duration(words: str) -> dt.timedelta:
    """How long ``90s``, ``10m``, ``2h``, ``1d`` or ``1w`` is.

    Raises:
        UsageError: It has another form.
    """
    match = _DURATION.fullmatch(words)
    if match is None:
        raise UsageError(
            f"{words!a} is not a duration", remedy="use a number and a unit: 10m, 2h, 1d"
        )
    return dt.timedelta(**{_UNITS[match[2]]: int(match[1])})
