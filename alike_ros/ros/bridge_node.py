"""Node `bridge`: what the front end publishes, as another program takes it."""

from __future__ import annotations

import sys

if __name__ == '__main__':  # before the imports that take long
    from alike_ros.ros.signals import end_on_signals

    end_on_signals()

from rclpy.node import Node

from alike_ros.consumers.config import BridgeConfig
from alike_ros.ros.bridge.rtabmap import RtabmapBridge
from alike_ros.ros.bridge.vins import VinsBridge
from alike_ros.ros.frontend.journal import Journal
from alike_ros.ros.parameters import declare, read
from alike_ros.ros.process import Task, run

SIGNAL_LATENCY_S = 0.1  # a signal is looked at so often


class BridgeNode(Node):
    """Parameters; the work is in the bridge of the consumer."""

    def __init__(self) -> None:
        super().__init__('bridge')
        declare(self, BridgeConfig)
        config = read(self, BridgeConfig)
        bridge = RtabmapBridge if config.consumer == 'rtabmap' else VinsBridge
        self._bridge = bridge(self, Journal(self.get_logger()), config)
        self.get_logger().info(f'bridge to {config.consumer}')


def work(_: BridgeNode, task: Task) -> None:
    """Serve until a signal."""
    while not task.stopped:
        task.spin(SIGNAL_LATENCY_S)


def main() -> int:
    """Run until a signal; 0, or 1 when it cannot start."""
    return run(BridgeNode, work)


if __name__ == '__main__':
    sys.exit(main())
