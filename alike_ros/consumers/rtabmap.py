"""Keypoints as the local features of rtabmap_msgs/RGBDImage."""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alike_ros.camera import Camera
from alike_ros.depth import depth_at
from alike_ros.errors import ConfigError
from alike_ros.structures import FloatArray

KEYPOINT_SIZE = 8.0  # size and angle that rtabmap gives to keypoints of its PyDetector
KEYPOINT_ANGLE = -1.0
CV_32FC1 = 5
COMPRESSION = 1  # descriptors are noise to zlib: more effort saves nothing


@dataclass(frozen=True)
class LocalFeatures:
    """Features of one image; row i of every array is the same keypoint.

    keypoints: (N, 2) float32 px.
    responses: (N,) float32, the scores.
    points: (N, 3) float32 m in the camera's optical frame; NaN where the depth is not known.
    descriptors: (B,) uint8, rows compressed as rtabmap does it; B = 0 for N = 0.
    """

    keypoints: FloatArray
    responses: FloatArray
    points: FloatArray
    descriptors: NDArray[np.uint8]


def local_features(
    keypoints: Any, camera: Camera | None, depth: FloatArray | None = None
) -> LocalFeatures:
    """Return the features of a Keypoints message (rclpy's or rosbags').

    camera: for the points; None leaves them unknown.
    depth: (H, W) m, NaN unknown, registered to the image; used where the message has no depth.

    Raises:
        ConfigError: the message has no descriptors.
        ImageError: the size of the depth image does not go with the image's.
    """
    pixels = np.column_stack([keypoints.u, keypoints.v]).astype(np.float32).reshape(-1, 2)
    along = np.asarray(keypoints.depth, np.float32)  # m
    if len(along) != len(pixels):
        along = np.full(len(pixels), np.nan, np.float32)
        if depth is not None:
            along = depth_at(depth, pixels, (keypoints.width, keypoints.height))
    return LocalFeatures(
        keypoints=pixels,
        responses=np.asarray(keypoints.score, np.float32),
        points=_points(pixels, along, camera),
        descriptors=compressed(descriptor_rows(keypoints)),
    )


def descriptor_rows(keypoints: Any) -> FloatArray:
    """Return the descriptors of a Keypoints message as (N, D) float32."""
    if keypoints.descriptor_type not in ('float32', 'float16'):
        raise ConfigError(
            f'the keypoints come with descriptor_type {keypoints.descriptor_type!r}, expected '
            'float32 or float16: set descriptor_type of the front end'
        )
    kind = np.dtype(keypoints.descriptor_type).newbyteorder('<')
    values = np.asarray(keypoints.descriptors, np.uint8).view(kind)
    return values.reshape(len(keypoints.u), keypoints.descriptor_dim).astype(np.float32)


def compressed(rows: FloatArray) -> NDArray[np.uint8]:
    """Return a matrix as rtabmap's compressData writes it: zlib, then rows, columns and type."""
    if not rows.size:
        return np.zeros(0, np.uint8)
    size = struct.pack('<3i', *rows.shape, CV_32FC1)
    packed = zlib.compress(np.ascontiguousarray(rows, '<f4').tobytes(), COMPRESSION)
    return np.frombuffer(packed + size, np.uint8)


def _points(pixels: FloatArray, along: FloatArray, camera: Camera | None) -> FloatArray:
    if camera is None:
        return np.full((len(pixels), 3), np.nan, np.float32)
    rays = np.column_stack([camera.normalise(pixels), np.ones(len(pixels), np.float32)])
    points = np.where(along[:, None] > 0, rays * along[:, None], np.nan)  # (N, 3)
    return points.astype(np.float32)
