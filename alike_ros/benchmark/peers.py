"""Other feature extractors as contestants, at 1000 points."""

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from alike_ros.benchmark.contestant import Contestant, Extract, Outputs, no_descriptors
from alike_ros.errors import BackendError
from alike_ros.structures import ImageArray

POINTS = 1000
KLT_SHIFT_PX = 3  # how far the image moved that points are tracked into


def peers(xfeat: Path | None = None) -> list[Contestant]:
    """Return OpenCV's extractors, and learned ones as far as they are here.

    xfeat: folder of XFeat's code with its weights.
    """
    names = ['orb', 'sift', 'akaze', 'gftt+klt']
    if find_spec('kornia') is not None:
        names.append('disk')
    found = [Contestant(name, 'peer', {'name': name}) for name in names]
    if xfeat is not None:
        found.append(Contestant('xfeat', 'peer', {'name': 'xfeat', 'folder': str(xfeat)}))
    return found


def open_peer(name: str, folder: str = '') -> Extract:
    """Return an extractor by its name.

    Raises:
        BackendError: its code is not there.
    """
    if name == 'gftt+klt':
        return _each(_gftt_klt())
    if name == 'disk':
        return _each(_disk())
    if name == 'xfeat':
        return _each(_xfeat(folder))
    return _each(_opencv(name))


def _each(extract: Callable[[ImageArray], Outputs]) -> Extract:
    return lambda images: [extract(image) for image in images]


def _opencv(name: str) -> Callable[[ImageArray], Outputs]:
    makers: dict[str, Callable[[], Any]] = {
        'orb': lambda: cv2.ORB_create(POINTS),  # type: ignore[attr-defined]
        'sift': lambda: cv2.SIFT_create(POINTS),  # type: ignore[attr-defined]
        'akaze': lambda: cv2.AKAZE_create(),  # type: ignore[attr-defined]
    }
    extractor = makers[name]()

    def extract(image: ImageArray) -> Outputs:
        keypoints, _ = extractor.detectAndCompute(_grey(image), None)
        best = sorted(keypoints, key=lambda keypoint: -keypoint.response)[:POINTS]
        return no_descriptors([keypoint.pt for keypoint in best])

    return extract


def _gftt_klt() -> Callable[[ImageArray], Outputs]:
    """Points are found in the image and tracked into it from the same image, moved."""

    def extract(image: ImageArray) -> Outputs:
        grey = _grey(image)
        points = cv2.goodFeaturesToTrack(grey, POINTS, 0.01, 7)
        if points is None:
            return no_descriptors([])
        before = np.roll(grey, KLT_SHIFT_PX, axis=1)
        found, status, _ = cv2.calcOpticalFlowPyrLK(before, grey, points, None)  # type: ignore
        return no_descriptors(found[status.ravel() == 1])

    return extract


def _disk() -> Callable[[ImageArray], Outputs]:
    """DISK of kornia with weights by chance: the time does not depend on them."""
    import torch
    from kornia.feature import DISK

    network = DISK().eval()

    @torch.inference_mode()
    def extract(image: ImageArray) -> Outputs:
        [features] = network(_tensor(image), n=POINTS, pad_if_not_divisible=True)
        features.descriptors.numpy()
        return no_descriptors(features.keypoints.numpy())

    return extract


def _xfeat(folder: str) -> Callable[[ImageArray], Outputs]:
    if not Path(folder, 'modules', 'xfeat.py').is_file():
        raise BackendError(f'{folder} is no folder of XFeat: no modules/xfeat.py')
    sys.path.insert(0, folder)
    from modules.xfeat import XFeat

    network = XFeat()

    def extract(image: ImageArray) -> Outputs:
        [found] = network.detectAndCompute(_tensor(image), top_k=POINTS)
        found['descriptors'].cpu().numpy()
        return no_descriptors(found['keypoints'].cpu().numpy())

    return extract


def _tensor(image: ImageArray) -> Any:
    import torch

    return torch.from_numpy(image).permute(2, 0, 1)[None] / 255.0  # (1, 3, H, W)


def _grey(image: ImageArray) -> ImageArray:
    return cv2.cvtColor(image, cv2.COLOR_RGB2GRAY).astype(np.uint8, copy=False)
