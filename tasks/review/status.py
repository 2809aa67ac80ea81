"""How far the work is on the server."""

from dataclasses import dataclass

from schemas.errors import DefectoryError
from schemas.recipe import Recipe
from tasks.review.gate import progress
from tasks.review.known import Known
from tasks.review.projects import answered, by_sample, find, url_of
from tasks.review.server import Server, speaking
from tasks.review.work import annotators, works
from tasks.workspace import Workspace


@dataclass(frozen=True)
class ReviewStatus:
    url: str
    round: int
    tasks: int
    done: int
    """Tasks that as many different people have answered as are asked to."""
    waiting: int
    accepted: int
    """Clips by their pulled verdicts, like the next two."""
    corrected: int
    rejected: int
    passed: bool
    projects: tuple[str, ...] = ()


def status(workspace: Workspace, recipe: Recipe, server: Server) -> ReviewStatus:
    """How far the round and its batches are: tasks on the server, verdicts in the tables."""
    round_ = recipe.review.round
    urls: list[str] = []
    tasks = done = 0
    with speaking(server.url, server.token_from):
        for work in works(workspace, recipe):
            there = find(workspace, recipe, server, work)
            urls += [url_of(server, p.id) for p in there]
            known = Known.of(workspace, work)
            found, _ = by_sample(t for p in there for t in known.tasks(server, p))
            tasks += len(found)
            for p in there:
                of_it = [t for t in found.values() if t.project == p.id]
                done += answered(server, p, of_it, annotators(recipe, work.batch))
    if not urls:
        raise DefectoryError(f"{workspace.root}: nothing was sent to {server.url} for round {round_}; push first")
    now = progress(workspace, recipe)
    return ReviewStatus(
        url=urls[0], round=round_, tasks=tasks, done=done, waiting=tasks - done, accepted=now.accepted,
        corrected=now.corrected, rejected=now.rejected, passed=now.passed, projects=tuple(urls),
    )  # fmt: skip
