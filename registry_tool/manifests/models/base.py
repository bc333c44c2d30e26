"""The base of typed manifests: frozen objects with the fields of the file, made from data that matches its schema.

A field has the name of its key; one that Python or pydantic needs for itself ends in ``_`` (``schema_``, ``from_``,
``not_``). Lists become tuples. Reading and writing back changes nothing: an absent field stays absent.
"""

from __future__ import annotations

from typing import ClassVar, Self, cast

from pydantic import BaseModel, ConfigDict

from registry_tool.errors import InvalidManifestError
from registry_tool.manifests.problems import JSON

__all__ = ["Manifest", "Part"]


class Part(BaseModel):
    """A mapping in a manifest."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        protected_namespaces=(),  # the format has `model_schema` and `model_filepath`
        populate_by_name=True,
    )


class Manifest(Part):
    """A whole manifest.

    Attributes:
        schema_id: The schema that it matches, such as ``version/v1``.
    """

    schema_id: ClassVar[str]

    @classmethod
    def from_data(cls, data: JSON, *, path: str = "") -> Self:
        """The typed manifest of plain data.

        Args:
            data: The plain data of the file.
            path: The file's path, for the message.

        Raises:
            InvalidManifestError: The data does not match the schema; the message names the first field that is wrong.
        """
        from registry_tool.manifests.schema import fast_validator

        if not fast_validator(cls.schema_id).is_valid(data):
            raise _invalid(cls.schema_id, data, path or cls.__name__)
        return cls.model_validate(data)

    def to_data(self) -> dict[str, JSON]:
        """The plain data of the file, as it was read."""
        data = self.model_dump(mode="json", by_alias=True, exclude_unset=True)
        return cast("dict[str, JSON]", data)


def _invalid(schema_id: str, data: JSON, place: str) -> InvalidManifestError:
    from registry_tool.manifests.messages import explain_mismatch
    from registry_tool.manifests.schema import mismatches
    from registry_tool.manifests.yaml.explain import Text

    problem = explain_mismatch(mismatches(schema_id, data)[0], Text())
    words = "; ".join(
        f"{label} {value}" if label else value
        for label, value in (("", problem.message), ("found", problem.found), ("expected", problem.expected))
        if value
    )  # fmt: skip
    return InvalidManifestError(
        f"{place}: {words}", remedy="list all problems: registry check --all"
    )
