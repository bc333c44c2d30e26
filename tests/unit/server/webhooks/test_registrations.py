from __future__ import annotations

import stat
import sys
import uuid
from dataclasses import replace
from pathlib import Path

import pytest

from registry_tool.errors import NotFoundError, OperationalError
from registry_tool.server.webhooks.registrations import Position, Webhook, WebhookStore

ID = str(uuid.UUID(int=7))
HOOK = Webhook(
    ID, "hook", "https://example.org/é", ("a.created",), "What it is.", "secret", is_active=True, created=1, updated=2,
    position=Position("c" * 40, "d" * 40, 3), failing_since=9,
)  # fmt: skip


@pytest.fixture
def store(tmp_path: Path) -> WebhookStore:
    found = WebhookStore(tmp_path / "webhooks")
    found.open()
    found.put(HOOK)
    return found


def _again(tmp_path: Path) -> WebhookStore:
    found = WebhookStore(tmp_path / "webhooks")
    found.open()
    return found


def test_a_webhook_is_what_it_was_after_a_restart(store: WebhookStore, tmp_path: Path) -> None:
    store.close()
    assert [*_again(tmp_path)] == [HOOK]
    assert "secret" not in repr(HOOK).replace("secret=", "")


@pytest.mark.skipif(sys.platform == "win32", reason="modes")
def test_others_read_nothing(store: WebhookStore, tmp_path: Path) -> None:
    store.open()
    folder = tmp_path / "webhooks"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(one.stat().st_mode) for one in folder.iterdir()} == {0o600}
    assert {one.name for one in folder.iterdir()} == {"lock", f"{ID}.json"}
    store.close()
    (folder / f"{ID}.json").chmod(0o644)
    with pytest.raises(OperationalError, match="can be read or written by other users"):
        _again(tmp_path)
    (folder / f"{ID}.json").chmod(0o600)
    assert len([*_again(tmp_path)]) == 1


@pytest.mark.skipif(sys.platform == "win32", reason="locks")
def test_one_server_has_them_at_a_time(store: WebhookStore, tmp_path: Path) -> None:
    with pytest.raises(OperationalError, match="another server delivers the webhooks"):
        _again(tmp_path)
    store.close()
    _again(tmp_path)


@pytest.mark.parametrize(
    "text", [b"", b"{}", b"[]", b"x" * 100_000, b"[" * 60_000, b'{"id": "../x"}']
)
def test_a_file_that_is_none_is_said(store: WebhookStore, tmp_path: Path, text: bytes) -> None:
    store.close()
    path = tmp_path / "webhooks" / f"{ID}.json"
    path.write_bytes(text)
    with pytest.raises(OperationalError, match="is not a webhook") as found:
        _again(tmp_path)
    assert found.value.remedy.endswith(f"rm {path}")
    path.unlink()
    assert [*_again(tmp_path)] == []


def test_a_file_with_another_name_is_none(store: WebhookStore, tmp_path: Path) -> None:
    store.close()
    path = tmp_path / "webhooks" / f"{ID}.json"
    path.rename(path.with_name(f"{uuid.UUID(int=8)}.json"))
    with pytest.raises(OperationalError, match="is not a webhook"):
        _again(tmp_path)


def test_it_is_edited_and_removed(store: WebhookStore, tmp_path: Path) -> None:
    changed = store.edit(ID, lambda one: replace(one, name="other"))
    assert changed == store.find(ID) == replace(HOOK, name="other")
    store.remove(ID)
    assert store.edit(ID, lambda one: one) is None
    with pytest.raises(NotFoundError):
        store.remove(ID)
    with pytest.raises(NotFoundError):
        store.remove("../../x")
    store.close()
    assert [*_again(tmp_path)] == []


def test_a_closed_store_writes_no_more(store: WebhookStore, tmp_path: Path) -> None:
    store.close()
    assert store.edit(ID, lambda one: replace(one, name="late")) is None
    assert [*_again(tmp_path)] == [HOOK]
