"""Labelling again: choose samples by what is known of them, say what it costs, do it, compare before and after."""

from tasks.reannotation.columns import COLUMNS
from tasks.reannotation.order import TASKS, Forecast, Order, Plan, changes, plan, read_ids
from tasks.reannotation.report import Change, Comparison, compare, page, table, write
from tasks.reannotation.run import Done, run

__all__ = [
    "COLUMNS", "TASKS", "Change", "Comparison", "Done", "Forecast", "Order", "Plan", "changes", "compare", "page",
    "plan", "read_ids", "run", "table", "write",
]  # fmt: skip
