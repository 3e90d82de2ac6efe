"""What holds within one Tracks message, and between it, its Keypoints and its FrontendStatus.

Messages are of one camera. Floats are compared exactly where one is a copy of the other.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from alike_ros.ros.soak.violations import Violation, some

PER_TRACK = (
    'camera_id', 'age', 'u', 'v', 'x', 'y', 'vx', 'vy', 'prev_u', 'prev_v', 'score',
    'match_score', 'sigma', 'depth', 'depth_sigma', 'keypoint_index',
)  # fmt: skip
PER_KEYPOINT = ('v', 'score', 'sigma')
COPIED = ('u', 'v', 'score', 'sigma')
UNIT = {'float32': 1e-3, 'float16': 5e-3}  # how far from 1 the length of a descriptor may be
INITIALIZING, TRACKING, LOST = range(3)  # FrontendStatus


def check_rows(tracks: Any) -> Iterator[Violation]:
    """Yield what is wrong with a Tracks message by itself."""
    count = len(tracks.id)
    for name in PER_TRACK:
        if len(getattr(tracks, name)) != count:
            sizes = f'{count} ids and {len(getattr(tracks, name))} of {name}'
            yield Violation('array sizes', f'image {tracks.frame_seq}: {sizes}')
            return
    ids, ages = np.asarray(tracks.id), np.asarray(tracks.age)
    twice = _repeated(ids)
    if len(twice):
        yield Violation('id twice', f'image {tracks.frame_seq}: {some(twice)}')
    if (ages < 1).any():
        yield Violation('age', f'image {tracks.frame_seq}: {some(ids[ages < 1])} of age 0')
    new = ages == 1
    for name in ('prev_u', 'prev_v', 'match_score'):
        odd = np.isnan(np.asarray(getattr(tracks, name))) != new
        if odd.any():
            sentence = (
                f'image {tracks.frame_seq}: {name} of {some(ids[odd])} is NaN, or is not new'
            )
            yield Violation('what was before', sentence)
    for name in ('u', 'v', 'score', 'sigma'):
        if not np.isfinite(np.asarray(getattr(tracks, name))).all():
            yield Violation('not a number', f'image {tracks.frame_seq}: {name}')


def check_keypoints(tracks: Any, keypoints: Any) -> Iterator[Violation]:
    """Yield what is wrong with Keypoints, and between them and Tracks of the same stamp."""
    where = f'image {tracks.frame_seq}'
    count = len(keypoints.u)
    for name in PER_KEYPOINT:
        if len(getattr(keypoints, name)) != count:
            yield Violation('array sizes', f'{where}: {count} u and another count of {name}')
            return
    if len(keypoints.depth) not in (0, count):
        yield Violation('array sizes', f'{where}: {count} u and {len(keypoints.depth)} depths')
    if tracks.header.frame_id != keypoints.header.frame_id:
        yield Violation('header', f'{where}: tracks and keypoints have other frame ids')
    yield from _descriptors(keypoints, where)
    rows = np.asarray(tracks.keypoint_index)
    bad = (rows < -1) | (rows >= count)
    if bad.any() or len(_repeated(rows[rows >= 0])):
        yield Violation('keypoint_index', f'{where}: out of {count} keypoints or twice')
        return
    some_row = rows >= 0
    for name in COPIED:
        theirs = np.asarray(getattr(keypoints, name))[rows[some_row]]
        if not np.array_equal(np.asarray(getattr(tracks, name))[some_row], theirs):
            yield Violation('keypoint_index', f'{where}: {name} is not that of the keypoint')
    u, v = np.asarray(keypoints.u), np.asarray(keypoints.v)
    within = (u >= -0.5) & (v >= -0.5) & (u <= keypoints.width - 0.5)
    within &= v <= keypoints.height - 0.5
    if not within.all():
        yield Violation('outside', f'{where}: keypoints {some(np.flatnonzero(~within))}')


def check_status(tracks: Any, status: Any) -> Iterator[Violation]:
    """Yield where a status does not count what is in the Tracks of the same stamp."""
    ages = np.asarray(tracks.age)
    tracked = int((ages > 1).sum())
    state = INITIALIZING if math.isnan(tracks.dt) else TRACKING if tracked else LOST
    expected = {
        'state': state,
        'keypoints': len(ages),
        'tracked': tracked,
        'new_tracks': len(ages) - tracked,
        'lost_tracks': len(tracks.lost_ids),
    }
    for name, value in expected.items():
        if (told := getattr(status, name)) != value:
            sentence = f'image {tracks.frame_seq}: {name} is {told}, the tracks say {value}'
            yield Violation('status', sentence)


def _descriptors(keypoints: Any, where: str) -> Iterator[Violation]:
    kind = keypoints.descriptor_type
    if kind not in ('none', *UNIT):
        yield Violation('descriptors', f'{where}: unknown type {kind!r}')
        return
    width = 0 if kind == 'none' else keypoints.descriptor_dim * np.dtype(kind).itemsize
    if len(keypoints.descriptors) != len(keypoints.u) * width or (kind != 'none' and not width):
        sentence = f'{where}: {len(keypoints.descriptors)} bytes for {len(keypoints.u)} keypoints'
        yield Violation('array sizes', sentence)
    elif width and len(keypoints.u):
        values = np.frombuffer(keypoints.descriptors, np.dtype(kind).newbyteorder('<'))
        rows = values.reshape(-1, keypoints.descriptor_dim).astype(np.float32)
        lengths = np.linalg.norm(rows, axis=1)
        if not (np.abs(lengths - 1) < UNIT[kind]).all():
            yield Violation('descriptors', f'{where}: rows that are not of length 1')


def _repeated(values: NDArray[np.generic]) -> NDArray[np.generic]:
    unique, counts = np.unique(values, return_counts=True)
    return np.asarray(unique[counts > 1])
