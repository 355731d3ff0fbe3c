"""The user interface in a real browser: the form, a run, its artifacts, and an approval.

`SCREENSHOTS=docs` keeps what was seen there.
"""

from __future__ import annotations

import os
import shutil
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest
from playwright.sync_api import expect, sync_playwright

from tests.delivery.world import row_of, rows_of
from tests.flows.operations import PROJECT, until
from tests.flows.test_operations import asked, place
from tests.flows.world import CONTACTS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Locator, Page

    from tests.delivery.world import World
    from tests.flows.operations import Operations

__all__ = ["place"]
CHROMIUM: Final = shutil.which("chromium")
ALONE: Final = "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1"
FLAGS: Final = ("--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", ALONE)
WITHOUT_PATHS: Final = r"""() => {
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT)
  while (texts.nextNode()) {
    const text = texts.currentNode
    text.nodeValue = text.nodeValue.replace(/\/tmp\/pytest-of-[\w-]+\/[\w-]+\/\w+/g, "/srv/consent-sync")
  }
}"""
"""A reader of the manual has other folders than a test."""
WIDTH: Final = 1280
HEIGHT: Final = 1000
PATIENCE_MS: Final = 60_000
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no chromium on this machine")


@pytest.fixture
def page() -> Iterator[Page]:
    """A page that asks nobody but this machine."""
    asked_elsewhere: list[str] = []
    expect.set_options(timeout=PATIENCE_MS)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, headless=True, args=list(FLAGS))
        found = browser.new_page(viewport={"width": WIDTH, "height": HEIGHT})
        found.set_default_timeout(PATIENCE_MS)
        here = ("http://127.0.0.1", "ws://127.0.0.1", "data:", "blob:")
        found.on("request", lambda r: None if r.url.startswith(here) else asked_elsewhere.append(r.url))
        yield found
        browser.close()
    assert asked_elsewhere == []


def keep(page: Page, name: str, height: int = HEIGHT) -> None:
    """A screenshot for the manual."""
    if folder := os.environ.get("SCREENSHOTS"):
        page.set_viewport_size({"width": WIDTH, "height": height})
        page.wait_for_timeout(1500)
        page.evaluate(WITHOUT_PATHS)
        page.screenshot(path=PROJECT / folder / f"{name}.png")
        page.set_viewport_size({"width": WIDTH, "height": HEIGHT})


def field(page: Page, title: str) -> Locator:
    """The innermost field of a form with that title."""
    return page.locator(".schema-form-property").filter(has=page.get_by_text(title, exact=False)).last


def choose(page: Page, title: str, option: str) -> None:
    """Chooses in a select."""
    field(page, title).locator(".p-select-button__icon").click()
    page.get_by_role("option", name=option, exact=True).click()
    expect(page.get_by_role("option")).to_have_count(0)  # what closes over the page takes the next click


def submit(page: Page) -> None:
    """Submits a form until the page has another one: a server whose SQLite is busy says that something went wrong."""
    form = page.url
    for _ in range(5):
        page.get_by_role("button", name="Submit").click()
        with suppress(AssertionError):
            expect(page).not_to_have_url(form, timeout=PATIENCE_MS / 4)
            return
    expect(page).not_to_have_url(form)


def test_an_operator_plans_by_the_form_and_reads_what_came_of_it(
    operations: Operations, place: World, page: Page
) -> None:
    """The form plans unless it is told more; page, tables and link are among the run's artifacts."""
    request = asked(place, [*rows_of(9, email_opt_in="N"), row_of(99), row_of(10, contact_id="")])
    form = f"{operations.url}/deployments/deployment/{operations.deployment('operator')['id']}/run"
    page.goto(form)
    expect(field(page, "Mode (Optional)")).to_contain_text("plan")
    field(page, "Mapping file").locator("textarea").fill(request["mapping"])
    field(page, "Export file").locator("textarea").fill(request["export"])
    choose(page, "Mode (Optional)", "sync")
    submit(page)
    named = {"flow_runs": {"name": {"like_": Path(request["export"]).name}, "state": {"type": {"any_": ["FAILED"]}}}}
    chosen = named | {"sort": "EXPECTED_START_TIME_DESC", "limit": 1}
    [run] = until(lambda: operations.ask("POST", "/flow_runs/filter", chosen), "the run")
    assert run["parameters"]["request"]["mapping"] == request["mapping"]
    page.goto(f"{operations.url}/runs/flow-run/{run['id']}")
    expect(page.get_by_text("Failed", exact=True).first).to_be_visible()
    expect(page.get_by_text(f"sync {Path(request['export']).name} by m").first).to_be_visible()
    assert len(place.applied()) == 9
    keep(page, "run")
    page.get_by_text("Artifacts", exact=True).first.click()
    expect(page.get_by_text("consent-sync-acoustic-connect-outcomes").first).to_be_visible()
    keep(page, "artifacts")
    page.get_by_text("consent-sync-acoustic-connect", exact=True).first.click()
    expect(page.get_by_role("heading", name="Outcomes")).to_be_visible()
    expect(page.get_by_role("cell", name="contact_not_found")).to_be_visible()
    keep(page, "artifact")
    page.goto(form)
    expect(field(page, "Mode (Optional)")).to_contain_text("plan")
    keep(page, "form", 2350)


def went_on_after_approval(operations: Operations, run: str, page: Page) -> bool:
    """Approves by the page. A server whose SQLite is busy may not take it: then the run waits as before."""
    if operations.run(run)["state_type"] != "PAUSED":
        return True
    page.goto(f"{operations.url}/runs/flow-run/{run}")
    page.get_by_role("button", name="Resume").first.click()
    expect(page.get_by_text("Over its limit").first).to_be_visible()
    expect(field(page, "Decision (Optional)")).to_contain_text("reject")
    keep(page, "approval")
    choose(page, "Decision (Optional)", "approve")
    page.get_by_role("dialog").or_(page.locator(".p-modal")).get_by_role("button", name="Submit").first.click()
    with suppress(AssertionError):
        until(lambda: operations.run(run)["state_type"] != "PAUSED", "the run to go on", PATIENCE_MS / 4000)
        return True
    return False


def test_an_operator_approves_a_plan(operations: Operations, place: World, page: Page) -> None:
    """What is over its limit stands above the form, which rejects unless it is told to approve."""
    run = operations.start(
        "operator", mode="sync", **asked(place, rows_of(CONTACTS, email_opt_in="N"), "max_opt_outs: 5")
    )
    assert operations.ended(run)[0] == "Suspended"
    until(lambda: went_on_after_approval(operations, run, page), "the run to go on", 300)
    assert operations.ended(run)[0] == "Completed", operations.state(run)
    assert set(place.applied().values()) == {1}
    assert len(place.applied()) == CONTACTS
    page.reload()
    expect(page.get_by_text("Completed", exact=True).first).to_be_visible()
