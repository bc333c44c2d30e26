"""Changes that need a review although their kind may merge automatically.

An approval is the word of a person. An unsigned one proves nothing: its ``by`` is free text, and the pusher of a commit
chooses its author.
"""

from __future__ import annotations

from registry_tool.checks.rule import ChangeView, Located
from registry_tool.manifests.data import text
from registry_tool.promotion.added import incoming
from registry_tool.promotion.gates.approvals import fold_person, is_person

__all__ = ["unsigned_approvals"]


def _is_signed(view: ChangeView, change: Located, by: str) -> bool:
    """True where an allowed signer, with a key that is valid now, signed the commit, and is whom the file names."""
    brought = incoming(view.line, view.base, view.head, change.path, now=view.now)
    if brought is None:
        return False
    found = brought.now
    is_known = found.state == "good" and is_person(found.signer)
    return is_known and fold_person(found.signer) == fold_person(by)


def unsigned_approvals(view: ChangeView) -> list[str]:
    """The files of a change that approve or reject, and are not signed by an allowed signer whom they name.

    Raises:
        GitError: The history cannot be read.
    """
    found = []
    for change in view.changes:
        place = change.place
        if change.removed or place is None or place.kind != "evidence":
            continue
        document = view.head.document(change.path, place)
        data = None if document is None else document.data
        if data is not None and text(data, "kind") != "approval":
            continue
        if data is None or not _is_signed(view, change, text(data, "by")):
            found.append(change.path)
    return found
