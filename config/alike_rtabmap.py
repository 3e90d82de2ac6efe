"""ALIKE as the PyDetector of rtabmap: keypoints and descriptors for its odometry and its words.

    --Vis/FeatureType 15 --Kp/DetectorStrategy 15 --PyDetector/Path SHARE/config/alike_rtabmap.py

rtabmap's own Python loads this file: alike_ros must be importable there. To change a parameter,
copy the file and name the copy.
"""

import numpy as np

from alike_ros.extractor import Extractor

PARAMETERS = {'model': 'alike-t', 'n_limit': 1000}

_extractor = None


def init(cuda):
    """Load the network; `cuda` is PyDetector/Cuda as 0 or 1."""
    global _extractor
    _extractor = Extractor(device='cuda' if cuda else 'cpu', **PARAMETERS)


def detect(image):
    """Return (N, 3) float32 x, y, score and (N, D) float32 of a (H, W) uint8 image.

    The image is memory of rtabmap that is valid during the call only.
    """
    features = _extractor.extract(np.array(image))
    keypoints = np.column_stack([features.keypoints, features.scores])  # (N, 3)
    return np.ascontiguousarray(keypoints, np.float32), np.array(features.descriptors)
