"""The fields of models and versions, one row each: how a field is written, listed, searched, shown and compared.

Summaries (``catalog/search/summary.py``), the filters of ``registry search``, ``registry show``, ``registry compare`` and the
options of ``registry model add`` follow from these tables. A new field needs its schema, a row here, the generated types
and a case in the corpus. What several files decide together (state, aliases, tags, the last metrics) is a property of
``catalog.VersionView``.
"""

from __future__ import annotations

from typing import Final, Literal, NamedTuple

__all__ = [
    "LISTED_MODEL",
    "LISTED_VERSION",
    "MODEL_FIELDS",
    "VERSION_FIELDS",
    "Field",
    "Kind",
    "Match",
    "Option",
    "in_write_order",
]

Kind = Literal["text", "words", "free", "part", "records"]
"""Text; a list of words; a mapping of free JSON; a mapping with a schema; a list of mappings."""

Match = Literal["folded", "owner", "task", "member"]
"""How a filter compares: ignoring case; also a leading ``@``; also blanks, ``-`` and ``_``; with each word of a list."""


class Option(NamedTuple):
    """The command-line option that sets a field when a model or version is added.

    Attributes:
        flag: Such as ``--license``.
        metavar: The form of its value; empty where the schema lists the values.
        help: Its line in ``--help``.
        is_required: True for an option without a default.
    """

    flag: str
    metavar: str
    help: str
    is_required: bool = False


class Field(NamedTuple):
    """One field of a manifest.

    Attributes:
        name: Its key; that of a field inside another with a dot, such as ``framework.type``.
        kind: What its values are.
        files: The files that may contain it, as kinds of manifests; the value in a later one replaces that in an
            earlier one, and mappings are merged key by key.
        is_listed: True for text that summaries contain, so that a listing or a filter reads no manifest.
        filter: The word before the colon of a search filter, such as ``license:MIT``; empty when it has none.
        match: How that filter compares.
        is_searched: True when words of a search look into it.
        is_shown: True when ``registry show`` prints it.
        compared: The group of ``registry compare`` in which it appears; empty when it is not compared.
        option: The option that sets it.
    """

    name: str
    kind: Kind = "text"
    files: tuple[str, ...] = ()
    is_listed: bool = False
    filter: str = ""
    match: Match = "folded"
    is_searched: bool = False
    is_shown: bool = True
    compared: str = ""
    option: Option | None = None

    @property
    def path(self) -> tuple[str, ...]:
        """The keys that lead to it, from the top of the manifest."""
        return tuple(self.name.split("."))


_TITLE: Final = ("title",)
_MODEL: Final = ("model",)
_RECORD: Final = ("version",)
_ADDED: Final = ("metadata",)
_AMENDED: Final = ("version", "metadata")

# In the order in which a new manifest is written.
MODEL_FIELDS: Final[tuple[Field, ...]] = (
    Field("title", "text", _TITLE, is_listed=True, filter="title", is_searched=True,
          option=Option("--title", "TITLE", "The shown name, where it is not the name in the path.")),
    Field("owner", "text", _MODEL, is_listed=True, filter="owner", match="owner",
          option=Option("--owner", "O", "The user or team that is responsible for the model. Default: you, by your Git identity.")),
    Field("task", "text", _MODEL, is_listed=True, filter="task", match="task", is_searched=True,
          option=Option("--task", "T", "What the model does: Language ID.")),
    Field("description", "text", _MODEL, is_listed=True, is_searched=True,
          option=Option("--description", "TEXT", "What the model is. Default: the first paragraph of the card.")),
    Field("labels", "words", _MODEL, filter="label", match="member", is_searched=True,
          option=Option("--label", "L", "A word to find the model by.")),
    Field("license", "text", _MODEL, is_listed=True, filter="license",
          option=Option("--license", "SPDX", "The license of the model: Apache-2.0.")),
    Field("external_id", "text", _MODEL,
          option=Option("--external-id", "X", "The identifier of the model in another system.")),
    Field("version_scheme", "text", _MODEL, is_shown=False,
          option=Option("--scheme", "", "How versions are named. Default: the scheme of the registry.")),
    Field("state", "text", _MODEL, is_shown=False),
    Field("continues", "text", _MODEL,
          option=Option("--continues", "NS/MODEL", "The model that this one continues under a new name.")),
    Field("moved_to", "text", _MODEL),
    Field("links", "records", _MODEL, option=Option("--link", "TITLE=URL", "A page about the model.")),
    Field("artifacts", "records", _MODEL),
    Field("metadata", "free", _MODEL, is_searched=True,
          option=Option("--metadata", "KEY=JSON", "Free metadata.")),
)  # fmt: skip

VERSION_FIELDS: Final[tuple[Field, ...]] = (
    Field("title", "text", _TITLE, is_listed=True, is_searched=True,
          option=Option("--title", "TITLE", "The shown name, where it is not the version.")),
    Field("name", "text", _RECORD, is_searched=True),
    Field("created_at", "text", _RECORD, is_listed=True),
    Field("author", "text", _RECORD),
    Field("description", "text", _AMENDED, is_listed=True, is_searched=True,
          option=Option("--description", "TEXT", "The changes in this version.")),
    Field("external_id", "text", _RECORD,
          option=Option("--external-id", "X", "The identifier of the version in another system.")),
    Field("framework", "part", _RECORD, compared="framework"),
    Field("framework.type", "text", _RECORD, is_listed=True, filter="framework", is_shown=False),
    Field("environment", "part", _RECORD, compared="environment"),
    Field("environment.pip_packages", "words", _RECORD, is_shown=False, compared="packages"),
    Field("source", "part", _RECORD),
    Field("lineage", "part", _RECORD, compared="lineage"),
    Field("artifacts", "records", _RECORD, compared="artifacts"),
    Field("metrics", "records", _RECORD, compared="metrics"),
    Field("parameters", "free", _RECORD, compared="parameters",
          option=Option("--param", "KEY=JSON", "An inference parameter.")),
    Field("signature", "part", _RECORD),
    Field("identity", "text", _RECORD),
    Field("same_as", "text", _RECORD,
          option=Option("--same-as", "REF", "The earlier version with the same outputs.")),
    Field("metadata", "free", _AMENDED, is_searched=True,
          option=Option("--metadata", "KEY=JSON", "Free metadata.")),
    Field("labels", "words", _ADDED, filter="label", match="member", is_searched=True, compared="labels",
          option=Option("--label", "L", "A word to find the version by.")),
)  # fmt: skip

LISTED_MODEL: Final = tuple(field for field in MODEL_FIELDS if field.is_listed)
LISTED_VERSION: Final = tuple(field for field in VERSION_FIELDS if field.is_listed)


def in_write_order(fields: tuple[Field, ...], kind: str) -> tuple[str, ...]:
    """The keys of a new manifest of a kind, in the order in which they are written."""
    return tuple(f.name for f in fields if f.files[0] == kind and "." not in f.name)
