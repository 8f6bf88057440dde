"""CIFAR-10 and CIFAR-100: 60,000 small photographs each, from files in torchvision's layout."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from automl.errors import UsageError
from automl_vision.torchvision_sets import TorchvisionSet, size_variants

if TYPE_CHECKING:
    import torch

HUNDRED = """
apple aquarium_fish baby bear beaver bed bee beetle bicycle bottle bowl boy bridge bus butterfly camel can
castle caterpillar cattle chair chimpanzee clock cloud cockroach couch crab crocodile cup dinosaur dolphin
elephant flatfish forest fox girl hamster house kangaroo keyboard lamp lawn_mower leopard lion lizard lobster
man maple_tree motorcycle mountain mouse mushroom oak_tree orange orchid otter palm_tree pear pickup_truck
pine_tree plain plate poppy porcupine possum rabbit raccoon ray road rocket rose sea seal shark shrew skunk
skyscraper snail snake spider squirrel streetcar sunflower sweet_pepper table tank telephone television tiger
tractor train trout tulip turtle wardrobe whale willow_tree wolf woman worm
"""
"""Names of the classes of CIFAR-100."""


class CIFAR10(TorchvisionSet):
    """32x32 colour photographs in ten classes (Krizhevsky 2009), pixels in [0, 1].

    The 50,000 training images are split into 45,000 train and 5,000 val; the 10,000 test images are the test split.
    The files are pickles; torchvision opens them only when their MD5 sums are those of the authors.
    """

    name = "cifar10"
    summary = "CIFAR-10: 60,000 colour 32x32 images in 10 classes; files from AUTOML_DATA_DIR"
    title = "CIFAR-10"
    kind = "CIFAR10"
    below = Path("cifar-10-batches-py")
    files = (*(f"data_batch_{number}" for number in range(1, 6)), "test_batch", "batches.meta")
    download_mb = 171
    classes = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
    held = 10
    shape = (3, 32, 32)
    variants: ClassVar[dict[str, str]] = size_variants(name, below)

    def part(self, folder: Path, *, train: bool) -> tuple[torch.Tensor, torch.Tensor]:
        """Bytes of shape ``(images, 3, 32, 32)`` and class indices."""
        import torch

        try:
            part = self.torchvision()(folder, train=train, download=False)
        except Exception as error:
            raise UsageError(f"The files in {folder / self.below} are damaged: {error!r}.") from error
        images, labels = torch.from_numpy(part.data.transpose(0, 3, 1, 2).copy()), torch.tensor(part.targets)
        if images.shape[1:] != self.shape or labels.unique().tolist() != list(range(len(self.classes))):
            raise UsageError(f"The files in {folder / self.below} hold other images than {self.title}'s.")
        return images, labels


class CIFAR100(CIFAR10):
    """The same in a hundred classes, 500 training images each (Krizhevsky 2009)."""

    name = "cifar100"
    summary = "CIFAR-100: 60,000 colour 32x32 images in 100 classes; files from AUTOML_DATA_DIR"
    title = "CIFAR-100"
    kind = "CIFAR100"
    below = Path("cifar-100-python")
    files = ("train", "test", "meta")
    download_mb = 169
    variants: ClassVar[dict[str, str]] = size_variants(name, below)
    classes = tuple(HUNDRED.split())
