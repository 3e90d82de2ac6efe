"""All that exists while the node is configured: network, tracker, publishers, worker."""

from __future__ import annotations

import time
from typing import Any

from rclpy.lifecycle import LifecycleNode

from alike_ros.config import Value
from alike_ros.results import Counters
from alike_ros.ros.frontend import health as causes
from alike_ros.ros.frontend.assembly import (
    open_eyes,
    open_frontend,
    open_geometry,
    open_pipeline,
)
from alike_ros.ros.frontend.diagnostics import Identity
from alike_ros.ros.frontend.eye import Eye
from alike_ros.ros.frontend.gathering import Gathering
from alike_ros.ros.frontend.health import Health
from alike_ros.ros.frontend.journal import Journal
from alike_ros.ros.frontend.mailbox import Mailbox
from alike_ros.ros.frontend.outputs import Outputs
from alike_ros.ros.frontend.processing import Arrival, Links
from alike_ros.ros.frontend.topics import image_topics
from alike_ros.ros.frontend.transport import SegmentWatch
from alike_ros.ros.frontend.worker import Worker
from alike_ros.ros.parameters import Configs


class Engine:
    """Takes image messages while it runs; opened by configure, running while active."""

    def __init__(
        self,
        node: LifecycleNode,
        journal: Journal,
        configs: Configs,
        first: Counters,
    ) -> None:
        """Load the network and open the publishers; number tracks and images from `first`.

        Raises:
            AlikeError: the weights, the device or a parameter is not usable.
        """
        config = self.config = configs.node
        self.health = Health()
        self.enabled = True
        self._journal = journal
        self.eyes = open_eyes(journal, config)
        eyes = tuple(self.eyes.values())
        self._geometry = open_geometry(journal, config, eyes)
        self._frontend = open_frontend(configs, first)
        self._outputs = Outputs(node, journal, config)
        self._pipeline = open_pipeline(
            self._frontend,
            Links(self._outputs, self.health, journal, node.get_clock()),
            config,
            eyes,
            self._geometry,
        )
        topics = tuple(topic.name for topic in image_topics(config))
        self._gathering = Gathering(topics, config, self.health)
        self.transport = SegmentWatch(node)
        self._worker: Worker[Arrival] | None = None
        self._mailbox = self._new_mailbox()

    @property
    def identity(self) -> Identity:
        extractor = self._frontend.extractor
        return Identity(extractor.backend_name, extractor.device, extractor.weights)

    @property
    def successor(self) -> Counters:
        """Where the next engine of this node goes on."""
        return self._frontend.successor()

    @property
    def troubles(self) -> tuple[str, ...]:
        """What is wrong with calibration and masks of the newest set, a sentence each."""
        masks = (eye.masks.trouble for eye in self.eyes.values())
        return tuple(trouble for trouble in (self._geometry.trouble, *masks) if trouble)

    @property
    def waiting(self) -> int:
        return len(self._mailbox) + self._gathering.waiting

    def start(self) -> None:
        for eye in self.eyes.values():
            eye.book.open()
        self._mailbox = self._new_mailbox()
        self._worker = Worker(self._mailbox, self._pipeline.handle)
        self._worker.start()

    def stop(self) -> None:
        """Finish the image at work; those that wait are counted as dropped."""
        if self._worker is not None:
            for eye in self.eyes.values():
                eye.book.close()
            self._gathering.reset()
            self.health.dropped(causes.STOPPED, images=self._worker.stop())
            self._worker = None

    def close(self) -> None:
        """Stop, and free publishers and device."""
        self.stop()
        self._outputs.close()
        self._frontend.close()

    def receive(self, stream: int, msg: Any) -> None:
        """Take a message of an image topic, by its place in a set; never waits."""
        self.transport.expect(len(msg.data))
        if stream == 0:
            self.health.received()
        if self.enabled:
            for arrival in self._gathering.add(stream, msg, time.monotonic()):
                if not self._mailbox.put(arrival):
                    self._count_lost()
        elif stream == 0:
            with self.health.telling:
                self.health.dropped(causes.DISABLED)
                self._outputs.publish_disabled(msg.header, self.health.counts())

    def calibrate(self, eye: Eye, info: Any) -> None:
        """Take a camera_info, which tells how large images are that may never come."""
        eye.book.add(info)
        whole = max(info.binning_x, info.binning_y) < 2 and not info.roi.width
        if whole and self.config.image_transport == 'raw':
            self.transport.expect(info.width * info.height)

    def reset(self) -> None:
        """Forget the tracks, before the next image."""
        self._before_next(self._frontend.reset)

    def configure(self, values: dict[str, Value]) -> None:
        """Change live parameters, each checked already, before the next image."""
        self._before_next(lambda: self._pipeline.configure(values))

    def _before_next(self, order: Any) -> None:
        if self._worker is None:
            order()
        else:
            self._worker.before_next(order)

    def _count_lost(self) -> None:
        if self.config.drop_policy == 'latest':
            self.health.dropped(causes.REPLACED)
            return
        self.health.dropped(causes.QUEUE_FULL)
        self._journal.warn(
            'queue full',
            f'{self.config.queue_size} images wait and another was dropped: play more slowly, '
            'raise queue_size or take a faster model.',
        )

    def _new_mailbox(self) -> Mailbox[Arrival]:
        if self.config.drop_policy == 'latest':
            return Mailbox(1, keep_newest=True)
        return Mailbox(self.config.queue_size, keep_newest=False)
