"""Labelling again as a Prefect flow: the forecast, a wait for somebody's yes if wanted, the work, the comparison."""

from pathlib import Path
from typing import Any

from prefect import flow, get_run_logger
from prefect.artifacts import create_markdown_artifact, create_table_artifact

from flows.batches import watched
from flows.forecasts import forecast_table
from flows.progress import progress
from flows.waiting import patient
from tasks import reannotation
from tasks.dag import demand_current
from tasks.reannotation import Comparison, Order, Plan
from tasks.workspace import Workspace


@flow(
    name="reannotate", description="Label chosen samples again", flow_run_name="reannotate {order.task}",
    persist_result=False,
)  # fmt: skip
def reannotate(workspace: Path, order: Order) -> dict[str, Any]:
    """Do an order and leave its comparison as artifacts; returns what was done and the comparison."""
    opened = Workspace.open(workspace)
    with patient(opened):
        demand_current(opened, opened.recipe(), "caption")
        planned = reannotation.plan(opened, order)
        show_forecast(planned)
        if not planned.chosen.samples:
            get_run_logger().info("No sample is as the condition says; there is nothing to do.")
            return {"samples": 0}
        progress().begin("reannotate", total=1, done=0)
        with watched("reannotate", opened, planned.recipe):
            done = reannotation.run(opened, planned)
        progress().advance("reannotate", done.batch)
        compared = report(opened, planned.batch.id)
    return {"batch": done.batch, "rows": done.rows, "people": done.people, "people_samples": done.people_samples,
            "rejected": [r.item for r in done.rejected], "comparison": vars(compared)}  # fmt: skip


def report(workspace: Workspace, batch: str) -> Comparison:
    """The comparison of a batch as files of the workspace and as artifacts."""
    from annotation.diversity import sentence_encoder

    encode = sentence_encoder(workspace.recipe().caption.encoder)
    compared, changes = reannotation.compare(workspace, batch, encode)
    reannotation.write(workspace, compared, changes)
    create_markdown_artifact(
        key="reannotation-report", markdown=reannotation.page(compared, changes), description="Before and after"
    )
    create_table_artifact(
        key="reannotation-comparison", table=reannotation.table(compared), description="Before and after, in numbers"
    )
    return compared


def show_forecast(planned: Plan) -> None:
    create_table_artifact(
        key="reannotation-forecast", table=forecast_table(planned.forecast),
        description=f"Forecast for batch {planned.batch.id}",
    )  # fmt: skip
