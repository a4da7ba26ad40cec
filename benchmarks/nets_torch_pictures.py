"""Networks of `keras.applications` in plain torch, the same layers, channels last in memory."""

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


class Excited(nn.Module):
    """Channels weighed by what all pixels say, as in EfficientNet."""

    def __init__(self, channels: int, few: int):
        super().__init__()
        few_of_all = [nn.AdaptiveAvgPool2d(1), nn.Conv2d(channels, few, 1), nn.SiLU()]
        self.weights = nn.Sequential(*few_of_all, nn.Conv2d(few, channels, 1), nn.Sigmoid())

    def forward(self, x):
        return x * self.weights(x)


class Weighed(nn.Module):
    """Widened, filtered channel by channel, weighed, narrowed, and left out at random, as in EfficientNet."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int, factor: int, drop: float):
        super().__init__()
        wide = inputs * factor
        widened = [] if factor == 1 else [normalized(inputs, wide, 1), nn.SiLU()]
        filtered = [normalized(wide, wide, kernel, stride, groups=wide), nn.SiLU(), Excited(wide, max(1, inputs // 4))]
        self.inner = nn.Sequential(*widened, *filtered, normalized(wide, outputs, 1))
        self.is_added, self.drop = inputs == outputs and stride == 1, drop

    def forward(self, x):
        y = self.inner(x)
        if not self.is_added:
            return y
        kept = torch.rand(len(y), 1, 1, 1) >= self.drop
        return x + y * (kept / (1 - self.drop))


def efficientnet_b0() -> list[nn.Module]:
    stack: list[nn.Module] = [normalized(3, 32, 3, 2), nn.SiLU()]
    blocks = (
        (16, 1, 3, 1, 1),
        (24, 2, 3, 2, 6),
        (40, 2, 5, 2, 6),
        (80, 3, 3, 2, 6),
        (112, 3, 5, 1, 6),
        (192, 4, 5, 2, 6),
        (320, 1, 3, 1, 6),
    )
    channels, place = 32, 0
    for filters, count, kernel, first, factor in blocks:
        for number in range(count):
            stack.append(Weighed(channels, filters, kernel, first if number == 0 else 1, factor, 0.2 * place / 16))
            channels, place = filters, place + 1
    stack += [normalized(channels, 1280, 1), nn.SiLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(0.2)]
    return [*stack, nn.Linear(1280, 10)]


def window(inputs: int, filters: int, kernel: tuple[int, int], stride: int = 1, keeps_size: bool = True) -> nn.Sequential:
    """A convolution with a window of two sizes, batch normalization, relu."""
    padding = (kernel[0] // 2, kernel[1] // 2) if keeps_size else 0
    convolution = nn.Conv2d(inputs, filters, kernel, stride, padding, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm2d(filters, eps=1e-3, momentum=0.01), nn.ReLU())


def windows(inputs: int, *steps: tuple[int, int, int]) -> nn.Sequential:
    """Convolutions one after the other, each (filters, rows, columns)."""
    stack: list[nn.Module] = []
    for filters, rows, columns in steps:
        stack.append(window(inputs, filters, (rows, columns)))
        inputs = filters
    return nn.Sequential(*stack)


class Beside(nn.Module):
    """Branches side by side, as in InceptionV3."""

    def __init__(self, *branches: nn.Module):
        super().__init__()
        self.branches = nn.ModuleList(branches)

    def forward(self, x):
        return torch.cat([branch(x) for branch in self.branches], 1)


def pooled(inputs: int, filters: int) -> nn.Sequential:
    return nn.Sequential(nn.AvgPool2d(3, 1, 1, count_include_pad=False), window(inputs, filters, (1, 1)))


def inception_v3() -> list[nn.Module]:
    stack: list[nn.Module] = [window(3, 32, (3, 3), 2, False), window(32, 32, (3, 3), 1, False), window(32, 64, (3, 3))]
    stack += [nn.MaxPool2d(3, 2), window(64, 80, (1, 1)), window(80, 192, (3, 3), 1, False), nn.MaxPool2d(3, 2)]
    for inputs, last in ((192, 32), (256, 64), (288, 64)):
        double = windows(inputs, (64, 1, 1), (96, 3, 3), (96, 3, 3))
        five = windows(inputs, (48, 1, 1), (64, 5, 5))
        stack.append(Beside(window(inputs, 64, (1, 1)), five, double, pooled(inputs, last)))
    halved = nn.Sequential(*windows(288, (64, 1, 1), (96, 3, 3)), window(96, 96, (3, 3), 2, False))
    stack.append(Beside(window(288, 384, (3, 3), 2, False), halved, nn.MaxPool2d(3, 2)))
    for few in (128, 160, 160, 192):
        seven = windows(768, (few, 1, 1), (few, 1, 7), (192, 7, 1))
        double = windows(768, (few, 1, 1), (few, 7, 1), (few, 1, 7), (few, 7, 1), (192, 1, 7))
        stack.append(Beside(window(768, 192, (1, 1)), seven, double, pooled(768, 192)))
    three = nn.Sequential(window(768, 192, (1, 1)), window(192, 320, (3, 3), 2, False))
    seven = nn.Sequential(*windows(768, (192, 1, 1), (192, 1, 7), (192, 7, 1)), window(192, 192, (3, 3), 2, False))
    stack.append(Beside(three, seven, nn.MaxPool2d(3, 2)))
    for inputs in (1280, 2048):
        pair = [Beside(window(384, 384, (1, 3)), window(384, 384, (3, 1))) for _ in range(2)]
        three = nn.Sequential(window(inputs, 384, (1, 1)), pair[0])
        double = nn.Sequential(*windows(inputs, (448, 1, 1), (384, 3, 3)), pair[1])
        stack.append(Beside(window(inputs, 320, (1, 1)), three, double, pooled(inputs, 192)))
    return [*stack, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(2048, 10)]


STACKS = {
    "ResNet50": resnet50,
    "MobileNetV2": mobilenet_v2,
    "EfficientNetB0": efficientnet_b0,
    "InceptionV3": inception_v3,
    "VGG16": vgg16,
}
