"""All pages of a registry: their data, their links, and what they say."""

from __future__ import annotations

import gzip
import hashlib
import html
import json
import os
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree as ET

import jsonschema
import pytest
from support.built_pages import PageReader, build_pages, find_broken_links, list_pages, read_data

import registry_tool
from registry_tool.devtools.page_schemas import main, render_schemas
from registry_tool.manifests.data import records, text
from registry_tool.web.pages.kinds import PAGE_KINDS
from registry_tool.web.views.moves import AliasMoves
from registry_tool.web.views.source import PageSource
from registry_tool.web.views.summary import ModelSummary

ROOT = Path(__file__).parents[3]
MODEL = "models/nlp/lang-id"


def _words(page: Path) -> str:
    return " ".join(PageReader(page.read_text(encoding="utf-8")).words.split())


def test_the_schemas_are_those_of_the_views() -> None:
    for path, written in render_schemas():
        assert (ROOT / path).read_text(encoding="utf-8") == written, (
            "run: python -m registry_tool.devtools.page_schemas"
        )
        jsonschema.Draft202012Validator.check_schema(json.loads(written))


def test_a_schema_that_differs_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["--check"]) == 1
    assert "run: python -m registry_tool.devtools.page_schemas" in capsys.readouterr().err
    assert main() == 0
    assert main(["--check"]) == 0


def test_the_data_of_every_page_matches_its_schema(pages: Path) -> None:
    seen: set[str] = set()
    for page in list_pages(pages):
        data = read_data(page)
        kind = str(data["schema"]).split("/")[1]
        seen.add(kind)
        schema = json.loads((ROOT / "schemas" / "pages" / kind / "v1.schema.json").read_bytes())
        jsonschema.Draft202012Validator(schema).validate(data)
    assert seen >= set(PAGE_KINDS) - {"versions"}  # of more than twenty versions


def test_every_link_leads_somewhere(pages: Path) -> None:
    assert find_broken_links(pages) == []


def test_no_page_has_inline_styles_or_scripts_or_loads_from_elsewhere(pages: Path) -> None:
    for page in list_pages(pages):
        source = page.read_text(encoding="utf-8")
        reader = PageReader(source)
        assert reader.inline == []
        assert "default-src 'none'" in html.unescape(source)
        assert "unsafe" not in source.partition("</head>")[0]
        loaded = [link for link in reader.links if link.endswith((".js", ".css"))]
        assert loaded
        assert all("://" not in link for link in loaded)


def test_the_model_page_answers_what_is_in_production(pages: Path) -> None:
    words = _words(pages / MODEL / "index.html")
    assert "production 12 0.9387 accuracy" in words
    assert (
        "Since 24 June 2026 , moved by release-bot : “smaller, and better on short text”" in words
    )
    assert "staging 14 0.9451 +0.0064 better" in words
    assert "4 of 5 gates to production pass." in words
    assert "gate of production: at least 0.9" in words
    assert "11 from 11 June 2026 to 14 June 2026, then rolled back" in words
    data = read_data(pages / MODEL / "index.html")
    assert [(text(h, "alias"), text(h, "version")) for h in records(data, "holders")] == [
        ("production", "12"), ("staging", "14"), ("canary", "13"),
    ]  # fmt: skip


def test_the_version_page_has_gates_with_numbers_and_a_comparison(pages: Path) -> None:
    words = _words(pages / MODEL / "14" / "index.html")
    assert "To production: 4 of 5 gates pass" in words
    assert "4 d of 7d, since 2026-07-24 09:00 UTC" in words
    assert "latency_ms 3.9 against 4.1 of version 12: no worse" in words
    assert "Compared with production, version 12" in words
    assert "- numpy: ==1.26.3 + numpy: ==2.1.0" in words
    assert "changed , −400.0 kB" in words  # noqa: RUF001
    assert "Evaluation holdout-2026: pass" in words


def test_states_are_shown_as_such(pages: Path) -> None:
    assert "This version is withdrawn: it is not served" in _words(pages / MODEL / "11/index.html")
    assert "This is a draft: it is not served before it is sealed" in _words(
        pages / MODEL / "15/index.html"
    )
    assert "withdrawn" in _words(pages / MODEL / "index.html")


def test_the_data_says_what_the_command_line_says(illustrated: Path, pages: Path) -> None:
    with registry_tool.open(illustrated) as registry:
        described = registry.describe("nlp/lang-id@14").data
        gates = registry.audit(model="nlp/lang-id")
        compared = registry.compare("nlp/lang-id@12", "nlp/lang-id@14")
    data = read_data(pages / MODEL / "14" / "index.html")
    for key in ("metrics", "metadata", "state", "description"):
        assert data[key] == described[key]
    found = {row.name: row.difference for row in compared.groups["metrics"]}
    comparison = data["comparison"]
    assert isinstance(comparison, dict)
    assert {text(one, "key"): one["change"] for one in records(comparison, "metrics")} == found
    model = json.loads((pages / "timeline" / "index.json").read_bytes())
    lane = next(one for one in model["lanes"] if one["model"] == "nlp/lang-id")
    assert [(t["version"], t["commit"]) for t in lane["tenures"]] == [
        (one.version, one.start.commit) for one in gates if one.alias == "production"
    ]


def test_the_timeline_has_csv_and_a_feed(pages: Path) -> None:
    lines = (pages / "timeline" / "moves.csv").read_text(encoding="utf-8").splitlines()
    assert lines[0].startswith("model,alias,version,from_commit")
    assert sum("nlp/lang-id,production" in line for line in lines) == 7
    feed = ET.parse(pages / "timeline" / "feed.xml").getroot()
    atom = "{http://www.w3.org/2005/Atom}"
    entries = feed.findall(f"{atom}entry")
    assert len(entries) == len({one.findtext(f"{atom}id") for one in entries}) > 10
    assert entries[0].findtext(f"{atom}title") == "nlp/lang-id@staging is 14"
    target = entries[0].find(f"{atom}link")
    assert target is not None
    assert (pages / "timeline" / str(target.get("href"))).resolve().is_file()


def test_lineage_and_health_and_home(pages: Path) -> None:
    assert "nlp/router 30" in _words(pages / MODEL / "-/lineage/index.html")
    health = _words(pages / "health" / "index.html")
    assert "M204 search/ranker@14 2026-08-15 18 days left" in health
    assert "nlp/lang-id@12 unsigned production" in health
    home = _words(pages / "index.html")
    assert "nlp/lang-id 12 0.9387 +0.0103 better" in home
    assert "24 June 2026 34 days" in home


def test_a_page_of_a_model_has_nothing_of_the_commit(illustrated: Path, pages: Path) -> None:
    commit = subprocess.run(
        ["git", "rev-parse", "HEAD"], cwd=illustrated, check=True, capture_output=True, text=True
    ).stdout.strip()
    for page in (pages / "models" / "nlp").rglob("*/index.html"):
        assert commit[:12] not in page.read_text(encoding="utf-8"), page


def test_the_same_commit_gives_the_same_bytes(
    illustrated: Path, pages: Path, tmp_path: Path
) -> None:
    script = "import sys; from pathlib import Path; from support.built_pages import build_pages; build_pages(Path(sys.argv[1]), Path(sys.argv[2]), check=True)"
    env = {
        **os.environ,
        "PYTHONHASHSEED": "7",
        "PYTHONPATH": str(ROOT / "tests"),
        "TZ": "Asia/Tokyo",
        "LC_ALL": "C",
    }
    subprocess.run([sys.executable, "-c", script, illustrated, tmp_path], env=env, check=True)

    def digests(folder: Path) -> dict[str, str]:
        return {
            p.relative_to(folder).as_posix(): hashlib.sha256(p.read_bytes()).hexdigest()
            for p in folder.rglob("*") if p.is_file()
        }  # fmt: skip

    assert digests(tmp_path) == digests(pages)


def test_a_key_changes_with_the_model_and_with_nothing_else(illustrated: Path) -> None:
    with registry_tool.open(illustrated) as registry:
        source = PageSource(registry)
        keys = source.model_keys("templates")
        assert len(set(keys.values())) == 5
        assert source.model_keys("other").keys() == keys.keys()
        assert not set(source.model_keys("other").values()) & set(keys.values())
        earlier = registry.at("2026-07-23")
        before = PageSource(earlier).model_keys("templates")
    changed = {name for name, key in keys.items() if before[name] != key}
    assert changed == {"nlp/lang-id"}


def test_moves_and_summaries_are_kept_between_builds(illustrated: Path, tmp_path: Path) -> None:
    summaries = build_pages(illustrated, tmp_path)
    for summary in summaries:
        kept = json.loads(json.dumps(summary.to_json()))
        assert ModelSummary.from_json(kept) == summary
    with registry_tool.open(illustrated) as registry:
        whole = AliasMoves.read(registry)
        earlier = AliasMoves.read(registry.at("2026-05-01"))
        kept = AliasMoves.from_json(json.loads(json.dumps(earlier.to_json())))
        assert kept == earlier
        assert AliasMoves.read(registry, kept) == whole


def test_style_and_scripts_are_small(pages: Path) -> None:
    def measure(*paths: Path) -> int:
        return sum(len(gzip.compress(path.read_bytes(), 6)) for path in paths)

    assets = pages / "assets"
    assert measure(*assets.glob("*.css")) <= 8_000
    for name in ("timeline", "compare", "search"):
        assert measure(*assets.glob("catalog.*.js"), *assets.glob(f"{name}.*.js")) <= 10_000
    for page in list_pages(pages):
        most = 15_000 if read_data(page)["schema"] == "pages/version/v1" else 40_000
        assert measure(page) <= most, page
