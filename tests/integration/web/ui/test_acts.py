"""Acts in a browser, by role and label: each ends as one commit, and a fresh clone passes the check."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect
from support.browser import ChromiumProcess, audit_page
from support.illustrated_registry import build_illustrated_registry
from support.repositories import commit, git, write_files
from support.ui_servers import RunningUi, check_fresh_clone, list_changed_files, run_ui

_LANG_ID = "models/nlp/lang-id"


@pytest.fixture(scope="module")
def ui(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningUi]:
    folder = tmp_path_factory.mktemp("ui") / "registry"
    build_illustrated_registry(folder)
    with run_ui(folder) as running:
        yield running


def _commit_form(page: Page) -> None:
    """From a form by its review to the page of the commit."""
    page.get_by_role("button", name="Review the change").click()
    write = page.get_by_role("button", name="Commit to main")
    expect(write).to_be_visible()
    assert audit_page(page) == []
    write.click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Committed")
    assert audit_page(page) == []


def test_promote_with_its_gates(chromium: ChromiumProcess, ui: RunningUi, tmp_path: Path) -> None:
    with chromium.visit(ui.url) as visit:
        page = visit.page
        page.goto(f"{ui.url}{_LANG_ID}/14/")
        page.get_by_role("link", name="Promote").click()
        expect(page.get_by_role("heading", name="Gates to production")).to_be_visible()
        expect(page.get_by_text("5 of 5 gates pass")).to_be_visible()
        page.get_by_label("Reason").fill("better everywhere")
        _commit_form(page)
        page.get_by_role("link", name="To nlp/lang-id").click()
        expect(page.get_by_role("heading", name="production").first).to_be_visible()
        expect(page.get_by_text("“better everywhere”")).to_be_visible()
        assert visit.is_quiet, visit
    assert list_changed_files(ui.folder) == [f"{_LANG_ID}/aliases/production.yaml"]
    assert "Promote nlp/lang-id@14 to production" in git(ui.folder, "log", "-1")
    check_fresh_clone(ui.folder, tmp_path / "fresh")


def test_a_gate_that_fails_blocks_the_button(chromium: ChromiumProcess, ui: RunningUi) -> None:
    before = git(ui.folder, "rev-parse", "HEAD")
    with chromium.visit(ui.url) as visit:
        page = visit.page
        page.goto(f"{ui.url}-/promote/nlp/lang-id/2?stage=production")
        expect(page.get_by_role("img", name="fails").first).to_be_visible()
        button = page.get_by_role("button", name="Review the change")
        expect(button).to_be_disabled()
        expect(page.locator("#why-not")).to_contain_text("cannot be promoted to production")
        assert audit_page(page) == []
        # A browser without the attribute sends the form, and the server refuses it in the words of the command.
        button.evaluate("button => { button.disabled = false; }")
        button.click()
        expect(page.get_by_role("alert")).to_contain_text("nlp/lang-id@2 cannot be promoted to")
    assert git(ui.folder, "rev-parse", "HEAD") == before


def test_edit_a_model_and_see_the_diff(chromium: ChromiumProcess, ui: RunningUi, tmp_path: Path) -> None:  # fmt: skip
    with chromium.visit(ui.url, scripts=False) as visit:
        page = visit.page
        page.goto(f"{ui.url}models/nlp/router/")
        page.get_by_role("link", name="Edit").click()
        page.get_by_label("Title").fill("Router, “der schnelle” <b>")
        page.get_by_label("Labels").fill("edge, fast")
        page.get_by_label("Metadata").fill('{"team": "speech", "limit": 0.25}')
        page.get_by_label("Model card").fill("# Router\n\nIt routes.\n")
        page.get_by_role("button", name="Review the change").click()
        diff = page.get_by_label("Diff of models/nlp/router/model.yaml")
        expect(diff).to_contain_text("+metadata:")
        expect(page.get_by_text("Check: passes")).to_be_visible()
        page.get_by_role("button", name="Back to the form").click()
        expect(page.get_by_label("Labels")).to_have_value("edge, fast")
        page.get_by_role("button", name="Review the change").click()
        page.get_by_role("button", name="Commit to main").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("Committed")
        page.get_by_role("link", name="To nlp/router").click()
        expect(page.get_by_role("heading", level=1)).to_have_text("Router, “der schnelle” <b>")
        assert visit.is_quiet, visit
    assert f"{_LANG_ID.replace('lang-id', 'router')}/model.yaml" in list_changed_files(ui.folder)
    check_fresh_clone(ui.folder, tmp_path / "fresh")


def test_alias_tag_and_removal(chromium: ChromiumProcess, ui: RunningUi, tmp_path: Path) -> None:
    with chromium.visit(ui.url) as visit:
        page = visit.page
        page.goto(f"{ui.url}{_LANG_ID}/8/")
        page.get_by_role("link", name="Set alias").click()
        page.get_by_label("Alias", exact=True).fill("champion")
        _commit_form(page)
        page.goto(f"{ui.url}{_LANG_ID}/")
        page.get_by_role("link", name="Set alias").click()
        page.get_by_label("Alias", exact=True).fill("champion")
        page.get_by_label("Version", exact=True).select_option("7")
        page.get_by_label("Reason").fill("smaller")
        _commit_form(page)
        page.goto(f"{ui.url}{_LANG_ID}/7/")
        page.get_by_role("link", name="Tag", exact=True).click()
        page.get_by_label("Tag", exact=True).fill("summer")
        _commit_form(page)
        page.goto(f"{ui.url}{_LANG_ID}/")
        page.get_by_role("link", name="Remove alias").click()
        page.get_by_label("Alias", exact=True).select_option("champion")
        _commit_form(page)
        assert visit.is_quiet, visit
    assert git(ui.folder, "log", "-4", "--format=%s").splitlines() == [
        "Remove nlp/lang-id@champion",
        "Tag nlp/lang-id@7 as summer",
        "Move nlp/lang-id@champion from 8 to 7",
        "Set nlp/lang-id@champion to 8",
    ]
    check_fresh_clone(ui.folder, tmp_path / "fresh")


def test_roll_back(chromium: ChromiumProcess, ui: RunningUi, tmp_path: Path) -> None:
    with chromium.visit(ui.url) as visit:
        page = visit.page
        page.goto(f"{ui.url}{_LANG_ID}/")
        page.get_by_role("link", name="Roll back").click()
        page.get_by_label("Alias", exact=True).select_option("staging")
        page.get_by_label("Reason").fill("wrong on short text")
        _commit_form(page)
        assert visit.is_quiet, visit
    assert list_changed_files(ui.folder) == [f"{_LANG_ID}/aliases/staging.yaml"]
    check_fresh_clone(ui.folder, tmp_path / "fresh")


def test_deprecate_and_withdraw(chromium: ChromiumProcess, ui: RunningUi, tmp_path: Path) -> None:
    with chromium.visit(ui.url) as visit:
        page = visit.page
        page.goto(f"{ui.url}{_LANG_ID}/4/")
        page.get_by_role("link", name="Deprecate").click()
        page.get_by_label("Reason").fill("slower than 5")
        page.get_by_label("Replaced by").fill("nlp/lang-id@5")
        _commit_form(page)
        page.goto(f"{ui.url}{_LANG_ID}/4/")
        page.get_by_role("link", name="Withdraw").click()
        dialog = page.get_by_role("dialog", name="Withdraw nlp/lang-id@4")
        dialog.get_by_label("Reason").fill("wrong licence")
        final = dialog.get_by_role("button", name="Withdraw nlp/lang-id@4")
        expect(final).to_be_disabled()
        dialog.get_by_label("Type nlp/lang-id@4 to confirm").fill("nlp/lang-id@4")
        assert audit_page(page) == []
        final.click()
        expect(page.get_by_role("heading", level=1)).to_have_text("Committed")
        assert visit.is_quiet, visit
    assert list_changed_files(ui.folder) == [f"{_LANG_ID}/versions/4/status.yaml"]
    check_fresh_clone(ui.folder, tmp_path / "fresh")


def test_delete_by_keyboard_alone(chromium: ChromiumProcess, ui: RunningUi, tmp_path: Path) -> None:
    with chromium.visit(ui.url) as visit:
        page = visit.page
        page.goto(f"{ui.url}{_LANG_ID}/1/")
        link = page.get_by_role("link", name="Delete")
        link.focus()
        page.keyboard.press("Enter")
        dialog = page.get_by_role("dialog")
        expect(dialog).to_be_visible()
        page.keyboard.press("Escape")
        expect(dialog).to_have_count(0)
        expect(link).to_be_focused()
        page.keyboard.press("Enter")
        dialog.get_by_label("Reason").focus()
        page.keyboard.type("never used")
        page.keyboard.press("Tab")
        page.keyboard.type("nlp/lang-id@1")
        page.keyboard.press("Enter")
        expect(page.get_by_role("heading", level=1)).to_have_text("Committed")
    assert sorted(list_changed_files(ui.folder)) == [
        f"{_LANG_ID}/versions/1/deletion.yaml", f"{_LANG_ID}/versions/1/status.yaml",
    ]  # fmt: skip
    check_fresh_clone(ui.folder, tmp_path / "fresh")


def test_what_an_alias_names_is_not_deleted(chromium: ChromiumProcess, ui: RunningUi) -> None:
    before = git(ui.folder, "rev-parse", "HEAD")
    with chromium.visit(ui.url, scripts=False) as visit:
        page = visit.page
        page.goto(f"{ui.url}-/delete-version/nlp/lang-id/13")
        page.get_by_label("Reason").fill("old")
        page.get_by_label("Type nlp/lang-id@13 to confirm").fill("nlp/lang-id@12")
        page.get_by_role("button", name="Delete nlp/lang-id@13").click()
        expect(page.get_by_role("alert")).to_contain_text("is not that of this act")
        page.get_by_label("Type nlp/lang-id@13 to confirm").fill("nlp/lang-id@13")
        page.get_by_role("button", name="Delete nlp/lang-id@13").click()
        expect(page.get_by_role("alert")).to_contain_text("is still the target of alias canary")
        expect(page.get_by_label("Reason")).to_have_value("old")
    assert git(ui.folder, "rev-parse", "HEAD") == before


def test_another_branch(chromium: ChromiumProcess, ui: RunningUi, tmp_path: Path) -> None:
    before = git(ui.folder, "rev-parse", "main")
    with chromium.visit(ui.url) as visit:
        page = visit.page
        page.goto(f"{ui.url}-/tag/nlp/lang-id/6")
        page.get_by_label("Tag", exact=True).fill("spring")
        page.get_by_label("Name of the other branch").fill("try-spring")
        page.get_by_role("button", name="Review the change").click()
        page.get_by_role("button", name="Commit to try-spring").click()
        expect(page.get_by_text("git push -u origin try-spring")).to_be_visible()
        assert visit.is_quiet, visit
    assert git(ui.folder, "rev-parse", "main") == before
    assert git(ui.folder, "log", "-1", "--format=%s", "try-spring").strip() == "Tag nlp/lang-id@6 as spring"  # fmt: skip


def test_a_commit_of_another_user_loses_nothing(chromium: ChromiumProcess, ui: RunningUi, tmp_path: Path) -> None:  # fmt: skip
    path = "models/search/ranker/model.yaml"
    with chromium.visit(ui.url) as visit:
        page = visit.page
        page.goto(f"{ui.url}-/edit/search/ranker")
        page.get_by_label("Description").fill("mine")
        text = (ui.folder / path).read_text(encoding="utf-8")
        write_files(ui.folder, {path: f"{text.rstrip()}\nexternal_id: rk-9\n"})
        commit(ui.folder, "External id of ranker")
        page.get_by_role("button", name="Review the change").click()
        alert = page.get_by_role("alert")
        expect(alert).to_contain_text("Another commit came first")
        expect(alert).to_contain_text("External id of ranker")
        expect(page.get_by_label("Description")).to_have_value("mine")
        assert audit_page(page) == []
        _commit_form(page)
        assert [text for text in visit.complaints if "409" not in text] == []
    text = (ui.folder / path).read_text(encoding="utf-8")
    assert "external_id: rk-9" in text
    assert "description: mine" in text
    check_fresh_clone(ui.folder, tmp_path / "fresh")


def test_two_tabs_change_one_field(chromium: ChromiumProcess, ui: RunningUi) -> None:
    with chromium.visit(ui.url) as visit:
        first, second = visit.page, visit.context.new_page()
        for page, words in ((first, "of the first tab"), (second, "of the second tab")):
            page.goto(f"{ui.url}-/edit/vision/doc-layout")
            page.get_by_label("Description").fill(words)
        for page in (first, second):
            page.get_by_role("button", name="Review the change").click()
        first.get_by_role("button", name="Commit to main").click()
        expect(first.get_by_role("heading", level=1)).to_have_text("Committed")
        second.get_by_role("button", name="Commit to main").click()
        expect(second.get_by_label("Description")).to_have_value("of the second tab")
        expect(second.get_by_text("of the first tab")).to_be_visible()
        _commit_form(second)
    subjects = git(ui.folder, "log", "-2", "--format=%s").splitlines()
    assert subjects == ["Update description of vision/doc-layout"] * 2
