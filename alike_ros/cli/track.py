"""`alike track`: offline, the tracks that the node gives with drop_policy queue."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from alike_ros.cli.options import add_options, config_from
from alike_ros.config import ExtractorConfig, NodeConfig, TrackerConfig, parameters
from alike_ros.errors import ConfigError, ImageError

if TYPE_CHECKING:
    from alike_ros.bags import BagWriter
    from alike_ros.camera import Camera
    from alike_ros.frontend import Result
    from alike_ros.structures import Frame
    from alike_ros.weights import WeightsFile

NAME = 'track'
HELP = 'Write keypoints and tracks of a bag or any other input into a ROS 2 bag.'

DESCRIPTOR_TYPE = next(p for p in parameters(NodeConfig) if p.name == 'descriptor_type')


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument('input', help='bag, folder of images, movie, KITTI, TUM or EuRoC folder')
    parser.add_argument('output', type=Path, metavar='OUT.mcap', help='ROS 2 bag to write')
    parser.add_argument('--topic', default='', help='image topic of a bag (default: its first)')
    parser.add_argument(
        '--image', action='store_true', help='write the images and camera_info as well'
    )
    parser.add_argument(
        f'--{DESCRIPTOR_TYPE.name}',
        choices=DESCRIPTOR_TYPE.choices,
        default=DESCRIPTOR_TYPE.default,
        help=f'{DESCRIPTOR_TYPE.description} (default: %(default)s)',
    )
    add_options(parser, 'keypoints and descriptors', ExtractorConfig)
    add_options(parser, 'tracks', TrackerConfig)


def run(args: argparse.Namespace) -> int:
    from tqdm import tqdm

    from alike_ros.bags import BagWriter
    from alike_ros.blas import limit_blas_threads
    from alike_ros.extractor import Extractor
    from alike_ros.frontend import FrontEnd
    from alike_ros.sources import open_source

    extractor_config = config_from(args, ExtractorConfig)
    tracker_config = config_from(args, TrackerConfig)
    limit_blas_threads()
    source = open_source(args.input, args.topic)
    if args.output.exists() and args.output.samefile(args.input):
        raise ConfigError(f'{args.output} is the input; name another file for the output')
    written = skipped = 0
    with Extractor(extractor_config) as extractor, BagWriter(args.output) as bag:
        front_end = FrontEnd(extractor, tracker_config)
        for frame in tqdm(source, total=len(source) or None, unit='frame', disable=None):
            try:
                result = front_end.process(frame, source.camera)
            except ImageError as error:
                skipped += 1
                tqdm.write(f'alike: left out an image: {error}', file=sys.stderr)
                continue
            _write(bag, frame, result, source.camera, extractor.weights, args)
            written += 1
    print(f'{args.output}: {written} images tracked, {skipped} left out')
    return 0


def _write(
    bag: BagWriter,
    frame: Frame,
    result: Result,
    camera: Camera | None,
    weights: WeightsFile,
    args: argparse.Namespace,
) -> None:
    """Write the messages of one image, all with its stamp and logged at that time."""
    from alike_ros import records
    from alike_ros.camera import camera_info_fields
    from alike_ros.image_message import image_fields

    def add(topic: str, type_name: str, fields: dict[str, Any]) -> None:
        header = {'header': (frame.stamp_ns, frame.frame_id)}
        bag.write(topic, type_name, header | fields, frame.stamp_ns)

    if args.image:
        if camera is not None:
            add('/camera_info', 'sensor_msgs/msg/CameraInfo', camera_info_fields(camera))
        add('/image', 'sensor_msgs/msg/Image', image_fields(frame.image))
    keypoints = records.keypoints_record(result, weights, False, args.descriptor_type)
    add('/frontend/keypoints', 'alike_ros/msg/Keypoints', keypoints)
    add('/frontend/tracks', 'alike_ros/msg/Tracks', records.tracks_record(result))
