"""Helpers of the tests. Repositories and runs of the program are here by name; the rest is in its module:

- ``manifests``: the text of each kind of manifest, and small registries of them;
- ``corpus_cases``, ``corpus_repositories``: cases of ``tests/corpus``, read and as repositories;
- ``repositories``, ``commit_histories``, ``raw_trees``, ``staged_registries``, ``remote_registries``: registries in Git;
- ``programs``, ``killed_commands``, ``kill_leftovers``, ``command_situations``: runs of the program;
- ``git_servers``, ``remote_servers``, ``http_object_server``, ``ci_hosts``: servers on 127.0.0.1;
- ``download_proxies``, ``upload_proxies``: connections that break at a chosen byte;
- ``code_naming_files``, ``dvc_schemas``, ``model_signers``, ``sarif_schema``, ``merge_races``: inputs and yardsticks of single features.
"""

from support.programs import Ran, run_program, without
from support.repositories import (
    commit,
    git,
    give_away,
    new_repository,
    put_object,
    run_git,
    write_files,
)

__all__ = [
    "Ran",
    "commit",
    "git",
    "give_away",
    "new_repository",
    "put_object",
    "run_git",
    "run_program",
    "without",
    "write_files",
]
