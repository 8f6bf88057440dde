"""Images: data sources, classification, convolutional networks that scale, any model of timm."""

from __future__ import annotations

import automl
from automl_vision.cifar import CIFAR10, CIFAR100
from automl_vision.classification import ImageClassification
from automl_vision.digits import Digits
from automl_vision.efficientnet import EfficientNet
from automl_vision.fashion_mnist import FashionMNIST
from automl_vision.folder import Folder
from automl_vision.mnasnet import MnasNet
from automl_vision.mobilenet import MobileNetV1, MobileNetV2
from automl_vision.npz import Npz
from automl_vision.resnet import ResNet
from automl_vision.timm_space import Timm

AUTOML_API_VERSION = 1


@automl.hookimpl
def automl_data_sources() -> list[automl.DataSource]:
    """The data sources ``digits``, ``fashion-mnist``, ``cifar10``, ``cifar100``, ``folder`` and ``npz``."""
    return [CIFAR10(), CIFAR100(), Digits(), FashionMNIST(), Folder(), Npz()]


@automl.hookimpl
def automl_tasks() -> list[automl.Task]:
    """The task ``image-classification``."""
    return [ImageClassification()]


@automl.hookimpl
def automl_spaces() -> list[automl.Space]:
    """The spaces ``efficientnet``, ``mnasnet``, ``mobilenetv1``, ``mobilenetv2``, ``resnet`` and ``timm``."""
    return [EfficientNet(), MnasNet(), MobileNetV1(), MobileNetV2(), ResNet(), Timm()]
