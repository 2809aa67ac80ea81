"""The dataset card (README.md, with the front matter that Hugging Face reads) and the licence of the data."""

import yaml

from tasks.filming.views import FLAG_WORDS, VIEW_WORDS
from tasks.release.edition import Edition, templates
from tasks.release.figures import DIMENSIONS, Figures, Tallies
from tasks.release.manifest import ORDER
from tasks.split import PROMISES
from tasks.visibility import f1

LICENCES = (
    "apache-2.0", "bsd-3-clause", "cc-by-4.0", "cc-by-nc-4.0", "cc-by-nc-sa-4.0", "cc-by-sa-4.0", "cc0-1.0", "mit",
    "odbl", "pddl",
)  # fmt: skip
"""Those of Hugging Face's licence identifiers that data sets of this kind have."""
SIZES = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M"), (10**7, "1M<n<10M"))


TASKS = {
    "clip": ["video-classification", "visual-question-answering"],
    "image": ["image-classification", "image-segmentation", "image-to-text"],
}
"""Hugging Face's names of what the samples are for, by their kind."""


def front_matter(edition: Edition, rows: dict[str, int]) -> str:
    """The YAML that Hugging Face reads: licence, tasks, and one configuration per table that has rows: `datasets` does
    not load an empty one."""
    known = edition.licence.lower() in LICENCES
    synthetic = ["synthetic"] if edition.kind == "clip" else []
    values = {
        "pretty_name": f"{edition.dataset} {edition.version}",
        "license": edition.licence.lower() if known else "other",
        **({} if known else {"license_name": edition.licence.lower(), "license_link": "LICENSE"}),
        "language": ["en"],
        "task_categories": TASKS[edition.kind],
        "tags": ["industrial-inspection", "anomaly-detection", *synthetic, *(["draft"] if edition.draft else [])],
        "size_categories": [next((name for limit, name in SIZES if rows["samples"] < limit), "n>1T")],
        "configs": [
            {"config_name": table, "data_files": f"manifest/{table}.parquet"}
            | ({"default": True} if table == "samples" else {})
            for table in ORDER
            if rows[table]
        ],
    }
    return yaml.safe_dump(values, sort_keys=False, allow_unicode=True)


def text(edition: Edition, numbers: Figures, tallies: Tallies) -> str:
    return templates().get_template("README.md.j2").render(
        edition=edition, front_matter=front_matter(edition, tallies.tables), numbers=numbers,
        tallies=tallies, dimensions=DIMENSIONS, f1=f1,
        view_words=VIEW_WORDS, flag_words=FLAG_WORDS, promises=PROMISES,
    )  # fmt: skip


def licence(edition: Edition, numbers: Figures) -> str:
    return templates().get_template("LICENSE.j2").render(edition=edition, sources=sorted(numbers.licences.items()))
