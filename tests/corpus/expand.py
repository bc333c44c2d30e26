"""Writes a corpus case as a Git repository: ``python tests/corpus/expand.py C401/bad/mode-changed DIR``.

The branch ``main`` has what the case says is published, after what was published in the past. Where the case is a change,
the branch ``change`` has it. The command that checks the case is printed, and what the case expects of it. ``--list``
prints the names of all cases; the shared registries are folders that need no expanding.
"""

from __future__ import annotations

import argparse
import shlex
import subprocess
import sys
from pathlib import Path

# This folder's modules are imported by their whole names.
sys.path.pop(0)
sys.path.insert(0, str(Path(__file__).parents[1]))

from support import git
from support.corpus_cases import CORPUS, VERDICTS, Case, MalformedCaseError, case_paths, read_case
from support.corpus_repositories import commit_files


def expand(case: Case, folder: Path) -> bool:
    """Write the states of a case as commits of a new repository, and check the last one out.

    Args:
        case: The case.
        folder: A folder that does not exist or is empty.

    Returns:
        False where the files cannot be checked out: Git or the file system refuses their names.
    """
    folder.mkdir(parents=True, exist_ok=True)
    git(folder, "init", "--quiet", "--initial-branch=main")
    parents: list[str] = []
    branch = "main"
    for state in case.states:
        branch = "change" if state is case.head and parents else "main"
        message = f"{case.id}: {branch}"
        parents = [commit_files(folder, state, *parents, message=message)]
        git(folder, "update-ref", f"refs/heads/{branch}", parents[0])
    git(folder, "symbolic-ref", "HEAD", f"refs/heads/{branch}")
    command = ["git", "reset", "--quiet", "--hard"]
    return subprocess.run(command, cwd=folder, check=False).returncode == 0


def path_of(name: str) -> Path:
    """The file of a case, which is given as its path or as ``C401/bad/mode-changed``."""
    given = Path(name)
    return given.absolute() if given.is_file() else CORPUS / f"{name.removesuffix('.yaml')}.yaml"


def names() -> list[str]:
    """The names of all cases."""
    paths = [path for verdict in VERDICTS for path in case_paths(verdict)]
    return sorted(path.relative_to(CORPUS).with_suffix("").as_posix() for path in paths)


def main() -> int:
    parser = argparse.ArgumentParser(description="Write a corpus case as a Git repository.")
    parser.add_argument(
        "case", nargs="?", metavar="CASE", help="a name, as in C401/bad/mode-changed, or a path"
    )
    parser.add_argument(
        "folder", nargs="?", type=Path, metavar="DIR", help="a new or an empty folder"
    )
    parser.add_argument("--list", action="store_true", help="print the names of all cases")
    chosen = parser.parse_args()
    if chosen.list:
        print(*names(), sep="\n")
        return 0
    if chosen.case is None or chosen.folder is None:
        parser.error("CASE and DIR are required")
    if chosen.folder.exists() and any(chosen.folder.iterdir()):
        parser.error(f"{chosen.folder} is not empty")
    try:
        case = read_case(path_of(chosen.case))
    except (MalformedCaseError, OSError) as error:
        parser.error(str(error))
    if not expand(case, chosen.folder):
        print(
            f"Git cannot check these files out. See them with: git -C {shlex.quote(str(chosen.folder))} ls-tree -r HEAD"
        )
    what = "--all --head HEAD" if case.published is None else "--base main --head change"
    print(f"registry check {what} --repo {shlex.quote(str(chosen.folder))}")
    if case.expected:
        print(f"expected:\n{case.expected}", end="")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
