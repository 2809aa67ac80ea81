"""The report in a real browser: it asks nobody for anything, it plays, and it fits on a phone."""

import io
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tasks.release.export import release
from tests import factory

pytestmark = pytest.mark.services

sync_api = pytest.importorskip("playwright.sync_api")
CHROMIUM = next((p for name in ("chromium", "chromium-browser", "google-chrome") if (p := shutil.which(name))), None)
QUIET = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
    "--disable-background-networking", "--disable-component-update",
)  # fmt: skip
PATIENCE_MS = 120_000
"""A busy machine must not fail a test."""


def red_pixels(video: Any) -> int:
    shown = np.asarray(Image.open(io.BytesIO(video.screenshot())).convert("RGB")).astype(int)
    return int(((shown[..., 0] > 180) & (shown[..., 1] < 90)).sum())


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    hostile = factory.recipe(description="<script>document.title = 'run'</script>")
    return release(factory.build(tmp_path_factory.mktemp("report") / "ws", hostile), hostile).path


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    if CHROMIUM is None:
        pytest.skip("no Chromium on this machine")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(QUIET))
        yield browser
        browser.close()


@pytest.fixture(params=[(1280, "light"), (420, "dark")], ids=["desk", "phone"])
def page(browser: Any, folder: Path, request: pytest.FixtureRequest) -> Iterator[Any]:
    width, scheme = request.param
    page = browser.new_page(viewport={"width": width, "height": 900}, color_scheme=scheme)
    page.set_default_timeout(PATIENCE_MS)
    page.said, page.asked = [], []
    page.on("console", lambda message: page.said.append(message.text))
    page.on("pageerror", lambda error: page.said.append(str(error)))
    page.on("request", lambda sent: page.asked.append(sent.url))
    page.goto((folder / "report.html").as_uri())
    yield page
    page.close()


def test_a_clip_plays_and_nothing_is_asked_of_the_outside(page: Any, folder: Path):
    video = page.locator("video").first
    page.locator(".stage").first.click()
    page.wait_for_function("v => v.readyState === 4 && v.currentTime > 0.3", arg=video.element_handle())
    head = page.locator(".line u").first.element_handle()
    page.wait_for_function("head => parseFloat(head.style.left) > 0", arg=head)  # it is at 0 once per round
    page.locator(".stage").first.click()
    assert video.evaluate("v => v.paused")
    assert page.said == []
    assert {url for url in page.asked if not url.startswith(("data:", folder.as_uri()))} == set()


def test_every_clip_and_picture_can_be_shown(page: Any):
    count = page.locator("video").count()
    assert count > 3
    for index in range(count):
        video = page.locator("video").nth(index)
        video.evaluate("v => { v.preload = 'auto'; v.load(); }")
        page.wait_for_function("v => v.readyState >= 2", arg=video.element_handle())
        assert video.evaluate("v => v.videoWidth") == factory.WIDTH
    assert page.evaluate("[...document.images].every(i => i.complete && i.naturalWidth > 0)")


def test_the_interval_is_where_the_defect_is(page: Any):
    """Frames 2 to 8 of 10."""
    bar = page.locator(".line i").first
    line = page.locator(".line").first.bounding_box()
    box = bar.bounding_box()
    assert (box["x"] - line["x"]) / line["width"] == pytest.approx(0.2, abs=0.01)
    assert box["width"] / line["width"] == pytest.approx(0.6, abs=0.01)


def test_a_click_on_the_line_goes_there(page: Any):
    page.locator(".stage").first.click()
    video = page.locator("video").first
    page.wait_for_function("v => v.readyState === 4", arg=video.element_handle())
    video.evaluate("v => v.pause()")
    page.locator(".line").first.click(
        position={"x": page.locator(".line").first.bounding_box()["width"] * 0.75, "y": 5}
    )
    assert video.evaluate("v => v.currentTime") == pytest.approx(0.75, abs=0.05)


def test_the_defect_can_be_shown_in_red(page: Any):
    video = page.locator("video").first
    assert red_pixels(video) == 0
    page.locator(".mark").first.click()
    page.wait_for_function("v => v.readyState >= 2 && !v.seeking", arg=video.element_handle())
    assert video.evaluate("v => v.currentSrc").endswith(".marked.mp4")
    assert video.evaluate("v => v.currentTime") == pytest.approx(0.5, abs=0.01)  # the middle of frames 2 to 8
    assert red_pixels(video) > 100
    page.locator(".mark").first.click()
    assert video.evaluate("v => v.src").endswith(".unmarked.mp4")


def test_nothing_is_wider_than_the_page(page: Any):
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


def test_text_from_the_data_stays_text(page: Any, folder: Path):
    assert page.title() == "blobs 0.1.0-draft"
    assert "<script>document.title = 'run'</script>" in page.locator("header p").inner_text()


def test_a_draft_says_so_at_the_top(page: Any):
    banner = page.locator("[role=note]")
    assert banner.is_visible()
    assert "Draft." in banner.inner_text()
