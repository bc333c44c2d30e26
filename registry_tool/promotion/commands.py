"""Commands, ready to paste, that add the evidence that a gate or a rule requires.

Words in capitals are placeholders, as in the help of a command.
"""

from __future__ import annotations

__all__ = ["adding"]

_OPTIONS = {
    "metrics": "--metric KEY=VALUE",
    "note": "--text TEXT",
    "approval": "--stage STAGE --decision approve",
}


def adding(version: str, kind: str, *, suite: str = "", commit: bool = False) -> str:
    """The command that adds evidence of a kind to a version.

    Args:
        version: The version, as a reference.
        kind: The kind of evidence.
        suite: Of an evaluation; empty for one that the reader chooses.
        commit: Commit it at once: `registry promote` reads committed evidence.
    """
    return _list_uncommitted_command(version, kind, suite) + (" --commit" if commit else "")


def _list_uncommitted_command(version: str, kind: str, suite: str) -> str:
    if kind == "signature":
        return f"registry sign {version}"
    if kind == "scan":
        return f"registry scan {version} --evidence"
    start = f"registry evidence add {version} --kind {kind}"
    if kind == "evaluation":
        import shlex  # rules are imported at each start

        named = shlex.quote(suite) if suite else "SUITE"
        return f"{start} --suite {named} --verdict pass --metric KEY=VALUE"
    return f"{start} {_OPTIONS[kind]}" if kind in _OPTIONS else start
