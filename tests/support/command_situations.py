"""Situations that print a command: how to come into them, what asks, and what was printed.

Each is one row. ``prepare`` and ``asks`` are lines for a shell in the registry of ``conftest.py``; ``about`` is a part of the message,
``prints`` the whole remedy under it. ``fills`` gives the words in capitals, which stand for what only the reader
knows. The commands of the remedy numbered in ``runs`` are run as printed; then ``asks`` must not say ``about`` any more, unless the
situation is a question that has no other answer (``stays``).
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, NamedTuple

__all__ = ["EXCUSED", "SITUATIONS", "Situation"]

_NOTHING: Final[Mapping[str, str]] = MappingProxyType({})
_MODEL: Final = "models/nlp/lang-id"
_THREE: Final = f"{_MODEL}/versions/3"
_ADD: Final = {"PATH": "new.bin", "TYPE": "custom"}


class Situation(NamedTuple):
    """One row; see the module."""

    name: str
    prepare: str
    asks: str
    about: str
    prints: str
    fills: Mapping[str, str] = _NOTHING
    runs: tuple[int, ...] = (0,)
    after: str = ""
    stays: bool = False


def _objects(content: str) -> str:
    """Where the remote keeps some bytes."""
    md5 = hashlib.md5(content.encode(), usedforsecurity=False).hexdigest()
    return f"storage/files/md5/{md5[:2]}/{md5[2:]}"


def _stages(gate: str) -> str:
    return f"printf 'stages:\\n  live:\\n    require:\\n      - {gate}\\n' >> registry.yaml && git commit -qam Stages"


_PROMOTE: Final = "registry promote nlp/lang-id@3 --to live --dry-run"

SITUATIONS: Final = (
    Situation(
        "a record is edited", f"echo '# x' >> {_THREE}/version.yaml", "registry check",
        "version.yaml of nlp/lang-id@3 is published; this change edits it",
        "git restore --source=<commit> --staged --worktree -- models/nlp/lang-id/versions/3/version.yaml; to describe a version, edit its metadata.yaml or CARD.md",
    ),
    Situation(
        "a record is deleted", f"git rm -qr {_MODEL}/versions/2", "registry check",
        "C401 nlp/lang-id@2 is published; this change deletes it",
        "git restore --source=<commit> --staged --worktree -- models/nlp/lang-id/versions/2/version.yaml; then: registry withdraw nlp/lang-id@2 --reason TEXT",
    ),
    Situation(
        "a pointer is deleted", f"rm {_THREE}/model.bin.dvc", "registry check",
        "is published; this change deletes it",
        "git restore --source=<commit> --staged --worktree -- models/nlp/lang-id/versions/3/model.bin.dvc; or: registry erase nlp/lang-id@3 --reason TEXT",
    ),
    Situation(
        "a pointer is added", f"sed s/model.bin/more.bin/ {_THREE}/model.bin.dvc > {_THREE}/more.bin.dvc", "registry check",
        "this change adds the pointer more.bin.dvc to it",
        "git rm -rfq --ignore-unmatch -- models/nlp/lang-id/versions/3/more.bin.dvc && rm -rf -- models/nlp/lang-id/versions/3/more.bin.dvc; then: registry version add nlp/lang-id --artifact PATH --framework TYPE",
    ),
    Situation(
        "evidence is edited", f"sed -i s/pass/fail/ {_THREE}/evidence/holdout.yaml", "registry check",
        "the evidence holdout of nlp/lang-id@3 is published; this change edits it",
        "git restore --source=<commit> --staged --worktree -- models/nlp/lang-id/versions/3/evidence/holdout.yaml; then: registry evidence add nlp/lang-id@3 --kind evaluation --suite SUITE --verdict pass --metric KEY=VALUE",
    ),
    Situation(
        "a model is deleted", f"git rm -qr {_MODEL}", "registry check",
        "nlp/lang-id is published; this change deletes it",
        "git restore --source=<commit> --staged --worktree -- models/nlp/lang-id/model.yaml; then: registry archive nlp/lang-id; or write `moved_to`",
    ),
    Situation(
        "a tag is moved", f"sed -i 's/\"1\"/\"3\"/' {_MODEL}/tags/first.yaml", "registry check",
        "tag nlp/lang-id@first is published; this change moves it",
        "git restore --source=<commit> --staged --worktree -- models/nlp/lang-id/tags/first.yaml; for a movable name, use an alias: registry alias set nlp/lang-id@VERSION ALIAS",
    ),
    Situation(
        "an executable", f"chmod +x {_MODEL}/model.yaml", "registry check", "is an executable file",
        "chmod -x -- models/nlp/lang-id/model.yaml && git add --chmod=-x -- models/nlp/lang-id/model.yaml",
    ),
    Situation(
        "an executable is staged", f"git update-index --chmod=+x {_MODEL}/model.yaml", "registry check --staged", "is an executable file",
        "chmod -x -- models/nlp/lang-id/model.yaml && git add --chmod=-x -- models/nlp/lang-id/model.yaml",
    ),
    Situation(
        "a stray file", f"echo x > {_MODEL}/notes.txt", "registry check", "notes.txt is not part of the registry layout",
        "move it to where it belongs; or: git rm -rfq --ignore-unmatch -- models/nlp/lang-id/notes.txt && rm -rf -- models/nlp/lang-id/notes.txt",
    ),
    Situation(
        "a stray file is staged", f"echo x > {_MODEL}/notes.txt && git add -f {_MODEL}/notes.txt", "registry check --staged",
        "notes.txt is not part of the registry layout",
        "move it to where it belongs; or: git rm -rfq --ignore-unmatch -- models/nlp/lang-id/notes.txt && rm -rf -- models/nlp/lang-id/notes.txt",
    ),
    Situation(
        "a .gitignore inside", f"echo x > {_MODEL}/.gitignore", "registry check", ".gitignore is not part of the registry layout",
        "add the patterns to the .gitignore at the root; then: git rm -rfq --ignore-unmatch -- models/nlp/lang-id/.gitignore && rm -rf -- models/nlp/lang-id/.gitignore",
    ),
    Situation(
        "bytes in Git", f"echo x > {_THREE}/model.bin && git add -f {_THREE}/model.bin", "registry check --staged",
        "is the content of an artifact, committed to Git",
        "git rm --cached -- models/nlp/lang-id/versions/3/model.bin; then `registry version add` stores the bytes and writes the pointer",
    ),
    Situation(
        "an alias of a version that is not there", f"sed -i 's/\"3\"/\"9\"/' {_MODEL}/aliases/production.yaml", "registry check",
        "alias production of nlp/lang-id",
        "registry alias set nlp/lang-id@VERSION production", {"VERSION": "3"},
    ),
    Situation(
        "a tag of a version that is not there", f"sed 's/\"1\"/\"9\"/' {_MODEL}/tags/first.yaml > {_MODEL}/tags/second.yaml", "registry check",
        "tag second of nlp/lang-id",
        "git rm -rfq --ignore-unmatch -- models/nlp/lang-id/tags/second.yaml && rm -rf -- models/nlp/lang-id/tags/second.yaml && registry tag add nlp/lang-id@VERSION second", {"VERSION": "3"},
    ),
    Situation(
        "an alias of a withdrawn version", f"sed -i 's/\"3\"/\"2\"/' {_MODEL}/aliases/production.yaml", "registry check",
        "alias production of nlp/lang-id",
        "registry alias set nlp/lang-id@VERSION production", {"VERSION": "3"},
    ),
    Situation(
        "an alias of a deprecated version", f"sed -i 's/\"3\"/\"1\"/' {_MODEL}/aliases/production.yaml", "registry check",
        "alias production of nlp/lang-id",
        "registry alias set nlp/lang-id@3 production",
    ),
    Situation(
        "a name that is a tag and an alias", f"cp {_MODEL}/aliases/production.yaml {_MODEL}/aliases/first.yaml", "registry check",
        "first is both a tag and an alias of nlp/lang-id",
        "remove the newer one: delete models/nlp/lang-id/tags/first.yaml; or: registry alias rm nlp/lang-id first", _NOTHING, (0,),
    ),
    Situation(
        "a model without model.yaml", "mkdir -p models/nlp/ocr && echo '# OCR' > models/nlp/ocr/CARD.md", "registry check",
        "model nlp/ocr has no model.yaml",
        "registry model add nlp/ocr --task TASK --owner TEAM --description TEXT; or: git rm -rfq --ignore-unmatch -- models/nlp/ocr && rm -rf -- models/nlp/ocr", {"TASK": "ocr", "TEAM": "speech", "TEXT": "Reads."}, (1,),
    ),
    Situation(
        "a gate on evaluations", _stages("{evidence: evaluation, suite: long, verdict: pass}"), _PROMOTE, "has no evaluation of long",
        "registry evidence add nlp/lang-id@3 --kind evaluation --suite long --verdict pass --metric KEY=VALUE --commit",
        {"KEY": "f1", "VALUE": "0.9"},
    ),
    Situation(
        "a gate on any evaluation", _stages("{evidence: scan, verdict: pass}"), _PROMOTE, "has no scan",
        "registry scan nlp/lang-id@3 --evidence --commit",
    ),
    Situation(
        "a gate on a note", _stages("{evidence: note}"), _PROMOTE, "has no note",
        "registry evidence add nlp/lang-id@3 --kind note --text TEXT --commit", {"TEXT": "Seen"},
    ),
    Situation(
        "a gate on a metric", _stages("{metric: f1, min: 0.5}"), _PROMOTE, "has no f1",
        "registry evidence add nlp/lang-id@3 --kind metrics --metric f1=VALUE --commit", {"VALUE": "0.9"},
    ),
    Situation(
        "a gate on approvals", _stages("{approvals: 1}"), _PROMOTE, "0 of 1 approval",
        "an approver must first merge: registry evidence add nlp/lang-id@3 --kind approval --stage live --decision approve --commit", after="git add -A && git commit -qm Approve",
    ),
    Situation(
        "a gate on signatures", _stages("{evidence: signature}") + " && ssh-keygen -q -t ed25519 -N '' -f ../key && echo \"tester@example.org $(cut -d' ' -f1,2 ../key.pub)\" > allowed_signers && git add -A && git commit -qm Signers && git config gpg.format ssh && git config user.signingKey \"$PWD/../key\"",
        _PROMOTE, "nlp/lang-id@3 is not signed",
        "registry sign nlp/lang-id@3 --commit",
    ),
    Situation(
        "a stage before", "printf 'stages:\\n  staging: {}\\n  live: {from: staging}\\n' >> registry.yaml && git commit -qam Stages", _PROMOTE,
        "staging has no version",
        "first merge: registry promote nlp/lang-id@3 --to staging", after="git merge -q $(git for-each-ref --format='%(refname)' refs/heads/promote)",
    ),
    Situation(
        "a stage moved by hand", _stages("{metric: f1, min: 0.5}") + f" && cp {_MODEL}/aliases/production.yaml {_MODEL}/aliases/live.yaml", "registry check",
        "version 3 cannot be promoted to nlp/lang-id@live",
        "registry evidence add nlp/lang-id@3 --kind metrics --metric f1=VALUE --commit; to explain every gate: registry promote nlp/lang-id@3 --to live --dry-run", {"VALUE": "0.9"}, (0, 1),
    ),
    Situation(
        "a gated stage removed", _stages("{metric: accuracy, min: 0.5}") + f" && registry promote nlp/lang-id@3 --to live --commit && rm {_MODEL}/aliases/live.yaml", "registry check",
        "nlp/lang-id@live has gates and must not be removed",
        "git restore --source=<commit> --staged --worktree -- models/nlp/lang-id/aliases/live.yaml; or withdraw the version in the same change: registry withdraw nlp/lang-id@3 --reason TEXT --remove-aliases", {"TEXT": "wrong"}, (1,),
    ),
    Situation(
        "a gated stage removed by mistake", _stages("{metric: accuracy, min: 0.5}") + f" && registry promote nlp/lang-id@3 --to live --commit && rm {_MODEL}/aliases/live.yaml", "registry check",
        "nlp/lang-id@live has gates and must not be removed",
        "git restore --source=<commit> --staged --worktree -- models/nlp/lang-id/aliases/live.yaml; or withdraw the version in the same change: registry withdraw nlp/lang-id@3 --reason TEXT --remove-aliases",
    ),
    Situation(
        "a rollback to nothing", "", "registry rollback nlp/lang-id production --reason wrong", "before 3",
        "registry alias set nlp/lang-id@VERSION production", {"VERSION": "1"},
    ),
    Situation(
        "a rollback to a version that never held it", "", "registry rollback nlp/lang-id production --to 1 --reason wrong", "was not production before",
        "registry alias set nlp/lang-id@1 production", stays=True,
    ),
    Situation(
        "withdrawing what an alias names", "", "registry withdraw nlp/lang-id@3 --reason wrong", "is still the target of alias",
        "move it first: registry alias set nlp/lang-id@VERSION production; or remove it in the same change: --remove-aliases", {"VERSION": "1"},
    ),
    Situation(
        "erasing what an alias names", "", "registry erase nlp/lang-id@3 --reason wrong --yes", "alias",
        "registry alias set nlp/lang-id@VERSION production; or: registry alias rm nlp/lang-id production", {"VERSION": "1"}, (1,),
    ),
    Situation(
        "resolving a withdrawn version", "", "registry resolve nlp/lang-id@2", "is withdrawn",
        "its record stays: registry show nlp/lang-id@2", stays=True,
    ),
    Situation(
        "no such version", "", "registry resolve nlp/lang-id@xyz", "has no version, tag or alias xyz",
        "list its versions: registry show nlp/lang-id", stays=True,
    ),
    Situation(
        "no such model", "", "registry resolve vision/detector", "model vision/detector does not exist",
        "list the models: registry list", stays=True,
    ),
    Situation(
        "only deprecated versions", "registry withdraw nlp/lang-id@3 --reason x --remove-aliases", "registry resolve nlp/lang-id", "has no active version",
        "registry show nlp/lang-id", stays=True,
    ),
    Situation(
        "no version is named", "", "registry tag add nlp/lang-id v3", "names no version",
        "registry tag add nlp/lang-id@3 v3", stays=True,
    ),
    Situation(
        "no registry", "mkdir ../plain", "cd ../plain && registry list", "not in a Git repository",
        "change to a registry, pass one with --repo, or create one: registry init DIR --name NAME", {"DIR": "models", "NAME": "acme"}, stays=True,
    ),
    Situation(
        "a version without a model", "", "registry version add nlp/ocr --track s3://b/m --framework custom", "model nlp/ocr does not exist",
        "add the model first: registry model add nlp/ocr --owner TEAM --description TEXT", {"TEAM": "speech", "TEXT": "Reads."},
    ),
    Situation(
        "a scheme that does not count", "registry model add nlp/free --task ocr --owner speech --description x --scheme free",
        "registry version add nlp/free --track s3://b/m --framework custom", "which has no next version",
        "name the version: registry version add nlp/free VERSION --artifact PATH --framework TYPE", {**_ADD, "VERSION": "first"}, stays=True,
    ),
    Situation(
        "no remote", "git rm -rq .dvc && sed -i /^remote/d registry.yaml && mkdir ../bytes && git commit -qam 'No remote'", "registry version add nlp/lang-id --artifact new.bin --framework custom", "no DVC remote is configured",
        "run: dvc init -q && dvc remote add -d storage URL", {"URL": "../bytes"},
    ),
    Situation(
        "a remote that is not committed", "git rm -q --cached .dvc/config && git commit -qam 'No remote'", "registry version add nlp/lang-id --artifact new.bin --framework custom --commit", "in .dvc/config on disk, but not committed",
        'run: git add .dvc/config && git commit -m "Add the DVC remote" .dvc/config',
    ),
    Situation(
        "no default remote", "sed -i /^remote/d registry.yaml && sed -i '/core/d; /    remote =/d' .dvc/config && git commit -qam 'No default'", "registry version add nlp/lang-id --artifact new.bin --framework custom", "no DVC remote is the default",
        "run: dvc remote default storage",
    ),
    Situation(
        "no such remote", "sed -i 's/^remote: storage/remote: store/' registry.yaml && mkdir ../bytes && git commit -qam Remote", "registry version add nlp/lang-id --artifact new.bin --framework custom", "no DVC remote is named 'store'",
        "run: dvc remote add store URL", {"URL": "../bytes"},
    ),
    Situation(
        "no lock file", "", "registry fetch --locked", "registry.lock",
        "create one: registry lock REF", {"REF": "nlp/lang-id@3"},
    ),
    Situation(
        "owners without CODEOWNERS", "", "registry codeowners --check", "is out of date",
        "run: registry codeowners --commit",
    ),
    Situation(
        "a shallow clone", 'git commit -q --allow-empty -m Two && git clone -q --depth 1 "file://$PWD" ../shallow', "cd ../shallow && registry history nlp/lang-id", "shallow",
        "git fetch --unshallow",
    ),
    Situation(
        "uncommitted work", f"sed -i s/speech/voice/ {_MODEL}/model.yaml", "registry annotate nlp/lang-id@3 a=1 --commit && registry alias set nlp/lang-id@1 production --commit && registry archive nlp/lang-id --commit", "uncommitted",
        "commit them, or stash them: git stash",
    ),
    Situation(
        "Git does not know the user", "unset GIT_AUTHOR_NAME GIT_AUTHOR_EMAIL GIT_COMMITTER_NAME GIT_COMMITTER_EMAIL", "unset GIT_AUTHOR_NAME GIT_AUTHOR_EMAIL GIT_COMMITTER_NAME GIT_COMMITTER_EMAIL; registry annotate nlp/lang-id@3 a=1 --commit", "who",
        'git config --global user.name "NAME"; git config --global user.email EMAIL', {"NAME": "Ada", "EMAIL": "ada@example.org"}, (0, 1),
    ),
    Situation(
        "purging what is not erased", "", "registry erase nlp/lang-id@2 --purge", "is withdrawn in main",
        "registry erase nlp/lang-id@2 --reason TEXT; merge that; then: git fetch", {"TEXT": "wrong"}, (0, 1), stays=True,
    ),
    Situation(
        "init without a name", "", "cd .. && registry init more", "a new registry needs --name",
        "registry init DIR --name NAME", {"DIR": "more", "NAME": "acme"},
    ),
    Situation(
        "no key to sign with", "ssh-keygen -q -t ed25519 -N '' -f ../key", "registry sign nlp/lang-id@3", "no signing key is given",
        "--key FILE; or configure it: git config gpg.format ssh && git config user.signingKey FILE", {"FILE": "../key"},
    ),
    Situation(
        "bytes are gone", f"mv {_objects('nlp/lang-id@3')} ../kept", "registry check --all --remote", "versions/3/version.yaml:8",
        "registry upload nlp/lang-id@3 PATH --artifact model", {"PATH": "../kept"},
    ),
    Situation(
        "a key and nothing encrypted", f"printf 'schema: key/v1\\nwraps: []\\n' > {_THREE}/key.yaml", "registry check", "M217",
        "git rm -rfq --ignore-unmatch -- models/nlp/lang-id/versions/3/key.yaml && rm -rf -- models/nlp/lang-id/versions/3/key.yaml",
    ),
    Situation(
        "registry.yaml is gone", "rm registry.yaml", "registry check", "registry.yaml is missing",
        "restore the file: git checkout HEAD -- registry.yaml; or create a registry: registry init DIR --name NAME",
    ),
    Situation(
        "a waiver that is over", "mkdir waivers && printf 'schema: waiver/v1\\nrule: M203\\nsubject: nlp/lang-id@1\\nreason: The rollout.\\nexpires: \"2020-01-01\"\\napproved_by: \"@acme/platform\"\\n' > waivers/2020-old.yaml && git add -A && git commit -qm W", "registry check --all", "expired on",
        "git rm -rfq --ignore-unmatch -- waivers/2020-old.yaml && rm -rf -- waivers/2020-old.yaml",
    ),
    Situation(
        "only pre-releases", "registry model add nlp/s --task ocr --owner speech --description x --scheme semver && registry version add nlp/s 1.0.0-rc.1 --track s3://b/m --framework custom",
        "registry resolve nlp/s", "has only pre-releases",
        "registry resolve nlp/s@1.0.0-rc.1", stays=True,
    ),
    Situation(
        "a published tag with the name of a stage", f"cp {_MODEL}/tags/first.yaml {_MODEL}/tags/live.yaml && git add -A && git commit -qm Tag && " + _stages("{metric: accuracy, min: 0.5}"),
        "registry resolve nlp/lang-id@live", "no version of nlp/lang-id is in the stage live",
        "registry show nlp/lang-id@1", stays=True,
    ),
    Situation(
        "the same, in a check", f"cp {_MODEL}/tags/first.yaml {_MODEL}/tags/live.yaml && git add -A && git commit -qm Tag && " + _stages("{metric: accuracy, min: 0.5}"),
        "registry check --all", "M219",
        "refer to the version by its number, and rename the stage: `registry show nlp/lang-id` lists both", stays=True,
    ),
    Situation(
        "a published alias with the form of a version", f"cp {_MODEL}/aliases/production.yaml {_MODEL}/aliases/7.yaml && git add -A && git commit -qm Alias", "registry check --all", "M219",
        "set another alias; then: registry alias rm nlp/lang-id 7",
    ),
    Situation(
        "a published tag with the form of a version", f"cp {_MODEL}/tags/first.yaml {_MODEL}/tags/4.yaml && git add -A && git commit -qm Tag", "registry check --all", "M219",
        "refer to the version by its number; `registry version add nlp/lang-id` skips 4", runs=(), stays=True,
    ),
    Situation(
        "a gate on bytes", _stages("{artifacts: available}") + f" && mv {_objects('nlp/lang-id@3')} ../kept", _PROMOTE, "missing",
        "upload them from a machine that has them: registry upload nlp/lang-id@3 PATH", {"PATH": "../kept"},
    ),
    Situation(
        "a gate on a signed commit", _stages("{signed: commit}"), _PROMOTE, "is not signed",
        "add a new version with a signed commit: git config commit.gpgSign true", stays=True,
    ),
    Situation(
        "no such stage", "", "registry promote nlp/lang-id@3 --to nowhere", "nowhere is not a stage",
        "its stages: none; to set a plain alias: registry alias set nlp/lang-id@3 nowhere", stays=True,
    ),
    Situation(
        "no branch", "git switch -q --detach", "registry annotate nlp/lang-id@3 a=1 --commit", "branch",
        "name one with --branch NAME, or switch to one: git switch NAME", {"NAME": "main"},
    ),
    Situation(
        "no origin", "git init -q --bare ../origin.git", "registry annotate nlp/lang-id@3 a=1 --push", "Git remote origin does not exist",
        "add one: git remote add origin URL", {"URL": "../origin.git"},
    ),
    Situation(
        "a remote without URL", "sed -i '/url/d' .dvc/config && git commit -qam URL", "registry version add nlp/lang-id --artifact new.bin --framework custom", "has no usable URL",
        "run: dvc remote modify storage url URL", {"URL": "../bytes"}, after="mkdir ../bytes",
    ),
    Situation(
        "a secret in the configuration", "echo /config.local > .dvc/.gitignore && sed -i 's#url = .*#url = ssh://example.org/x#' .dvc/config && git add -A && git commit -qam SSH && printf '    password = hunter2hunter2\n' >> .dvc/config", "registry check", "`password` of a DVC remote",
        "delete the line, revoke the secret; then: dvc remote modify --local storage password VALUE", {"VALUE": "x"}, after="sed -i /password/d .dvc/config",
    ),
    Situation(
        "a pointer to an unknown remote", f"echo '  remote: other' >> {_MODEL}/versions/2/model.bin.dvc && git commit -qam Pointer", "registry check --all", "other",
        "dvc remote add other URL; or delete the line", {"URL": "../bytes"},
    ),
    Situation(
        "an alias whose users should go elsewhere", f"sed -i 's/replaced_by: .*/replaced_by: nlp\\/lang-id@3/' {_MODEL}/versions/1/status.yaml && cp {_MODEL}/aliases/production.yaml {_MODEL}/aliases/old.yaml && sed -i 's/\"3\"/\"1\"/' {_MODEL}/aliases/old.yaml", "registry check", "M208",
        "move its users to nlp/lang-id@3; then: registry alias rm nlp/lang-id old",
    ),
    Situation(
        "a base beyond a shallow clone", 'git commit -q --allow-empty -m Two && git clone -q --depth 1 "file://$PWD" ../shallow', "cd ../shallow && registry check --base HEAD~1", "the clone is shallow",
        "fetch more history: git fetch --deepen=100; or: git fetch --unshallow", runs=(1,),
    ),
    Situation(
        "nothing is committed", "git init -q ../new && cp registry.yaml ../new", "cd ../new && registry list --ref HEAD", "commit",
        "make the first commit: git add --all && git commit -m TEXT", {"TEXT": "Start"},
    ),
    Situation(
        "a name that another model folds to", "", "registry model add nlp/lang-id --task ocr --owner speech --description x", "nlp/lang-id",
        "add a version to it: registry version add nlp/lang-id --artifact PATH --framework TYPE", {**_ADD, "PATH": "new.bin"}, stays=True,
    ),
    Situation(
        "an artifact of the folder that no record names", f"sed s/model.bin/more.bin/ {_MODEL}/versions/2/model.bin.dvc > {_MODEL}/versions/2/more.bin.dvc && git add -A && git commit -qm Pointer", "registry check --all", "the manifest has no artifact for the pointer more.bin.dvc",
        "git rm -rfq --ignore-unmatch -- models/nlp/lang-id/versions/2/more.bin.dvc && rm -rf -- models/nlp/lang-id/versions/2/more.bin.dvc; or add the artifact in a new version",
    ),
    Situation(
        "a stage edited back", _stages("{metric: accuracy, min: 0.96}") + f" && registry alias set nlp/lang-id@3 live --commit && sed -i 's/\"3\"/\"1\"/' {_MODEL}/aliases/live.yaml", "registry check", "C406",
        "registry evidence add nlp/lang-id@1 --kind metrics --metric accuracy=VALUE --commit; to explain every gate: registry promote nlp/lang-id@1 --to live --dry-run", {"VALUE": "0.99"},
    ),
    Situation(
        "a number that a tag once had", f"cp {_MODEL}/tags/first.yaml {_MODEL}/tags/4.yaml && git add -A && git commit -qm Tag && git rm -q {_MODEL}/tags/4.yaml && git commit -qm 'Past the hooks'",
        "registry version add nlp/lang-id --track s3://b/m --framework custom --commit", "existed before; its name cannot be reused",
        "use another version: registry version add nlp/lang-id 5 --artifact PATH --framework TYPE; its history: git log -- models/nlp/lang-id/tags/4.yaml", _ADD | {"PATH": "new.bin"}, (0, 1),
        after="git add -A && git commit -qm Five",
    ),
    Situation(
        "fetching what is not locked", "registry lock nlp/lang-id@3", "registry fetch nlp/lang-id@1 --locked -o ../out", "does not pin",
        "add it: registry lock nlp/lang-id@1 -o registry.lock",
    ),
    Situation(
        "fetching a withdrawn version", "", "registry fetch nlp/lang-id@2 -o ../out", "is withdrawn",
        "its record stays: registry show nlp/lang-id@2", stays=True,
    ),
    Situation(
        "fetching nothing", "registry lock nlp/lang-id@3", "registry fetch", "no version given",
        "registry fetch REF; or: registry fetch --locked", {"REF": "nlp/lang-id@3"}, (0, 1), stays=True,
    ),
    Situation(
        "a stage moved back by hand", _stages("{metric: accuracy, min: 0.5}") + f" && registry evidence add nlp/lang-id@1 --kind metrics --metric accuracy=0.6 --commit && registry promote nlp/lang-id@1 --to live --commit && registry promote nlp/lang-id@3 --to live --commit && sed -i 's/min: 0.5/min: 0.9/' registry.yaml && git commit -qam Stricter && sed -i 's/\"3\"/\"1\"/' {_MODEL}/aliases/live.yaml",
        "registry check", "C406",
        "registry rollback nlp/lang-id live --to 1 --reason TEXT", {"TEXT": "slow"}, after="",
    ),
    Situation(
        "fetching only what is signed", "ssh-keygen -q -t ed25519 -N '' -f ../key && echo \"tester@example.org $(cut -d' ' -f1,2 ../key.pub)\" > allowed_signers && git add -A && git commit -qm Signers && git config gpg.format ssh && git config user.signingKey \"$PWD/../key\"",
        "registry fetch nlp/lang-id@3 --require-signature -o ../out", "has no signature by an allowed signer",
        "sign it with a key of allowed_signers: registry sign nlp/lang-id@3",
    ),
    Situation(
        "a signature by an expired key", "ssh-keygen -q -t ed25519 -N '' -f ../old && ssh-keygen -q -t ed25519 -N '' -f ../key && echo \"tester@example.org valid-before=\\\"20200101\\\" $(cut -d' ' -f1,2 ../old.pub)\" > allowed_signers && echo \"tester@example.org $(cut -d' ' -f1,2 ../key.pub)\" >> allowed_signers && git add -A && git commit -qm Signers && git config gpg.format ssh && git config user.signingKey \"$PWD/../key\"",
        "registry sign nlp/lang-id@3 --key ../old", "C420",
        "delete the file and sign with a valid key: registry sign nlp/lang-id@3", stays=True,
    ),
    Situation(
        "no remote, in an old registry", "echo > .dvc/config && sed -i /^remote/d registry.yaml && mkdir ../bytes && git commit -qam 'No remote'", "registry version add nlp/lang-id --artifact new.bin --framework custom", "no DVC remote is configured",
        "run: dvc remote add -d storage URL", {"URL": "../bytes"},
    ),
    Situation(
        "hooks of several repositories", 'mkdir ../hooks && git config --global core.hooksPath "$PWD/../hooks"', "registry hooks install", "other repositories may share",
        "give this repository its own folder: git config --local core.hooksPath .git/hooks; or install there with --force",
    ),
    Situation(
        "hooks of a server in a clone", "", "registry hooks install --server .", "server",
        "create one: git init --bare --initial-branch=main DIR; or: git clone --bare REGISTRY DIR", {"DIR": "../bare", "REGISTRY": "."}, stays=True,
    ),
    Situation(
        "a published branch that is not there", "git config registry.published nowhere", "registry check", "nowhere",
        "git fetch; or: git config --unset registry.published", runs=(1,),
    ),
    Situation(
        "a deleted lock entry", "registry lock nlp/lang-id@3 && sed -i s/nlp/nlq/ registry.lock", "registry fetch --locked -o ../out", "error",
        "check that this is the right registry, and update it: git fetch", stays=True,
    ),
)  # fmt: skip

# Why no situation runs a command.
_HELP: Final = "no remedy: a note, help, or the words of a script"
_NAME: Final = "names a command for what the reader does next, without its arguments"
_NET: Final = "needs a server, a package or credentials that no test machine has"
_RARE: Final = "needs a state that its own tests make: a killed command, a lost race, a broken disk or repository"
_SAME: Final = "another place of a command that a situation runs, or one whose outcome is the reader's to judge"
EXCUSED: Final[Mapping[str, str]] = MappingProxyType({
    "git pull --rebase {} {}; then push again": _RARE,
    "{}; to restore it, in a clone: git fetch origin {} {} && git switch --detach {} && git merge --no-ff --no-edit origin/{} && git config {} {} && git push origin HEAD:{}": _RARE,
    "; if {} was published before, and a merge took it off the line, on the server: git config {} {}": _RARE,
    "choose a name without @, or add the version: registry version add {} --track URI --framework TYPE": _NAME,
    "{}..{} could not be checked: the repository no longer has {}; check everything: registry check --all": _RARE,
    "its records stay: registry list {} --all": _SAME,
    "list them: registry list --drafts; then: registry seal {}@{}": _NAME,
    "list them: registry list --drafts": _SAME,
    "list its keys: registry show {}": _SAME,
    "add a version: registry version add {} --artifact PATH --framework TYPE": _NAME,
    "registry list {}": _SAME,
    'run: pip install "registry-tool[{}]"': _NET,
    "registry version add {} VERSION --track URI --framework TYPE": _NAME,
    "in a clone of the registry: registry decrypt {} -o DIR": _SAME,
    "decrypt it: registry decrypt {} -o DIR": _SAME,
    "get its files in a clone of the registry: registry fetch {} -o DIR": _SAME,
    "write its files to a folder: registry fetch {} -o DIR": _SAME,
    "add the version unencrypted; then, in a clone: registry encrypt REF --to WHO": _NAME,
    "git switch main": _RARE,
    "on the server: git pull --rebase {} {} && git push": _RARE,
    "on the server: commit them, or stash them: git stash": _RARE,
    'read -r done || rm -rf -- "$1"': _HELP,
    "- … and {} more: `registry diff`": _HELP,
    "… and {} more versions: `registry compare`": _HELP,
    "… and {} more rows: `registry compare`": _HELP,
    "… and {} more: run `registry check`": _HELP,
    'name the author: --by WHO; or: git config --global user.name "NAME"': _HELP,
    "Everything is in {}. To explore it: registry list --repo {}/registry": _HELP,
    "Remove it with: rm -r {}": _HELP,
    "note:  cannot read {}; see `registry check --all`": _HELP,
    "note:  {} is encrypted: registry decrypt {} -o DIR": _HELP,
    "note:  that branch does not exist; to guard another one: git symbolic-ref HEAD refs/heads/NAME": _HELP,
    "registry model add nlp/lang-id --task TASK --owner TEAM --description TEXT --commit": _HELP,
    "registry version add nlp/lang-id --artifact FILE --framework TYPE --commit": _HELP,
    "git push -u origin {}": _HELP,
    "after: git remote add origin URL": _HELP,
    'git commit -m "Add the storage" .dvc/config': _HELP,
    "  try: registry recover": _HELP,
    "  git push -u origin {}    # then open a pull request": _HELP,
    "a previous recipient may have kept the key; `registry rekey` gives a version a new one": _HELP,
    'python -m registry_tool.demo train 2 {}; cd registry\nregistry model add {} --task language-identification --owner speech --description "{}"\nregistry version add {} --artifact ../{} --framework custom --metric accuracy={} --metric macro_f1={} --tag first': _HELP,
    "python -m registry_tool.demo train 3 ../{}\nregistry version add {} --artifact ../{} --framework custom --metric accuracy={} --metric macro_f1={} --push": _HELP,
    'registry alias set {}@2 production --reason "{}" --push': _HELP,
    "registry tag add {}@2 first": _HELP,
    "registry init registry --name demo --remote storage": _HELP,
    "git init --bare -b main remote.git; git -C registry remote add origin ../remote.git": _HELP,
    "registry check": _HELP,
    'git add --all; git commit -m "Add {} 1"': _HELP,
    "git push -u origin main": _HELP,
    "registry fetch {}@production --repo {} -o ../fetched": _HELP,
    "dvc pull restored different content": _HELP,
    "cd ..; git clone remote.git clone; cd clone; dvc pull {}.dvc": _HELP,
    "use a new folder: registry demo DIR": _HELP,
    "registry resolve {}@production --repo {}": _HELP,
    "# >>> registry codeowners": _HELP,
    "# <<< registry codeowners": _HELP,
    "its files stay in the remote; once this is on the main branch: registry erase {} --purge": _HELP,
    "git push failed: {}": _HELP,
    "the journal of an interrupted command cannot be read and was moved to {}; check the working tree: git status": _HELP,
    "registry check --staged || exit 1": _HELP,
    "registry check --all || exit 1": _HELP,
    "registry hooks receive || exit 1": _HELP,
    "and {} more; to list all: registry check --base origin/main": _HELP,
    "note: HEAD of the server {}, so every branch is protected as the main branch; on the server: git symbolic-ref HEAD refs/heads/NAME": _HELP,
    "stopped, nothing was pushed; to let the server decide: git push --no-verify": _HELP,
    "of an artifact, which registry verify --public-key checks": _HELP,
    "git init failed: {}": _HELP,
    "install them later: registry hooks install ({})": _HELP,
    "# `dvc add` writes it where this one does not reach, would make pull requests conflict.": _HELP,
    "# `dvc pull` fetches nothing then, and `dvc gc -c` deletes what it does not see. /?* means the same files to both.": _HELP,
    "restore it with `dvc push`, erase that version too, or delete the ref": _NAME,
    "`registry rules` lists them": _NAME,
    "add the artifact again with `registry version add`, which writes both": _NAME,
    "add the artifact again with `registry version add`": _NAME,
    "commit the pointer, or add the artifact with `registry version add`": _NAME,
    "keep one side, delete the lines <<<<<<<, ======= and >>>>>>>, then `git add` the file": _NAME,
    "rename the newer one with `git mv`, or delete it": _NAME,
    "find the name with `registry list` and `registry show`, or delete the line": _NAME,
    "rename the version; `registry version add` chooses the next one": _NAME,
    "a rule that `registry rules` lists": _NAME,
    "list the commits: git log --oneline --all": _NAME,
    "resolve it, run `git add` on the file, and retry": _NAME,
    "convert the file: `git add --renormalize` with `text eol=lf` in .gitattributes": _NAME,
    "restore it, or set its location: dvc remote modify {} url URL": _NET,
    "check that the parent folder exists and is writable, and that the URL is right: dvc remote modify {} url URL": _NET,
    'pip install "{}"': _NET,
    '; or to read only: pip install "registry-tool-reader[s3]"': _NET,
    "a local folder is written as a plain path: dvc remote modify {} url /PATH": _NET,
    "mount it, or set its location: dvc remote modify --local {} url PATH": _NET,
    "mount it, or create the parent folder: mkdir -p {}": _NET,
    "if the host really has a new key: ssh-keygen -R HOST; then log in once: ssh HOST": _NET,
    "run: dvc remote modify {} {} false": _NET,
    "add a remote with credentials for this host: dvc remote add {} {}, {}": _NET,
    "download it first and pass the local folder: dvc get-url URL DIR": _NET,
    "--key FILE; create one: openssl ecparam -name prime256v1 -genkey -noout -out FILE": _NET,
    "create one: age-keygen -o FILE": _NET,
    "create one: age-keygen -o FILE; SSH keys with a passphrase are not supported": _NET,
    "check its address, the network and your credentials: git ls-remote ": _NET,
    "pip install -U {}": _NET,
    "create one: ssh-keygen -t ed25519; then --key FILE": _NET,
    "create one: openssl ecparam -name prime256v1 -genkey -noout -out key.pem": _NET,
    "write the public half of one: openssl ec -in key.pem -pubout -out key.pub": _NET,
    "omit the password, then run: dvc remote modify --local {} password PASSWORD": _NET,
    "if it is published, an administrator must reset the branch; otherwise: git reset --soft {}~1 && git commit": _RARE,
    "git reset --soft {} && git commit": _RARE,
    "git reset --soft $(git rev-list --max-parents=0 HEAD) && git commit --amend": _RARE,
    "push them in parts: git push origin {}:{}": _RARE,
    "git rm -r --cached": _RARE,
    "git config {} {}: set": _HELP,
    "{} objects were already on the remote {}, and no lease could be written for them: {}; registry gc may delete them unless the change is published within {} days of their upload": _HELP,
    "run: dvc remote modify {} {} VALUE": _RARE,
    "dvc remote modify --local {} {} VALUE && dvc remote modify --unset {} {}": _RARE,
    "delete that line, and set options with: dvc remote modify NAME OPTION VALUE": _RARE,
    'registry init . && git add .gitignore && git commit -m "Repair the ignore rules"': _RARE,
    "{}dvc remove {} && dvc add {} && dvc push {}": _RARE,
    "git fetch origin {} && registry check --base {} --head {} --remote": _RARE,
    "registry check --remote": _RARE,
    "git config --global --add safe.directory {}": _RARE,
    "git remote set-head": _RARE,
    "git add -f": _RARE,
    "registry init .": _RARE,
    "a file that `dvc remote` wrote": _HELP,
    "warn:  Git ignores {}; to repair the ignore rules: registry init .": _HELP,
    "`dvc pull` fetches this file only from another repository, which may delete it": _HELP,
    "free space: registry cache clean; or move the cache: REGISTRY_CACHE=DIR": _RARE,
    "ask its author to restore it: registry upload REF PATH": _RARE,
    "raise the limit: ulimit -n {}": _RARE,
    "remove it, change the password, and run: dvc remote modify --local {} password PASSWORD": _RARE,
    "remove it, change the secret, and run: dvc remote modify --local {} {} VALUE": _RARE,
    "registry check --all": _RARE,
    "registry rewrap {}": _RARE,
    "check the repository: git fsck; then fetch again, or delete the ref": _RARE,
    "git fsck": _RARE,
    "name it: git config registry.published BRANCH": _RARE,
    'dvc commit -f "{}" && dvc push "{}"': _RARE,
    "registry version add {} --artifact PATH --framework TYPE --encrypt-to WHO": _RARE,
    "registry rewrap {} --to WHO": _RARE,
    "restore it: git checkout REV -- {}/key.yaml": _RARE,
    "git fetch --tags origin '+refs/heads/*:refs/remotes/origin/*'": _RARE,
    "move the files that block it, then run: git restore .": _RARE,
    "registry hooks install --server BARE_DIR": _RARE,
    "git pull --rebase {} {}": _RARE,
    "git push {} {}": _RARE,
    "git reset --keep {}/{}": _RARE,
    "find the damage: git fsck": _RARE,
    "registry recover": _RARE,
    "git pull --rebase origin {}; then push again": _RARE,
    "{}; or: git switch {}; git merge --no-ff BRANCH": _RARE,
    "start from the published branch: git fetch origin; git switch -c NAME origin/{}": _RARE,
    "{}; to undo a commit: git revert COMMIT": _RARE,
    "push to a branch of another name; or create a registry: registry init DIR --name NAME": _RARE,
    "install the hooks in a clone; or as a server: registry hooks install --server {}": _RARE,
    "git push origin HEAD:refs/heads/NAME": _RARE,
    "git replace -d OBJECT": _RARE,
    "on the server: git config {} {}": _RARE,
    "push fewer commits at once, or on the server: git config {} {}": _RARE,
    "on the server: git fetch --unshallow": _RARE,
    "push to a branch of another name: git push REMOTE HEAD:refs/heads/NAME": _RARE,
    "commit it: git add --all && git commit -m TEXT": _SAME,
    "list the changes: registry history {}": _SAME,
    "write several: registry lock REF -o FILE": _SAME,
    "write it again: registry lock REF": _SAME,
    "use the next number: registry version add {} --artifact PATH --framework TYPE": _SAME,
    "delete `{}` and push the content with `dvc push {}`": _SAME,
    "in a shallow clone: git fetch --unshallow; elsewhere: run the check in the Git repository": _SAME,
    "sign the commit again with a valid key: git commit --amend --no-edit -S": _SAME,
    "omit --staged, --base and --head, or run: git init": _SAME,
    "sign the content of the record; registry fetch downloads it": _SAME,
    "for other recipients: registry rewrap {}; with another key: registry rekey {}": _SAME,
    "show its record: registry show {}": _SAME,
    "name the registries that use it: --also DIR|URL; or show where the remote is: dvc remote list": _SAME,
    "registry lock NAMESPACE/MODEL@ALIAS ...": _SAME,
    "commit the registry first: git add --all && git commit -m TEXT": _SAME,
    "registry sign {} --method model-signing --key FILE": _SAME,
    "name the version: registry verify {} --as REF": _SAME,
    "query it: registry check --remote": _SAME,
    "add the file to a new version that is encrypted: registry version add --encrypt-to": _NAME,
    "write one: registry lock REF": _NAME,
    'git config user.name NAME && git config user.email ADDRESS; or name them: by="@team"': _RARE,
    'pip install "{}[{}]"': _NET,
    "run: pip install registry-tool": _NET,
    "list all problems: registry check --all": _NAME,
})  # fmt: skip
