"""How far a round is on the server."""

from dataclasses import dataclass

from schemas.errors import DefectoryError
from schemas.recipe import Recipe
from tasks.review.gate import progress
from tasks.review.projects import find, tasks_of, url_of
from tasks.review.server import Server, speaking
from tasks.workspace import Workspace


@dataclass(frozen=True)
class ReviewStatus:
    url: str
    round: int
    tasks: int
    done: int
    waiting: int
    accepted: int
    """Clips by their pulled verdicts, like the next two."""
    corrected: int
    rejected: int
    passed: bool


def status(workspace: Workspace, recipe: Recipe, server: Server) -> ReviewStatus:
    """How far the round is: tasks on the server, verdicts in the tables."""
    round_ = recipe.review.round
    with speaking(server.url, server.token_from):
        project = find(workspace, recipe, server)
        if project is None:
            raise DefectoryError(f"{workspace.root}: nothing was sent to {server.url} for round {round_}; push first")
        tasks = tasks_of(server, project)
    done = sum((t.total_annotations or 0) > 0 for t in tasks.values())
    now = progress(workspace, recipe)
    return ReviewStatus(
        url=url_of(server, project), round=round_, tasks=len(tasks), done=done, waiting=len(tasks) - done,
        accepted=now.accepted, corrected=now.corrected, rejected=now.rejected, passed=now.passed,
    )  # fmt: skip
