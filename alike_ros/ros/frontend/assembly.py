"""Which parts the parameter `cameras` asks for."""

from __future__ import annotations

from typing import Any

import numpy as np

from alike_ros.config import NodeConfig
from alike_ros.errors import ConfigError
from alike_ros.extractor import Extractor
from alike_ros.frontend import Counters, FrontEnd
from alike_ros.rig_frontend import RigFrontEnd
from alike_ros.ros.frontend.calibration import CalibrationBook
from alike_ros.ros.frontend.eye import Eye
from alike_ros.ros.frontend.health import Health
from alike_ros.ros.frontend.journal import Journal
from alike_ros.ros.frontend.masks import Masks
from alike_ros.ros.frontend.outputs import Outputs
from alike_ros.ros.frontend.pipeline import Pipeline
from alike_ros.ros.frontend.processing import Processing
from alike_ros.ros.frontend.rig_pipeline import RigPipeline
from alike_ros.ros.frontend.topics import prefixes
from alike_ros.ros.parameters import Configs

_WARM_UP_SIZE = (64, 64)


def open_eyes(journal: Journal, config: NodeConfig) -> dict[str, Eye]:
    """Return the cameras by the prefix of their topics, camera 0 first.

    Raises:
        ConfigError, ImageError: the parameter mask is not of so many files, or one is no mask.
    """
    names = prefixes(config)
    masks = config.mask.split(':') if len(names) > 1 and config.mask else [config.mask]
    if config.mask and len(masks) != len(names):
        raise ConfigError(
            f'mask must name a file for each of {len(names)} cameras, separated by colons, got '
            f'{config.mask!r}; leave one empty for none'
        )
    masks += [''] * (len(names) - len(masks))
    queue = config.drop_policy == 'queue'
    return {
        prefix: Eye(
            CalibrationBook(
                journal, config.rectified, config.camera_info_wait, queue, f'{prefix}camera_info'
            ),
            Masks(journal, mask),
        )
        for prefix, mask in zip(names, masks, strict=True)
    }


def open_frontend(configs: Configs, first: Counters) -> FrontEnd | RigFrontEnd:
    """Load the network and use it once: a device that cannot compute fails here."""
    extractor = Extractor(configs.extractor)
    try:
        noise = np.random.default_rng(0).integers(0, 256, _WARM_UP_SIZE, np.uint8)
        extractor.extract(noise)
        cameras = len(prefixes(configs.node))
        if cameras == 1:
            return FrontEnd(extractor, configs.tracker, first)
        return RigFrontEnd(extractor, cameras, configs.tracker, configs.stereo, first)
    except BaseException:
        extractor.close()
        raise


def open_pipeline(
    frontend: FrontEnd | RigFrontEnd,
    outputs: Outputs,
    eyes: dict[str, Eye],
    health: Health,
    journal: Journal,
    config: NodeConfig,
    clock: Any,
) -> Processing:
    """Return what turns the sets of `image_topics` into messages."""
    if isinstance(frontend, RigFrontEnd):
        return RigPipeline(frontend, outputs, tuple(eyes.values()), health, journal, config, clock)
    [eye] = eyes.values()
    return Pipeline(frontend, outputs, eye.book, health, journal, config, clock, eye.masks)
