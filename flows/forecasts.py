"""A forecast of labelling again, as people read it."""

from tasks.reannotation import Forecast


def forecast_table(found: Forecast) -> list[dict[str, str]]:
    """A forecast as people read it."""
    rows = {"samples": f"{found.samples:,}", "labelled by": found.author}
    if found.requests:
        rows |= {
            "requests, at most": f"{found.requests:,}", "tokens in, at most": f"{found.tokens_in:,}",
            "tokens out, at most": f"{found.tokens_out:,}", "cost in USD, at most": f"{found.cost_usd:,.2f}",
        }  # fmt: skip
    if found.budget_left_usd is not None:
        rows["left of caption.budget_usd"] = f"{found.budget_left_usd:,.2f}"
    if found.people_tasks:
        source = "measured here" if found.measured else "estimated"
        rows |= {
            "people look at, at most": f"{found.people_tasks:,} tasks",
            "people's time, at most": f"{found.people_hours:,.1f} h ({found.seconds_per_task:g} s each, {source})",
        }
    return [{"what": what, "forecast": value} for what, value in rows.items()]
