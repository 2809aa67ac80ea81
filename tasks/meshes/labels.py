"""Point-wise labels of a real defect, read from a text file and carried over to a mesh."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from schemas.errors import BadInput
from tasks.meshes import Shape, faults, files
from tasks.meshes.refine import Points, refine
from tasks.meshes.repair import WELD_DIGITS

MAX_BYTES = 512 << 20
REACH = 3.0
"""A labelled point speaks for the surface within so many spacings of the points."""
FINE = 0.5
"""Edges along the label's border are at most so many spacings long."""
LOOSE = 0.02
"""How much the extents of mesh and points may differ, besides the spacing, as a share of the longest side."""
FIT = 0.95
"""The least share of the points that must lie on the mesh."""


@dataclass(frozen=True)
class Labels:
    """Points that are part of a defect or not, in the coordinates of a mesh file."""

    points: Points
    """(N, 3)"""
    flags: NDArray[np.bool_]
    """(N,)"""
    numbered: bool
    """Whether the points are the mesh file's own vertices, one label each, in place of points of their own."""


@faults.of_the_file
def read(path: Path, mesh: Path) -> Labels:
    """Lines of `x y z label`, or of one label per vertex of `mesh`; commas or blanks between, label 0 or 1.

    Raises BadInput for a file that is missing, closed to us, empty, not of such lines, of other labels, or that marks
    nothing.
    """
    name = path.name
    if not path.is_file():
        raise BadInput(f"{name}: no such file of labels for {mesh.name}; check `labels` in the recipe")
    if path.stat().st_size > MAX_BYTES:
        raise BadInput(f"{name}: {path.stat().st_size / 1e6:,.0f} MB are too much for labels; thin them out")
    table = _table(path)
    if table.shape[1] not in (1, 4):
        raise BadInput(f"{name}: {table.shape[1]} columns; give lines of `x y z label`, or of one label per vertex")
    if not np.isfinite(table).all():
        raise BadInput(f"{name}: values that are not numbers (NaN or infinite); export the labels again")
    values = table[:, -1]
    if odd := [float(v) for v in np.unique(values) if v not in (0, 1)]:
        raise BadInput(f"{name}: {odd[0]:g} is no label; a point is 0 (sound) or 1 (defect)")
    flags = values == 1
    numbered = table.shape[1] == 1
    points = files.numbered(mesh) if numbered else table[:, :3]
    if len(points) != len(flags):
        raise BadInput(
            f"{name}: {len(flags):,} labels for the {len(points):,} vertices of {mesh.name}; give one for each"
        )
    seen = np.isfinite(points).all(axis=1)
    points, flags = points[seen], flags[seen]
    point = "point" if seen.all() else "point with coordinates"
    if not flags.any():
        raise BadInput(f"{name}: no {point} is labelled as defect; give a 1 to those that are, or film it as normal")
    if flags.all():
        raise BadInput(f"{name}: every {point} is labelled as defect; give a 0 to the sound ones")
    return Labels(points, flags, numbered)


def _table(path: Path) -> NDArray[np.float64]:
    with path.open("rb") as stream:
        first = next((line for line in stream if line.strip() and not line.lstrip().startswith(b"#")), b"")
    if not first:
        raise BadInput(f"{path.name}: the file of labels is empty; export it again")
    try:
        return np.loadtxt(path, delimiter="," if b"," in first else None, ndmin=2)
    except (ValueError, UnicodeDecodeError) as e:
        reason = " ".join(str(e).split())[:80]
        raise BadInput(f"{path.name}: cannot be read as labels ({reason}); give lines of `x y z label`") from None


@faults.of_the_file
def carried(name: str, shape: Shape, labels: Labels) -> tuple[Shape, NDArray[np.float32]]:
    """The shape, refined along the label's border, and its label (V,), 1 on the defect and 0 elsewhere.

    `labels` are in the coordinates of `shape`. A place is part of the defect when the nearest point is, and is no
    farther than `REACH` spacings. Raises BadInput, in a sentence that begins with `name`, where they do not fit.
    """
    from scipy.spatial import cKDTree

    # A file with hard edges has a point for every corner of a face: a place that many share has no spacing of its own.
    places = labels.points[np.unique(np.round(labels.points, WELD_DIGITS), axis=0, return_index=True)[1]]
    if len(places) < 5:
        raise BadInput(f"{name}: {len(places)} labelled places say too little; give one for each point of the surface")
    spacing = float(np.median(cKDTree(places).query(places, k=5)[0][:, 4]))
    _refuse_misfit(name, shape, labels, spacing)
    marked, sound = (cKDTree(labels.points[labels.flags == flag]) for flag in (True, False))
    # Vertices between two numbered ones may be far from both; points of their own speak for their surroundings only.
    reach = float("inf") if labels.numbered else REACH * spacing

    def border(places: Points) -> NDArray[np.float64]:
        to_marked = marked.query(places)[0]
        between = np.abs(to_marked - sound.query(places)[0]) / 2
        return np.asarray(np.minimum(between, np.abs(to_marked - reach)))

    fine = refine(shape.vertices, shape.faces, longest=FINE * spacing, distance=border, radius=FINE * spacing)
    distance = marked.query(fine.vertices)[0]
    label = (distance <= sound.query(fine.vertices)[0]) & (distance <= reach)
    if not label.any():
        raise BadInput(f"{name}: no part of the mesh lies at its labelled points; give the labels of this very mesh")
    if label.all():
        raise BadInput(
            f"{name}: all of the mesh lies at its labelled points; give a 0 to the sound ones on this very mesh"
        )
    return Shape(fine.vertices, fine.faces), label.astype(np.float32)


def _refuse_misfit(name: str, shape: Shape, labels: Labels, spacing: float) -> None:
    from tasks.defects.measure import distance

    if not labels.numbered:
        low, high = (np.abs(f(shape.vertices, axis=0) - f(labels.points, axis=0)).max() for f in (np.min, np.max))
        if max(low, high) > REACH * spacing + LOOSE:
            raise BadInput(
                f"{name}: the labels cover another extent than the mesh, off by {max(low, high):.0%} of its size; "
                "give the labels of this very mesh, in its coordinates"
            )
    there = labels.points[labels.flags] if labels.numbered else labels.points
    thinned = there[:: -(-len(there) // 5000)]
    share = float((distance(thinned, shape) < REACH * spacing).mean())
    if share < FIT:
        raise BadInput(
            f"{name}: only {share:.0%} of the labelled points lie on the mesh; give the labels of this very mesh"
            + (", or keep the part that they are on (`bodies: all`)" if labels.numbered else "")
        )
