"""A form as the browser sends it back."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal
from urllib.parse import parse_qsl

from starlette.requests import Request

from registry_tool.errors import UsageError
from registry_tool.web.app.commits import is_commit_id

__all__ = ["SentForm", "is_branch_name", "read_form"]

_MOST_FIELDS: Final = 50
_PREFIX: Final = "f-"
_LONGEST_KEY: Final = 64
# Narrower than Git's rules: pages show the name within a command.
_BRANCH: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/@+,-]{0,199}")


@dataclass(frozen=True)
class SentForm:
    """What was sent.

    Attributes:
        step: ``review``, ``commit``, or ``form`` to open the form again with its values.
        token: Of the form.
        at: The commit that the form was made from; empty where it is not an id.
        key: The form's own key: sent twice, it is one commit.
        branch: The branch that is asked for; empty for the published one.
        confirmation: The reference as it was typed.
        values: The values of the fields.
        is_elsewhere: The commit goes to another branch.
    """

    step: Literal["form", "review", "commit"]
    token: str
    at: str
    key: str
    branch: str
    confirmation: str
    values: Mapping[str, str]
    is_elsewhere: bool

    def check_branch(self) -> None:
        """Check the name of the other branch.

        Raises:
            UsageError: It is empty, or is not one.
        """
        if not self.is_elsewhere:
            return
        if not self.branch:
            raise UsageError("the name of the branch is empty", remedy="write one, such as try-it")
        if not is_branch_name(self.branch):
            raise UsageError(
                f"{self.branch[:80]!a} is not a name of a branch",
                remedy="use letters, digits, -, _, . and /",
            )


def is_branch_name(text: str) -> bool:
    """True for a name of a branch that the app accepts and shows; Git may still refuse it."""
    return _BRANCH.fullmatch(text) is not None


async def read_form(request: Request) -> SentForm:
    """Read the body of a form.

    Raises:
        UsageError: It is not that of a form.
    """
    try:
        text = (await request.body()).decode("utf-8")
        pairs = parse_qsl(text, keep_blank_values=True, max_num_fields=_MOST_FIELDS)
    except ValueError as exc:
        raise UsageError("the form cannot be read") from exc
    sent = dict(pairs)
    step: Literal["form", "review", "commit"] = "review"
    if sent.get("step") in {"form", "commit"}:
        step = "commit" if sent["step"] == "commit" else "form"
    at = sent.get("at", "")
    values = {k.removeprefix(_PREFIX): v for k, v in pairs if k.startswith(_PREFIX)}
    branch = sent.get("branch", "").strip() if sent.get("where") == "branch" else ""
    return SentForm(
        step, sent.get("token", ""), at if is_commit_id(at) else "", sent.get("key", "")[:_LONGEST_KEY], branch,
        sent.get("confirmation", "").strip(), values, sent.get("where") == "branch",
    )  # fmt: skip
