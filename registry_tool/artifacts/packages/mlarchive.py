"""MLSteam's packages of models: a ZIP archive with ``manifest.json``, ``models/``, ``hooks/`` and ``src/``.

The two manifest schemas are those of the SDK (0.8). A package is data here: nothing of it is imported or run.
"""

from __future__ import annotations

import json
import stat
import zipfile
import zlib
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Final, Literal, get_args

from registry_tool.artifacts.dvc_files import member_problem
from registry_tool.manifests.data import records, text
from registry_tool.manifests.problems import JSON

__all__ = [
    "FRAMEWORK_TYPES",
    "MANIFEST",
    "SHOWN_FRAMEWORKS",
    "SUFFIX",
    "PackageSchema",
    "build_manifest",
    "find_archive_problem",
    "find_manifest_problem",
    "is_package",
    "order_files",
]

PackageSchema = Literal["v2023.1", "v2024.1"]
MANIFEST: Final = "manifest.json"
SUFFIX: Final = ".mlarchive"
"""The end of the name of a package."""
FRAMEWORK_TYPES: Final = {
    "tensorflow": "tensorflow",
    "tensorflow.keras": "keras",
    "pytorch": "pytorch",
    "pytorch.lightning": "pytorch",
}
"""Our type of each framework that a manifest can name."""
SHOWN_FRAMEWORKS: Final = {
    "tensorflow": "tensorflow",
    "keras": "tensorflow.keras",
    "pytorch": "pytorch",
}
"""What a manifest calls a type of ours."""

_FOLDERS: Final = ("models", "hooks", "src")
_ENCRYPTED: Final = "model-enc.mlarchive"
_LONGEST: Final = 1 << 20
_MOST_FILES: Final = 100_000
_SHOWN: Final = 80
_RATIO: Final = 100
_ALWAYS_FITS: Final = 1 << 30

# What is wrong with a value, as a sentence that begins with where it is; empty for nothing.
_Check = Callable[[JSON, str], str]


def is_package(paths: Collection[str]) -> bool:
    """True for a folder with these files that is a package: ``manifest.json``, ``models/``, and nothing but its parts."""
    tops = {path.partition("/")[0] for path in paths if "/" in path}
    plain = {path for path in paths if "/" not in path}
    return plain == {MANIFEST} and "models" in tops and tops.issubset(_FOLDERS)


def order_files(paths: Iterable[str]) -> list[str]:
    """The files of a package in the order of its archive: the manifest first, so that a reader finds it at once."""
    return sorted(paths, key=lambda path: (path != MANIFEST, path))


# --- manifests


def _show(value: JSON) -> str:
    shown = json.dumps(value, ensure_ascii=True)
    return shown if len(shown) <= _SHOWN else f"{shown[:_SHOWN]}…"


def _check_type(kind: type, words: str) -> _Check:
    def check(value: JSON, where: str) -> str:
        is_good = isinstance(value, kind) and value not in ("", None)
        return "" if is_good else f"{where}: found {_show(value)}; expected {words}"

    return check


def _allow(*allowed: str) -> _Check:
    def check(value: JSON, where: str) -> str:
        words = ", ".join(allowed)
        return "" if value in allowed else f"{where}: found {_show(value)}; expected one of {words}"

    return check


def _check_path(value: JSON, where: str) -> str:
    if isinstance(value, str) and value and not member_problem(value):
        return ""
    return f"{where}: found {_show(value)}; expected a relative path without `..`"


def _check_list(check: _Check, *, least: int = 0) -> _Check:
    def check_all(value: JSON, where: str) -> str:
        if not isinstance(value, list) or len(value) < least:
            words = "a list with at least one entry" if least else "a list"
            return f"{where}: found {_show(value)}; expected {words}"
        found = (check(one, f"{where}[{number}]") for number, one in enumerate(value))
        return next(filter(None, found), "")

    return check_all


def _check_fields(
    required: Mapping[str, _Check], optional: Mapping[str, _Check], *, more: bool = False
) -> _Check:
    known = {**required, **optional}

    def check(value: JSON, where: str) -> str:
        if not isinstance(value, dict):
            return f"{where or 'the manifest'}: found {_show(value)}; expected an object"
        start = f"{where}." if where else ""
        for name in required:
            if name not in value:
                return f"{start}{name}: the field is required"
        for name, one in value.items():
            if name not in known and not more:
                return f"{start}{name}: unknown field"
            if name in known and (problem := known[name](one, f"{start}{name}")):
                return problem
        return ""

    return check


_TEXT: Final = _check_type(str, "text")
_WORDS: Final[_Check] = lambda value, where: (  # noqa: E731 (a table of checks)
    "" if isinstance(value, str) else f"{where}: found {_show(value)}; expected text"
)
_FLAG: Final = _check_type(bool, "true or false")
_TENSORS: Final = _check_list(_check_fields({}, {"name": _WORDS, "type": _WORDS}))
_MODE: Final = _allow("skip", "permissive", "enforce", "strictly-enforce")
_COMMON: Final[Mapping[str, _Check]] = {
    "description": _WORDS,
    "inputs": _TENSORS,
    "outputs": _TENSORS,
    "enc_model_cleanup": _allow("never", "after-load"),
    "enc_model_cleanup_files": _check_list(_TEXT),
}
_FRAMEWORK: Final = {"framework": _allow(*FRAMEWORK_TYPES)}
_BUILT_IN: Final = _check_fields({"built-in": _TEXT}, {}, more=True)
_FILE: Final = _check_fields({"file": _check_path}, {"function": _TEXT})


def _check_hook(value: JSON, where: str) -> str:
    """A loader or predictor: a file, a function of one, or one that the SDK has."""
    if not isinstance(value, dict):
        return _check_path(value, where)
    return (_BUILT_IN if "built-in" in value else _FILE)(value, where)


_FIRST: Final = _check_fields(
    {"models": _check_list(_check_fields({"name": _TEXT, "version": _TEXT, **_FRAMEWORK}, _COMMON), least=1)}, {}
)  # fmt: skip
_SECOND: Final = _check_fields(
    {
        "models": _check_list(
            _check_fields({"name": _TEXT}, {"version": _TEXT, **_FRAMEWORK, **_COMMON, "loader": _check_hook}), least=1
        ),
        "version": _TEXT,
    },
    {
        "schema": _TEXT, "name": _TEXT, "in_memory_model_extraction": _FLAG,
        "file_integrity_check": _check_fields({}, dict.fromkeys(("models", "hooks", "src", "manifest"), _MODE)),
        "services": _check_list(_check_fields({"name": _TEXT}, {"predictor": _check_hook})),
    },
)  # fmt: skip
_SCHEMAS: Final[Mapping[str, _Check]] = {"v2023.1": _FIRST, "v2024.1": _SECOND}


def _read_hook_file(value: JSON) -> str:
    if isinstance(value, dict):
        return "" if "built-in" in value else text(value, "file")
    return value if isinstance(value, str) else ""


def _find_lie(data: Mapping[str, JSON], paths: Collection[str]) -> str:
    """What a manifest names and the package lacks."""
    for kind, field in (("models", "loader"), ("services", "predictor")):
        for number, one in enumerate(records(data, kind)):
            file = _read_hook_file(one.get(field))
            if file and f"src/{file}" not in paths:
                return f"{kind}[{number}].{field}: the package has no file src/{file}"
            folder = f"models/{text(one, 'name')}/"
            is_lacking = not any(path.startswith(folder) for path in paths)
            if kind == "models" and "loader" in one and is_lacking:
                return f"{kind}[{number}].name: the package has no folder {folder}"
    return ""


def find_manifest_problem(raw: bytes, paths: Collection[str], schema: str = "") -> str:
    """What is wrong with the manifest of a package; empty for nothing.

    Args:
        raw: The bytes of ``manifest.json``.
        paths: The files of the package.
        schema: The schema that it must have; empty for any.
    """
    if len(raw) > _LONGEST:
        return f"{MANIFEST} is larger than {_LONGEST >> 20} MiB"
    try:
        data: JSON = json.loads(raw.decode("utf-8-sig"))
    except (ValueError, RecursionError):
        return f"{MANIFEST} is not JSON in UTF-8"
    found = data.get("schema", "v2023.1") if isinstance(data, dict) else "v2023.1"
    if not isinstance(found, str) or found not in _SCHEMAS:
        known = " or ".join(get_args(PackageSchema))
        return f"{MANIFEST}: schema: found {_show(found)}; expected {known}"
    if schema and found != schema:
        return f"{MANIFEST}: the package has the schema {found}; expected {schema}"
    problem = _SCHEMAS[found](data, "")
    if not problem and isinstance(data, dict):
        problem = _find_lie(data, paths)
    return f"{MANIFEST}: {problem}" if problem else ""


def build_manifest(
    schema: PackageSchema,
    *,
    name: str,
    version: str,
    models: Iterable[str],
    description: str = "",
    framework: str = "",
) -> bytes:
    """The manifest of a package that has none.

    Args:
        schema: Which form it has.
        name: The name of the whole.
        version: Its version.
        models: The names of the folders below ``models/``.
        description: What to say of each.
        framework: One of ``FRAMEWORK_TYPES``; empty where it is not known, which ``v2023.1`` does not allow.
    """
    said = {
        key: value
        for key, value in (("description", description), ("framework", framework))
        if value
    }
    # An import of the SDK reads the version of the first model, in both schemas.
    listed = [{"name": one, "version": version, **said} for one in models]
    whole: dict[str, object] = {"models": listed}
    if schema != "v2023.1":
        whole = {"schema": schema, "name": name, "version": version, **whole}
    return json.dumps(whole, indent=2, ensure_ascii=False).encode() + b"\n"


# --- archives


def _find_entry_problem(info: zipfile.ZipInfo) -> str:
    name = info.filename.removesuffix("/")
    if problem := member_problem(name):
        return f"the path {info.filename[:_SHOWN]!a} {problem}"
    if PurePosixPath(name).is_absolute():
        return f"the path {info.filename[:_SHOWN]!a} is absolute"
    if stat.S_ISLNK(info.external_attr >> 16):
        return f"{info.filename[:_SHOWN]!a} is a symbolic link"
    return f"{info.filename[:_SHOWN]!a} is encrypted" if info.flag_bits & 1 else ""


def find_archive_problem(path: Path, schema: str = "") -> str:
    """What is wrong with a file that should be a package; empty for nothing.

    Args:
        path: The file.
        schema: The schema that its manifest must have; empty for any.

    Raises:
        OSError: It cannot be read.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            return _find_content_problem(archive, path.stat().st_size, schema)
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, ValueError, EOFError):
        return "it is not a ZIP archive, or damaged"


def _list_problems(entries: Sequence[zipfile.ZipInfo], size: int) -> Iterator[str]:
    """What is wrong with the list of an archive's files."""
    if len(entries) > _MOST_FILES:
        yield f"it has more than {_MOST_FILES} files"
    yield from filter(None, map(_find_entry_problem, entries))
    unpacked = sum(one.file_size for one in entries)
    if unpacked > max(_ALWAYS_FITS, size * _RATIO):
        yield f"it unpacks to {unpacked} bytes, more than {_RATIO} times its size"
    names = [one.filename for one in entries if not one.is_dir()]
    if len(set(names)) < len(names):
        yield "two of its files have the same path"
    if _ENCRYPTED in names:
        yield "it is encrypted by MLSteam"
    if not is_package(names):
        yield f"it needs {MANIFEST} and models/, and may have only hooks/ and src/ besides"


def _find_content_problem(archive: zipfile.ZipFile, size: int, schema: str) -> str:
    entries = archive.infolist()
    if problem := next(_list_problems(entries, size), ""):
        return problem
    with archive.open(MANIFEST) as file:
        raw = file.read(_LONGEST + 1)
    return find_manifest_problem(raw, {one.filename for one in entries}, schema)
