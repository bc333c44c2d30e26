"""States that ``kill_leftovers.state`` finds, compared."""

from __future__ import annotations

__all__ = ["by_artifact", "difference"]


def by_artifact(stood: dict[str, object]) -> dict[str, dict[str, bytes]]:
    """The files of an output folder by artifact; those of a remote each for itself."""
    ((kind, files),) = stood.items()
    assert isinstance(files, dict)
    found: dict[str, dict[str, bytes]] = {}
    for path, data in files.items():
        name = path.split("/")[0] if kind == "out" else path
        found.setdefault(name, {})[path] = data
    return found


def difference(now: object, old: object, new: object) -> str:
    """Where one state differs from two others, in words."""
    if not (isinstance(now, dict) and isinstance(old, dict) and isinstance(new, dict)):
        return f"{now!r:.200} (old {old!r:.200}, new {new!r:.200})"
    keys = {k for k in {*now, *old, *new} if not (now.get(k) == old.get(k) == new.get(k))}
    return "; ".join(f"{k}: {difference(now.get(k), old.get(k), new.get(k))}" for k in sorted(keys))
