"""Results as the fields of messages, for whichever library fills them.

Keys are the names in msg/, without the header. Arrays have the element type of the field, so
that the node and the offline tools write the same bytes.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from alike_ros.frontend import Result
from alike_ros.structures import Features
from alike_ros.weights import WeightsFile

GRID = (8, 6)  # cells of the coverage, columns and rows

STATE_INITIALIZING, STATE_TRACKING, STATE_LOST, STATE_DISABLED = range(4)


def keypoints_record(
    result: Result,
    weights: WeightsFile,
    rectified: bool,
    descriptor_type: str,
    camera: int = 0,
) -> dict[str, Any]:
    """Return the fields of Keypoints; `descriptor_type` is none, float32 or float16."""
    features = result.features
    width, height = features.image_size
    written = descriptor_type != 'none'
    kind = np.dtype(descriptor_type if written else np.float32).newbyteorder('<')
    descriptors = features.descriptors.astype(kind, copy=False)
    return {
        'camera_id': camera,
        'height': height,
        'width': width,
        'model': weights.model,
        'weights_sha256': weights.sha256,
        'rectified': rectified,
        'u': column(features.keypoints, 0),
        'v': column(features.keypoints, 1),
        'score': features.scores,
        'sigma': features.sigmas,
        'depth': np.zeros(0, np.float32) if result.depths is None else result.depths,
        'descriptor_type': descriptor_type,
        'descriptor_dim': descriptors.shape[1] if written else 0,
        'descriptors': np.frombuffer(descriptors.tobytes() if written else b'', np.uint8),
    }


def tracks_record(first: Result, *others: Result) -> dict[str, Any]:
    """Return the fields of Tracks: of one camera, or of a set, camera 0 first."""
    columns = [_observations(result, camera) for camera, result in enumerate((first, *others))]
    return {
        'frame_seq': first.frame_seq,
        'epoch': first.epoch,
        'dt': first.dt,
        **{name: np.concatenate([each[name] for each in columns]) for name in columns[0]},
        'lost_ids': np.concatenate([each.tracks.lost_ids for each in (first, *others)]),
    }


def _observations(result: Result, camera: int) -> dict[str, np.ndarray]:
    features, tracks = result.features, result.tracks
    count = len(tracks)
    unknown = np.full(count, np.nan, np.float32)
    return {
        'id': tracks.ids,
        'camera_id': np.full(count, camera, np.uint8),
        'age': tracks.ages,
        'u': column(features.keypoints, 0),
        'v': column(features.keypoints, 1),
        'x': column(result.normalised, 0),
        'y': column(result.normalised, 1),
        'vx': column(result.velocities, 0),
        'vy': column(result.velocities, 1),
        'prev_u': column(tracks.last_keypoints, 0),
        'prev_v': column(tracks.last_keypoints, 1),
        'score': features.scores,
        'match_score': tracks.similarity,
        'sigma': features.sigmas,
        'depth': unknown if result.depths is None else result.depths,
        'depth_sigma': unknown if result.depth_sigmas is None else result.depth_sigmas,
        'keypoint_index': np.arange(count, dtype=np.int32),
    }


def status_record(
    result: Result,
    *,
    received: int,
    processed: int,
    dropped: int,
    decode_s: float,
    publish_s: float,
    latency_s: float,
    inlier_ratio: float,
) -> dict[str, Any]:
    """Return the fields of FrontendStatus for a processed image."""
    tracks = result.tracks
    found = tracks.ages > 1
    tracked = int(found.sum())
    flow = np.linalg.norm((result.features.keypoints - tracks.last_keypoints)[found], axis=1)
    return {
        'state': _state(result, tracked),
        'keypoints': len(tracks),
        'tracked': tracked,
        'new_tracks': len(tracks) - tracked,
        'lost_tracks': len(tracks.lost_ids),
        'inlier_ratio': inlier_ratio,
        'mean_age': float(tracks.ages.mean()) if len(tracks) else 0.0,
        'median_flow': float(np.median(flow)) if tracked else math.nan,
        'coverage': coverage(result.features),
        'frames_received': received,
        'frames_processed': processed,
        'frames_dropped': dropped,
        'decode': decode_s,
        'preprocess': result.timings.preprocess,
        'inference': result.timings.inference,
        'match': result.timings.match,
        'publish': publish_s,
        'latency': latency_s,
    }


def coverage(features: Features) -> float:
    """Return the share of the cells of an 8 x 6 grid that hold a keypoint, in [0, 1]."""
    if not len(features):
        return 0.0
    cells = (features.keypoints + 0.5) / features.image_size * GRID  # (N, 2)
    columns, rows = np.clip(cells.astype(int), 0, np.array(GRID) - 1).T
    return len(np.unique(rows * GRID[0] + columns)) / (GRID[0] * GRID[1])


def column(array: np.ndarray, index: int) -> np.ndarray:
    """Return one column as a contiguous array."""
    return np.ascontiguousarray(array[:, index])


def _state(result: Result, tracked: int) -> int:
    if math.isnan(result.dt):
        return STATE_INITIALIZING
    return STATE_TRACKING if tracked else STATE_LOST
