"""Which parts the parameter `cameras` asks for."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from alike_ros.config import NodeConfig
from alike_ros.datasets.euroc import read_rig
from alike_ros.errors import ConfigError
from alike_ros.extractor import Extractor
from alike_ros.frontend import Counters, FrontEnd
from alike_ros.rig_frontend import RigFrontEnd
from alike_ros.ros.frontend.calibration import CalibrationBook
from alike_ros.ros.frontend.eye import Eye
from alike_ros.ros.frontend.geometry import FixedGeometry, Geometry, PairGeometry
from alike_ros.ros.frontend.journal import Journal
from alike_ros.ros.frontend.masks import Masks
from alike_ros.ros.frontend.pipeline import Pipeline
from alike_ros.ros.frontend.processing import Links, Processing
from alike_ros.ros.frontend.rig_pipeline import RigPipeline
from alike_ros.ros.frontend.topics import CameraTopics, camera_topics
from alike_ros.ros.parameters import Configs

_WARM_UP_SIZE = (64, 64)


def open_eyes(journal: Journal, config: NodeConfig) -> dict[CameraTopics, Eye]:
    """Return the cameras by their topics, camera 0 first.

    Raises:
        ConfigError, ImageError: the parameter mask is not of so many files, or one is no mask.
    """
    topics = camera_topics(config)
    masks = config.mask.split(':') if len(topics) > 1 and config.mask else [config.mask]
    if config.mask and len(masks) != len(topics):
        raise ConfigError(
            f'mask must name a file for each of {len(topics)} cameras, separated by colons, got '
            f'{config.mask!r}; leave one empty for none'
        )
    masks += [''] * (len(topics) - len(masks))
    queue = config.drop_policy == 'queue'
    return {
        names: Eye(
            CalibrationBook(
                journal, config.rectified, config.camera_info_wait, queue, names.camera_info
            ),
            Masks(journal, mask, config.mask_max_age, names.mask),
            names.image,
        )
        for names, mask in zip(topics, masks, strict=True)
    }


def open_geometry(journal: Journal, config: NodeConfig, eyes: tuple[Eye, ...]) -> Geometry:
    """Return what says how images are calibrated.

    Raises:
        DatasetError, CameraError: the file of the rig is not usable.
    """
    several = config.cameras in ('stereo', 'rig')
    if several and config.rig_calibration:
        path = Path(config.rig_calibration).expanduser()
        return FixedGeometry(journal, read_rig(path, len(eyes)))
    books = tuple(eye.book for eye in eyes)
    paired = config.cameras == 'stereo'
    return PairGeometry(journal, books, config.rectified) if paired else Geometry(books)


def open_frontend(configs: Configs, first: Counters) -> FrontEnd | RigFrontEnd:
    """Load the network and use it once: a device that cannot compute fails here."""
    extractor = Extractor(configs.extractor)
    try:
        noise = np.random.default_rng(0).integers(0, 256, _WARM_UP_SIZE, np.uint8)
        extractor.extract(noise)
        if configs.node.cameras in ('mono', 'rgbd'):
            return FrontEnd(extractor, configs.tracker, first, configs.stereo)
        cameras = len(camera_topics(configs.node))
        return RigFrontEnd(extractor, cameras, configs.tracker, configs.stereo, first)
    except BaseException:
        extractor.close()
        raise


def open_pipeline(
    frontend: FrontEnd | RigFrontEnd,
    links: Links,
    config: NodeConfig,
    eyes: tuple[Eye, ...],
    geometry: Geometry,
) -> Processing:
    """Return what turns the sets of `image_topics` into messages."""
    if isinstance(frontend, RigFrontEnd):
        return RigPipeline(frontend, links, config, eyes, geometry)
    [eye] = eyes
    return Pipeline(frontend, links, config, eye)
