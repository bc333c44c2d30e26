"""UUIDs follow from history: equal on every replica, kept when a draft is sealed, found again after more commits."""

from __future__ import annotations

import uuid
from pathlib import Path

from support.written_trains import MODEL, bare_registry, version_request

from registry_tool.api.registry import open_registry
from registry_tool.live.follow import LiveCatalog
from registry_tool.live.ids import make_uuid, number_namespace
from registry_tool.live.snapshot import Snapshot
from registry_tool.live.uuids import UuidIndex
from registry_tool.server.service import ServiceOptions, open_service


def test_a_uuid_is_of_version_5_and_of_path_and_commit() -> None:
    one = make_uuid("models/nlp/lang-id/versions/1", "a" * 40)
    assert uuid.UUID(one).version == 5
    assert one == make_uuid("models/nlp/lang-id/versions/1", "a" * 40)
    assert one != make_uuid("models/nlp/lang-id/versions/1", "b" * 40)
    assert one != make_uuid("models/nlp/lang-id/versions/2", "a" * 40)


def test_the_number_of_a_namespace_is_exact_in_every_json_reader() -> None:
    numbers = {number_namespace(name) for name in ("nlp", "vision", "default")}
    assert len(numbers) == 3
    assert all(0 < number < 1 << 53 for number in numbers)


def snapshot_of(folder: Path) -> Snapshot:
    with open_registry(folder, ref="HEAD") as registry:
        live = LiveCatalog(registry.repository, "refs/heads/main")
        try:
            return live.snapshot
        finally:
            live.close()


def test_records_are_found_by_uuid_in_every_clone_and_after_more_commits(tmp_path: Path) -> None:
    folder = bare_registry(tmp_path)
    index = UuidIndex()
    before = snapshot_of(folder)
    model = before.models[MODEL]
    known = before.uuid(model)
    assert index.find(before, before, known) is model
    with open_service(folder, ServiceOptions()) as service:
        import asyncio

        written = asyncio.run(service.write(version_request(2)))
        assert written.commit is not None
        now = service.snapshot
        added = now.version(MODEL, "2")
        assert added is not None
        assert service.find_uuid(now, now.uuid(added).upper()) is added
        assert service.find_uuid(now, known) == now.models[MODEL]
        assert index.find(now, now, now.uuid(added)) is added
        assert service.find_uuid(now, str(uuid.uuid4())) is None
    other = snapshot_of(folder)
    again = other.version(MODEL, "2")
    assert again is not None
    assert other.uuid(again) == now.uuid(added)
