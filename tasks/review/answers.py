"""What people have answered, as an export holds it, and who has taken an answer back."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tasks.review.changes import Changed
from tasks.review.marks import Heard
from tasks.review.rows import Given, given_of, sample_of


@dataclass
class Answers:
    """What an export holds."""

    given: dict[tuple[str, str], Given] = field(default_factory=dict)
    """By sample and reviewer; of several answers the last one."""
    tasks: dict[int, set[str]] = field(default_factory=dict)
    """By task, who has answered it."""
    problems: list[str] = field(default_factory=list)
    unclear: set[str] = field(default_factory=set)
    """Samples with an answer that cannot be read."""
    garbled: bool = False
    """There is a task of which not even the sample can be read."""


@dataclass(frozen=True)
class There:
    """A sample of which all tasks that there are were read: who has no answer to it any more has taken it back."""

    shard: str
    heard: frozenset[str] | None
    """Of those who had answered in these tasks before; of all, where that is not known any more."""


def answers_of(exported: Iterable[Any]) -> Answers:
    """The submitted answers of an export (Label Studio's JSON format), and what in it is malformed."""
    found = Answers()
    for task in exported:
        before = len(found.problems)
        given = given_of(task, found.problems)
        sample = sample_of(task)
        if len(found.problems) > before:
            found.unclear.add(sample)
            found.garbled = found.garbled or not sample
        if sample and isinstance(task.get("id"), int):
            found.tasks[task["id"]] = {g.reviewer for g in given}
        for g in given:
            key = g.sample, g.reviewer
            if key not in found.given or found.given[key].at < g.at:
                found.given[key] = g
    return found


def there(
    tasks: Mapping[int, Sequence[Changed]], said: Answers, heard: Mapping[int, Heard], known: bool
) -> dict[str, There]:
    """The samples of which all tasks were read, and what is remembered of those tasks from now on.

    `heard` is what was remembered, by project, and is brought up to date; `known` says whether it is complete. What
    somebody said in a task that was deleted since is not taken back.
    """
    before: dict[str, set[str]] = {}
    shards: dict[str, str] = {}
    unread: set[str] = set()
    for project, of_it in tasks.items():
        for t in of_it:
            if t.answered and t.id not in said.tasks:  # deleted, or emptied, after it was listed: the next pull sees it
                unread.add(t.sample)
                continue
            _, _, who = heard[project].pop(str(t.id), ("", "", []))
            before.setdefault(t.sample, set()).update(who)
            shards[t.sample] = t.shard
            if now := said.tasks.get(t.id):
                heard[project][str(t.id)] = t.sample, t.shard, sorted(now)
    if said.garbled:
        return {}
    return {
        sample: There(shard, frozenset(before[sample]) if known else None)
        for sample, shard in shards.items()
        if sample not in unread and sample not in said.unclear
    }
