"""Names and references: parse, print, compare. No input or output.

A reference is ``[namespace/]model[@version|tag|alias|latest]``; the namespace defaults to ``default`` and what
follows ``@`` to ``latest``. Names are ASCII on purpose: a look-alike from another alphabet is refused, not folded.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from registry_tool.errors import InvalidNameError

__all__ = [
    "DEFAULT_NAMESPACE",
    "LATEST",
    "RESERVED",
    "UNNAMED",
    "ModelName",
    "Reference",
    "check_artifact_name",
    "check_model",
    "check_namespace",
    "check_new_name",
    "check_pointer",
    "check_version",
    "fold",
    "fold_model",
    "fold_task",
    "is_device",
]

DEFAULT_NAMESPACE = "default"
LATEST = "latest"
# The selector of a reference to something that changes, where no version is named.
UNNAMED = ""
RESERVED = frozenset({LATEST})

# The same expressions stand in schemas/; tests/unit/test_names.py holds both to one language.
NAMESPACE_PATTERN = r"[a-z0-9](?:[a-z0-9_-]{0,62}[a-z0-9])?"
POINTER_PATTERN = r"[a-z0-9](?:[a-z0-9._-]{0,62}[a-z0-9])?"
MODEL_PATTERN = r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,126}[A-Za-z0-9])?"
VERSION_PATTERN = r"[A-Za-z0-9](?:[A-Za-z0-9._+-]{0,126}[A-Za-z0-9])?"
ARTIFACT_PATTERN = r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,126}[A-Za-z0-9])?"

_NAMESPACE = re.compile(NAMESPACE_PATTERN)
_POINTER = re.compile(POINTER_PATTERN)
_MODEL = re.compile(MODEL_PATTERN)
_VERSION = re.compile(VERSION_PATTERN)
_ARTIFACT = re.compile(ARTIFACT_PATTERN)
_SHOWN = 60


def _quoted(text: str) -> str:
    """A name as it may be printed: escaped, so that a hostile one cannot draw on the terminal."""
    shown = text if len(text) <= _SHOWN else text[:_SHOWN] + "…"
    return ascii(shown) if not shown.isascii() or not shown.isprintable() else f"'{shown}'"


def _checked(text: str, pattern: re.Pattern[str], what: str, rule: str) -> str:
    if pattern.fullmatch(text):
        return text
    article = "an" if what[0] in "aeiou" else "a"
    raise InvalidNameError(f"{_quoted(text)} is not {article} {what} name", remedy=rule)


def check_namespace(text: str) -> str:
    """The namespace itself, or InvalidName."""
    rule = "a namespace has 1 to 64 of a-z 0-9 with - and _ inside"
    return _checked(text, _NAMESPACE, "namespace", rule)


def check_model(text: str) -> str:
    """The model's name (without its namespace) itself, or InvalidName."""
    rule = "a model has 1 to 128 of A-Z a-z 0-9 with - . _ inside"
    return _checked(text, _MODEL, "model", rule)


def check_version(text: str) -> str:
    """The version itself, or InvalidName."""
    rule = "a version has 1 to 128 of A-Z a-z 0-9 with - . _ + inside"
    if text.casefold() in RESERVED:
        raise InvalidNameError(f"{_quoted(text)} is reserved", remedy="choose another version")
    return _checked(text, _VERSION, "version", rule)


def check_pointer(text: str, what: str) -> str:
    """The tag or alias itself, or InvalidName; ``what`` is the word for messages."""
    if text in RESERVED:
        raise InvalidNameError(
            f"{_quoted(text)} is reserved: it always means the highest version",
            remedy=f"choose another {what}",
        )
    article = "an" if what[0] in "aeiou" else "a"
    rule = f"{article} {what} has 1 to 64 of a-z 0-9 with - . _ inside"
    return _checked(text, _POINTER, what, rule)


def check_artifact_name(text: str) -> str:
    """The artifact's name itself, or InvalidName."""
    rule = "an artifact has 1 to 128 of A-Z a-z 0-9 with - . _ inside"
    return _checked(text, _ARTIFACT, "artifact", rule)


# https://learn.microsoft.com/windows/win32/fileio/naming-a-file; of the digits the superscript ones count too.
_DEVICES = frozenset(
    {"con", "prn", "aux", "nul", "conin$", "conout$"}
    | {f"{port}{digit}" for port in ("com", "lpt") for digit in "123456789¹²³"}
)


def is_device(name: str) -> bool:
    """True for the name of a file or folder that Windows takes for a device, with any extension, such as ``aux.bin``."""
    return name.partition(".")[0].rstrip(" ").lower() in _DEVICES


def check_new_name(text: str, what: str) -> str:
    """A name that is about to be given itself, or InvalidName; ``what`` is the word for messages.

    Names that were given before this was asked stay valid.
    """
    if not is_device(text):
        return text
    raise InvalidNameError(
        f"{_quoted(text)} is a device name on Windows, which allows no file of that name",
        remedy=f"choose another {what} name, such as {_quoted(f'my-{text[:40]}')}",
    )


def fold(name: str) -> str:
    """What two names of one kind may not share: case does not tell names apart."""
    return name.casefold()


def fold_model(name: str) -> str:
    """As ``fold``; for models ``-``, ``_`` and ``.`` do not tell names apart either."""
    return name.casefold().replace("_", "-").replace(".", "-")


def fold_task(task: str) -> str:
    """A task as it is compared: case does not matter, and a run of blanks, ``-`` and ``_`` is one ``-``.

    ``English ASR``, ``english-asr`` and ``ENGLISH_ASR`` are one task.
    """
    if not task.isascii():
        import unicodedata

        task = unicodedata.normalize("NFC", unicodedata.normalize("NFC", task).casefold())
    return re.sub(r"[\s_-]+", "-", task.casefold()).strip("-")


class ModelName(NamedTuple):
    """A registered model's full name."""

    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.namespace}/{self.name}"

    @classmethod
    def parse(cls, text: str) -> ModelName:
        """Read ``[namespace/]model``.

        Raises:
            InvalidNameError: The text is not such a name.
        """
        namespace, slash, name = text.rpartition("/")
        if not slash:
            return cls(DEFAULT_NAMESPACE, check_model(text))
        return cls(check_namespace(namespace), check_model(name))


class Reference(NamedTuple):
    """A model and what selects one of its versions: a version, a tag, an alias or ``latest``."""

    model: ModelName
    selector: str

    def __str__(self) -> str:
        return f"{self.model}@{self.selector}" if self.selector else str(self.model)

    @classmethod
    def parse(cls, text: str) -> Reference:
        """Read ``[namespace/]model[@version|tag|alias|latest]``.

        Raises:
            InvalidNameError: The text is not a reference.
        """
        name, at, selector = text.partition("@")
        model = ModelName.parse(name)
        if not at:
            return cls(model, LATEST)
        if selector != LATEST and not _VERSION.fullmatch(selector):
            raise InvalidNameError(
                f"{_quoted(text)} is not a reference",
                remedy="a reference is [namespace/]model[@version|tag|alias|latest], such as nlp/lang-id@production",
            )
        return cls(model, selector)

    @classmethod
    def for_change(cls, text: str) -> Reference:
        """As ``parse``, for something that will change: without a version it selects none, and resolving it is refused.

        Raises:
            InvalidNameError: The text is not a reference.
        """
        found = cls.parse(text)
        return found if "@" in text else found._replace(selector=UNNAMED)
