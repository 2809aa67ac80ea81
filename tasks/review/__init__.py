"""Review: samples go to Label Studio projects, people's decisions come back as annotations and verdicts.

Both directions can be repeated at any time. The caller holds the workspace's lock.
"""

from tasks.review.gate import JUDGED, NEEDED, TASKS, Gate, gate, judged, missing, progress
from tasks.review.giving import Given, give, reviewers, send
from tasks.review.items import items
from tasks.review.pull import PullReport, pull, review, take
from tasks.review.push import PushReport, push
from tasks.review.server import Server, configured, connect, home
from tasks.review.status import ReviewStatus, status
from tasks.review.work import Work, annotators, of_batch, works

__all__ = [
    "JUDGED", "NEEDED", "TASKS", "Gate", "Given", "PullReport", "PushReport", "ReviewStatus", "Server", "Work",
    "annotators", "configured", "connect", "gate", "give", "home", "items", "judged", "missing", "of_batch",
    "progress", "pull", "push", "review", "reviewers", "send", "status", "take", "works",
]  # fmt: skip
