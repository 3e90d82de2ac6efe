"""Which topics the node subscribes to, by its parameter `cameras`."""

from __future__ import annotations

from dataclasses import dataclass

from sensor_msgs.msg import CompressedImage, Image

from alike_ros.config import NodeConfig


@dataclass(frozen=True)
class ImageTopic:
    """A topic of images, relative to the node's namespace, and the type of its messages."""

    name: str
    type: type

    @property
    def type_name(self) -> str:
        """The type as the graph names it, such as sensor_msgs/msg/Image."""
        package, kind, *_ = self.type.__module__.split('.')
        return f'{package}/{kind}/{self.type.__name__}'


@dataclass(frozen=True)
class CameraTopics:
    """The names of one camera's topics; `image` without what its transport adds."""

    image: str = 'image'
    camera_info: str = 'camera_info'
    mask: str = 'mask'


def camera_topics(config: NodeConfig) -> tuple[CameraTopics, ...]:
    """Return the topics of each camera, camera 0 first."""
    if config.cameras == 'stereo':
        names = [[f'{side}/{name}' for name in _NAMES] for side in ('left', 'right')]
    elif config.cameras == 'rig':
        names = [[f'{name}_{camera}' for name in _NAMES] for camera in range(config.camera_count)]
    else:
        names = [[*_NAMES]]
    return tuple(CameraTopics(*of_camera) for of_camera in names)


def image_topics(config: NodeConfig) -> tuple[ImageTopic, ...]:
    """Return the topics of one set of images; the first is what rates and counts are of."""
    compressed = config.image_transport == 'compressed'
    kind, ending = (CompressedImage, '/compressed') if compressed else (Image, '')
    topics = tuple(ImageTopic(f'{each.image}{ending}', kind) for each in camera_topics(config))
    return (*topics, ImageTopic('depth/image', Image)) if config.cameras == 'rgbd' else topics


_NAMES = ('image', 'camera_info', 'mask')
