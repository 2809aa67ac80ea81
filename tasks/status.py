"""Where a workspace stands: stages, shards, rejects, spending, reviews, releases."""

from collections import Counter
from dataclasses import dataclass

from annotation.asking import batchbook, ledger
from annotation.asking.batchbook import Batch
from schemas.rows import Reject, Run
from tasks.dag import STAGES, order
from tasks.review import judged
from tasks.stage import cut
from tasks.workspace import Workspace


@dataclass(frozen=True)
class StageStatus:
    stage: str
    shards: int
    done: int
    rows: int
    rejects: int
    seconds: float
    """Wall seconds over all current shards, whenever they ran."""


@dataclass(frozen=True)
class Status:
    dataset: str
    unfinished: str | None
    """The first stage with work left, or None."""
    stages: list[StageStatus]
    rejects: list[Reject]
    spent_usd: float
    batches: list[Batch]
    """Open ones of the ledger: submitted, and not yet taken in."""
    review: str
    releases: list[str]


def status(workspace: Workspace) -> Status:
    """What is done and what is left, for the recipe of the last build."""
    recipe = workspace.recipe()
    rejects = list(workspace.rows(Reject))
    per_stage = Counter(r.stage for r in rejects)
    stages = []
    for name in order(recipe):
        if name not in STAGES:
            continue
        plan = cut(STAGES[name], workspace, recipe)
        runs = list(workspace.rows(Run, [ref for ref, _ in plan.shards]))
        stages.append(
            StageStatus(
                stage=name,
                shards=len(plan.shards),
                done=len(plan.shards) - len(plan.todo),
                rows=sum(r.rows for r in runs),
                rejects=per_stage[name],
                seconds=round(sum(r.wall_s for r in runs), 1),
            )
        )
    book_url = ledger.url(workspace.root)
    spent = ledger.spent_usd(book_url)
    with ledger.reading(book_url) as book:
        batches = [b for b in batchbook.submitted(book) if b.status != "done"] if book else []
    reviewed, clips = judged(workspace, recipe)
    return Status(
        dataset=recipe.dataset,
        unfinished=next((s.stage for s in stages if s.done < s.shards or not s.shards), None),
        stages=stages,
        rejects=rejects,
        spent_usd=spent,
        batches=batches,
        review=f"round {recipe.review.round}, {reviewed} of {clips} clips are judged",
        releases=sorted(p.name for p in (workspace.root / "releases").glob("*-*") if p.is_dir()),
    )
