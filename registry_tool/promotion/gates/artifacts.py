"""The gate that requires all objects in the DVC remote; the caller supplies the query."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import TYPE_CHECKING, Final

from registry_tool.catalog.catalog import VersionView
from registry_tool.errors import RemoteError
from registry_tool.manifests.data import Data, records, text
from registry_tool.promotion.context import GateAnswer, answer_failed, answer_held, answer_unknown

if TYPE_CHECKING:
    from registry_tool.promotion.context import GateInput, Present

__all__ = ["available_gate", "list_objects", "presence"]

_SHOWN: Final = 5


def list_objects(version: VersionView) -> dict[str, str]:
    """The objects a version stores: for each md5 the artifact it belongs to, files of folders included."""
    found: dict[str, str] = {}
    for entry in records(version.data, "artifacts"):
        for part in (entry, *records(entry, "files")):
            if "md5" in part:
                found.setdefault(text(part, "md5"), text(entry, "name"))
    return found


def presence(exists: Callable[[Sequence[str]], Collection[str]]) -> Present:
    """Make ``GateInput.present`` of a function that returns the md5s that exist."""

    def missing(version: VersionView) -> list[str]:
        wanted = list_objects(version)
        there = exists(sorted(wanted)) if wanted else ()
        return [f"{name} (md5 {md5})" for md5, name in wanted.items() if md5 not in there]

    return missing


def available_gate(question: GateInput, gate: Data) -> GateAnswer:  # noqa: ARG001 (all gates are asked alike)
    """Every object that the version stores must be in the remote."""
    version = question.version
    if question.present is None:
        return answer_unknown("the remote was not queried", "query it: registry check --remote")
    try:
        missing = question.present(version)
    except RemoteError as exc:
        return answer_unknown(f"the remote cannot be queried: {exc.message}", exc.remedy)
    stored = len(list_objects(version))
    if not missing:
        what = f"all {stored} objects exist" if stored != 1 else "the object exists"
        return answer_held(what if stored else "the version stores no objects")
    more = f" and {len(missing) - _SHOWN} more" if len(missing) > _SHOWN else ""
    remedy = f"upload them from a machine that has them: registry upload {version} PATH"
    return answer_failed(
        f"{len(missing)} of {stored} missing: {', '.join(missing[:_SHOWN])}{more}", remedy
    )
