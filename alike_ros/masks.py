"""Where no keypoint may lie: masks from files and topics, zero there, anything else elsewhere."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import cv2
import numpy as np

from alike_ros.errors import ImageError
from alike_ros.image_decode import decode_pixels
from alike_ros.structures import ImageArray


def read_mask(path: Path) -> ImageArray:
    """Return the mask (H, W) of an image file: grey, or colour where black is zero.

    Raises:
        ImageError: it cannot be read, or is no 8-bit image.
    """
    try:
        image = decode_pixels(path.read_bytes())
    except OSError as error:
        raise ImageError(
            f'the mask {path} cannot be read: {error.strerror}; give the path of a PNG, black '
            'where no keypoint may lie'
        ) from error
    except ImageError as error:
        raise ImageError(f'the mask {path}: {error}; save it as a grey PNG') from error
    if image.dtype != np.uint8:
        raise ImageError(
            f'the mask {path}: expected an 8-bit image, got {image.dtype}; save it as a grey PNG'
        )
    mask = image if image.ndim == 2 else image.max(axis=2)
    return mask.astype(np.uint8, copy=False)


def fit_mask(mask: np.ndarray, image_size: tuple[int, int]) -> ImageArray:
    """Return the mask for an image (width, height), by the nearest pixel where sizes differ.

    mask: (H, W) or (H, W, 1), uint8 or bool.

    Raises:
        ImageError: another shape or type, or not of the image's proportions to within a pixel.
    """
    if mask.ndim == 3 and mask.shape[2] == 1:
        mask = mask[:, :, 0]
    if mask.ndim != 2 or mask.dtype not in (np.uint8, np.bool_) or not mask.size:
        raise ImageError(
            f'expected a mask (H, W) of uint8, zero where no keypoint may lie, got '
            f'{mask.shape} of {mask.dtype}; convert it to mono8'
        )
    mask = mask.astype(np.uint8, copy=False)
    (height, width), (wanted_width, wanted_height) = mask.shape, image_size
    if (width, height) == image_size:
        return mask
    if abs(width * wanted_height - height * wanted_width) > max(image_size):
        raise ImageError(
            f'expected a mask of the proportions of the image, {wanted_width} x {wanted_height}, '
            f'got {width} x {height}; make it from an image of this camera'
        )
    return cv2.resize(mask, image_size, interpolation=cv2.INTER_NEAREST_EXACT).astype(np.uint8)


def combine_masks(
    masks: Iterable[np.ndarray | None], image_size: tuple[int, int]
) -> ImageArray | None:
    """Return one mask that is zero where any is, such as a static and a dynamic one.

    None when none is given.

    Raises:
        ImageError: as `fit_mask`.
    """
    combined = None
    for mask in masks:
        if mask is not None:
            fitted = fit_mask(mask, image_size)
            combined = fitted if combined is None else np.where(fitted, combined, np.uint8(0))
    return combined
