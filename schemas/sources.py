"""Image sets that a recipe imports, and what their pictures are made into."""

from typing import Literal

from pydantic import Field

from schemas.addresses import Address
from schemas.section import Section, Share


class SourceSpec(Section):
    """One image set as it is distributed."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,40}$")
    """Name of the source; stands with every image."""
    path: str
    """Its folder, or an archive (zip or tar), relative to the recipe file."""
    homepage: Address = ""
    """Where the set is to be had; named when it is not there."""
    layout: Literal["auto", "folders", "voc", "yolo", "coco", "labelme", "masks"] = "auto"
    """`folders`: one folder per class; the others: where the labels stand."""
    images: str = ""
    """Where the images are, as a pattern inside `path`; found by the layout, if empty."""
    labels: str = ""
    """Where the labels are, as a pattern inside `path`; found by the layout, if empty."""
    licence: str = ""
    """Licence of the source, an SPDX identifier or the words of its owner."""
    object: str = "steel strip"
    """What the images show a part of."""
    limit: int = Field(0, ge=0)
    """Take only so many images per class, a seeded sample; 0 takes all."""


class Images(Section):
    """What imported images are made into, and how equal ones are found."""

    side: int = Field(256, ge=0, le=8192)
    """Width and height in pixels; 0 keeps every image as it is."""
    fit: Literal["stretch", "pad", "crop"] = "stretch"
    """How an image becomes square: stretched as published, padded with its edge, or cut to its centre. A mask follows
    its image."""
    estimate: bool = True
    """Where a source names a defect and marks no outline, estimate its region from the picture, within its boxes if
    there are any; reviewers correct it."""
    taxonomy: str = ""
    """A taxonomy by name (`schemas/taxonomies/`) or file: which class of a source becomes which class; none keeps
    the sources' own names."""
    unknown: Literal["reject", "keep"] = "reject"
    """What becomes of an image whose class the taxonomy does not know."""
    encoder: str = "thumbnail"
    """What near-duplicates are found by: `thumbnail`, `phash`, or a sentence-transformers image model by name or local
    path."""
    duplicates: Share = 0.9
    """Cosine of these features from which on two images are near-duplicates."""
    shifted: Share = 0.85
    """Correlation from which on a quarter of an image, found anywhere on another one, makes the two near-duplicates;
    1 looks for none."""
