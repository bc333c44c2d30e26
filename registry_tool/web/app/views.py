"""What the pages of forms show."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from registry_tool.checks.findings import Finding
from registry_tool.errors import RegistryError
from registry_tool.web.app.acts import Act
from registry_tool.web.app.commits import CommitView
from registry_tool.web.app.fields import Field
from registry_tool.web.views.gates import StageOutlook

__all__ = ["FormView", "Trouble", "merge_values"]


@dataclass(frozen=True)
class Trouble:
    """Why a form was not accepted.

    Attributes:
        title: In a few words.
        message: What happened.
        remedy: What to do, line by line.
        findings: What the check found.
        commits: What other users committed in between.
    """

    title: str
    message: str
    remedy: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()
    commits: tuple[CommitView, ...] = ()

    @classmethod
    def of(cls, error: RegistryError, title: str = "Nothing was written") -> Trouble:
        """What an exception says."""
        report = getattr(error, "report", None)
        findings = () if report is None else tuple(report.findings)
        remedy = () if findings else tuple(filter(None, error.remedy.splitlines()))
        return cls(title, error.message, remedy, findings)


@dataclass(frozen=True)
class FormView:
    """A form.

    Attributes:
        act: What it does.
        name: The act in addresses.
        reference: What it is about.
        model: The model, ``namespace/model``.
        version: The version; empty for none.
        fields: Its fields, with what they contain.
        at: The commit that it shows.
        key: Its own key.
        token: Its token.
        main: The published branch.
        branch: Another branch that is asked for; empty for none.
        confirmation: The reference as it was typed so far.
        trouble: Why it was not accepted; None where it is new.
        gates: Those of the stage that is chosen; None where none decide.
        blocked: Why the gates do not let it pass; empty where they do.
        chooses_branch: The user may commit to another branch.
        now: What fields contain at the newest commit, where that is not what was typed.
    """

    act: Act
    name: str
    reference: str
    model: str
    version: str
    fields: Sequence[Field]
    at: str
    key: str
    token: str
    main: str
    branch: str = ""
    confirmation: str = ""
    trouble: Trouble | None = None
    gates: StageOutlook | None = None
    blocked: str = ""
    chooses_branch: bool = True
    now: Mapping[str, str] = field(default_factory=dict)

    @property
    def title(self) -> str:
        """The title of the page."""
        return self.act.title.format(self.reference)

    @property
    def address(self) -> str:
        """Where the form is sent."""
        return "/".join(filter(None, ("-", self.name, self.model, self.version)))


def merge_values(
    typed: Mapping[str, str], before: Mapping[str, str], now: Mapping[str, str]
) -> tuple[dict[str, str], dict[str, str]]:
    """What a form contains after another user's commit: what was typed, and elsewhere the new values.

    Args:
        typed: The values that were sent.
        before: What the fields contained when the form was opened.
        now: What they contain at the newest commit.

    Returns:
        The values, and the new values of the fields in which something else was typed.
    """
    values, others = {}, {}
    for name, new in now.items():
        written, old = _plain(typed.get(name, "")), _plain(before.get(name, new))
        values[name] = new if name in typed and written == old else typed.get(name, "")
        if values[name] != new and _plain(new) != old:
            others[name] = new
    return values, others


def _plain(text: str) -> str:
    return text.replace("\r\n", "\n").strip()
