"""Every kind of labelling project on a real Label Studio: taken, filled in, answered, exported and understood."""

import dataclasses
import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from annotation.labelling.project import MODEL_VERSION, Answer, Item, Project, content
from annotation.labelling.projects import PROJECTS
from annotation.labelling.regions import to_mask
from flows import services
from tasks import review
from tasks.review import Server
from tests.annotation.labelling import examples, media
from tests.annotation.labelling.examples import ANSWERED, HEIGHT, WIDTH

pytestmark = pytest.mark.services

ITEMS = examples.items()
BROWSER = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
]  # fmt: skip
PATIENCE_MS = 120_000
"""A busy machine must not fail a test."""


@dataclasses.dataclass(frozen=True)
class Desk:
    server: Server
    media: Path
    secret: dict[str, str] = dataclasses.field(repr=False)


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    if not services.LABEL_STUDIO.exists():
        pytest.skip("needs .venv-labelstudio")
    folder = tmp_path_factory.mktemp("desk")
    home, root = folder / "home", folder / "media"
    media.make(root / "lab/media")
    try:
        services.label_studio(home, root, print)
        yield Desk(review.connect(home), root / "lab/media", services.credentials(home))
    finally:
        services.down(home)


def pushed(desk: Desk, project: Project, item: Item) -> tuple[int, int]:
    """A project of its own with one task; their ids."""
    client = desk.server.client
    made = client.projects.create(
        title=f"{project.name} {item.sample.kind}",
        label_config=examples.config(project, item.sample.kind),
        expert_instruction=project.instruction,
        show_collab_predictions=True,
        model_version=MODEL_VERSION,
    )
    client.import_storage.local.create(
        project=made.id, title="media", path=str(desk.media), use_blob_urls=True, regex_filter="(?!)"
    )
    client.projects.import_tasks(id=made.id, request=[project.task(item, 1)])
    (task,) = client.tasks.list(project=made.id)
    return int(made.id), int(task.id)


def pulled(desk: Desk, project: Project, number: int) -> list[Answer]:
    chunks = desk.server.client.projects.exports.download_sync(id=number, export_type="JSON")
    (task,) = json.loads(b"".join(chunks))
    (answer,) = task["annotations"]
    return project.answers(answer["result"], task["data"])


@pytest.mark.parametrize("key", ITEMS, ids="-".join)
def test_what_is_pushed_comes_back_from_the_server(desk: Desk, key: tuple[str, str]) -> None:
    project, item = PROJECTS[key[0]], ITEMS[key]
    number, task = pushed(desk, project, item)
    client = desk.server.client
    client.projects.validate_label_config(id=number, label_config=examples.config(project, key[1]))
    (prediction,) = client.predictions.list(task=task)
    clicked: list[dict[str, Any]] = [
        {"from_name": name, "to_name": "shown", "type": "choices", "value": {"choices": [value]}}
        for name, value in ANSWERED[key[0]].items()
    ]
    client.annotations.create(id=task, result=[*prediction.result, *clicked], lead_time=12.5)
    found = {a.task: a for a in pulled(desk, project, number)}
    assert {t: a.status for t, a in found.items()} == dict.fromkeys(item.judged, "accepted")
    if not key[0].startswith("quality"):
        assert {t: a.content for t, a in found.items()} == {t: content(item, t) for t in item.judged}


def test_regions_are_drawn_and_accepted_by_hand_in_a_browser(desk: Desk, tmp_path: Path) -> None:
    playwright = pytest.importorskip("playwright.sync_api")
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        pytest.skip("needs Chromium")
    item = ITEMS["mask", "image"]
    number, _ = pushed(desk, PROJECTS["mask"], item)
    url = desk.server.url
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=chromium, args=BROWSER)
        page = browser.new_page(viewport={"width": 1440, "height": 900})
        page.set_default_timeout(PATIENCE_MS)
        playwright.expect.set_options(timeout=PATIENCE_MS)
        hosts: set[str] = set()
        page.on("request", lambda request: hosts.add(httpx.URL(request.url).host))
        page.goto(f"{url}/user/login/")
        page.fill("input[name=email]", desk.secret["email"])
        page.fill("input[name=password]", desk.secret["password"])
        page.click("button[type=submit]")
        page.wait_for_load_state("networkidle")
        page.goto(f"{url}/projects/{number}/data?labeling=1")
        regions = page.locator(".lsf-tree, .lsf-outliner")
        playwright.expect(regions.get_by_text("Object 117")).to_be_visible()

        # One class among 234 is searched for, and a triangle of it drawn.
        page.get_by_placeholder("Search a class").fill("object 203")
        page.locator(".defectory .classes").get_by_text("Object 203", exact=True).click()
        canvas = page.locator(".defectory canvas").last.bounding_box()
        assert canvas

        def at(x: int, y: int) -> tuple[float, float]:
            return canvas["x"] + x / WIDTH * canvas["width"], canvas["y"] + y / HEIGHT * canvas["height"]

        corners = [(320, 380), (420, 380), (420, 440)]
        for corner in [*corners, corners[0]]:
            page.mouse.click(*at(*corner))
            page.wait_for_timeout(400)
        playwright.expect(regions.get_by_text("Object 203")).to_be_visible()

        # Another class, and a stroke of the brush.
        page.keyboard.press("Escape")
        page.locator(".defectory .lsf-toolbar button").nth(1).click()
        page.get_by_placeholder("Search a class").fill("")
        page.locator(".defectory .classes").get_by_text("Traffic Cone", exact=True).click()
        page.mouse.move(*at(60, 430))
        page.mouse.down()
        page.mouse.move(*at(200, 430), steps=8)
        page.mouse.up()
        playwright.expect(regions.get_by_text("Traffic Cone")).to_be_visible()
        page.screenshot(path=tmp_path / "drawn.png")

        page.locator(".defectory").get_by_text("The regions are right").click()
        page.get_by_test_id("bottombar-submit-button").click()
        page.get_by_text(re.compile("Annotation saved|No more|queue")).first.wait_for()
        browser.close()

    assert hosts <= {services.HOST, ""}
    (found,) = pulled(desk, PROJECTS["mask"], number)
    before = content(item, "mask").regions
    assert found.status == "corrected"
    same = [dataclasses.replace(r, id="") for r in found.content.regions]
    assert [dataclasses.replace(r, id="") for r in before] == same[: len(before)]
    drawn, brushed = same[len(before) :]
    assert (drawn.kind, drawn.label) == ("polygon", "object_203")
    assert drawn.points == pytest.approx([v for corner in corners for v in corner], abs=2)
    assert (brushed.kind, brushed.label) == ("brush", "cone")
    x, y, width, height = to_mask(brushed).box
    assert (x + height / 2, x + width - height / 2, y + height / 2) == pytest.approx((60, 200, 430), abs=3)
    (link,) = found.content.relations
    assert link.labels == ["part of"]
