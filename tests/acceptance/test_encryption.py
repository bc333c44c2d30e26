"""Encrypted packages as people use them: added, opened, wrapped anew, with a new key; and what is left behind."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest
from support import Ran, git, run_git, write_files

pyrage = pytest.importorskip("pyrage")
Cli = Callable[..., Ran]
MARK = b"this is the plaintext, which nobody else may see\n"
ADD = ("version", "add", "nlp/lang-id", "--framework", "custom", "--commit")
LATEST = "models/nlp/lang-id/versions/4"


class People:
    """Who has which key, and a registry that knows them."""

    def __init__(self, root: Path, folder: Path) -> None:
        self.root = root
        self.folder = folder
        folder.mkdir()
        self.public = {name: self._key(name) for name in ("ada", "bob", "carol")}

    def _key(self, name: str) -> str:
        identity = pyrage.x25519.Identity.generate()
        (self.folder / name).write_text(f"# {name}\n{identity}\n")
        return str(identity.to_public())

    def identity(self, name: str) -> tuple[str, str]:
        return "--identity", str(self.folder / name)

    def commit(self, *known: str, groups: Mapping[str, list[str]] | None = None) -> None:
        """Write ``recipients.yaml``."""
        keys = "".join(f"  {name}@example.org: [{self.public[name]}]\n" for name in known)
        lines = [f"  {g}: [{', '.join(f'{m}@example.org' for m in ms)}]\n" for g, ms in (groups or {}).items()]  # fmt: skip
        text = f"schema: recipients/v1\nrecipients:\n{keys}"
        text += f"groups:\n{''.join(lines)}" if lines else ""
        write_files(self.root, {"recipients.yaml": text})
        git(self.root, "add", "--all")
        git(self.root, "commit", "--quiet", "-m", "Recipients")


@pytest.fixture
def people(registry: Path, tmp_path: Path) -> People:
    found = People(registry, tmp_path / "people")
    found.commit("ada", "bob", groups={"speech": ["ada"]})
    return found


@pytest.fixture
def package(tmp_path: Path) -> Path:
    place = tmp_path / "package"
    write_files(
        place,
        {
            "manifest.json": "{}",
            "hooks/load.py": "print('loaded')\n",
            "models/weights.bin": MARK * 2000,
        },
    )
    return place


def tree(place: Path) -> dict[str, bytes]:
    return {
        p.relative_to(place).as_posix(): p.read_bytes() for p in place.rglob("*") if p.is_file()
    }


def everything_below(*places: Path) -> Iterator[bytes]:
    for place in places:
        yield from tree(place).values() if place.exists() else ()


def added(cli: Cli, people: People, package: Path, *to: str) -> Ran:
    options = [word for name in to for word in ("--encrypt-to", name)]
    ran = cli(*ADD, "--artifact", str(package), *options, cwd=people.root)
    assert ran.code == 0, ran.err
    return ran


# --- adding and opening


def test_for_a_person(cli: Cli, people: People, package: Path, tmp_path: Path, home: Path) -> None:
    added(cli, people, package, "ada@example.org")
    assert cli("check", "--all", cwd=people.root).code == 0
    out = tmp_path / "out"
    ran = cli("decrypt", "nlp/lang-id@4", "-o", str(out), *people.identity("ada"), cwd=people.root)
    assert (ran.code, ran.err) == (0, "")
    assert tree(out / "package") == tree(package)
    stored = [*everything_below(people.root, home)]
    assert stored
    assert not any(MARK in data or b"loaded" in data for data in stored)


def test_what_was_decrypted_can_be_verified(
    cli: Cli, people: People, package: Path, tmp_path: Path
) -> None:
    added(cli, people, package, "ada@example.org")
    out = tmp_path / "out"
    cli("decrypt", "nlp/lang-id@4", "-o", str(out), *people.identity("ada"), cwd=people.root)
    verify = ("verify", str(out), "--as", "nlp/lang-id@4")
    assert cli(*verify, cwd=people.root).code == 0
    (out / "package" / "manifest.json").write_text("[]")
    ran = cli(*verify, cwd=people.root)
    assert (ran.code, "package: has different content" in ran.out) == (1, True)
    assert cli("verify", "nlp/lang-id@4", "--bytes", cwd=people.root).code == 0


def test_somebody_else_is_told_whom_it_is_for(
    cli: Cli, people: People, package: Path, tmp_path: Path
) -> None:
    added(cli, people, package, "ada@example.org")
    out = str(tmp_path / "out")
    ran = cli("decrypt", "nlp/lang-id@4", "-o", out, *people.identity("bob"), cwd=people.root)
    assert ran.code == 1
    assert "it is encrypted for ada@example.org" in ran.err
    assert not (tmp_path / "out").exists()
    assert cli("decrypt", "nlp/lang-id@4", "-o", out, cwd=people.root).code == 2
    ran = cli("decrypt", "nlp/lang-id@3", "-o", out, *people.identity("bob"), cwd=people.root)
    assert "nlp/lang-id@3 is not encrypted" in ran.err


def test_plain_age_opens_it_too(cli: Cli, people: People, package: Path) -> None:
    """Nobody needs this program to get the content back: three times age, once tar."""
    added(cli, people, package, "ada@example.org")
    import registry_tool

    with registry_tool.open(people.root) as opened:
        version = opened.version("nlp/lang-id@4")
        age_file = version.artifact("package").fetch().read_bytes()
    key = (people.root / LATEST / "key.yaml").read_text()
    armour = "\n".join(line.strip() for line in key.partition("value: |\n")[2].splitlines())
    mine = pyrage.x25519.Identity.from_str((people.folder / "ada").read_text().splitlines()[1])
    secret = pyrage.decrypt(armour.encode(), [mine]).decode().strip()
    plain = pyrage.decrypt(age_file, [pyrage.x25519.Identity.from_str(secret)])
    assert MARK in plain
    listed = subprocess.run(["tar", "-t"], input=plain, capture_output=True, check=True)
    assert listed.stdout.decode().split() == [
        "hooks/load.py",
        "manifest.json",
        "models/weights.bin",
    ]


def test_an_ssh_key(cli: Cli, people: People, package: Path, tmp_path: Path) -> None:
    key = tmp_path / "ssh"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True)
    people.public["ada"] = f'"{" ".join((tmp_path / "ssh.pub").read_text().split()[:2])}"'
    people.commit("ada", "bob")
    added(cli, people, package, "ada@example.org")
    out = tmp_path / "out"
    ran = cli("decrypt", "nlp/lang-id@4", "-o", str(out), "--identity", str(key), cwd=people.root)
    assert ran.code == 0, ran.err
    assert tree(out / "package") == tree(package)


@pytest.mark.usefixtures("quick_passphrases")
def test_a_passphrase(
    cli: Cli, people: People, package: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REGISTRY_NEW_PASSPHRASE", "correct horse")
    monkeypatch.setenv("REGISTRY_PASSPHRASE", "correct horse")
    ran = cli(*ADD, "--artifact", str(package), "--encrypt-passphrase", cwd=people.root)
    assert ran.code == 0, ran.err
    open_it = ("decrypt", "nlp/lang-id@4", "-o", str(tmp_path / "out"), "--passphrase")
    assert cli(*open_it, cwd=people.root).code == 0
    assert tree(tmp_path / "out" / "package") == tree(package)
    monkeypatch.setenv("REGISTRY_PASSPHRASE", "wrong horse")
    ran = cli(*open_it, "--overwrite", cwd=people.root)
    assert ran.code == 1
    assert "it is encrypted for a passphrase" in ran.err


@pytest.mark.usefixtures("quick_passphrases")
def test_a_new_passphrase(
    cli: Cli, people: People, package: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REGISTRY_NEW_PASSPHRASE", "first")
    assert cli(*ADD, "--artifact", str(package), "--encrypt-passphrase", cwd=people.root).code == 0
    monkeypatch.setenv("REGISTRY_PASSPHRASE", "first")
    monkeypatch.setenv("REGISTRY_NEW_PASSPHRASE", "second")
    rewrap = ("rewrap", "nlp/lang-id@4", "--passphrase", "--new-passphrase", "--commit")
    assert cli(*rewrap, cwd=people.root).code == 0
    open_it = ("decrypt", "nlp/lang-id@4", "-o", str(tmp_path / "out"), "--passphrase")
    assert cli(*open_it, cwd=people.root).code == 1
    monkeypatch.setenv("REGISTRY_PASSPHRASE", "second")
    assert cli(*open_it, cwd=people.root).code == 0
    monkeypatch.delenv("REGISTRY_NEW_PASSPHRASE")
    ran = cli(*rewrap, cwd=people.root)
    assert "set REGISTRY_NEW_PASSPHRASE" in ran.err


def test_the_policy_for_content_holds_for_plaintext(
    cli: Cli, people: People, package: Path
) -> None:
    (package / "evil.pkl").write_bytes(b"cposix\nsystem\n(S'x'\ntR.")
    ran = cli(*ADD, "--artifact", str(package), "--encrypt-to", "ada@example.org", cwd=people.root)
    assert ran.code == 1
    assert "dangerous: package/evil.pkl" in ran.err


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--encrypt-to", "eve@example.org"), "eve@example.org is not in recipients.yaml"),
        (("--encrypt-to", "speech"), "the group speech has no key yet"),
        (("--encrypt-to", "ada@example.org", "--artifact", "a=-"), "cannot be encrypted"),
        (("--encrypt-to", "ada@example.org", "--artifact", "registry:nlp/lang-id@3/model"), "cannot be encrypted"),
    ],
)  # fmt: skip
def test_what_cannot_be_encrypted(
    cli: Cli, people: People, package: Path, options: tuple[str, ...], words: str
) -> None:
    before = git(people.root, "rev-parse", "HEAD")
    ran = cli(*ADD, "--artifact", str(package), *options, cwd=people.root)
    assert ran.code == 2
    assert words in ran.err
    assert git(people.root, "rev-parse", "HEAD") == before


# --- groups


def test_models_of_a_group_open_with_one_key(
    cli: Cli, people: People, package: Path, tmp_path: Path
) -> None:
    ran = cli("rewrap", "speech", "--commit", cwd=people.root)
    assert (ran.code, "note:" in ran.err) == (0, False)
    added(cli, people, package, "speech")
    (package / "manifest.json").write_text("[]")
    added(cli, people, package, "speech")
    # A new member: one small file changes, and both versions open.
    people.commit("ada", "bob", groups={"speech": ["ada", "bob"]})
    ran = cli("rewrap", "speech", *people.identity("ada"), "--commit", cwd=people.root)
    assert ran.code == 0, ran.err
    assert git(people.root, "show", "--name-only", "--format=") == "keys/speech.yaml"
    for version in ("4", "5"):
        out = str(tmp_path / version)
        ran = cli("decrypt", f"nlp/lang-id@{version}", "-o", out, *people.identity("bob"), cwd=people.root)  # fmt: skip
        assert ran.code == 0, ran.err
    assert tree(tmp_path / "5" / "package") == tree(package)
    assert cli("check", "--all", cwd=people.root).code == 0


def test_groups_that_cannot_be_wrapped(cli: Cli, people: People) -> None:
    assert "has no group speach" in cli("rewrap", "speach", cwd=people.root).err
    ran = cli("rewrap", "speech", "--to", "bob@example.org", cwd=people.root)
    assert "is for its members" in ran.err
    assert cli("rewrap", "speech", "--commit", cwd=people.root).code == 0
    ran = cli("rewrap", "speech", "--commit", cwd=people.root)
    assert "no identity to decrypt it is given" in ran.err
    ran = cli("rewrap", "speech", *people.identity("bob"), cwd=people.root)
    assert "opens the key of the group speech" in ran.err


# --- other readers, another key


def test_other_readers(cli: Cli, people: People, package: Path, tmp_path: Path) -> None:
    added(cli, people, package, "ada@example.org")
    record = (people.root / LATEST / "version.yaml").read_bytes()
    ran = cli(
        "rewrap", "nlp/lang-id@4", "--to", "bob@example.org", *people.identity("ada"), "--commit",
        cwd=people.root,
    )  # fmt: skip
    assert ran.code == 0, ran.err
    assert "may have kept the key" in ran.err
    assert git(people.root, "show", "--name-only", "--format=") == f"{LATEST}/key.yaml"
    assert (people.root / LATEST / "version.yaml").read_bytes() == record
    open_it = ("decrypt", "nlp/lang-id@4", "-o", str(tmp_path / "out"))
    assert cli(*open_it, *people.identity("ada"), cwd=people.root).code == 1
    assert cli(*open_it, *people.identity("bob"), cwd=people.root).code == 0


def test_a_new_key_takes_content_away(
    cli: Cli, people: People, package: Path, tmp_path: Path, home: Path
) -> None:
    added(cli, people, package, "ada@example.org", "bob@example.org")
    old_key = (people.root / LATEST / "key.yaml").read_text()
    ran = cli(
        "rekey", "nlp/lang-id@4", "--to", "ada@example.org", *people.identity("bob"), "--commit",
        cwd=people.root,
    )  # fmt: skip
    assert ran.code == 0, ran.err
    new = people.root / "models/nlp/lang-id/versions/5"
    record, before = (new / "version.yaml").read_text(), (people.root / LATEST / "version.yaml").read_text()  # fmt: skip
    same = [line for line in before.splitlines() if line.startswith("identity:")]
    assert same[0] in record
    assert "same_as: nlp/lang-id@4" in record
    assert old_key.splitlines()[1] != (new / "key.yaml").read_text().splitlines()[1]
    open_it = ("decrypt", "nlp/lang-id@5", "-o", str(tmp_path / "out"))
    assert cli(*open_it, *people.identity("bob"), cwd=people.root).code == 1
    assert cli(*open_it, *people.identity("ada"), cwd=people.root).code == 0
    assert tree(tmp_path / "out" / "package") == tree(package)
    assert not any(MARK in data for data in everything_below(people.root, home))
    assert cli("check", "--all", cwd=people.root).code == 0


def test_a_plain_version_again_encrypted(cli: Cli, people: People, tmp_path: Path) -> None:
    ran = cli(
        "encrypt", "nlp/lang-id@3", "--to", "ada@example.org", "--commit", "--format", "json",
        cwd=people.root,
    )  # fmt: skip
    assert ran.code == 0, ran.err
    assert f"{LATEST}/key.yaml" in json.loads(ran.out)["files"]
    out = tmp_path / "out"
    ran = cli("decrypt", "nlp/lang-id@4", "-o", str(out), *people.identity("ada"), cwd=people.root)
    assert sorted(tree(out)) == ["model.bin", "vocab.bin"]
    ran = cli("decrypt", "nlp/lang-id@4", "-o", str(out / "one"), "--artifact", "vocab", *people.identity("ada"), cwd=people.root)  # fmt: skip
    assert sorted(tree(out / "one")) == ["vocab.bin"]
    record = (people.root / LATEST / "version.yaml").read_text()
    assert "uri: s3://bucket/eval.parquet" in record
    assert "value: 0.97" in record
    ran = cli("encrypt", "nlp/lang-id@4", "--to", "ada@example.org", cwd=people.root)
    assert "is already encrypted" in ran.err
    assert cli("encrypt", "nlp/lang-id@3", cwd=people.root).code == 2


# --- what the check and the scan say


def test_a_key_does_not_go_away(cli: Cli, people: People, package: Path) -> None:
    added(cli, people, package, "ada@example.org")
    git(people.root, "rm", "--quiet", f"{LATEST}/key.yaml")
    ran = cli("check", cwd=people.root)
    assert ran.code == 1
    assert "M217 nlp/lang-id@4 is encrypted but has no key.yaml" in ran.out


def test_who_left_is_told(cli: Cli, people: People, package: Path) -> None:
    added(cli, people, package, "ada@example.org", "bob@example.org")
    people.commit("ada")
    ran = cli("check", "--all", cwd=people.root)
    assert "R314 the key of nlp/lang-id@4 is wrapped for bob@example.org" in ran.out


def test_a_payload_that_is_not_encrypted_after_all(
    cli: Cli, people: People, package: Path, tmp_path: Path
) -> None:
    added(cli, people, package, "ada@example.org")
    assert "recipients X25519" in cli("scan", "nlp/lang-id@4", cwd=people.root).out
    record = people.root / LATEST / "version.yaml"
    text = record.read_text()
    plain = tmp_path / "plain.tar.age"
    plain.write_bytes(MARK)
    run_git(people.root, "stash", "--quiet", "--include-untracked")
    ran = cli(*ADD, "--artifact", str(plain), cwd=people.root)
    assert ran.code == 0
    fifth = (people.root / "models/nlp/lang-id/versions/5/version.yaml").read_text()
    said = text[text.index("    encryption:") : text.index("    path: package.tar.age")]
    lie = fifth.replace("    path: plain.tar.age", f"{said}    path: plain.tar.age")
    write_files(people.root, {"models/nlp/lang-id/versions/5/version.yaml": lie})
    ran = cli("scan", "nlp/lang-id@5", cwd=people.root)
    assert ran.code == 1
    assert "the record says that it is encrypted, and it is not" in ran.out


def test_a_signature_covers_what_is_inside(
    cli: Cli, people: People, package: Path, tmp_path: Path
) -> None:
    from support.staged_registries import key, signer

    added(cli, people, package, "ada@example.org")
    mine = key(tmp_path / "keys", "mine")
    write_files(people.root, {"allowed_signers": signer("A <tester@example.org>", mine)})
    open_it = ("decrypt", "nlp/lang-id@4", "-o", str(tmp_path / "out"), "--require-signature", *people.identity("ada"))  # fmt: skip
    assert cli(*open_it, cwd=people.root).code == 1
    assert cli("sign", "nlp/lang-id@4", "--key", str(mine), cwd=people.root).code == 0
    assert cli(*open_it, cwd=people.root).code == 0
