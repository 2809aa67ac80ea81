"""Checks of what a release's rows say of each other: ids, references, splits, groups, intervals, answers."""

from schemas.arrow import from_dict
from schemas.rows import Interval
from tasks.proof.folder import Folder, Found, count
from tasks.qa import questions
from tasks.release import manifest

UNIQUE = {
    "samples": "id", "media": "path", "annotations": "id", "signals": "sample, name",
    "descriptions": "sample", "class_texts": "id", "groups": 'sample, "group"',
    "splits": "sample, protocol", "qa": "sample, key", "verdicts": "id", "batches": "id",
}  # fmt: skip
ABOUT_SAMPLES = ("media", "annotations", "descriptions", "signals", "groups", "splits", "qa", "verdicts")


def unique_hold(release: Folder) -> Found:
    for table, key in UNIQUE.items():
        rows = release.ask(f"SELECT {key} FROM {table} GROUP BY ALL HAVING count(*) > 1 ORDER BY ALL")  # noqa: S608
        for row in rows:
            yield f"manifest/{table}.parquet: {', '.join(map(str, row))} is there more than once"
    return ", ".join(UNIQUE)


def references_hold(release: Folder) -> Found:
    for table in ABOUT_SAMPLES:
        strangers = f"SELECT DISTINCT sample FROM {table} ANTI JOIN samples ON samples.id = {table}.sample ORDER BY 1"  # noqa: S608
        for (sample,) in release.ask(strangers):
            yield f"manifest/{table}.parquet: speaks of sample {sample}, which is not in samples"
    refs = """
        SELECT s.id, r.role, r.id AS media FROM (SELECT id, unnest(media) AS r FROM samples) AS s
        ANTI JOIN media AS m ON m.sample = s.id AND m.id = r.id AND m.role = r.role ORDER BY ALL
    """
    for sample, role, media in release.ask(refs):
        yield f"{sample}: its {role} file {media[:12]}… is not in media"
    for (sample,) in release.ask(
        "SELECT id FROM samples WHERE NOT list_contains(list_transform(media, lambda x: x.role), "
        "CASE kind WHEN 'image' THEN 'image' ELSE 'unmarked' END) ORDER BY 1"
    ):
        yield f"{sample}: has no unmarked clip and is no image"
    return f"{count(release, 'samples')} samples"


def splits_hold(release: Folder) -> Found:
    protocols = [p for (p,) in release.ask("SELECT DISTINCT protocol FROM splits ORDER BY 1")]
    if release.protocol not in protocols:
        yield f"manifest/splits.parquet: has no protocol `{release.protocol}`, which the shards follow"
    for protocol in sorted({*protocols, release.protocol}):
        for sample, n in release.ask(
            "SELECT s.id, count(DISTINCT p.split) FROM samples AS s LEFT JOIN splits AS p "
            "ON p.sample = s.id AND p.protocol = ? GROUP BY 1 HAVING count(DISTINCT p.split) != 1 ORDER BY 1",
            protocol,
        ):
            yield f"{sample}: is in {n} splits of protocol `{protocol}`"
    return ", ".join(
        f"{split} {n}"
        for split, n in release.ask(
            "SELECT split, count(*) FROM splits WHERE protocol = ? GROUP BY 1 ORDER BY 1", release.protocol
        )
    )


INDIVISIBLE: dict[str, str] = {
    "grouped": 'SELECT id AS sample, unnest(groups) AS name FROM samples UNION SELECT sample, "group" FROM groups',
    "standard": "SELECT id AS sample, id AS name FROM samples",
    "unseen": "SELECT id AS sample, object AS name FROM samples",
}
"""Per protocol the query of what it promises not to divide: instances and near-duplicates, nothing but the clip
itself, object categories."""


def groups_hold(release: Folder) -> Found:
    """What each protocol promises not to divide is in one split of it, and so is what it says it assigned as one.

    Components of groups hang together by samples, each of which is in one split; so if every group lies within one
    split, every component does.
    """
    said = []
    for (protocol,) in release.ask("SELECT DISTINCT protocol FROM splits ORDER BY 1"):
        if protocol not in INDIVISIBLE:
            yield f"manifest/splits.parquet: protocol `{protocol}` is none of {', '.join(INDIVISIBLE)}"
            continue
        rows = release.ask(
            f"""
            WITH chosen AS (SELECT * FROM splits WHERE protocol = ?),
                 member AS ({INDIVISIBLE[protocol]} UNION SELECT sample, "group" FROM chosen)
            SELECT name, string_agg(DISTINCT split, ' and ' ORDER BY split)
            FROM member JOIN chosen USING (sample) GROUP BY ALL HAVING count(DISTINCT split) > 1 ORDER BY ALL
            """,  # noqa: S608 - our own queries
            protocol,
        )
        for name, found in rows:
            yield f"group {name}: is in {found} of protocol `{protocol}`"
        ((count,),) = release.ask('SELECT count(DISTINCT "group") FROM splits WHERE protocol = ?', protocol)
        said.append(f"{protocol} {count}")
    return f"assigned as one and in one split: {', '.join(said)}"


def intervals_hold(release: Folder) -> Found:
    query = """
        SELECT a.id, a.sample, a.intervals, s.frames FROM annotations AS a LEFT JOIN samples AS s ON s.id = a.sample
        WHERE a.intervals IS NOT NULL ORDER BY a.sample, a.id
    """
    lists = 0
    for batch in release.batches(query):
        for row in batch:
            lists += 1
            spans = [from_dict(Interval, i) for i in row["intervals"]]
            if fault := interval_fault(spans, row["frames"]):
                yield f"{row['sample']}: annotation {row['id']}: {fault}"
    return f"{lists} lists of intervals"


def interval_fault(spans: list[Interval], frames: int | None) -> str | None:
    """What is wrong with intervals in a clip of so many frames: empty, outside, out of order or overlapping."""
    last = 0
    for span in spans:
        shown = f"[{span.start_frame}, {span.end_frame})"
        if span.start_frame >= span.end_frame:
            return f"interval {shown} is empty"
        if span.start_frame < 0 or (frames is not None and span.end_frame > frames):
            return f"interval {shown} leaves the clip of {frames} frames"
        if span.start_frame < last:
            return f"interval {shown} begins before frame {last}, where the one before it ends"
        last = span.end_frame
    return None


def answers_hold(release: Folder) -> Found:
    """Four questions per clip, answered as the current labels say; none about an image."""
    answered = 0
    for bundle in manifest.bundles(release.con, release.protocol):
        s = bundle.sample
        labels = bundle.labels
        if s.kind == "image":
            if bundle.qa:
                yield f"{s.id}: is an image, and has questions about a clip"
            continue
        if missing := [t for t in ("defect_type", "object", "visible_interval") if t not in labels.by_task]:
            yield f"{s.id}: has no label for {', '.join(missing)}"
            continue
        wanted = {q.key: q for q in questions(s, labels, [])}
        found = {q.key: q for q in bundle.qa}
        answered += len(found)
        if wanted.keys() != found.keys() or len(bundle.qa) != len(found):
            yield f"{s.id}: has the questions {', '.join(q.key for q in bundle.qa) or 'none'}, not {', '.join(wanted)}"
            continue
        for key, q in found.items():
            if (q.answer, q.task) != (wanted[key].answer, wanted[key].task):
                yield f"{s.id}: {key} ({q.task}) is answered {q.answer!r}; the label says {wanted[key].answer!r}"
            if q.options and q.answer not in q.options:
                yield f"{s.id}: {key}: the answer {q.answer!r} is none of its options"
    return f"{answered} questions"
