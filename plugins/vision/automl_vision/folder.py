"""A folder of pictures as data: a sub-folder for each class, or train, val and test with these in each."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, ClassVar

from automl.errors import UsageError
from automl_vision.options import PlacedImages, parse_side

if TYPE_CHECKING:
    from collections.abc import Mapping

    from automl_vision.image_source import Loaded
    from automl_vision.listing import Listing

WORDS = {"size": "64x48", "channels": "3", "memory": "2GB", "skip-bad": ""}
"""Options, with an example of a value."""

MEMORY_BYTES = 1_000_000_000
"""Pixels, unpacked and resized, that are held in memory rather than decoded anew for each epoch."""


@dataclasses.dataclass(frozen=True)
class Wishes:
    """What the user said of a folder.

    Attributes:
        size: Height and width that all pictures are brought to; None: what most of them have.
        channels: 1, 3 or 4; None: the most that any picture has.
        memory_bytes: The most that the pixels may take in memory.
        skip_bad: Whether files that cannot be read are left out.
    """

    size: tuple[int, int] | None = None
    channels: int | None = None
    memory_bytes: float = MEMORY_BYTES
    skip_bad: bool = False


class Folder(PlacedImages):
    """Pictures in folders. Without splits of their own they are split 70 / 15 / 15, each class in proportion.

    Pictures of many sizes are resized to one, the median of theirs. A change of any file makes it other data.
    """

    name = "folder"
    summary = "a folder of pictures: folder:PATH, with a sub-folder a class, or train, val and test"
    variants: ClassVar[dict[str, str]] = {
        "PATH": "the folder; a sub-folder a class, or train, val and test with one a class in each",
        "PATH?size=HxW": "height and width all pictures are resized to, instead of the median of theirs",
        "PATH?channels=N": "1 grey, 3 colours, 4 with alpha, instead of the most that any picture has",
        "PATH?memory=2GB": "the most that pixels may take in memory, above which files are decoded as needed; 1GB",
        "PATH?skip-bad": "leave out files that cannot be read (as --skip-bad does); join options with &",
    }
    words = WORDS
    place = "folder of pictures"

    def check(self) -> None:
        """Raises UsageError when a size, a number of channels or an amount of memory is none."""
        _wishes(self.options)

    def loaded(self) -> Loaded:
        """Read once a process, and again when files have changed.

        Raises:
            UsageError: A file cannot be read, or the folder holds too little to learn from.
        """
        from automl_vision.listing import list_pictures
        from automl_vision.pictures import SUFFIXES

        wishes = _wishes(self.options)
        listing = list_pictures(self.where, SUFFIXES)
        known = _kept.get(wishes)
        if known is None or known[0] != listing:
            from automl_vision.folder_loading import load

            # A search needs one folder; what was loaded before may be large.
            _kept.clear()
            _kept[wishes] = known = (listing, load(listing, wishes))
        return known[1]


_kept: dict[Wishes, tuple[Listing, Loaded]] = {}


def _wishes(options: Mapping[str, str]) -> Wishes:
    from automl.engine.limits import parse_size

    channels = options.get("channels")
    if channels not in {None, "1", "3", "4"}:
        raise UsageError(f"Pictures have 1, 3 or 4 channels, not {channels}.")
    return Wishes(
        size=parse_side(options["size"]) if "size" in options else None,
        channels=int(channels) if channels else None,
        memory_bytes=parse_size(options["memory"]) if "memory" in options else MEMORY_BYTES,
        skip_bad="skip-bad" in options,
    )
