"""Fashion-MNIST: 70,000 real images of clothes, 28x28, from files in torchvision's layout."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from automl.errors import UsageError
from automl_vision.torchvision_sets import TorchvisionSet, size_variants

if TYPE_CHECKING:
    import torch

FILES = tuple(f"{part}-{kind}-ubyte" for part in ("train", "t10k") for kind in ("images-idx3", "labels-idx1"))

CLASSES = ("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot")

SIDE_PX = 28


class FashionMNIST(TorchvisionSet):
    """28x28 grey images of ten kinds of clothes (Xiao et al. 2017, arXiv:1708.07747), pixels in [0, 1].

    The 60,000 training images are split into 50,000 train and 10,000 val, as is usual; the 10,000 test images are the
    test split.
    """

    name = "fashion-mnist"
    summary = "Fashion-MNIST: 70,000 grey 28x28 images in 10 classes; files from AUTOML_DATA_DIR"
    title = "Fashion-MNIST"
    kind = "FashionMNIST"
    below = Path("FashionMNIST", "raw")
    files = FILES
    download_mb = 31
    classes = CLASSES
    held = 6
    shape = (1, SIDE_PX, SIDE_PX)
    variants: ClassVar[dict[str, str]] = size_variants(name, below)

    def part(self, folder: Path, *, train: bool) -> tuple[torch.Tensor, torch.Tensor]:
        """Bytes of shape ``(images, 1, 28, 28)`` and class indices."""
        import torch

        images_path, labels_path = (folder / self.below / name for name in (FILES[:2] if train else FILES[2:]))
        try:
            part = self.torchvision()(folder, train=train, download=False)
        except Exception as error:  # what a damaged file makes torchvision raise depends on the damage
            raise UsageError(f"{images_path} or {labels_path.name} beside it is damaged: {error!r}.") from error
        images, labels = part.data, part.targets
        fits = images.shape == (len(labels), SIDE_PX, SIDE_PX) and images.dtype == torch.uint8
        if not fits or len(torch.unique(labels)) != len(CLASSES) or labels.max() >= len(CLASSES):
            raise UsageError(
                f"{images_path} and {labels_path.name} hold images of shape {tuple(images.shape)} and {len(labels)} "
                f"labels of {len(torch.unique(labels))} classes; {SIDE_PX}x{SIDE_PX} and {len(CLASSES)} classes are "
                "expected."
            )
        return images.unsqueeze(1), labels

    def stats(self, images: torch.Tensor) -> Any:
        """In single precision: another last digit would give other models than earlier versions trained."""
        from automl_vision.examples import scaled
        from automl_vision.tensors import overall_stats

        return overall_stats(scaled(images))
