"""What typed manifests are made of: frozen parts that refuse what their schema refuses.

A part has the fields of the file, by the file's own names; a name that Python or pydantic needs for itself ends in
``_`` (``schema_``, ``from_``, ``not_``). Reading and writing back changes nothing: what was absent stays absent.
Values are taken as they are (no text for a number), lists become tuples, and null is refused where the schema has
no null. The schemas under ``schemas/`` are the contract; a test holds both to one verdict on the whole corpus.
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Final, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    JsonValue,
    ValidationError,
    model_validator,
)
from pydantic.fields import FieldInfo

from registry_tool.errors import InvalidManifest
from registry_tool.manifests.problems import JSON

__all__ = [
    "JSON",
    "LARGEST",
    "Count",
    "Free",
    "Manifest",
    "Number",
    "Part",
    "Whole",
    "listed",
    "needs",
    "refuses",
]

# Above it readers of JSON disagree (RFC 8259, section 6), and RFC 8785 has no canonical form.
LARGEST: Final = 2**53 - 1


def listed(*, most: int, least: int = 0) -> FieldInfo:
    """The bounds of a list; in the class it is a tuple."""
    bounds: FieldInfo = Field(strict=False, min_length=least, max_length=most)
    return bounds


def _whole(value: object) -> object:
    """``1.0`` is a whole number in JSON Schema, so it is one here."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


Whole = Annotated[int, BeforeValidator(_whole)]
Count = Annotated[int, Field(ge=0, le=LARGEST), BeforeValidator(_whole)]
Number = int | float
Free = Annotated[dict[str, JsonValue], Field(max_length=1000)]


class Part(BaseModel):
    """A mapping of a manifest."""

    model_config = ConfigDict(
        frozen=True,
        strict=True,
        extra="forbid",
        protected_namespaces=(),  # the format has `model_schema` and `model_filepath`
        allow_inf_nan=False,
    )

    nullable: ClassVar[frozenset[str]] = frozenset()

    @model_validator(mode="before")
    @classmethod
    def _refuse_null(cls, data: object) -> object:
        if isinstance(data, dict) and None in data.values():
            for name, value in data.items():
                if value is None and name not in cls.nullable:
                    raise ValueError(f"{name} is null; leave it out instead")
        return data


class Manifest(Part):
    """A whole manifest."""

    @classmethod
    def from_data(cls, data: JSON, *, path: str = "") -> Self:
        """The typed manifest of plain data.

        Args:
            data: The plain data of the file.
            path: The file's path, for the message.

        Raises:
            InvalidManifest: The data is not such a manifest; the message names the first field that is wrong.
        """
        try:
            return cls.model_validate(data)
        except ValidationError as exc:
            first = exc.errors(include_url=False, include_context=False, include_input=False)[0]
            field = ".".join(str(step) for step in first["loc"])
            where = ": ".join(w for w in (path or cls.__name__, field) if w)
            raise InvalidManifest(
                f"{where}: {first['msg']}",
                remedy="`registry check` lists everything that is wrong with it",
            ) from exc

    def to_data(self) -> dict[str, JSON]:
        """The plain data of the file, as it was read."""
        data: dict[str, JSON] = self.model_dump(mode="json", by_alias=True, exclude_unset=True)
        return data


def _shown(part: Part, name: str) -> str:
    """The name a field has in the file."""
    return type(part).model_fields[name].alias or name


def needs(part: Part, *names: str, why: str) -> None:
    """Refuse a part that leaves one of these fields out.

    Raises:
        ValueError: It does; pydantic turns it into an error of the whole manifest.
    """
    for name in names:
        if name not in part.model_fields_set:
            raise ValueError(f"{_shown(part, name)} is missing: {why}")


def refuses(part: Part, *names: str, why: str) -> None:
    """Refuse a part that has one of these fields.

    Raises:
        ValueError: It does; pydantic turns it into an error of the whole manifest.
    """
    for name in names:
        if name in part.model_fields_set:
            raise ValueError(f"{_shown(part, name)} has no place here: {why}")
