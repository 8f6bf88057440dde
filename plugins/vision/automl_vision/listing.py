"""Lists a folder of pictures: which class and which split each is of, and what is in the way."""

from __future__ import annotations

import collections
import dataclasses
import os
import stat
from pathlib import Path

from automl.errors import UsageError

ALIASES = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("val", "valid", "validation"), "val"),
    **dict.fromkeys(("test", "testing"), "test"),
}
"""Names of sub-folders that mean a split, in lower case."""

LAYOUT = "A folder of pictures has a sub-folder for each class, or train, val and test with one for each class in each"


@dataclasses.dataclass(frozen=True)
class Picture:
    """A picture file.

    Attributes:
        path: Where it is.
        name: The same below the folder, for people.
        label: Its class.
        split: The split it was put into; empty where the folder does not say.
        size_bytes: Size of the file.
        modified_ns: When it was last written, in nanoseconds since 1970.
    """

    path: Path
    name: str
    label: str
    split: str
    size_bytes: int
    modified_ns: int


@dataclasses.dataclass
class Listing:
    """What is in a folder.

    Attributes:
        root: The folder.
        pictures: Files whose ending says that they are pictures, in the order of their names.
        bad: Name and fault of what should have been looked into and cannot be.
        others: How many files have an ending of no picture, by that ending.
        empty: Names of class folders without a picture.
        splits: The splits that have a folder of their own, be it empty.
    """

    root: Path
    pictures: list[Picture] = dataclasses.field(default_factory=list)
    bad: list[tuple[str, str]] = dataclasses.field(default_factory=list)
    others: collections.Counter[str] = dataclasses.field(default_factory=collections.Counter)
    empty: list[str] = dataclasses.field(default_factory=list)
    splits: set[str] = dataclasses.field(default_factory=set)


def list_pictures(root: Path, suffixes: frozenset[str]) -> Listing:
    """Lists the pictures of a folder in one of the two layouts; names that begin with a dot are passed over.

    A link to a file within the folder is followed. One that leads out of it is bad, so that a folder of somebody
    else's shows nothing but what came with it; so is a link to a folder, by which one could walk in circles.

    Args:
        root: The folder.
        suffixes: Endings of the names of pictures, in lower case.

    Raises:
        UsageError: There is no such folder, or it has neither layout.
    """
    if not root.is_dir():
        raise UsageError(f"There is no folder {root}.")
    listing = Listing(root.resolve())
    walk = _Walk(listing, suffixes)
    tops = walk.folders(listing.root)
    splits = [top for top in tops if top.name.lower() in ALIASES]
    # A vehicle may be a class: train beside car and plane is none of the splits.
    trains = any(ALIASES[top.name.lower()] == "train" for top in splits)
    if trains and (len(splits) > 1 or len(tops) == 1):
        if strays := [top.name for top in tops if top not in splits]:
            raise UsageError(
                f"{root} holds {' and '.join(top.name for top in splits)} and beside them {', '.join(strays[:5])}: is "
                f"that a class or a split? Move it away. {LAYOUT}."
            )
        walk.beside(listing.root)
        for top in splits:
            listing.splits.add(ALIASES[top.name.lower()])
            walk.classes(top, ALIASES[top.name.lower()])
    else:
        walk.classes(listing.root, "")
    if not listing.pictures and not listing.bad:
        raise UsageError(f"There are no pictures in sub-folders of {root}. {LAYOUT}.")
    listing.pictures.sort(key=lambda picture: os.fsencode(picture.name))
    return listing


class _Walk:
    """Goes through the folders and notes what it finds.

    Args:
        listing: Where to.
        suffixes: Endings of the names of pictures.
    """

    def __init__(self, listing: Listing, suffixes: frozenset[str]) -> None:
        self._listing = listing
        self._suffixes = suffixes

    def folders(self, folder: Path) -> list[os.DirEntry[str]]:
        """The sub-folders, by name."""
        return [entry for entry in self._entries(folder) if entry.is_dir(follow_symlinks=False)]

    def beside(self, folder: Path) -> None:
        """Looks at what is no sub-folder: a link by the name of a split is not to be passed over."""
        for entry in self._entries(folder):
            if not entry.is_dir(follow_symlinks=False):
                self._look(entry, None, "")

    def classes(self, folder: str | os.PathLike[str], split: str) -> None:
        """Takes every sub-folder for a class."""
        for entry in self._entries(folder):
            before = len(self._listing.pictures)
            if not entry.is_dir(follow_symlinks=False):
                self._look(entry, None, split)
                continue
            self._class(entry, _text(entry.name), split)
            if len(self._listing.pictures) == before:
                self._listing.empty.append(self._name(entry))

    def _class(self, folder: os.DirEntry[str], label: str, split: str) -> None:
        # A stack of its own: Python's ends at a thousand folders within each other.
        folders = [folder]
        while folders:
            for entry in self._entries(folders.pop()):
                if entry.is_dir(follow_symlinks=False):
                    folders.append(entry)
                else:
                    self._look(entry, label, split)

    def _look(self, entry: os.DirEntry[str], label: str | None, split: str) -> None:
        """Takes a file in, or notes that it is gone by now or within a folder that may be listed but not entered."""
        try:
            self._take(entry, label, split)
        except OSError as error:
            self._listing.bad.append((self._name(entry), error.strerror or "cannot be opened"))

    def _take(self, entry: os.DirEntry[str], label: str | None, split: str) -> None:
        """Takes a file in; one without a class is not missed unless it looks like a whole class."""
        suffix = Path(entry.name).suffix.lower()
        if entry.is_symlink() and (fault := self._fault(entry)):
            self._listing.bad.append((self._name(entry), fault))
        elif label is None or suffix not in self._suffixes:
            self._listing.others[suffix or "none"] += 1
        else:
            facts = entry.stat()
            if not stat.S_ISREG(facts.st_mode):
                self._listing.bad.append((self._name(entry), "no regular file"))
                return
            self._listing.pictures.append(
                Picture(Path(entry.path), self._name(entry), label, split, facts.st_size, facts.st_mtime_ns)
            )

    def _fault(self, link: os.DirEntry[str]) -> str:
        target = Path(os.path.realpath(link.path))
        if not target.is_relative_to(self._listing.root):
            return "a link that leads out of the folder"
        if target.is_dir():
            return "a link to a folder"
        return "" if target.exists() else "a link to nothing"

    def _entries(self, folder: str | os.PathLike[str]) -> list[os.DirEntry[str]]:
        try:
            with os.scandir(folder) as entries:
                found = [entry for entry in entries if not entry.name.startswith(".")]
        except OSError as error:
            self._listing.bad.append((self._name(folder), error.strerror or "cannot be opened"))
            return []
        return sorted(found, key=lambda entry: os.fsencode(entry.name))

    def _name(self, entry: str | os.PathLike[str]) -> str:
        return _text(os.path.relpath(entry, self._listing.root))


def _text(name: str) -> str:
    r"""A name that can be written anywhere: bytes that are no UTF-8 become ``\xff``."""
    return os.fsencode(name).decode("utf-8", "backslashreplace")
