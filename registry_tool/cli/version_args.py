"""The record of a version from the command line: options, and a file of fields that they override."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, TypedDict

from registry_tool.api.interface.data import Data, member, records, text
from registry_tool.cli import parsing
from registry_tool.cli.artifact_args import parse_addresses, parse_sources
from registry_tool.cli.parsing import read_fields, requirements
from registry_tool.errors import UsageError

if TYPE_CHECKING:
    from registry_tool.api.changes.editing import EncryptTo, NewVersion
    from registry_tool.api.changes.staging import ArtifactSource
    from registry_tool.api.interface.types import JSON
    from registry_tool.names import ModelName

__all__ = ["VersionOptions", "parse_record", "read_version_file"]

Many = tuple[str, ...]
# Fields that are computed.
_DERIVED = ("identity",)


class VersionOptions(TypedDict):
    """The options of ``registry version add``, as click gives them."""

    artifact: Many
    allow: Many
    role: Many
    track: Many
    copy: bool
    framework: str | None
    framework_field: Many
    python: str | None
    pip: Many
    requirements: str | None
    lock: str | None
    metric: Many
    param: Many
    metadata: Many
    label: Many
    tag: Many
    alias: Many
    description: str | None
    source: str | None
    commit_id: str | None
    run_id: str | None
    step: int | None
    code: str | None
    dataset: Many
    base_model: str | None
    external_id: str | None
    same_as: str | None
    file: str | None
    encrypt_to: Many
    encrypt_passphrase: bool


def _words(*path: str) -> list[str]:
    """The words that the schema of a version allows for a field."""
    from registry_tool.api.interface.schemas import allowed_words

    return allowed_words("version/v1", *path)


def _fill(fields: Mapping[str, JSON]) -> dict[str, JSON]:
    return {key: value for key, value in fields.items() if value not in (None, [], {})}


def _framework(options: VersionOptions) -> dict[str, JSON]:
    own = parsing.framework(options["framework"]) if options["framework"] is not None else {}
    if own:
        parsing.parse_choice(str(own["type"]), _words("framework_type"), "framework")
    return {**own, **parsing.json_pairs(options["framework_field"], "--framework-field")}


def _environment(options: VersionOptions) -> dict[str, JSON]:
    listed = options["requirements"]
    packages = [*options["pip"], *(requirements(listed) if listed is not None else [])]
    return _fill(
        {
            "python_version": options["python"],
            "pip_packages": [*dict.fromkeys(packages)],
            "lock": options["lock"],
        }
    )


def _source(options: VersionOptions, before: Data) -> dict[str, JSON]:
    own = parsing.source(options["source"]) if options["source"] is not None else {}
    kind = str(own.get("type") or text(before, "type"))
    if own:
        parsing.parse_choice(kind, _words("source", "properties", "type"), "source")
    commit = "revision" if kind == "huggingface" else "commit"
    own |= _fill(
        {commit: options["commit_id"], "run_id": options["run_id"], "step": options["step"]}
    )
    if own and not kind:
        raise UsageError(
            "--commit-id, --run-id and --step describe a source",
            remedy="name it: --source TYPE:URI",
        )
    return own


def _lineage(options: VersionOptions) -> dict[str, JSON]:
    return _fill(
        {
            "code": parsing.code(options["code"]) if options["code"] is not None else None,
            "datasets": [{"uri": uri} for uri in options["dataset"]],
            "base_model": options["base_model"],
        }
    )


def _fields(options: VersionOptions, before: Data) -> dict[str, JSON]:
    """The fields of the record that options give."""
    return _fill(
        {
            "description": options["description"],
            "external_id": options["external_id"],
            "framework": _framework(options),
            "environment": _environment(options),
            "source": _source(options, member(before, "source")),
            "lineage": _lineage(options),
            "parameters": parsing.json_pairs(options["param"], "--param"),
            "same_as": options["same_as"],
            "metadata": parsing.json_pairs(options["metadata"], "--metadata"),
        }
    )


def _merge(before: Data, given: Data) -> dict[str, JSON]:
    """Options override the file: key by key in a mapping, as a whole elsewhere."""
    result = dict(before)
    for key, value in given.items():
        old = before.get(key)
        both = isinstance(old, dict) and isinstance(value, dict)
        result[key] = {**old, **value} if both else value  # type: ignore[dict-item]  # both are mappings
    return result


def read_version_file(
    path: str, model: ModelName, name: str | None
) -> tuple[dict[str, JSON], str | None]:
    """The fields of ``--file``, and the version's name if the file has one.

    Raises:
        UsageError: The file cannot be read, or it has a field that is computed or contradicts an argument.
    """
    fields = read_fields(path, "version/v1")
    for key in _DERIVED:
        if key in fields:
            raise UsageError(
                f"--file: {parsing.format_text(path)} contains `{key}`, which is computed",
                remedy="delete it",
            )
    own = {"schema": "version/v1", "model": str(model), "version": name}
    for key, expected in own.items():
        found = fields.pop(key, expected)
        if key == "version" and expected is None:
            if found is not None and not isinstance(found, str):
                raise UsageError(
                    f"--file: {parsing.format_text(path)}: `version` is not text",
                    remedy="put it in quotes",
                )
            name = found
        elif found != expected:
            raise UsageError(
                f"--file: {parsing.format_text(path)}: `{key}` is {parsing.format_text(str(found))}, not {parsing.format_text(str(expected))}"
            )
    if any("path" in entry for entry in records(fields, "artifacts")):
        raise UsageError(
            f"--file: {parsing.format_text(path)} lists a stored artifact, but not its content",
            remedy="give the file: --artifact [NAME=]PATH",
        )
    return fields, name


def _metrics(options: VersionOptions, before: JSON) -> list[JSON]:
    from registry_tool.api.changes.editing import metric_entry

    if before is not None and not isinstance(before, list):
        raise UsageError("--file: `metrics` is not a list")
    found = [parsing.metric(text) for text in options["metric"]]
    for one in found:
        if sum((one.key, one.step) == (other.key, other.step) for other in found) > 1:
            raise UsageError(f"--metric gives {one.key!a} twice")
    return [*(before or []), *(metric_entry(m.key, m.value, step=m.step) for m in found)]


def _roles(options: VersionOptions) -> dict[str, str]:
    found: dict[str, str] = {}
    for given in options["role"]:
        name, equals, role = given.partition("=")
        if not equals:
            raise UsageError(f"--role requires NAME=ROLE, not {parsing.format_text(given)}")
        found[name] = parsing.parse_choice(role, _words("artifact", "properties", "role"), "role")
    return found


def _split(options: VersionOptions) -> tuple[list[ArtifactSource], list[ArtifactSource]]:
    """The artifacts to store, and those whose address is recorded: URLs, unless they are copied."""
    given = parse_sources(options["artifact"])
    stored = [one for one in given if one.kind != "url"]
    urls = [*(one for one in given if one.kind == "url"), *parse_addresses(options["track"])]
    if not options["copy"]:
        return stored, urls
    if not urls:
        raise UsageError("--copy: no URL is given", remedy="give one: --artifact URL")
    return [*stored, *urls], []


def _check_names(names: Sequence[str], roles: Mapping[str, str]) -> None:
    for name in names:
        if names.count(name) > 1:
            raise UsageError(
                f"two artifacts have the name {parsing.format_text(name)}",
                remedy="give them different names: NAME=PATH, NAME=URI",
            )
    for name in roles:
        if name not in names:
            raise UsageError(
                f"--role: no artifact is named {parsing.format_text(name)}",
                remedy=f"artifacts: {', '.join(names) or 'none'}",
            )


def parse_record(
    options: VersionOptions, before: Data, *, encrypt_to: EncryptTo | None
) -> NewVersion:
    """The whole record: the fields of the file, overridden by options, and where the artifacts come from.

    Raises:
        UsageError: An option is not well formed, two artifacts have the same name, or a file is missing.
    """
    from registry_tool.api.changes.editing import NewVersion

    fields = _merge(before, _fields(options, before))
    metrics = _metrics(options, fields.pop("metrics", None))
    listed = fields.pop("artifacts", [])
    if not isinstance(listed, list) or len(records(before, "artifacts")) != len(listed):
        raise UsageError("--file: `artifacts` is not a list of mappings")
    roles = _roles(options)
    stored, tracked = _split(options)
    entries = records(before, "artifacts")
    names = [one.name for one in (*stored, *tracked)]
    _check_names([*names, *(text(entry, "name") for entry in entries)], roles)
    return NewVersion(
        fields=fields,
        artifacts=stored,
        tracked=tracked,
        entries=entries,
        roles=roles,
        allow=options["allow"],
        metrics=[entry for entry in metrics if isinstance(entry, dict)],
        labels=options["label"],
        tags=options["tag"],
        aliases=options["alias"],
        encrypt_to=encrypt_to,
    )
