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


def image_topics(config: NodeConfig) -> tuple[ImageTopic, ...]:
    """Return the topics of one set of images; the first is what rates and counts are of."""
    compressed = config.image_transport == 'compressed'
    kind, ending = (CompressedImage, '/compressed') if compressed else (Image, '')
    topics = tuple(ImageTopic(f'{prefix}image{ending}', kind) for prefix in prefixes(config))
    return (*topics, ImageTopic('depth/image', Image)) if config.cameras == 'rgbd' else topics


def prefixes(config: NodeConfig) -> tuple[str, ...]:
    """Return for each camera what stands before the names of its topics."""
    return ('left/', 'right/') if config.cameras == 'stereo' else ('',)
