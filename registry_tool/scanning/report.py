"""What a scan finds: facts about a file, and what is wrong with it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from typing import Final, Literal, NamedTuple, TypeAlias, get_args

__all__ = [
    "JSON",
    "LEVELS",
    "OWN",
    "Budget",
    "BudgetExceededError",
    "Finding",
    "Level",
    "Report",
    "Scanned",
    "decide_verdict",
]

# Plain data, as a fact about a file may be.
JSON: TypeAlias = dict[str, "JSON"] | list["JSON"] | str | int | float | bool | None

# dangerous: it does harm, or breaks a reader. unknown: it runs what no table knows. unread: no scan could look.
# unsafe: its format runs code by design.
Level = Literal["dangerous", "unknown", "unread", "unsafe"]
LEVELS: Final[tuple[Level, ...]] = get_args(Level)
# The name of these scanners, among those of other packages.
OWN: Final = "registry-tool"

_Work = Literal["opcodes", "nested", "members", "unpacked", "fields"]
_MOST: Final = 100
# So many members of an archive may be named for one and the same thing.
_ALIKE: Final = 3
_LONG: Final = 400
_WORDS: Final[dict[_Work, str]] = {
    "opcodes": "instructions",
    "nested": "bytes of nested pickles",
    "members": "members",
    "unpacked": "compressed bytes",
    "fields": "fields",
}


class Finding(NamedTuple):
    """One thing that is wrong.

    Attributes:
        level: ``dangerous``, ``unknown``, ``unread`` or ``unsafe``.
        path: The file; a member of an archive stands behind ``!``.
        message: What it is, in one sentence of printable ASCII.
        scanner: Who found it: ``registry-tool``, or the name of another scanner.
    """

    level: Level
    path: str
    message: str
    scanner: str = OWN

    def __str__(self) -> str:
        by = "" if self.scanner == OWN else f"{self.scanner}: "
        return f"{self.level}: {self.path}: {by}{self.message}"


class Scanned(NamedTuple):
    """One file of an artifact.

    Attributes:
        path: Inside the artifact; the file's own name for an artifact that is a file.
        facts: ``format`` and what its header says.
        findings: What is wrong with it.
    """

    path: str
    facts: dict[str, JSON]
    findings: tuple[Finding, ...]


def decide_verdict(
    findings: Iterable[Finding], accepted: Collection[Level] = frozenset[Level]({"unsafe"})
) -> Literal["pass", "fail"]:
    """``fail`` where a finding has a level that is not accepted.

    Args:
        findings: What was found.
        accepted: That a format is unsafe is a matter of policy, so ``unsafe`` is accepted; a registry may accept
            ``unknown`` too.
    """
    return "fail" if any(finding.level not in accepted for finding in findings) else "pass"


class BudgetExceededError(Exception):
    """More work than a scan does."""


@dataclass
class Budget:
    """How much work is left for one file, whatever is packed in it.

    Attributes:
        opcodes: Instructions of pickles.
        nested: Bytes of pickles that other pickles hold.
        members: Members of archives.
        unpacked: Bytes that come out of compression.
        fields: Fields of headers.
    """

    opcodes: int = 50_000_000
    nested: int = 32 << 20
    members: int = 100_000
    unpacked: int = 8 << 30
    fields: int = 5_000_000

    def spend(self, what: _Work, n: int = 1) -> None:
        """Take from it.

        Raises:
            BudgetExceededError: There is not so much left.
        """
        left = getattr(self, what) - n
        if left < 0:
            raise BudgetExceededError(f"it has more {_WORDS[what]} than a scan reads")
        setattr(self, what, left)


@dataclass
class Report:
    """Where the scanners of one file put what they find; the same is said once, and not without end.

    Attributes:
        size: The file's size in bytes.
        facts: What the file's header says.
        findings: What is wrong.
        budget: How much work is left.
        scanner: Who looks.
    """

    size: int = 0
    facts: dict[str, JSON] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)
    budget: Budget = field(default_factory=Budget)
    scanner: str = OWN
    _times: Counter[tuple[Level, str]] = field(default_factory=Counter)

    def add(self, level: Level, path: str, message: str) -> None:
        """Add a finding. Text from the file may stand in it: it is escaped, and cut where it is long."""
        said = _plain(message)
        said = said if len(said) <= _LONG else f"{said[:_LONG]}..."
        found = Finding(level, _plain(path), said, _plain(self.scanner))
        if found in self.findings:
            return
        self._times[level, said] += 1
        if self._times[level, said] > _ALIKE:
            return
        if len(self.findings) < _MOST:
            self.findings.append(found)
        elif level != "unsafe" and decide_verdict(self.findings) == "pass":
            # The list is full of lesser things; what decides must not be missing from it.
            self.findings[-1] = found

    def result(self, path: str) -> Scanned:
        """What was found in the file; members with the same fault are counted from the fourth on."""
        more = [
            Finding(level, _plain(path), f"{times - _ALIKE} more in it: {message}")
            for (level, message), times in self._times.items()
            if times > _ALIKE
        ]
        return Scanned(path, self.facts, (*self.findings, *more))


def _plain(text: str) -> str:
    return text if text.isascii() and text.isprintable() else ascii(text)[1:-1]
