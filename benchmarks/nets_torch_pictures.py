"""Networks of `keras.applications` in plain torch, the same layers, channels last in memory; two are torchvision's."""

import torch
from torch import nn


def normalized(inputs: int, filters: int, kernel: int, stride: int = 1, groups: int = 1, bias: bool = False) -> nn.Sequential:
    """A convolution that keeps the size (or halves it), and batch normalization."""
    convolution = nn.Conv2d(inputs, filters, kernel, stride, kernel // 2, groups=groups, bias=bias)
    return nn.Sequential(convolution, nn.BatchNorm2d(filters, eps=1e-3, momentum=0.01))


class Bottleneck(nn.Module):
    """Three convolutions beside a shortcut, as in ResNet50."""

    def __init__(self, inputs: int, filters: int, stride: int):
        super().__init__()
        outputs = 4 * filters
        self.inner = nn.Sequential(
            normalized(inputs, filters, 1, stride, bias=True),
            nn.ReLU(),
            normalized(filters, filters, 3, bias=True),
            nn.ReLU(),
            normalized(filters, outputs, 1, bias=True),
        )
        is_same = inputs == outputs and stride == 1
        self.shortcut = nn.Identity() if is_same else normalized(inputs, outputs, 1, stride, bias=True)

    def forward(self, x):
        return torch.relu(self.inner(x) + self.shortcut(x))


def resnet50() -> list[nn.Module]:
    stack: list[nn.Module] = [normalized(3, 64, 7, 2, bias=True), nn.ReLU(), nn.MaxPool2d(3, 2, 1)]
    channels = 64
    for filters, count, first in ((64, 3, 1), (128, 4, 2), (256, 6, 2), (512, 3, 2)):
        for number in range(count):
            stack.append(Bottleneck(channels, filters, first if number == 0 else 1))
            channels = 4 * filters
    return [*stack, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, 10)]


class Inverted(nn.Module):
    """Widened, filtered channel by channel, narrowed, as in MobileNetV2."""

    def __init__(self, inputs: int, outputs: int, stride: int, factor: int):
        super().__init__()
        wide = inputs * factor
        widened = [] if factor == 1 else [normalized(inputs, wide, 1), nn.ReLU6()]
        filtered = [normalized(wide, wide, 3, stride, groups=wide), nn.ReLU6()]
        self.inner = nn.Sequential(*widened, *filtered, normalized(wide, outputs, 1))
        self.is_added = inputs == outputs and stride == 1

    def forward(self, x):
        return x + self.inner(x) if self.is_added else self.inner(x)


def mobilenet_v2() -> list[nn.Module]:
    stack: list[nn.Module] = [normalized(3, 32, 3, 2), nn.ReLU6()]
    channels = 32
    blocks = ((16, 1, 1, 1), (24, 2, 2, 6), (32, 3, 2, 6), (64, 4, 2, 6), (96, 3, 1, 6), (160, 3, 2, 6), (320, 1, 1, 6))
    for filters, count, first, factor in blocks:
        for number in range(count):
            stack.append(Inverted(channels, filters, first if number == 0 else 1, factor))
            channels = filters
    stack += [normalized(channels, 1280, 1), nn.ReLU6(), nn.AdaptiveAvgPool2d(1), nn.Flatten()]
    return [*stack, nn.Linear(1280, 10)]


def vgg16() -> list[nn.Module]:
    stack: list[nn.Module] = []
    channels = 3
    for filters, count in ((64, 2), (128, 2), (256, 3), (512, 3), (512, 3)):
        for _ in range(count):
            stack += [nn.Conv2d(channels, filters, 3, padding=1), nn.ReLU()]
            channels = filters
        stack.append(nn.MaxPool2d(2))
    dense = [nn.Linear(5 * 5 * 512, 4096), nn.ReLU(), nn.Linear(4096, 4096), nn.ReLU(), nn.Linear(4096, 10)]
    return [*stack, nn.Flatten(), *dense]


def efficientnet_b0() -> list[nn.Module]:
    import torchvision  # where it is installed

    return [torchvision.models.efficientnet_b0(num_classes=10)]


def inception_v3() -> list[nn.Module]:
    import torchvision

    return [torchvision.models.inception_v3(num_classes=10, aux_logits=False, init_weights=False)]


STACKS = {
    "ResNet50": resnet50,
    "MobileNetV2": mobilenet_v2,
    "EfficientNetB0": efficientnet_b0,
    "InceptionV3": inception_v3,
    "VGG16": vgg16,
}
