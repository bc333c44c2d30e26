"""What changed on a branch as CloudEvents 1.0, for deploy jobs and webhooks.

The same two commits give the same bytes, on any machine: what is here comes from the commits, and nothing from a clock
or a configuration. https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/spec.md
"""

from __future__ import annotations

import datetime as dt
import re
from typing import Final

from registry_tool.catalog.catalog import Catalog
from registry_tool.catalog.history import HistoryEntry
from registry_tool.errors import UsageError
from registry_tool.manifests.data import text
from registry_tool.manifests.problems import JSON

__all__ = ["cloud_event", "derive_source"]

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


def derive_source(catalog: Catalog) -> str:
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
