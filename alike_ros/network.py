"""ALNet, the network of ALIKE, in PyTorch.

Source: Zhao et al., "ALIKE: Accurate and Lightweight Keypoint Detection and Descriptor
Extraction", IEEE Transactions on Multimedia, 2022, section III-A. Module names follow the
published state dicts, so that those load as they are.
"""

from __future__ import annotations

from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from alike_ros.errors import WeightsError, first_line
from alike_ros.state_dict import read_state_dict
from alike_ros.variants import LEVEL_STRIDES, POOLINGS, VARIANTS, Variant


def conv3x3(inputs: int, outputs: int) -> nn.Conv2d:
    return nn.Conv2d(inputs, outputs, 3, padding=1, bias=False)


def conv1x1(inputs: int, outputs: int) -> nn.Conv2d:
    return nn.Conv2d(inputs, outputs, 1, bias=False)


class ConvBlock(nn.Module):
    """Two 3x3 convolutions."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.conv1 = conv3x3(inputs, outputs)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = conv3x3(outputs, outputs)
        self.bn2 = nn.BatchNorm2d(outputs)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.bn1(self.conv1(x)), inplace=True)
        return F.relu(self.bn2(self.conv2(x)), inplace=True)


class ResBlock(nn.Module):
    """Two 3x3 convolutions with a 1x1 convolution as shortcut."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.conv1 = conv3x3(inputs, outputs)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = conv3x3(outputs, outputs)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.downsample = nn.Conv2d(inputs, outputs, 1)

    def forward(self, x: Tensor) -> Tensor:
        y = F.relu(self.bn1(self.conv1(x)), inplace=True)
        y = self.bn2(self.conv2(y))
        return F.relu(y + self.downsample(x), inplace=True)


class ALNet(nn.Module):
    """Feature encoder, feature aggregation and head.

    `pyramid` and the head's weights are what a sparse evaluation needs; `forward` is the dense
    form of the paper, for training and as the reference.
    """

    def __init__(self, variant: Variant) -> None:
        super().__init__()
        c1, c2, c3, c4 = variant.channels
        quarter = variant.dim // 4
        self.variant = variant
        self.block1 = ConvBlock(3, c1)
        self.block2 = ResBlock(c1, c2)
        self.block3 = ResBlock(c2, c3)
        self.block4 = ResBlock(c3, c4)
        self.conv1 = conv1x1(c1, quarter)
        self.conv2 = conv1x1(c2, quarter)
        self.conv3 = conv1x1(c3, quarter)
        self.conv4 = conv1x1(c4, quarter)
        if not variant.single_head:
            self.convhead1 = conv1x1(variant.dim, variant.dim)
        self.convhead2 = conv1x1(variant.dim, variant.dim + 1)

    def pyramid(self, image: Tensor) -> list[Tensor]:
        """Return the four aggregated levels, dim/4 channels each, at strides 1, 2, 8, 32.

        image: (B, 3, H, W) float in [0, 1], RGB, H and W multiples of 32.
        """
        x1 = self.block1(image)  # (B, c1, H, W)
        x2 = self.block2(F.max_pool2d(x1, POOLINGS[1]))  # (B, c2, H/2, W/2)
        x3 = self.block3(F.max_pool2d(x2, POOLINGS[2]))  # (B, c3, H/8, W/8)
        x4 = self.block4(F.max_pool2d(x3, POOLINGS[3]))  # (B, c4, H/32, W/32)
        levels = zip(
            (self.conv1, self.conv2, self.conv3, self.conv4), (x1, x2, x3, x4), strict=True
        )
        return [F.relu(conv(x), inplace=True) for conv, x in levels]

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor]:
        """Return the score map (B, 1, H, W) in (0, 1) and the descriptor map (B, dim, H, W).

        image: as in `pyramid`. Descriptors are not normalised.
        """
        levels = self.pyramid(image)
        x = torch.cat([upsample(f, s) for f, s in zip(levels, LEVEL_STRIDES, strict=True)], 1)
        if not self.variant.single_head:
            x = F.relu(self.convhead1(x), inplace=True)
        x = self.convhead2(x)  # (B, dim + 1, H, W)
        return torch.sigmoid(x[:, -1:]), x[:, :-1]


def upsample(x: Tensor, factor: int) -> Tensor:
    """Enlarge bilinearly so that corner pixels stay on corner pixels (paper: align_corners)."""
    if factor == 1:
        return x
    return F.interpolate(x, scale_factor=factor, mode='bilinear', align_corners=True)


def load_network(model: str, path: Path) -> ALNet:
    """Return the network in evaluation mode on the CPU with the weights of a state dict.

    Raises:
        WeightsError: the file is not a state dict of this model.
    """
    network = ALNet(VARIANTS[model])
    try:
        network.load_state_dict(tensors_of(path))
    except (ValueError, RuntimeError) as error:  # of the file, of tensors that do not fit
        raise WeightsError(
            f'{path} does not hold weights of {model}: {first_line(error)}. '
            f'Give a state dict of {model}, or fetch the published one: alike models fetch {model}'
        ) from error
    return network.eval()


def tensors_of(path: Path) -> dict[str, Tensor]:
    """Return the tensors of a state dict; errors as of `read_state_dict`."""
    return {name: torch.from_numpy(array) for name, array in read_state_dict(path).items()}
