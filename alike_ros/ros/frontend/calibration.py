"""Which calibration belongs to which image, from the camera_info that came so far."""

from __future__ import annotations

import threading
import time
from bisect import bisect_right, insort
from dataclasses import dataclass
from typing import Any

from alike_ros.camera import Camera, camera_from_info
from alike_ros.errors import CameraError
from alike_ros.ros.conversions import stamp_ns
from alike_ros.ros.frontend.journal import Journal

_CALIBRATIONS_KEPT = 100
_UNKNOWN = 'x, y, vx and vy are NaN'


@dataclass(frozen=True)
class _Calibration:
    """What a camera_info says: `content` to compare it by; no camera, but why, if not usable."""

    content: Any
    info: Any
    camera: Camera | None
    trouble: str


class CalibrationBook:
    """Keeps each calibration from the stamp on from which it is valid.

    With `every_image`, an image waits (`wait_s` at most) for the camera_info of its own stamp,
    so that the same images give the same coordinates however the two topics race. After a wait
    in vain, images wait again only once a camera_info with the stamp of an image has come. One
    stamped 0 holds for all images. Without it a camera_info whose stamp goes back makes those of
    later stamps void: they are of a time before the clock was set.

    trouble: why the newest image has no calibration; empty when it has one.
    """

    def __init__(
        self,
        journal: Journal,
        rectified: bool,
        wait_s: float,
        every_image: bool,
        topic: str = 'camera_info',
    ) -> None:
        self.trouble = f'no {topic} has come: {_UNKNOWN}'
        self._journal = journal
        self._topic = topic
        self._rectified = rectified
        self._wait_s = wait_s
        self._every_image = self._paired = every_image
        self._changed = threading.Condition()
        self._closed = False
        self._entries: list[tuple[int, int]] = []  # stamp_ns from which on, index of calibration
        self._calibrations: list[_Calibration] = []
        self._newest_ns: int | None = None
        self._image_ns: int | None = None
        self._first_image_s: float | None = None

    def add(self, info: Any) -> None:
        """Take a sensor_msgs/CameraInfo."""
        stamp = stamp_ns(info.header)
        content = _content(info)
        with self._changed:
            if not self._every_image and stamp < (self._newest_ns or stamp):
                self._entries = [entry for entry in self._entries if entry[0] <= stamp]
            known = self._lookup(stamp)
            if known is None or known.content != content:
                self._insert(stamp, _Calibration(content, info, *self._camera(info)))
            self._newest_ns = stamp
            self._notice_pair()
            self._changed.notify_all()

    def camera_for(self, stamp: int, image_size: tuple[int, int]) -> Camera | None:
        """Return the calibration of an image, None (after a warning) when there is none."""
        with self._changed:
            self._image_ns = stamp
            self._notice_pair()
            self._await(stamp)
            known = self._lookup(stamp)
        if known is None:
            self._warn_missing()
            return None
        camera = known.camera
        if camera is not None and camera.image_size not in ((0, 0), image_size):
            self.trouble = self._misfit(camera.image_size, image_size)
            return None
        self.trouble = known.trouble
        return camera

    def info_for(self, stamp: int) -> Any | None:
        """Return the camera_info that `camera_for` takes the camera of a stamp from."""
        with self._changed:
            known = self._lookup(stamp)
        return None if known is None else known.info

    def open(self) -> None:
        self._closed = False

    def close(self) -> None:
        """End any waiting, until `open`."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def _await(self, stamp: int) -> None:
        if self._paired:
            self._paired = self._changed.wait_for(
                lambda: self._closed or self._has_come(stamp), self._wait_s
            )
            if not self._paired and self._entries:
                self._journal.warn(
                    f'late {self._topic}',
                    f'No {self._topic} came for an image within {self._wait_s} s, the one before '
                    'is used; if it got lost, give Fast DDS larger segments (config/fastdds.xml).',
                )

    def _notice_pair(self) -> None:
        if self._image_ns is not None and self._image_ns == self._newest_ns:
            self._paired = self._every_image

    def _has_come(self, stamp: int) -> bool:
        newest = self._newest_ns
        return newest is not None and (newest == 0 or newest >= stamp)

    def _lookup(self, stamp: int) -> _Calibration | None:
        """Return the calibration last announced at or before a stamp, else the first after it."""
        if not self._entries:
            return None
        row = bisect_right(self._entries, stamp, key=lambda entry: entry[0]) - 1
        return self._calibrations[self._entries[max(row, 0)][1]]

    def _insert(self, stamp: int, calibration: _Calibration) -> None:
        index = len(self._calibrations)
        self._calibrations.append(calibration)
        self._entries = [entry for entry in self._entries if entry[0] != stamp]
        insort(self._entries, (stamp, index))
        if index > _CALIBRATIONS_KEPT:
            used = [self._calibrations[i] for _, i in self._entries[-_CALIBRATIONS_KEPT // 2 :]]
            stamps = [s for s, _ in self._entries[-_CALIBRATIONS_KEPT // 2 :]]
            self._calibrations = used
            self._entries = list(zip(stamps, range(len(used)), strict=True))

    def _camera(self, info: Any) -> tuple[Camera | None, str]:
        """Return the camera, or why there is none."""
        try:
            camera = camera_from_info(info, self._rectified)
        except CameraError as error:
            self._journal.warn(self._topic, f'{self._topic} is not usable: {error}')
            return None, f'{_UNKNOWN}: {self._topic} is not usable: {error}'
        if camera is not None:
            return camera, ''
        trouble = f'{self._topic} comes from an uncalibrated camera (K[0] is 0): {_UNKNOWN}'
        self._journal.warn_once(
            f'uncalibrated {self._topic}',
            f'{trouble}; calibrate the camera, for example with camera_calibration.',
        )
        return None, trouble

    def _warn_missing(self) -> None:
        now_s = time.monotonic()
        if self._first_image_s is None:
            self._first_image_s = now_s
        if now_s - self._first_image_s >= self._wait_s or self._paired is False:
            self._journal.warn_once(
                f'no {self._topic}',
                f'Images come without a {self._topic}: {_UNKNOWN}; publish it beside the images '
                f'or remap the topic (-r {self._topic}:=/your_camera/camera_info).',
            )

    def _misfit(self, expected: tuple[int, int], got: tuple[int, int]) -> str:
        trouble = (
            f'{self._topic} describes images of {expected[0]}x{expected[1]}, the image has '
            f'{got[0]}x{got[1]}: {_UNKNOWN}'
        )
        self._journal.warn(
            f'{self._topic} size',
            f'{trouble}; the calibration must be of this resolution (mind binning and roi).',
        )
        return trouble


def _content(info: Any) -> tuple[Any, ...]:
    """All that defines a calibration; NaN entries compare as text."""
    roi = info.roi
    numbers = [tuple(map(repr, map(float, values))) for values in (info.d, info.k, info.r, info.p)]
    window = (roi.x_offset, roi.y_offset, roi.height, roi.width)
    size = (info.height, info.width, info.binning_x, info.binning_y)
    return (info.distortion_model, size, window, *numbers)
