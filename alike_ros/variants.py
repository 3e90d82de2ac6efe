"""The four networks by their widths, and the geometry that they share.

Source: Zhao et al., "ALIKE: Accurate and Lightweight Keypoint Detection and Descriptor
Extraction", IEEE Transactions on Multimedia, 2022, table I.
"""

from __future__ import annotations

from dataclasses import dataclass

STRIDE = 32
LEVEL_STRIDES = (1, 2, 8, 32)
POOLINGS = (1, 2, 4, 4)  # before each block


@dataclass(frozen=True)
class Variant:
    """Widths of a network: channels of the four levels, length of the descriptors."""

    channels: tuple[int, int, int, int]
    dim: int
    single_head: bool


VARIANTS = {
    'alike-t': Variant((8, 16, 32, 64), 64, True),
    'alike-s': Variant((8, 16, 48, 96), 96, True),
    'alike-n': Variant((16, 32, 64, 128), 128, True),
    'alike-l': Variant((32, 64, 128, 128), 128, False),
}


def round_up(length: int) -> int:
    """Return the least multiple of the network's stride that is not below a length in px."""
    return -(-length // STRIDE) * STRIDE
