"""What changed on a branch as CloudEvents 1.0, for deploy jobs and webhooks.

The same two commits give the same bytes, on any machine: what is here comes from the commits, and nothing from a clock
or a configuration. https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/spec.md
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator
from itertools import chain
from typing import Final

from registry_tool.catalog.catalog import Catalog
from registry_tool.catalog.diff import between
from registry_tool.catalog.history import HistoryEntry, entries_of, moment
from registry_tool.errors import UsageError
from registry_tool.git.history import FirstParentHistory
from registry_tool.git.repository import Repository
from registry_tool.manifests.data import text
from registry_tool.manifests.problems import JSON

__all__ = ["cloud_event", "entries_between", "source_of"]

_PLANES: Final = "".join(
    chr(plane << 16 | last) for plane in range(17) for last in (0xFFFE, 0xFFFF)
)
# No attribute may hold these (spec, "Type System"); `%` because it begins what stands for them. Half a surrogate pair
# stands for a byte of a name that is no UTF-8.
_FORBIDDEN: Final = re.compile(f"[%\x00-\x1f\x7f-\x9f\ud800-\udfff\ufdd0-\ufdef{_PLANES}]")
_URI: Final = re.compile(r"[!-~]+")


def _attribute(value: str) -> str:
    def percent(found: re.Match[str]) -> str:
        raw = found[0].encode(errors="surrogateescape")
        return "".join(f"%{byte:02X}" for byte in raw)

    return _FORBIDDEN.sub(percent, value)


def source_of(catalog: Catalog) -> str:
    """The source of a registry's events by default: ``/registries/<name>``."""
    return f"/registries/{text(catalog.settings, 'name') or 'unnamed'}"


def _time(when: dt.datetime) -> str:
    return when.strftime("%Y-%m-%dT%H:%M:%SZ")


def cloud_event(entry: HistoryEntry, *, source: str) -> dict[str, JSON]:
    """One event in structured mode.

    ``id`` is ``<commit>:<path>``; where the change is not that of one commit, ``<base>..<commit>:<path>``.

    Raises:
        UsageError: The source is not a URI reference.
    """
    if not _URI.fullmatch(source):
        raise UsageError(
            f"{source!a} is not a URI reference", remedy="name one such as /registries/acme-models"
        )
    event = entry.event
    made = f"{entry.parent}..{entry.commit}" if not entry.by else entry.commit
    data: dict[str, JSON] = {
        **event.data(), "reference": event.reference, "path": event.path, "act": event.act,
        "commit": entry.commit, "since": entry.parent or None, "by": entry.by or None,
        "merged_by": entry.merged_by or None, "message": entry.subject,
    }  # fmt: skip
    return {
        "specversion": "1.0",
        "id": f"{made}:{_attribute(event.path)}",
        "source": source,
        "type": f"registry.{event.kind}.{event.act}.v1",
        "subject": _attribute(event.reference),
        "time": _time(entry.when),
        "datacontenttype": "application/json",
        "data": data,
    }


def _net(repository: Repository, base: str, head: str) -> Iterator[HistoryEntry]:
    """What differs between two states, where no line leads from one to the other."""
    step = next(FirstParentHistory(repository.git, head).steps())
    trees = (Catalog(repository.tree(base)), Catalog(repository.tree(head)))
    for event in between(*trees):
        yield HistoryEntry(event, head, base, moment(step.when), "", "", step.subject)


def entries_between(repository: Repository, base: str | None, head: str) -> list[HistoryEntry]:
    """What happened on a branch between two of its states, oldest first.

    A deploy job knows the state it deployed, ``base``, and must come to ``head``. Where ``base`` is on the first-parent
    line of ``head``, as after every ordinary push, each step reports what it did. Otherwise (the branch was rewound or
    rewritten, or a merge put what was published second) the steps do not lead from one to the other: then what
    differs between the two states is reported, once for each file, without an author.

    Args:
        repository: Where both are.
        base: The full id of the commit that was there before; None for none, at the first push.
        head: The full id of the commit that is there now.

    Raises:
        ShallowHistoryError: The clone does not reach back so far.
        GitError: Git cannot read the history.
    """
    line = FirstParentHistory(repository.git, head)
    if base is not None and not line.holds(base):
        return list(_net(repository, base, head))
    layout = Catalog(repository.tree(head)).layout
    steps = list(entries_of(repository, layout, line.touches(since=base or "")))
    return list(chain.from_iterable(reversed(steps)))
