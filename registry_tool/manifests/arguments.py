"""What a program gives for a manifest, judged by the schema in the call that gives it.

The check of the whole change would find the same at its end, where nobody sees any more which call was wrong.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Final

from registry_tool.errors import UsageError
from registry_tool.manifests.problems import JSON
from registry_tool.manifests.schema import (
    Mismatch,
    fast_validator,
    mismatches,
    partial_mismatches,
)

__all__ = ["InvalidFieldError", "check_fields", "check_license", "check_manifest", "fits"]

_SHOWN: Final = 3
# Of a list with one entry, which the message names already.
_ONE_ENTRY: Final = re.compile(r"^(?:metrics|artifacts)\[0\]\.")


class InvalidFieldError(UsageError):
    """A field that its schema refuses; a command ends as it does where the check finds the same."""

    exit_code = 1


def _refuse(found: Iterable[Mismatch], manifest: str, before: str = "") -> None:
    from registry_tool.manifests.messages import explain_mismatch
    from registry_tool.manifests.yaml.explain import Text

    problems = [explain_mismatch(mismatch, Text()) for mismatch in found]
    if not problems:
        return
    lines = []
    for problem in problems[:_SHOWN]:
        message = problem.message.replace("the file", manifest)
        words = [before + (_ONE_ENTRY.sub("", message) if before else message)]
        words += [f"found {problem.found}"] if problem.found else []
        words += [f"expected {problem.expected}"] if problem.expected else []
        lines.append("; ".join(words))
    remedy = next((problem.remedy for problem in problems if problem.remedy), "")
    raise InvalidFieldError("\n".join(lines), remedy=remedy)


def check_fields(schema_id: str, fields: Mapping[str, JSON], *, of: str = "") -> None:
    """See that some fields of a manifest can be in it, whatever the others say.

    Args:
        schema_id: The schema, such as ``model/v2``.
        fields: Any of its fields.
        of: What they describe, where that is less than the manifest, for the message.

    Raises:
        InvalidFieldError: A field is unknown, or its value cannot be valid.
    """
    manifest = f"{schema_id.partition('/')[0]}.yaml"
    _refuse(partial_mismatches(schema_id, dict(fields)), manifest, f"{of}: " if of else "")


def fits(schema_id: str, field: str, value: JSON) -> bool:
    """True for a value that a field of a manifest can have."""
    return not partial_mismatches(schema_id, {field: value})


def check_manifest(schema_id: str, data: Mapping[str, JSON], *, called: str) -> None:
    """See that a whole manifest meets its schema.

    Args:
        schema_id: The schema, such as ``evidence/v1``.
        data: The manifest.
        called: What it is called in the message.

    Raises:
        InvalidFieldError: A field is unknown or missing, or its value cannot be valid.
    """
    if not fast_validator(schema_id).is_valid(dict(data)):
        _refuse(mismatches(schema_id, dict(data)), called)


def check_license(expression: str) -> None:
    """See that a licence is an SPDX licence expression.

    Raises:
        InvalidFieldError: It is not.
    """
    from registry_tool.manifests.spdx import licence_trouble

    if trouble := licence_trouble(expression):
        raise InvalidFieldError(
            f"license: {expression!a} is not an SPDX licence expression: {trouble}",
            remedy="https://spdx.org/licenses lists them; write your own as LicenseRef-NAME",
        )
