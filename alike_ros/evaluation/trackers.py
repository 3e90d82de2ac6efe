"""Methods that `alike eval tracking` sets side by side; another one is a function like these."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, Generic, TypeVar

import cv2
import numpy as np

from alike_ros.config import ExtractorConfig, TrackerConfig
from alike_ros.errors import ConfigError
from alike_ros.evaluation.klt import FlowTracker
from alike_ros.evaluation.predictions import Follow, Points
from alike_ros.extractor import Extractor
from alike_ros.frontend import FrontEnd
from alike_ros.stages import measured_stages
from alike_ros.structures import FloatArray, Frame, ImageArray
from alike_ros.tracking.flow import grey
from alike_ros.weights import find_weights

Opened = TypeVar('Opened')

KLT_DISTANCE = 7  # px
DETECTORS: dict[str, tuple[Callable[[int], Any], int]] = {
    'orb': (lambda count: cv2.ORB.create(count), cv2.NORM_HAMMING),
    'sift': (lambda count: cv2.SIFT.create(count), cv2.NORM_L2),
    'akaze': (lambda count: cv2.AKAZE.create(max_points=count), cv2.NORM_HAMMING),
}


@dataclass(frozen=True)
class Method(Generic[Opened]):
    """identity: values that JSON can hold and that decide what it finds. open: begin anew.

    What `open` enters into the stack is closed when the method is done.
    """

    identity: dict[str, Any]
    open: Callable[[ExitStack], Opened]


def ours(extractor: ExtractorConfig, tracker: TrackerConfig) -> Method[Follow]:
    """Return the tracks of a front end."""

    def begin(stack: ExitStack) -> Follow:
        front_end = opened_front_end(extractor, tracker, stack)

        def follow(image: ImageArray, stamp_ns: int) -> Points:
            with measured_stages() as stages:
                result = front_end.process(Frame(image, stamp_ns))
            seconds = result.timings.match
            if tracker.tracker == 'hybrid':  # it has described what it found
                seconds -= stages.get('describe', 0.0)
            features = result.features
            return Points(result.tracks.ids, features.keypoints, seconds, features.sigmas)

        return follow

    return Method(identity_of_ours(extractor, tracker), begin)


def identity_of_ours(extractor: ExtractorConfig, tracker: TrackerConfig) -> dict[str, Any]:
    """Return parameters and the checksum of the weights."""
    weights = find_weights(extractor.model, extractor.weights)
    identity = {'extractor': asdict(extractor), 'tracker': asdict(tracker)}
    return identity | {'weights_sha256': weights.sha256}


def opened_front_end(
    extractor: ExtractorConfig, tracker: TrackerConfig, stack: ExitStack
) -> FrontEnd:
    """Return a new front end, which the stack closes."""
    return FrontEnd(stack.enter_context(Extractor(extractor)), tracker)


def optical_flow(count: int) -> Method[Follow]:
    """Return corners followed by optical flow (GFTT + KLT), checked there and back."""

    def begin(stack: ExitStack) -> Follow:
        tracker = FlowTracker(count, KLT_DISTANCE)

        def follow(image: ImageArray, stamp_ns: int) -> Points:
            tracks = tracker.update(image)
            return Points(tracks.ids, tracks.keypoints)

        return follow

    return Method({'name': 'gftt+klt', 'points': count}, begin)


def matched(name: str, count: int) -> Method[Follow]:
    """Return keypoints of OpenCV, matched with the image before by mutual nearest descriptors."""
    return Method({'name': name, 'points': count}, lambda stack: _matched(*DETECTORS[name], count))


def _matched(make: Callable[[int], Any], norm: int, count: int) -> Follow:
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


def adapter(spec: str, count: int) -> Method[Follow]:
    """Return the method that `module:factory` names: `factory(count)` returns a `Follow`.

    Raises:
        ConfigError: there is no such module or factory.
    """
    module_name, _, factory_name = spec.partition(':')
    try:
        module = import_module(module_name)
        factory = getattr(module, factory_name)
    except (ImportError, AttributeError, ValueError) as error:
        raise ConfigError(
            f'{spec} names no method: {error}. Expected module:factory, importable from here (set '
            'PYTHONPATH to its folder), and a factory that takes the most points an image'
        ) from error
    file = Path(module.__file__ or '')
    code = hashlib.sha256(file.read_bytes()).hexdigest() if file.is_file() else ''
    return Method({'name': spec, 'points': count, 'code': code}, lambda stack: factory(count))
