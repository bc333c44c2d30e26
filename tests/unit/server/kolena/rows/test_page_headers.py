"""The headers of pages: sizes as the writer says them, and bytes that are none."""

from __future__ import annotations

import io
from contextlib import suppress
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry_tool.server.kolena.rows.page_headers import list_pages


def encode(values: list[str], **options: Any) -> bytes:
    sink = io.BytesIO()
    pq.write_table(pa.table({"a": values}), sink, **options)
    return sink.getvalue()


@given(
    st.lists(st.text(max_size=20), min_size=1, max_size=200),
    st.sampled_from(["none", "zstd", "snappy"]),
    st.sampled_from([["a"], []]),
    st.sampled_from(["1.0", "2.0"]),
    st.integers(10, 2000),
)
def test_pages_have_the_sizes_that_the_footer_adds_up(
    values: list[str], compression: str, dictionary: list[str], version: str, page: int
) -> None:
    content = encode(
        values, compression=compression, use_dictionary=dictionary or False, data_page_version=version, data_page_size=page
    )  # fmt: skip
    chunk = pq.ParquetFile(io.BytesIO(content)).metadata.row_group(0).column(0)
    has_dictionary = bool(dictionary)
    start = chunk.dictionary_page_offset if has_dictionary else chunk.data_page_offset
    pages = [*list_pages(io.BytesIO(content), start, chunk.total_compressed_size)]
    assert pages[0].is_dictionary is has_dictionary
    assert sum(one.is_dictionary for one in pages) == has_dictionary
    # The footer also counts the headers, whose bytes are those that no page has.
    stored = sum(one.size for one in pages)
    assert 0 < chunk.total_uncompressed_size - stored < 200 * len(pages)


@given(st.binary(max_size=300))
def test_other_bytes_are_no_pages(content: bytes) -> None:
    with suppress(ValueError):
        for page in list_pages(io.BytesIO(content), 0, len(content)):
            assert page.size >= 0


@pytest.mark.parametrize(
    "content",
    [
        b"", b"\x15", b"\x15\x00\x15\x01\x00", b"\x15\x00\x15\x02\x15\x7f\x00", b"\xf5" * 100, b"\x1c" * 50,
        b"\x15" + b"\xff" * 20, b"\x15\x00\x15\x00\x15\x00\x18\xff\xff\xff\xff\x0f",
    ],
)  # fmt: skip
def test_what_is_no_header_is_refused(content: bytes) -> None:
    with pytest.raises(ValueError, match="page header"):
        next(list_pages(io.BytesIO(content), 0, max(1, len(content))))
