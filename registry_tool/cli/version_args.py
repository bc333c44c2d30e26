"""The record of a version out of a command line: options, and a file of fields below them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, TypedDict

from registry_tool.cli import parsing
from registry_tool.cli.artifact_args import ArtifactSource, addresses, sources, tracked
from registry_tool.cli.change import ChangeSession
from registry_tool.cli.parsing import read_fields, requirements
from registry_tool.errors import UsageError
from registry_tool.manifests.data import Data, get, member, records, text
from registry_tool.manifests.problems import JSON

if TYPE_CHECKING:
    from registry_tool.edits.versions import VersionRecord
    from registry_tool.names import ModelName

__all__ = ["Options", "from_file", "record"]

Many = tuple[str, ...]
# What the program derives, and nobody else says.
_DERIVED = ("identity",)


class Options(TypedDict):
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
    """The words that the schema of a version allows at some place."""
    from registry_tool.manifests.schema import schema_data

    found = get(schema_data("version/v1"), "$defs", *path, "enum")
    return [str(word) for word in found] if isinstance(found, list) else []


def _filled(fields: Mapping[str, JSON]) -> dict[str, JSON]:
    return {key: value for key, value in fields.items() if value not in (None, [], {})}


def _framework(options: Options) -> dict[str, JSON]:
    own = parsing.framework(options["framework"]) if options["framework"] is not None else {}
    if own:
        parsing.one_of(str(own["type"]), _words("framework_type"), "framework")
    return {**own, **parsing.json_pairs(options["framework_field"], "--framework-field")}


def _environment(options: Options) -> dict[str, JSON]:
    listed = options["requirements"]
    packages = [*options["pip"], *(requirements(listed) if listed is not None else [])]
    return _filled(
        {
            "python_version": options["python"],
            "pip_packages": [*dict.fromkeys(packages)],
            "lock": options["lock"],
        }
    )


def _source(options: Options, before: Data) -> dict[str, JSON]:
    own = parsing.source(options["source"]) if options["source"] is not None else {}
    kind = str(own.get("type") or text(before, "type"))
    if own:
        parsing.one_of(kind, _words("source", "properties", "type"), "source")
    commit = "revision" if kind == "huggingface" else "commit"
    own |= _filled(
        {commit: options["commit_id"], "run_id": options["run_id"], "step": options["step"]}
    )
    if own and not kind:
        raise UsageError(
            "--commit-id, --run-id and --step belong to a source",
            remedy="name it: --source TYPE:URI",
        )
    return own


def _lineage(options: Options) -> dict[str, JSON]:
    return _filled(
        {
            "code": parsing.code(options["code"]) if options["code"] is not None else None,
            "datasets": [{"uri": uri} for uri in options["dataset"]],
            "base_model": options["base_model"],
        }
    )


def _given(options: Options, before: Data) -> dict[str, JSON]:
    """The fields of the record that options give."""
    return _filled(
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


def _laid_over(before: Data, given: Data) -> dict[str, JSON]:
    """Options win over the file: member by member in a mapping, whole elsewhere."""
    result = dict(before)
    for key, value in given.items():
        old = before.get(key)
        both = isinstance(old, dict) and isinstance(value, dict)
        result[key] = {**old, **value} if both else value  # type: ignore[dict-item]  # both are mappings
    return result


def from_file(path: str, model: ModelName, name: str | None) -> tuple[dict[str, JSON], str | None]:
    """The fields of ``--file``, and the version's name if it says one.

    Raises:
        UsageError: The file cannot be read, or says what is computed or what another argument says otherwise.
    """
    fields = read_fields(path, "version/v1")
    for key in _DERIVED:
        if key in fields:
            raise UsageError(
                f"--file: {parsing.shown(path)} holds `{key}`, which is computed",
                remedy="delete it",
            )
    own = {"schema": "version/v1", "model": str(model), "version": name}
    for key, expected in own.items():
        found = fields.pop(key, expected)
        if key == "version" and expected is None:
            if found is not None and not isinstance(found, str):
                raise UsageError(
                    f"--file: {parsing.shown(path)}: `version` is not text",
                    remedy="put it in quotes",
                )
            name = found
        elif found != expected:
            raise UsageError(
                f"--file: {parsing.shown(path)}: `{key}` is {parsing.shown(str(found))}, not {parsing.shown(str(expected))}"
            )
    if any("path" in entry for entry in records(fields, "artifacts")):
        raise UsageError(
            f"--file: {parsing.shown(path)} names a stored artifact, whose bytes are not there",
            remedy="give the file itself: --artifact [NAME=]PATH",
        )
    return fields, name


def _metrics(options: Options, before: JSON) -> list[JSON]:
    from registry_tool.artifacts.entry_builder import metric_entry

    if before is not None and not isinstance(before, list):
        raise UsageError("--file: `metrics` is not a list")
    found = [parsing.metric(text) for text in options["metric"]]
    for one in found:
        if sum((one.key, one.step) == (other.key, other.step) for other in found) > 1:
            raise UsageError(f"--metric gives {one.key!a} twice")
    return [*(before or []), *(metric_entry(m.key, m.value, step=m.step) for m in found)]


def _roles(options: Options) -> dict[str, str]:
    found: dict[str, str] = {}
    for given in options["role"]:
        name, equals, role = given.partition("=")
        if not equals:
            raise UsageError(f"--role wants NAME=ROLE, not {parsing.shown(given)}")
        found[name] = parsing.one_of(role, _words("artifact", "properties", "role"), "role")
    return found


def _parted(options: Options) -> tuple[list[ArtifactSource], list[ArtifactSource]]:
    """What is stored, and what stays where it is: addresses, unless they are to be copied."""
    asked = sources(options["artifact"])
    stored = [one for one in asked if one.kind != "url"]
    urls = [*(one for one in asked if one.kind == "url"), *addresses(options["track"])]
    if not options["copy"]:
        return stored, urls
    if not urls:
        raise UsageError("--copy: there is no URL to copy from", remedy="give one: --artifact URL")
    return [*stored, *urls], []


def _check_names(names: Sequence[str], roles: Mapping[str, str]) -> None:
    for name in names:
        if names.count(name) > 1:
            raise UsageError(
                f"two artifacts have the name {parsing.shown(name)}",
                remedy="name them apart: NAME=PATH, NAME=URI",
            )
    for name in roles:
        if name not in names:
            raise UsageError(
                f"--role: there is no artifact {parsing.shown(name)}",
                remedy=f"there is {', '.join(names) or 'none'}",
            )


def record(desk: ChangeSession, options: Options, before: Data) -> VersionRecord:
    """The whole record: the file's fields, over them the options, and the artifacts, read and digested.

    Raises:
        UsageError: An option is not of its form, two artifacts have one name, or a file is missing.
    """
    from registry_tool.edits.versions import VersionRecord

    fields = _laid_over(before, _given(options, before))
    metrics = _metrics(options, fields.pop("metrics", None))
    listed = fields.pop("artifacts", [])
    if not isinstance(listed, list) or len(records(before, "artifacts")) != len(listed):
        raise UsageError("--file: `artifacts` is not a list of mappings")
    if author := desk.author():
        fields.setdefault("author", author)
    roles = _roles(options)
    asked, urls = _parted(options)
    elsewhere = [*records(before, "artifacts"), *tracked(urls, roles)]
    names = [one.name for one in asked]
    _check_names([*names, *(text(entry, "name") for entry in elsewhere)], roles)
    stored, pointers = desk.take_in(asked, roles, options["allow"])
    return VersionRecord(
        fields=fields,
        artifacts=[*stored, *elsewhere],
        pointers=pointers,
        metrics=[entry for entry in metrics if isinstance(entry, dict)],
        labels=[*dict.fromkeys(options["label"])],
        tags=options["tag"],
    )
