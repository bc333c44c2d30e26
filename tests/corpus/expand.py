"""Writes a corpus case as a Git repository: ``python tests/corpus/expand.py C401/bad/mode-changed DIR``.

``main`` has what the case says is published (and before it what was published in the past); where the case is a change,
the branch ``change`` has it and is checked out. The commands that check the case are printed. ``--base NAME`` writes a
shared registry instead, ``--list`` prints the names of all cases.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

# This folder's modules are imported by their whole names.
sys.path.pop(0)
sys.path.insert(0, str(Path(__file__).parents[1]))

from corpus.cases import (
    BASES,
    CORPUS,
    VERDICTS,
    Case,
    Files,
    MalformedCaseError,
    case_paths,
    read_base,
    read_case,
)
from corpus.repositories import commit_files
from support import git


def expand(layers: list[tuple[str, str, Files]], folder: Path) -> bool:
    """Write layers as commits on branches of a new repository, and check the last one out.

    Args:
        layers: For each commit the branch that it is on, its message and its files.
        folder: A folder that does not exist or is empty.

    Returns:
        False where the files cannot be checked out: Git or the file system refuses their names.
    """
    folder.mkdir(parents=True, exist_ok=True)
    git(folder, "init", "--quiet", "--initial-branch=main")
    parents: list[str] = []
    for branch, message, files in layers:
        parents = [commit_files(folder, files, *parents, message=message)]
        git(folder, "update-ref", f"refs/heads/{branch}", parents[0])
    git(folder, "symbolic-ref", "HEAD", f"refs/heads/{layers[-1][0]}")
    command = ["git", "reset", "--quiet", "--hard"]
    return subprocess.run(command, cwd=folder, check=False).returncode == 0


def layers_of(case: Case) -> list[tuple[str, str, Files]]:
    """The commits of a case, as ``expand`` takes them."""
    if case.published is None:
        return [("main", f"{case.id}: the registry", case.head)]
    past = [] if case.past is None else [("main", f"{case.id}: past", case.past)]
    published = ("main", f"{case.id}: published", case.published)
    return [*past, published, ("change", f"{case.id}: change", case.head)]


def path_of(name: str) -> Path:
    """The file of a case, which is named by its path or as ``C401/bad/mode-changed``."""
    given = Path(name)
    return given.absolute() if given.is_file() else CORPUS / f"{name.removesuffix('.yaml')}.yaml"


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument(
        "case", nargs="?", metavar="CASE", help="such as C401/bad/mode-changed, or a path"
    )
    parser.add_argument(
        "folder", nargs="?", type=Path, metavar="DIR", help="a new or an empty folder"
    )
    parser.add_argument("--base", action="store_true", help="CASE is the name of a shared registry")
    parser.add_argument(
        "--list", action="store_true", help="print the names of shared registries and cases"
    )
    chosen = parser.parse_args()
    if chosen.list:
        paths = [*BASES.iterdir(), *(path for verdict in VERDICTS for path in case_paths(verdict))]
        print(
            *sorted(path.relative_to(CORPUS).with_suffix("").as_posix() for path in paths), sep="\n"
        )
        return 0
    if chosen.case is None or chosen.folder is None:
        parser.error("CASE and DIR are required")
    if chosen.folder.exists() and any(chosen.folder.iterdir()):
        parser.error(f"{chosen.folder} is not empty")
    try:
        if chosen.base:
            layers = [("main", f"{chosen.case}: a shared registry", read_base(chosen.case))]
        else:
            case = read_case(path_of(chosen.case))
            layers = layers_of(case)
    except (MalformedCaseError, OSError) as error:
        parser.error(str(error))
    is_checked_out = expand(layers, chosen.folder)
    if not is_checked_out:
        print(
            f"The files cannot be checked out here; see them with: git -C {chosen.folder} ls-tree -r HEAD"
        )
    is_change = len(layers) > 1
    print(
        f"registry check {'--base main --head change' if is_change else '--all'} --repo {chosen.folder}"
    )
    if not chosen.base and case.expected:
        print(f"expected:\n{case.expected}", end="")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
