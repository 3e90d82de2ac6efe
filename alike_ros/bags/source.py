"""The images of a bag as a source of frames."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from alike_ros.bags.reading import Bag, Topic
from alike_ros.camera import Camera, camera_from_info
from alike_ros.errors import CameraError, DatasetError, ImageError
from alike_ros.image_message import image_from_msg
from alike_ros.structures import Frame

logger = logging.getLogger(__name__)

RAW, COMPRESSED = 'sensor_msgs/msg/Image', 'sensor_msgs/msg/CompressedImage'
CAMERA_INFO = 'sensor_msgs/msg/CameraInfo'


class BagSource:
    """The frames of one image topic, in order of log time; stamps are those of the headers.

    path: of a bag as `Bag` reads it.
    topic: '' takes the first image topic, one that is not named depth if there is such.
    camera: from the first message of the camera_info beside the topic; None without, or when it
        is not calibrated. A topic named rect is taken as rectified.
    skipped: images left out since iteration began, because they could not be read.

    Raises:
        DatasetError: no bag, damaged, without images, or the topic is not one of images.
    """

    truth = None

    def __init__(self, path: str | Path, topic: str = '') -> None:
        self.path = Path(path)
        self.name = self.path.stem
        self.skipped = 0
        with Bag(self.path) as bag:
            self.topic = _choose(bag, topic)
            self.camera = _camera(bag, self.topic)

    def __len__(self) -> int:
        return self.topic.count

    def __iter__(self) -> Iterator[Frame]:
        self.skipped = 0
        with Bag(self.path) as bag:
            for _, time_ns, message in bag.messages(self.topic.name):
                try:
                    yield _frame(message, time_ns)
                except ImageError as error:
                    self._skip(error)
        if self.skipped:
            logger.warning('%s: %d images left out', self.path, self.skipped)

    def _skip(self, error: ImageError) -> None:
        level = logging.DEBUG if self.skipped else logging.WARNING
        logger.log(level, '%s: image on %s left out: %s', self.path, self.topic.name, error)
        self.skipped += 1


def _frame(message: Any, time_ns: int) -> Frame:
    if isinstance(message, Exception):
        raise ImageError(f'the message does not fit its type ({message})')
    stamp = message.header.stamp
    stamp_ns = stamp.sec * 10**9 + stamp.nanosec
    frame_id = message.header.frame_id or 'camera'
    return Frame(image_from_msg(message), stamp_ns or time_ns, frame_id)


def _choose(bag: Bag, name: str) -> Topic:
    images = [topic for topic in bag.topics if topic.type in (RAW, COMPRESSED)]
    if name:
        images = [topic for topic in images if topic.name.lstrip('/') == name.lstrip('/')]
    filled = [topic for topic in images if topic.count] or images
    if filled:
        return min(filled, key=lambda topic: 'depth' in topic.name.lower())
    wanted = f'no images on {name!r}' if name else 'no images'
    listed = ', '.join(f'{topic.name} ({topic.type})' for topic in bag.topics) or 'no topics'
    raise DatasetError(f'{bag.path} has {wanted}; it has {listed}. Name a topic of {RAW}')


def _camera(bag: Bag, images: Topic) -> Camera | None:
    base = images.name.removesuffix('/compressed') if images.type == COMPRESSED else images.name
    namespace, _, last = base.rpartition('/')
    for name in (f'{namespace}/camera_info', f'{base}/camera_info'):
        if not any(topic.name == name and topic.type == CAMERA_INFO for topic in bag.topics):
            continue
        for _, _, message in bag.messages(name):
            try:
                return camera_from_info(message, rectified='rect' in last.split('_'))
            except (AttributeError, CameraError) as error:
                logger.warning('%s: %s is not used: %s', bag.path, name, error)
                return None
    return None
