"""What typed manifests are made of: frozen parts that refuse what their schema refuses.

A part has the fields of the file, by the file's own names; a name that Python or pydantic needs for itself ends in
``_`` (``schema_``, ``from_``, ``not_``). Reading and writing back changes nothing: what was absent stays absent.
Values are taken as they are (no text for a number), lists become tuples, and null is refused where the schema has
no null. The schemas under ``schemas/`` are the contract; a test holds both to one verdict on the whole corpus.

The texts a manifest may hold: names, references, digests, times, lines.

Each is the same-named entry of ``$defs`` in the schemas, with the same pattern and the same longest form. Patterns
keep to what Python, ECMA-262 and Rust read alike: no look-around, no back-reference, ``[0-9]`` for a digit.
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Final, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    JsonValue,
    StringConstraints,
    ValidationError,
    model_validator,
)
from pydantic.fields import FieldInfo

from registry_tool.errors import InvalidManifestError
from registry_tool.manifests.problems import JSON
from registry_tool.names import (
    ARTIFACT_PATTERN,
    LATEST,
    MODEL_PATTERN,
    NAMESPACE_PATTERN,
    POINTER_PATTERN,
    VERSION_PATTERN,
)

__all__ = [
    "JSON",
    "LARGEST",
    "AgeRecipient",
    "ArtifactName",
    "ArtifactPath",
    "Commit",
    "Count",
    "Date",
    "ExternalId",
    "FileMd5",
    "FilePath",
    "FrameworkType",
    "Free",
    "Identity",
    "Key",
    "Label",
    "Line",
    "Location",
    "Manifest",
    "Md5",
    "ModelName",
    "ModelReference",
    "NamespaceName",
    "Number",
    "Owner",
    "Part",
    "PathSegment",
    "PointerName",
    "PublicKey",
    "Reader",
    "Reason",
    "Release",
    "RemoteName",
    "RuleId",
    "Sha256",
    "Successor",
    "Task",
    "TaskWords",
    "Text",
    "Timestamp",
    "Token",
    "Uri",
    "Verdict",
    "VersionName",
    "VersionReference",
    "VersionScheme",
    "Whole",
    "WorkingFolder",
    "listed",
    "matching",
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
            InvalidManifestError: The data is not such a manifest; the message names the first field that is wrong.
        """
        try:
            return cls.model_validate(data)
        except ValidationError as exc:
            first = exc.errors(include_url=False, include_context=False, include_input=False)[0]
            field = ".".join(str(step) for step in first["loc"])
            where = ": ".join(w for w in (path or cls.__name__, field) if w)
            raise InvalidManifestError(
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


# Names the layout gives a meaning; `schemas/` lists the same.
_TAKEN: Final = frozenset(
    {
        "version.yaml", "metadata.yaml", "status.yaml", "key.yaml", "model.yaml", "CARD.md",
        "evidence", "versions", "tags", "aliases",
    }
)  # fmt: skip
_DATE: Final = r"[0-9]{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12][0-9]|3[01])"
_CLOCK: Final = r"(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]\.[0-9]{3}"
_SEGMENT: Final = r"[^\x00-\x1f\x7f-\x9f/\\]+"
_MODEL_REFERENCE: Final = f"{NAMESPACE_PATTERN}/{MODEL_PATTERN}"
_VERSION_REFERENCE: Final = f"(?:{NAMESPACE_PATTERN}/)?{MODEL_PATTERN}@{VERSION_PATTERN}"
_ACCOUNT: Final = "[A-Za-z0-9](?:[A-Za-z0-9._-]{0,62}[A-Za-z0-9])?"
_MAILBOX: Final = "[A-Za-z0-9](?:[A-Za-z0-9._+-]{0,62}[A-Za-z0-9])?"
_HOST: Final = "[A-Za-z0-9](?:[A-Za-z0-9.-]{0,62}[A-Za-z0-9])?"

_AGE: Final = "age1[02-9ac-hj-np-z]{58}"


def matching(pattern: str, longest: int) -> StringConstraints:
    """A text that is wholly of a pattern and not empty."""
    return StringConstraints(min_length=1, max_length=longest, pattern=f"^(?:{pattern})$")


def _not_latest(name: str) -> str:
    if name.casefold() == LATEST:
        raise ValueError(f"{name} is reserved: it always means the highest version")
    return name


def _not_taken(path: str) -> str:
    if path in _TAKEN:
        raise ValueError(f"{path} is the name of something else in this folder")
    if path.endswith(".dvc"):
        raise ValueError(f"{path} ends in .dvc, as pointers do")
    return path


def _inside(path: str) -> str:
    if not {".", ".."}.isdisjoint(path.split("/")):
        raise ValueError(f"{path} has a part . or ..")
    return path


def _not_above(path: str) -> str:
    if ".." in path.split("/"):
        raise ValueError(f"{path} has a part ..")
    return path


NamespaceName = Annotated[str, matching(NAMESPACE_PATTERN, 64)]
PointerName = Annotated[str, matching(POINTER_PATTERN, 64), AfterValidator(_not_latest)]
ModelName = Annotated[str, matching(MODEL_PATTERN, 128)]
VersionName = Annotated[str, matching(VERSION_PATTERN, 128), AfterValidator(_not_latest)]
ArtifactName = Annotated[str, matching(ARTIFACT_PATTERN, 128)]
# DVC takes any text; a slash is one that people use.
RemoteName = Annotated[str, matching("[A-Za-z0-9](?:[A-Za-z0-9._/-]{0,126}[A-Za-z0-9])?", 128)]
ModelReference = Annotated[str, matching(_MODEL_REFERENCE, 193)]
VersionReference = Annotated[str, matching(_VERSION_REFERENCE, 322)]
Successor = Annotated[
    str, matching(f"{VERSION_PATTERN}|{_VERSION_REFERENCE}|{_MODEL_REFERENCE}", 322)
]
Timestamp = Annotated[str, matching(f"{_DATE}T{_CLOCK}Z", 24)]
Date = Annotated[str, matching(_DATE, 10)]
Sha256 = Annotated[str, matching("[0-9a-f]{64}", 64)]
FileMd5 = Annotated[str, matching("[0-9a-f]{32}", 32)]
Md5 = Annotated[str, matching(r"[0-9a-f]{32}(?:\.dir)?", 36)]
Identity = Annotated[str, matching("sha256:[0-9a-f]{64}", 71)]
Line = Annotated[str, matching(r"[^\x00-\x1f\x7f]+", 128)]
Text = Annotated[str, StringConstraints(min_length=1, max_length=16384)]
Reason = Annotated[str, StringConstraints(min_length=1, max_length=2048)]
Token = Annotated[str, matching("[!-~]+", 256)]
ExternalId = Annotated[str, matching("[!-~]+", 128)]
Key = Annotated[str, matching("[!-~](?:[ -~]{0,126}[!-~])?", 128)]
Release = Annotated[str, matching("[A-Za-z0-9](?:[A-Za-z0-9._+!-]{0,126}[A-Za-z0-9])?", 128)]
Uri = Annotated[str, matching(r"[A-Za-z][A-Za-z0-9+.-]{0,31}:[^\x00-\x20\x7f]+", 2048)]
Location = Annotated[str, matching(r"[^\x00-\x20\x7f-][^\x00-\x20\x7f]*", 2048)]
Commit = Annotated[str, matching("(?:[0-9a-f]{40}|[0-9a-f]{64})", 64)]
Task = Annotated[str, matching(POINTER_PATTERN, 64)]
TaskWords = Annotated[
    str,
    matching(r"[^\x00-\x20\x7f_-](?:[^\x00-\x1f\x7f]{0,126}[^\x00-\x20\x7f_-])?", 128),
]
Label = Annotated[str, matching("[a-z0-9](?:[a-z0-9._:/-]{0,62}[a-z0-9])?", 64)]
RuleId = Annotated[str, matching("[A-Z][0-9]{3}", 4)]
_OWNER: Final = f"@{_ACCOUNT}(?:/{_ACCOUNT}){{0,4}}|{_MAILBOX}@{_HOST}"
Owner = Annotated[str, matching(_OWNER, 400)]
Reader = Annotated[str, matching(f"{_OWNER}|{POINTER_PATTERN}", 400)]
AgeRecipient = Annotated[str, matching(_AGE, 62)]
PublicKey = Annotated[
    str,
    matching(
        f"{_AGE}|ssh-ed25519 [A-Za-z0-9+/]{{68}}|ssh-rsa [A-Za-z0-9+/]{{100,2032}}={{0,2}}", 2048
    ),
]
ArtifactPath = Annotated[
    str,
    matching("[A-Za-z0-9_](?:[A-Za-z0-9._+ -]{0,198}[A-Za-z0-9_])?", 200),
    AfterValidator(_not_taken),
]
WorkingFolder = Annotated[
    str,
    matching(rf"(?:\./)*(?:\.|{_SEGMENT}(?:/{_SEGMENT})*/?)", 1024),
    AfterValidator(_not_above),
]
FilePath = Annotated[str, matching(f"{_SEGMENT}(?:/{_SEGMENT})*", 1024), AfterValidator(_inside)]
PathSegment = Annotated[str, matching(_SEGMENT, 200), AfterValidator(_inside)]

VersionScheme = Literal["integer", "semver", "calver", "free"]
Verdict = Literal["pass", "fail"]
FrameworkType = Literal[
    "transformers", "pytorch", "tensorflow", "keras", "sklearn", "xgboost", "lightgbm", "catboost", "onnx",
    "spacy", "fastai", "h2o", "statsmodels", "paddle", "gluon", "fasttext", "jax", "custom",
]  # fmt: skip
