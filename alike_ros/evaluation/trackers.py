"""Methods that `alike eval tracking` sets side by side; another one is a function like these."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import cv2
import numpy as np

from alike_ros.evaluation.klt import FlowTracker
from alike_ros.evaluation.tracking import Follow, Points
from alike_ros.frontend import FrontEnd
from alike_ros.structures import FloatArray, Frame, ImageArray
from alike_ros.tracking.flow import grey

KLT_DISTANCE = 7  # px
DETECTORS: dict[str, tuple[Callable[[int], Any], int]] = {
    'orb': (lambda count: cv2.ORB.create(count), cv2.NORM_HAMMING),
    'sift': (lambda count: cv2.SIFT.create(count), cv2.NORM_L2),
    'akaze': (lambda count: cv2.AKAZE.create(max_points=count), cv2.NORM_HAMMING),
}


def ours(front_end: FrontEnd) -> Follow:
    """Return the tracks of a front end."""

    def follow(image: ImageArray, stamp_ns: int) -> Points:
        result = front_end.process(Frame(image, stamp_ns))
        return Points(result.tracks.ids, result.features.keypoints, result.timings.match)

    return follow


def optical_flow(count: int) -> Follow:
    """Return corners followed by optical flow (GFTT + KLT), checked there and back."""
    tracker = FlowTracker(count, KLT_DISTANCE)

    def follow(image: ImageArray, stamp_ns: int) -> Points:
        tracks = tracker.update(image)
        return Points(tracks.ids, tracks.keypoints)

    return follow


def matched(name: str, count: int) -> Follow:
    """Return keypoints of OpenCV, matched with the image before by mutual nearest descriptors."""
    make, norm = DETECTORS[name]
    detector, matcher = make(count), cv2.BFMatcher(norm, crossCheck=True)
    before: list[Any] = [None, None]  # ids, descriptors
    next_id = 0

    def follow(image: ImageArray, stamp_ns: int) -> Points:
        nonlocal next_id
        found, descriptors = detector.detectAndCompute(grey(image), None)
        keypoints: FloatArray = np.array([each.pt for each in found], np.float32).reshape(-1, 2)
        ids = np.full(len(keypoints), -1, np.int64)
        if before[1] is not None and descriptors is not None:
            for match in matcher.match(before[1], descriptors):
                ids[match.trainIdx] = before[0][match.queryIdx]
        new = ids < 0
        ids[new] = np.arange(next_id, next_id + new.sum())
        next_id += int(new.sum())
        before[:] = ids, descriptors
        return Points(ids, keypoints)

    return follow
