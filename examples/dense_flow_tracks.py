"""A tracker of your own beside ours: corners moved by dense optical flow (DIS).

PYTHONPATH=examples alike eval tracking --methods hybrid dense_flow_tracks:dense_flow
"""

import cv2
import numpy as np

from alike_ros.evaluation.predictions import Points


def dense_flow(count):
    """Return what is called with each image (H, W[, 3]) and its stamp in ns, in order."""
    flow, before, next_id = cv2.DISOpticalFlow.create(), None, 0
    ids, points = np.zeros(0, int), np.zeros((0, 2), np.float32)

    def follow(image, stamp_ns):
        nonlocal before, ids, points, next_id
        grey = image if image.ndim == 2 else cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
        if before is not None:
            x, y = np.rint(points).astype(int).T
            points = points + flow.calc(before, grey, None)[y, x]
            inside = ((points >= 0) & (points <= np.array(grey.shape[::-1]) - 1)).all(axis=1)
            ids, points = ids[inside], points[inside]
        found = cv2.goodFeaturesToTrack(grey, count, 0.01, 7)
        new = np.zeros((0, 2), np.float32) if found is None else found.reshape(-1, 2)
        far = np.linalg.norm(new[:, None] - points, axis=2).min(axis=1, initial=np.inf) > 7
        new = new[far][: count - len(ids)]
        ids = np.concatenate([ids, next_id + np.arange(len(new))])
        points, before, next_id = np.concatenate([points, new]), grey, next_id + len(new)
        return Points(ids, points)

    return follow
