"""What a camera and the light do to a view: all strengths from one generator.

Everything acts on (H, W, 3) float32 in 0..255 and keeps pixels where they are.
"""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

from alike_ros.structures import ImageArray

Image = NDArray[np.float32]
Effect = Callable[[np.random.Generator, Image], Image]


def degrade(rng: np.random.Generator, view: ImageArray) -> ImageArray:
    """Return a view (H, W, 3) under other light, seen by a worse camera."""
    image = view.astype(np.float32)
    for probability, effect in EFFECTS:
        if rng.random() < probability:
            image = effect(rng, image)
    view = np.clip(image + 0.5, 0, 255).astype(np.uint8)
    return compressed(rng, view) if rng.random() < JPEG_PROBABILITY else view


def tone(rng: np.random.Generator, image: Image) -> Image:
    """Change gamma, contrast, brightness and the balance of colours."""
    gamma = np.exp(rng.uniform(-0.5, 0.5))
    gain = np.exp(rng.uniform(-0.35, 0.35)) * np.exp(rng.uniform(-0.1, 0.1, 3))
    offset = rng.uniform(-25, 25)
    levels = np.linspace(0, 1, 256, dtype=np.float32)[:, None] ** gamma * 255
    table = ((levels - 128) * gain + 128 + offset).astype(np.float32)
    indices = np.clip(image, 0, 255).astype(np.uint8)
    return np.asarray(cv2.LUT(indices, np.clip(table, 0, 255)[None].astype(np.float32)))


def grey(rng: np.random.Generator, image: Image) -> Image:
    """Take the colours away, partly or all."""
    left = max(0.0, rng.uniform(-1, 1))
    mean = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)[..., None]
    return np.asarray(mean + (image - mean) * np.float32(left), np.float32)


def shadow(rng: np.random.Generator, image: Image) -> Image:
    """Darken or lighten a polygon with soft or hard edges."""
    height, width = image.shape[:2]
    corners = rng.uniform(-0.2, 1.2, (rng.integers(3, 7), 2)) * [width, height]
    mask = np.zeros((height, width), np.float32)
    cv2.fillPoly(mask, [corners.astype(np.int32)], 1.0)
    softness = rng.uniform(0, 12)
    if softness > 1:
        mask = np.asarray(cv2.blur(mask, (int(2 * softness) + 1,) * 2))
    return image * (1 + mask * np.float32(rng.uniform(-0.6, 0.3)))[..., None]


def vignette(rng: np.random.Generator, image: Image) -> Image:
    """Darken towards the corners, around a centre of its own."""
    height, width = image.shape[:2]
    y, x = np.ogrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    cx, cy = rng.uniform(-0.3, 0.3, 2)
    squared = (x - cx) ** 2 + (y - cy) ** 2
    return image * (1 - rng.uniform(0, 0.3) * squared).astype(np.float32)[..., None]


def defocus(rng: np.random.Generator, image: Image) -> Image:
    """Blur by up to 1.5 px."""
    return np.asarray(cv2.GaussianBlur(image, (0, 0), rng.uniform(0.4, 1.5)))


def motion_blur(rng: np.random.Generator, image: Image) -> Image:
    """Blur along a line of up to 7 px, symmetric about its centre."""
    radius = 4
    length, angle = rng.uniform(1, 7), rng.uniform(0, np.pi)
    y, x = np.mgrid[-radius : radius + 1, -radius : radius + 1]
    along = x * np.cos(angle) + y * np.sin(angle)
    across = -x * np.sin(angle) + y * np.cos(angle)
    kernel = np.clip(length / 2 + 0.5 - abs(along), 0, 1) * np.clip(1 - abs(across), 0, 1)
    return np.asarray(cv2.filter2D(image, -1, (kernel / kernel.sum()).astype(np.float32)))


def noise(rng: np.random.Generator, image: Image) -> Image:
    """Add noise of up to 12 levels, more in the dark or less, partly the same in all colours."""
    sigma = np.float32(12 * rng.random() ** 2)
    channels = 3 if rng.random() < 0.5 else 1
    grain = rng.standard_normal((*image.shape[:2], channels), np.float32)
    return image + sigma * grain


def compressed(rng: np.random.Generator, view: ImageArray) -> ImageArray:
    """Return a view (H, W, 3) after JPEG compression."""
    quality = int(rng.integers(25, 95))
    _, code = cv2.imencode('.jpg', view, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return np.asarray(cv2.imdecode(code, cv2.IMREAD_COLOR), np.uint8)


EFFECTS: list[tuple[float, Effect]] = [
    (0.25, shadow),
    (0.2, vignette),
    (0.2, defocus),
    (0.15, motion_blur),
    (0.8, tone),
    (0.2, grey),
    (0.5, noise),
]
JPEG_PROBABILITY = 0.3
