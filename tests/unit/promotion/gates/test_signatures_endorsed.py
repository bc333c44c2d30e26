"""Signatures of a record, by real keys: what each is worth, and the gate that asks for one."""

from __future__ import annotations

import datetime as dt
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from support.manifests import evidence_yaml
from support.staged_registries import ADA, BOB, MODEL, NOW, Staged, key, record, signer

from registry_tool.crypto import ssh_keygen
from registry_tool.manifests.problems import JSON
from registry_tool.signing.signatures import endorsements, list_signers

Make = Callable[..., Staged]
Keys = Callable[[str], Path]
GATE: dict[str, JSON] = {"evidence": "signature"}


@pytest.fixture
def keys(tmp_path: Path) -> Keys:
    return lambda name: key(tmp_path / "keys", name)


def signature(
    place: Path, *, of: str = "2", fields: Mapping[str, JSON] | None = None
) -> dict[str, str]:
    """Evidence beside version 2, with a signature of the record of one."""
    said: dict[str, JSON] = {
        "format": "ssh",
        "value": ssh_keygen.sign(record(of).encode(), str(place)),
    }
    text = evidence_yaml("2", kind="signature", record=record("2"), **(said | dict(fields or {})))
    return {f"{MODEL}/versions/2/evidence/by-{place.name}.yaml": text}


def states(registry: Staged, signers: str, change: dict[str, str]) -> list[str]:
    version = registry.question(change=change).version
    return [one.signature.state for one in endorsements(version, signers.encode())]


def test_by_an_allowed_signer(staged: Make, keys: Keys) -> None:
    ada = keys("ada")
    registry = staged(GATE, files={"allowed_signers": signer(ADA, ada)})
    assert registry.says() == ("failed", "nlp/lang-id@2 is not signed")
    assert registry.says(signature(ada)) == ("held", "by ada@example.org")
    registry.commit(signature(ada))
    assert registry.says() == ("held", "by ada@example.org")


def test_by_a_stranger(staged: Make, keys: Keys) -> None:
    registry = staged(GATE, files={"allowed_signers": signer(ADA, keys("ada"))})
    state, words = registry.says(signature(keys("mallory")))
    assert state == "failed"
    assert words.startswith("by-mallory.yaml: by a key that allowed_signers does not list: SHA256:")


def test_a_change_does_not_bring_its_own_signers(staged: Make, keys: Keys) -> None:
    mallory = keys("mallory")
    registry = staged(GATE)
    brought = {"allowed_signers": signer(ADA, mallory)} | signature(mallory)
    assert registry.says(brought) == (
        "failed",
        "there is no allowed_signers to identify keys",
    )


def test_what_it_claims_counts_for_nothing(staged: Make, keys: Keys) -> None:
    registry = staged(GATE, files={"allowed_signers": signer(ADA, keys("ada"))})
    assert registry.says(signature(keys("mallory"), fields={"by": ADA}))[0] == "failed"


def test_of_another_version(staged: Make, keys: Keys) -> None:
    ada = keys("ada")
    registry = staged(GATE, files={"allowed_signers": signer(ADA, ada)})
    assert registry.says(signature(ada, of="1")) == (
        "failed",
        "by-ada.yaml: it does not match these bytes and its key",
    )


def test_for_another_purpose(staged: Make, keys: Keys) -> None:
    ada = keys("ada")
    registry = staged(GATE, files={"allowed_signers": signer(ADA, ada, 'namespaces="git"')})
    assert registry.says(signature(ada))[0] == "failed"


def test_about_other_bytes(staged: Make, keys: Keys) -> None:
    ada = keys("ada")
    registry = staged(GATE, files={"allowed_signers": signer(ADA, ada)})
    text = signature(ada)[f"{MODEL}/versions/2/evidence/by-ada.yaml"]
    copied = {f"{MODEL}/versions/2/evidence/copied.yaml": text.replace('"2"', '"1"', 1)}
    assert (
        registry.says(copied)[0] == "held"
    )  # which version it names is for R-rules; the digest counts
    other = evidence_yaml("2", kind="signature", record=record("1"), format="ssh", value="x")
    change = {f"{MODEL}/versions/2/evidence/other.yaml": other}
    assert registry.says(change) == ("failed", "other.yaml: it is about other content")


@pytest.mark.parametrize(
    ("fields", "state"),
    [
        ({"format": "sigstore", "value": "{}"}, "other"),
        ({"format": "ssh", "value": None, "uri": "https://example.org/sig"}, "other"),
        ({"format": "ssh", "value": "nonsense"}, "bad"),
    ],
)
def test_what_is_no_ssh_signature(
    staged: Make, keys: Keys, fields: dict[str, JSON], state: str
) -> None:
    ada = keys("ada")
    assert states(staged(GATE), signer(ADA, ada), signature(ada, fields=fields)) == [state]


def test_each_signer_once(staged: Make, keys: Keys) -> None:
    ada, bob = keys("ada"), keys("bob")
    signers = signer(ADA, ada) + signer(BOB, bob)
    change = signature(ada) | signature(bob)
    change |= {path.replace("by-ada", "again"): text for path, text in signature(ada).items()}
    version = staged(GATE).question(change=change).version
    assert list_signers(version, signers.encode()) == ["ada@example.org", "bob@example.org"]


def test_an_expired_key_counts_for_what_was_published_in_time(staged: Make, keys: Keys) -> None:
    ada = keys("ada")
    line = signer(ADA, ada, 'valid-before="20261115"')
    late = staged(GATE, files={"allowed_signers": line})
    late.commit(
        signature(ada, fields={"at": "2026-11-01T00:00:00.000Z"}), at="2026-11-16T12:00:00Z"
    )
    assert late.says()[0] == "failed"  # whatever time the file claims
    early = Staged(late.root.parent / "early", {"require": [GATE]}, {"allowed_signers": line})
    early.commit(signature(ada), at="2026-11-10T12:00:00Z")
    assert early.says() == ("held", "by ada@example.org")


def test_a_signature_by_a_key_needs_no_openssh(
    staged: Make, keys: Keys, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ada = keys("ada")
    registry = staged(GATE, files={"allowed_signers": signer(ADA, ada)})
    change, forged = signature(ada), signature(ada, of="1")
    git = shutil.which("git")
    assert git is not None
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "git").symlink_to(git)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    assert registry.says(change)[0] == "held"
    assert registry.says(forged)[0] == "failed"


def test_two_releases_of_a_scanner_are_one_tool(staged: Make) -> None:
    registry = staged({"evidence": "scan", "verdict": "pass"})

    def scan(tool: str, verdict: str) -> dict[str, str]:
        text = evidence_yaml("2", kind="scan", record=record("2"), tool=tool, verdict=verdict)
        name = f"{tool}-{verdict}".replace(" ", "-")
        return {f"{MODEL}/versions/2/evidence/{name}.yaml": text}

    registry.commit(scan("registry-tool 0.1.0", "fail"))
    assert registry.says()[0] == "failed"
    assert registry.says(scan("virus-scanner 7", "pass"))[0] == "failed"
    assert registry.says(scan("registry-tool 0.2.0", "pass"))[0] == "held"


def test_a_commit_that_is_dated_back_gains_an_expired_key_nothing(staged: Make, keys: Keys) -> None:
    ada = keys("ada")
    line = signer(ADA, ada, 'valid-before="20261105"')
    registry = staged(GATE, files={"allowed_signers": line})
    registry.commit(at="2026-11-09T12:00:00Z")
    registry.commit(signature(ada), at="2026-11-04T12:00:00Z")
    state, words = registry.says()
    assert state == "failed"
    assert "by a key that is not valid on 2026-11-09 12:00 UTC, when it was published" in words


def test_a_change_is_judged_by_the_clock_of_whoever_judges(staged: Make, keys: Keys) -> None:
    ada = keys("ada")
    line = signer(ADA, ada, 'valid-before="20261122"')
    registry = staged(GATE, files={"allowed_signers": line})
    late = NOW + dt.timedelta(days=2)
    assert registry.ask(change=signature(ada))[-1].state == "held"
    assert registry.ask(change=signature(ada), now=late)[-1].state == "failed"


def test_a_date_that_no_calendar_has(staged: Make, keys: Keys) -> None:
    ada = keys("ada")
    registry = staged(GATE, files={"allowed_signers": signer(ADA, ada, 'valid-after="20200101"')})
    registry.commit(signature(ada), at="@99999999999999 +0000")
    assert registry.says()[0] in {"held", "failed"}
