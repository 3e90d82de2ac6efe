"""A rendered room: a moving pinhole camera whose poses and depths are known exactly.

Not a simulation of a sensor, but fair to trackers: real photographs on planes at many depths and
slants, occlusion, no aliasing, mild noise. Drawn geometry and truth agree to 0.02 px.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from alike_ros.camera import Camera
from alike_ros.datasets.planes import Array, Plane, View, cast
from alike_ros.datasets.rendering import render
from alike_ros.datasets.room_path import camera_pose
from alike_ros.datasets.room_scene import build_room
from alike_ros.errors import DatasetError
from alike_ros.structures import Frame, ImageArray

PERIOD_NS = 33_333_333
START_NS = 1_000_000_000
FOCAL_LENGTH = 520 / 640  # of the image's width
SAME_DEPTH = 1e-6  # relative
NOISE_MARGIN = 256  # px
FRAME_ID = 'room_camera_optical_frame'


@dataclass(frozen=True)
class RoomTruth:
    """Exact poses and depths of the rendered room, for frames 0 to `frames` - 1.

    roll_rate: rad/s, of `camera_pose`.
    """

    planes: list[Plane]
    matrix: Array
    size: tuple[int, int]
    frames: int
    roll_rate: float = 0.0

    def view(self, index: int) -> View:
        if not 0 <= index < self.frames:
            raise IndexError(f'frame {index} is not one of the {self.frames} of the room')
        pose = camera_pose(index * PERIOD_NS * 1e-9, self.roll_rate)
        return View(self.matrix, self.size, pose)

    def pose(self, index: int) -> Array:
        """(4, 4) T_world_camera in metres."""
        return self.view(index).pose

    def depth_at(self, points: NDArray[np.floating], index: int) -> Array:
        """Depths (N,) m along the optical axis at sub-pixel places (N, 2) px of a frame."""
        return cast(self.planes, self.view(index), np.asarray(points, np.float64))[1]

    def depth(self, index: int) -> NDArray[np.float32]:
        """(H, W) m along the optical axis at the centres of the pixels."""
        width, height = self.size
        x, y = np.meshgrid(np.arange(width), np.arange(height))
        depths = self.depth_at(np.column_stack([x.ravel(), y.ravel()]), index)
        return depths.reshape(height, width).astype(np.float32)

    def transfer(self, points: NDArray[np.floating], index_a: int, index_b: int) -> Array:
        """Where the scene points under (N, 2) px of frame a are in frame b.

        (N, 2) px; NaN where another surface hides them, behind the camera or outside of the image.
        """
        points = np.asarray(points, np.float64).reshape(-1, 2)
        view_a, view_b = self.view(index_a), self.view(index_b)
        surfaces, depths = cast(self.planes, view_a, points)
        world = view_a.position + view_a.rays(points) * depths[:, None]
        pixels, expected = view_b.project(world)
        seen_surfaces, seen = cast(self.planes, view_b, pixels)
        visible = (seen_surfaces == surfaces) | (np.abs(seen - expected) <= SAME_DEPTH * expected)
        visible &= view_b.contains(pixels) & np.isfinite(seen)
        return np.where(visible[:, None], pixels, np.nan)


class RoomSource:
    """The sequence, drawn as it is read: about 20 ms a frame of 640 x 480 px on one core.

    `noise` is the standard deviation of the sensor noise in grey levels; `seed` chooses its
    pattern and nothing else, so that every run sees the same scene and motion. `roll` is by how
    many degrees the camera turns about its optical axis from frame to frame, besides its path.

    Raises:
        DatasetError: the photographs are not installed, or the size or the count make no sense.
    """

    name = 'room'

    def __init__(
        self,
        path: Path = Path('room'),
        *,
        frames: int = 120,
        size: tuple[int, int] = (640, 480),
        seed: int = 0,
        noise: float = 2.0,
        roll: float = 0.0,
    ) -> None:
        if frames < 1 or min(size) < 32 or noise < 0:
            raise DatasetError(
                f'the room needs at least 1 frame, 32 x 32 px and noise of 0 or more, not '
                f'{frames} frames, {size[0]} x {size[1]} px and {noise}'
            )
        focal = FOCAL_LENGTH * size[0]
        x, y = (size[0] - 1) / 2, (size[1] - 1) / 2
        matrix = np.array([[focal, 0, x], [0, focal, y], [0, 0, 1]])
        self.camera = Camera(matrix=matrix, image_size=size)
        roll_rate = np.deg2rad(roll) / (PERIOD_NS * 1e-9)
        self.truth = RoomTruth(build_room(), matrix, size, frames, roll_rate)
        self._seed = seed
        self._noise = _noise_pool(size, noise, seed) if noise > 0 else None

    @staticmethod
    def recognises(path: Path) -> bool:
        """Say yes to the bare name 'room' where no such file or folder is in the way."""
        return str(path) == 'room' and not path.exists()

    def __len__(self) -> int:
        return self.truth.frames

    def __iter__(self) -> Iterator[Frame]:
        return (self.frame(index) for index in range(len(self)))

    def frame(self, index: int) -> Frame:
        """Draw one frame; the same index gives the same image whatever was drawn before."""
        image = render(self.truth.planes, self.truth.view(index))
        if self._noise is not None:
            image = _with_noise(image, self._noise, np.random.default_rng((self._seed, index)))
        return Frame(image, START_NS + index * PERIOD_NS, FRAME_ID)

    def index_of(self, stamp_ns: int) -> int | None:
        """Return the number of the frame with this stamp; None when there is none."""
        index, rest = divmod(stamp_ns - START_NS, PERIOD_NS)
        return index if rest == 0 and 0 <= index < len(self) else None


def _noise_pool(size: tuple[int, int], sigma: float, seed: int) -> NDArray[np.int16]:
    """Noise in grey levels for more than one image; each takes another part of it."""
    shape = (size[1] + NOISE_MARGIN, size[0] + NOISE_MARGIN, 3)
    noise = np.random.default_rng(seed).standard_normal(shape, np.float32)
    return np.rint(noise * np.float32(sigma)).astype(np.int16)


def _with_noise(
    image: ImageArray, pool: NDArray[np.int16], random: np.random.Generator
) -> ImageArray:
    top, left = random.integers(NOISE_MARGIN + 1, size=2)
    part = pool[top : top + image.shape[0], left : left + image.shape[1]]
    return np.asarray(cv2.add(image, part, dtype=cv2.CV_8U), np.uint8)
