"""What the bridge sends, and to whom."""

from __future__ import annotations

from dataclasses import dataclass

from alike_ros.config import Checked, param

CONSUMERS = ('vins_fusion', 'vins_mono', 'rtabmap')


@dataclass(frozen=True)
class BridgeConfig(Checked):
    """Parameters of bridge_node; all but `consumer` and `depth` are for VINS."""

    consumer: str = param('vins_fusion', 'Whose messages are published.', choices=CONSUMERS)
    max_points: int = param(
        150,
        'VINS: most points of the left camera a message. Both estimators hold 1000 points in a '
        'fixed array, which up to 222 an image cannot overrun.',
        low=1,
        high=222,
    )
    spacing: float = param(
        20.0,
        'VINS: px. Side of cells that take a new point only while they hold none; 0: no cells.',
        low=0.0,
        high=1000.0,
    )
    max_epipolar_error: float = param(
        1.0,
        'VINS: px at a focal length of 460 px, as their F_THRESHOLD. Points farther from the '
        'epipolar geometry since the message before are left out; 0: no test.',
        low=0.0,
        high=100.0,
    )
    min_interval: float = param(
        0.0,
        's. VINS: images that come sooner after the last one sent, by more than a tenth, are left '
        'out; 0: none.',
        low=0.0,
        high=1.0,
    )
    max_gap: float = param(
        1.0, 's. VINS: a longer pause between images restarts the estimator.', 0.01, 3600.0
    )
    cameras: int = param(1, 'VINS-Mono: NUM_OF_CAM that it was compiled with.', 1, 2)
    depth: bool = param(
        False,
        'rtabmap: wait for depth/image of the same stamp too (registered to the image; 16UC1 in '
        'mm or 32FC1 in m), and send it along.',
    )
