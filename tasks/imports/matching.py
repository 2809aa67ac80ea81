"""Which image a label file or a mask is about: by its name, by what it says, by the folders of both."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import takewhile

from schemas.errors import BadInput
from tasks.files import sha256_file
from tasks.imports.records import Found, Problem, Read
from tasks.imports.tree import Tree


@dataclass(frozen=True)
class Name:
    """A path taken apart, as any system writes it, absolute or not; case matters in the stem only."""

    folders: tuple[str, ...]
    stem: str
    suffix: str

    @classmethod
    def of(cls, path: str) -> "Name":
        *folders, file = path.replace("\\", "/").split("/")
        stem, dot, suffix = file.rpartition(".")
        above = tuple(f.casefold() for f in folders if f not in ("", ".", ".."))
        return cls(above, stem, suffix.lower()) if dot else cls(above, file, "")

    def alike(self, other: "Name") -> int:
        """Folders that both have in common, from the deepest."""
        return _equal(self.folders[::-1], other.folders[::-1])

    def way(self, other: "Name") -> int:
        """Steps from the folder of one file to that of the other."""
        return len(self.folders) + len(other.folders) - 2 * _equal(self.folders, other.folders)


class Matching:
    """The images of a source, as their labels are found: each once, and none normal whose labels are in doubt."""

    def __init__(self, tree: Tree):
        self._root = tree.root
        self._images = {path: Name.of(path) for path in tree.images}
        self._by_stem: dict[str, list[str]] = {}
        for path, name in self._images.items():
            self._by_stem.setdefault(name.stem, []).append(path)
        repeated = any(len(namesakes) > 1 for namesakes in self._by_stem.values())
        self._folders = frozenset().union(*(name.folders for name in self._images.values() if repeated))
        """What tells images of the same name apart; empty if each has a name of its own."""
        self._taken: set[str] = set()
        self._doubtful: set[str] = set()

    def ordered(self, labels: Iterable[str]) -> list[str]:
        """Label files, first those that have the name of an image: `1.json` before `1 (copy).json`."""
        return sorted(labels, key=lambda label: (Name.of(label).stem not in self._by_stem, label))

    def image(self, place: str, *names: str) -> str:
        """The image that `names`, said by the file `place`, fit best; from now on it has its labels.

        Raises BadInput, what is to be said of the image, if there is none, if several fit alike, or if it has labels.
        """
        fit = self._fitting(place, *names)
        if not fit:
            raise BadInput("is not there")
        if len(fit) > 1:
            self._doubtful.update(fit)
        if len(fit) > 1 and len({sha256_file(self._root / path) for path in fit}) > 1:
            which = f"{fit[0]} or {fit[1]}" + (f" or {len(fit) - 2} more" if fit[2:] else "")
            raise BadInput(f"may be {which}; name it with its folder, or give the images names of their own")
        path = fit[0]  # of copies in several folders, the first one
        if path in self._taken:
            raise BadInput("has labels already; the first ones in order were taken")
        self._taken.add(path)
        return path

    def spoilt(self, place: str, *names: str) -> None:
        """What the file `place` says cannot be used: the image that it may be about is not to be taken for normal."""
        self._doubtful.update(self._fitting(place, *names))

    def certainty(self, name: str) -> int:
        """Folders, from the deepest, that a name and the likest image of that stem have in common."""
        said = Name.of(name)
        return max((self._images[path].alike(said) for path in self._by_stem.get(said.stem, ())), default=-1)

    def rest(self, class_of: Callable[[str], str] = lambda path: "", otherwise: str = "") -> Iterator[Read]:
        """The images without labels: of the class that their path says; else of the class `otherwise`, or a problem."""
        for path in (p for p in self._images if p not in self._taken):
            if label := class_of(path):
                yield Found(path, label)
            elif path in self._doubtful:
                yield Problem(
                    path, f"{path}: labels that may be about it cannot be used, so what it shows is not known"
                )
            elif otherwise:
                yield Found(path, otherwise)
            else:
                yield Problem(path, f"{path}: has no labels, and its folder names no class")

    def _fitting(self, place: str, *names: str) -> list[str]:
        """One image, none, or several that fit alike; of names that fit different images, all of these."""
        best = [found for name in names if (found := self._best(Name.of(place), Name.of(name)))]
        return sorted(set.intersection(*best) or set.union(*best)) if best else []

    def _best(self, place: Name, said: Name) -> set[str]:
        # Where images are numbered per folder, what lies in `crack` is about none outside of it. Where each has a name
        # of its own, a label file that strayed (from `train` to `validation`) is still about its namesake.
        within = self._folders.intersection(place.folders)
        fit: dict[str, tuple[int, bool, int]] = {}
        for path in self._by_stem.get(said.stem, ()):
            image = self._images[path]
            if within.issubset(image.folders):
                fit[path] = image.alike(said), image.suffix == said.suffix, -image.way(place)
        most = max(fit.values(), default=None)
        return {path for path, likeness in fit.items() if likeness == most}


def _equal(one: tuple[str, ...], other: tuple[str, ...]) -> int:
    """How many parts two paths have in common, from the first."""
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False)))
