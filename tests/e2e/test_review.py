"""The review round trip through a real Label Studio, by two accounts and once by hand in a browser."""

import dataclasses
import json
import os
import re
import shutil
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from annotation.labelling.quality import CRITERIA
from annotation.labels import current
from benchmarks.review_kills import ordeal
from flows import services
from schemas.errors import DefectoryError
from schemas.recipe import Recipe
from schemas.rows import Annotation, Batch, Interval, Row, Verdict
from tasks import review
from tasks.dag import STAGES
from tasks.proof.verify import verify
from tasks.release.export import release
from tasks.review import PullReport, PushReport, Server
from tasks.review.listen import listen
from tasks.review.rows import pseudonym
from tasks.stage import Context, Shard, Stage
from tasks.workspace import Workspace
from tests import factory
from tests.e2e.asking import asking
from tests.e2e.command import PATIENCE_S

pytestmark = pytest.mark.services

BROWSER = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@dataclasses.dataclass(frozen=True)
class Stack:
    home: Path
    media_root: Path
    server: Server
    secret: dict[str, str] = dataclasses.field(repr=False)


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    if not services.LABEL_STUDIO.exists():
        pytest.skip("needs .venv-labelstudio")
    folder = tmp_path_factory.mktemp("stack")
    home, media_root = folder / "home", folder / "media"
    try:
        services.up(home, media_root, print)
        yield Stack(home, media_root, review.connect(home), services.credentials(home))
    finally:
        services.down(home)


def made(stack: Stack, dataset: str, **changes: Any) -> tuple[Workspace, Recipe]:
    """A workspace of its own for each test: seven instances, two clips each."""
    recipe = factory.recipe(dataset=dataset, **changes)
    return factory.build(stack.media_root / dataset, recipe), recipe


def made_current(stack: Stack, dataset: str) -> tuple[Workspace, Recipe]:
    """The same under the fingerprints of the real stages, for flows that demand a finished build."""
    recipe = factory.recipe(dataset=dataset, plan={"min_best_px": 0})
    workspace = Workspace.create(stack.media_root / dataset)
    workspace.keep_recipe(recipe)
    kinds = {name: (category, defect) for name, category, defect in factory.instances(recipe)}

    def instead(made: Stage) -> Stage:
        def work(shard: Shard, ctx: Context) -> Iterator[Row]:
            items = kinds[shard.key] if made.name == "render" else shard.items
            settings = made.settings(ctx.recipe)
            yield from made.work(dataclasses.replace(shard, items=items), dataclasses.replace(ctx, settings=settings))

        return dataclasses.replace(STAGES[made.name], work=work)

    for stage in (
        STAGES["survey"], STAGES["plan"], instead(factory.render), STAGES["visibility"], STAGES["keyframes"],
        instead(factory.dedup), instead(factory.caption),
    ):  # fmt: skip
        factory.run(stage, workspace, recipe)
    return workspace, recipe


def tasks_of(server: Server, report: PushReport) -> list[Any]:
    project = int(report.url.split("/")[-2])
    return sorted(server.client.tasks.list(project=project), key=lambda t: t.data["title"] + t.data["sample"])


def submit(client: Any, task: Any, cancelled: bool = False, **said: Any) -> Any:
    """What the page sends when one changes `said` in the pre-filled answer, accepts the rest and submits."""
    (prediction,) = task.predictions
    result = [r for r in prediction.result if r["from_name"] not in said]
    for name, value in {"interval_verdict": "accept", "caption_verdict": "accept", **said}.items():
        if name == "visible":
            for start, end in value:
                region = {"ranges": [{"start": start, "end": end}], "timelinelabels": ["Defect visible"]}
                entry = {"id": f"drawn-{start}", "from_name": name, "to_name": "shown", "type": "timelinelabels"}
                result.append({**entry, "value": region})
            continue
        kind, key = ("choices", "choices") if name.endswith(("verdict", "choice")) else ("textarea", "text")
        result.append({"from_name": name, "to_name": "shown", "type": kind, "value": {key: [value]}})
    return client.annotations.create(id=task.id, result=result, was_cancelled=cancelled, lead_time=12.5)


def reviewer(stack: Stack, name: str) -> Any:
    """Another account, made by invitation, and its own client."""
    from label_studio_sdk import LabelStudio

    url, bearer = stack.server.url, {"Authorization": f"Token {stack.secret['token']}"}
    link = httpx.get(f"{url}/api/invite", headers=bearer).json()["invite_url"]
    with httpx.Client(base_url=url, follow_redirects=True) as browser:
        page = browser.get(link)
        hidden = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page.text)
        form = {
            "email": f"{name}@example.org",
            "password": "a-long-enough-word",
            "csrfmiddlewaretoken": hidden.group(1) if hidden else "",
        }
        browser.post(link, data=form, headers={"Referer": url})
        token = browser.get("/api/current-user/token").json()["token"]
    return LabelStudio(base_url=url, api_key=token)


def people(workspace: Workspace, sample: str) -> dict[tuple[str, str], Annotation]:
    rows = [a for a in workspace.rows(Annotation) if a.author_kind == "person" and a.sample == sample]
    return {(a.author, a.task): a for a in rows}


def test_two_reviewers_work_comes_back_as_rows_of_their_own(stack: Stack) -> None:
    workspace, recipe = made(stack, "two-reviewers")
    pushed = review.push(workspace, recipe, stack.server)
    assert (pushed.created, pushed.updated, pushed.unchanged, pushed.untouched) == (14, 0, 0, 0)
    assert review.push(workspace, recipe, stack.server) == dataclasses.replace(pushed, created=0, unchanged=14)

    first, second = stack.server.client, reviewer(stack, "second")
    one, two, three, four, *_ = tasks_of(stack.server, pushed)
    submit(first, one)
    submit(second, one, visible=[(2, 4), (6, 9)], caption="By the second reviewer.")
    submit(first, two, interval_verdict="reject", interval_comment="never seen")
    submit(first, three, cancelled=True)
    httpx.post(
        f"{stack.server.url}/api/tasks/{four.id}/drafts", json={"result": [], "lead_time": 1},
        headers={"Authorization": f"Token {stack.secret['token']}"},
    ).raise_for_status()  # fmt: skip

    pulled = review.pull(workspace, recipe, stack.server)
    assert pulled == PullReport(pushed.url, decisions=6, reviewers=2, accepted=3, corrected=2, rejected=1)
    mine = people(workspace, one.data["sample"])
    authors = sorted({author for author, _ in mine})
    assert len(mine) == 4
    assert len(authors) == 2
    assert {mine[authors[0], t].status for t in review.TASKS} == {"accepted"}
    assert mine[authors[1], "visible_interval"].intervals == [Interval(1, 4), Interval(5, 9)]
    assert mine[authors[1], "caption"].text == "By the second reviewer."
    (refused,) = [v for v in workspace.rows(Verdict) if v.verdict == "rejected"]
    assert (refused.sample, refused.comment) == (two.data["sample"], "never seen")
    assert {a.lead_time_s for a in mine.values()} == {12.5}
    rows = repr([*workspace.rows(Annotation), *workspace.rows(Verdict)])
    assert "example.org" not in rows
    assert services.EMAIL not in rows
    kept = "".join(f.read_text(errors="replace") for f in workspace.root.rglob("*.json"))
    assert stack.secret["token"] not in kept + repr([t.data for t in tasks_of(stack.server, pushed)])
    log = (stack.home / "logs/labelstudio.log").read_text(errors="replace")
    assert stack.secret["token"] not in log
    assert stack.secret["password"] not in log

    assert review.pull(workspace, recipe, stack.server).decisions == 0
    assert review.push(workspace, recipe, stack.server).created == 0
    found = review.status(workspace, recipe, stack.server)
    assert (found.tasks, found.done, found.waiting, found.passed) == (14, 2, 12, False)


def test_quality_rounds_by_others_make_a_release_final(stack: Stack) -> None:
    quality = {"rounds": 2, "visual": 0.2, "semantic": 0.2}
    workspace, recipe = made(stack, "quality-rounds", review={"quality": quality})
    others = [reviewer(stack, name) for name in ("third", "fourth", "fifth")]
    clients = {pseudonym(c.users.whoami().id): c for c in (stack.server.client, *others)}
    _, *judges = clients

    def handed_out() -> PushReport:
        given = review.give(workspace, recipe, list(clients))
        assert given.problems == ()
        return review.push(workspace, recipe, stack.server)

    def judged(report: PushReport, round_: int) -> set[str]:
        """Everybody judges what was given to them; returns who that was."""
        drawn = {b.id: b for b in workspace.rows(Batch) if b.kind == "quality" and b.round == round_}
        said = set()
        for project in (int(url.split("/")[-2]) for url in report.projects):
            for task in stack.server.client.tasks.list(project=project):
                if (batch := drawn.get(task.data["batch"])) is None:
                    continue
                told = json.loads(batch.settings)
                who = told["assigned"][task.data["sample"]]
                right = {"quality": "correct"} if told["kind"] == "visual" else dict.fromkeys(CRITERIA, "yes")
                result = [
                    {"from_name": name, "to_name": "shown", "type": "choices", "value": {"choices": [choice]}}
                    for name, choice in right.items()
                ]
                clients[who].annotations.create(id=task.id, result=result, lead_time=3.0)
                said.add(who)
        assert review.pull(workspace, recipe, stack.server).problems == ()
        return said

    for task in tasks_of(stack.server, handed_out()):
        submit(stack.server.client, task)
    review.pull(workspace, recipe, stack.server)
    assert release(workspace, recipe).draft
    first = judged(handed_out(), 1)
    assert release(workspace, recipe).draft
    second = judged(handed_out(), 2)
    assert first
    assert second
    assert first | second <= set(judges)
    final = release(workspace, recipe)
    assert not final.draft
    assert all(check.ok for check in verify(final.path))


def test_a_changed_mind_is_a_new_row_and_a_full_round_passes(stack: Stack) -> None:
    workspace, recipe = made(stack, "full-round")
    tasks = tasks_of(stack.server, review.push(workspace, recipe, stack.server))
    answers = [submit(stack.server.client, task) for task in tasks]
    assert review.pull(workspace, recipe, stack.server).accepted == 28
    assert review.status(workspace, recipe, stack.server).passed
    before = people(workspace, tasks[0].data["sample"])

    changed = [r if r["from_name"] != "caption" else {**r, "value": {"text": ["Better."]}} for r in answers[0].result]
    stack.server.client.annotations.update(id=answers[0].id, result=changed)
    assert review.pull(workspace, recipe, stack.server).decisions == 1
    (author, _), *_ = before
    label = current(workspace.rows(Annotation))[tasks[0].data["sample"]].by_task["caption"]
    assert (label.text, label.author, label.status) == ("Better.", author, "corrected")
    assert label.supersedes == before[author, "caption"].id


def test_pushing_again_updates_what_nobody_touched_and_only_that(stack: Stack) -> None:
    workspace, recipe = made(stack, "changing")
    pushed = review.push(workspace, recipe, stack.server)
    begun, left, *_ = [
        t for t in tasks_of(stack.server, pushed) if t.predictions[0].result[0]["from_name"] == "visible"
    ]
    submit(stack.server.client, begun)

    demanding = factory.recipe(dataset="changing", visibility={"min_pixels": 8, "min_frames": 9})
    factory.run(factory.visibility, workspace, demanding)
    again = review.push(workspace, demanding, stack.server)
    assert (again.created, again.untouched) == (0, 1)
    assert again.updated + again.unchanged == 13
    assert again.updated >= 2
    now = {t.id: t for t in tasks_of(stack.server, pushed)}
    assert now[begun.id].data == begun.data
    assert now[left.id].data["content"] != left.data["content"]
    (prediction,) = now[left.id].predictions
    assert "visible" not in {r["from_name"] for r in prediction.result}
    assert review.push(workspace, demanding, stack.server).updated == 0


def test_labels_that_would_open_as_empty_regions_are_not_sent(stack: Stack) -> None:
    workspace, recipe = made(stack, "reconfigured")
    pushed = review.push(workspace, recipe, stack.server)
    project = int(pushed.url.split("/")[-2])
    config = stack.server.client.projects.get(id=project).label_config
    stack.server.client.projects.update(id=project, label_config=config.replace('name="visible"', 'name="seen"'))
    assert review.push(workspace, recipe, stack.server).unchanged == 14
    for task in tasks_of(stack.server, pushed):
        stack.server.client.tasks.delete(id=str(task.id))
    with pytest.raises(DefectoryError, match="restore the configuration"):
        review.push(workspace, recipe, stack.server)


def test_a_refused_token_is_a_sentence_without_the_token(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LABEL_STUDIO_API_KEY", "f" * 40)
    with pytest.raises(DefectoryError, match="refuses the token from LABEL_STUDIO_API_KEY") as caught:
        review.connect(stack.home)
    assert "f" * 40 not in str(caught.value)


def test_only_the_media_of_a_workspace_are_shown_and_only_to_those_logged_in(stack: Stack) -> None:
    workspace, recipe = made(stack, "private")
    pushed = review.push(workspace, recipe, stack.server)
    video = tasks_of(stack.server, pushed)[0].data["unmarked"]
    bearer = {"Authorization": f"Token {stack.secret['token']}"}

    def get(path: str, **headers: str) -> httpx.Response:
        return httpx.get(stack.server.url + path, headers=headers)

    shown = get(video, Range="bytes=0-99", **bearer)
    assert (shown.status_code, len(shown.content)) == (206, 100)
    assert get(video).status_code == 401
    # A push that died right after making the project leaves it without this permission; the next one gives it.
    storages = stack.server.client.import_storage.local
    project = int(pushed.url.split("/")[-2])
    (permission,) = storages.list(project=project)
    storages.delete(id=permission.id)
    assert get(video, **bearer).status_code == 404
    for _ in range(2):
        review.push(workspace, recipe, stack.server)
    assert len(storages.list(project=project)) == 1
    assert get(video, **bearer).status_code == 200
    for path in (
        "private/recipe.json", "private/media/../recipe.json", "private/media/%2e%2e/recipe.json",
        "private/media/..%2frecipe.json", "private/media//../../recipe.json", "../home/credentials.json",
        "..%2fhome%2fcredentials.json", "/etc/passwd", "//etc/passwd", str(stack.home / "credentials.json"),
    ):  # fmt: skip
        assert not get(f"/data/local-files/?d={path}", **bearer).is_success


def test_nobody_signs_up_without_an_invitation(stack: Stack) -> None:
    with httpx.Client(base_url=stack.server.url, follow_redirects=True) as browser:
        page = browser.get("/user/signup/")
        hidden = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page.text)
        form = {"email": "stranger@example.org", "password": "a-long-enough-word"}
        form["csrfmiddlewaretoken"] = hidden.group(1) if hidden else ""
        browser.post("/user/signup/", data=form, headers={"Referer": stack.server.url})
    assert "stranger@example.org" not in {u.email for u in stack.server.client.users.list()}


def test_label_studio_is_on_the_loopback_only(stack: Stack) -> None:
    port = httpx.URL(stack.server.url).port
    listening = {
        line.split()[1].rsplit(":", 1)[0]
        for table in ("/proc/net/tcp", "/proc/net/tcp6")
        for line in Path(table).read_text().splitlines()[1:]
        if int(line.split()[1].rsplit(":", 1)[1], 16) == port and line.split()[3] == "0A"
    }
    assert listening == {"0100007F"}  # 127.0.0.1 and nothing else


def test_a_listener_pulls_as_soon_as_somebody_has_answered(stack: Stack) -> None:
    workspace, recipe = made(stack, "listened")
    tasks = tasks_of(stack.server, review.push(workspace, recipe, stack.server))
    heard: list[PullReport | str] = []
    stop = threading.Event()
    listener = threading.Thread(
        target=listen, args=(workspace, recipe, stack.server, heard.append), kwargs={"poll_s": 3600.0, "stop": stop}
    )
    listener.start()

    def wait(decisions: int) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while sum(h.decisions for h in heard if isinstance(h, PullReport)) < decisions:
            assert time.monotonic() < deadline, heard
            time.sleep(0.05)

    hooks = stack.server.client.webhooks
    try:
        while not [h for h in hooks.list() if h.project == tasks[0].project]:
            time.sleep(0.2)
        time.sleep(2.0)  # the first pull, which finds nothing
        made_ = submit(stack.server.client, tasks[0])
        wait(2)
        stack.server.client.annotations.delete(id=made_.id)
        wait(4)
        assert [h.withdrawn for h in heard if isinstance(h, PullReport)] == [0, 2]
    finally:
        stop.set()
        submit(stack.server.client, tasks[1])  # wakes it
        listener.join(timeout=PATIENCE_S)
    assert not listener.is_alive()
    assert not [h for h in hooks.list() if h.project == tasks[0].project]


def test_killed_pushes_and_pulls_lose_and_double_nothing(stack: Stack) -> None:
    workspace, _ = made(stack, "killed", review={"project_tasks": 5})
    found = ordeal(workspace, stack.server, stack.home, kills=int(os.environ.get("DEFECTORY_KILLS", "6")))
    assert found["in_the_middle"] >= 1


def test_the_worker_runs_a_push_that_the_prefect_ui_asks_for(stack: Stack) -> None:
    workspace, recipe = made_current(stack, "by-worker")
    prefect = asking(services.prefect_api_url(stack.home))
    found = prefect.get("/deployments/name/review-push/review-push").json()
    body = {"parameters": {"workspace": str(workspace.root)}}
    run = prefect.post(f"/deployments/{found['id']}/create_flow_run", json=body).json()
    deadline, state = time.monotonic() + PATIENCE_S, ""
    while state not in ("COMPLETED", "FAILED", "CRASHED") and time.monotonic() < deadline:
        time.sleep(0.5)
        state = prefect.get(f"/flow_runs/{run['id']}").json()["state"]["type"]
    assert state == "COMPLETED"
    assert review.push(workspace, recipe, stack.server).unchanged == 14


def test_a_clip_is_reviewed_by_hand_in_a_browser(stack: Stack, tmp_path: Path) -> None:
    playwright = pytest.importorskip("playwright.sync_api")
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        pytest.skip("needs Chromium")
    workspace, recipe = made(stack, "by-hand")
    pushed = review.push(workspace, recipe, stack.server)
    task = next(t for t in tasks_of(stack.server, pushed) if t.predictions[0].result[0]["from_name"] == "visible")
    region = task.predictions[0].result[0]["value"]["ranges"][0]

    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=chromium, args=BROWSER)
        page = browser.new_page(viewport={"width": 1600, "height": 1000})
        page.set_default_timeout(1000 * PATIENCE_S)
        playwright.expect.set_options(timeout=1000 * PATIENCE_S)
        hosts: set[str] = set()
        page.on("request", lambda request: hosts.add(httpx.URL(request.url).host))
        page.goto(f"{stack.server.url}/user/login/")
        page.fill("input[name=email]", stack.secret["email"])
        page.fill("input[name=password]", stack.secret["password"])
        page.click("button[type=submit]")
        page.wait_for_load_state("networkidle")
        page.goto(f"{pushed.url}?task={task.id}")

        counter = page.locator(".defectory .clips > div:first-child .lsf-frames-control")
        playwright.expect(counter).to_have_text(re.compile(rf"1\s*of\s*{task.data['frames']}"))

        # The candidate interval is there; choosing it goes to its first frame.
        page.locator(".lsf-tree, .lsf-outliner").get_by_text("Defect visible").first.click()
        start, end = (page.locator("input[type=number]").nth(n) for n in (0, 1))
        playwright.expect(start).to_have_value(str(region["start"]))
        playwright.expect(end).to_have_value(str(region["end"]))
        playwright.expect(counter).to_have_text(re.compile(rf"{region['start']}\s*of"))

        # One frame shorter, another caption, both accepted.
        end.fill(str(region["end"] - 1))
        end.press("Tab")
        form = page.locator(".defectory")
        for words in ("Seen from the front", "The intervals above are right", "The description is right"):
            form.get_by_text(words).click()
        page.screenshot(path=tmp_path / "labelling.png")
        page.get_by_role("button", name="Submit").click()
        page.get_by_text("Annotation saved successfully").first.wait_for()
        browser.close()

    assert hosts <= {services.HOST, ""}
    pulled = review.pull(workspace, recipe, stack.server)
    assert (pulled.decisions, pulled.corrected, pulled.problems) == (2, 2, ())
    labels = current(workspace.rows(Annotation))[task.data["sample"]].by_task
    assert labels["visible_interval"].intervals == [Interval(region["start"] - 1, region["end"] - 1)]
    assert labels["caption"].text.startswith("Seen from the front")
