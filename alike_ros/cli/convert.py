"""`alike convert`: a dataset's folder as a ROS 2 bag, without ROS."""

from __future__ import annotations

import argparse
import itertools
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from alike_ros.errors import ConfigError, DatasetError

if TYPE_CHECKING:
    from alike_ros.bags import BagWriter
    from alike_ros.datasets.euroc import EurocSource
    from alike_ros.datasets.kitti import KittiSource
    from alike_ros.datasets.trajectory import Array
    from alike_ros.datasets.tum import TumSource
    from alike_ros.structures import Frame

    Dataset = EurocSource | KittiSource | TumSource

NAME = 'convert'
HELP = 'Write a KITTI, TUM or EuRoC folder as a ROS 2 bag with camera_info and ground truth.'

KINDS = ('kitti', 'tum', 'euroc')
TRUTH_TOPIC, WORLD = '/ground_truth', 'world'


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument('kind', choices=KINDS, help='which dataset the folder is of')
    parser.add_argument('folder', type=Path, metavar='FOLDER', help='folder of one sequence')
    parser.add_argument(
        'bag', type=Path, metavar='BAG', help='bag to write: a new folder, or a file OUT.mcap'
    )
    parser.add_argument('--frames', type=int, default=0, help='only the first N; 0 takes all')
    parser.add_argument(
        '--topic',
        default='',
        help='image topic (default: /KIND/image); camera_info lies beside it',
    )
    parser.add_argument(
        '--camera', default='', help='which one: image_0 … image_3 of KITTI, cam0 or cam1 of EuRoC'
    )


def run(args: argparse.Namespace) -> int:
    """Convert one sequence; DatasetError or OSError when it cannot be, and then no bag is left."""
    from tqdm import tqdm

    if args.frames < 0:
        raise ConfigError(f'--frames must be 0 or more, got {args.frames}')
    topic = '/' + (args.topic or f'{args.kind}/image').strip('/')
    source = _open(args.kind, args.folder, args.camera)
    if source.camera is None:
        print('alike: intrinsics are not known, so no camera_info is written', file=sys.stderr)
    total = min(args.frames or len(source), len(source))
    written = poses = 0
    with _finished_bag(args.bag) as bag:
        frames = itertools.islice(source, total)
        for frame in tqdm(frames, total=total, unit='frame', disable=None):
            poses += _write(bag, frame, source, topic)
            written += 1
        if not written:
            raise DatasetError(f'no image of {args.folder} could be read; copy them again')
    print(f'{args.bag}: {written} images on {topic}, {poses} poses on {TRUTH_TOPIC}')
    return 0


def _open(kind: str, folder: Path, camera: str) -> Dataset:
    if not folder.is_dir():
        raise DatasetError(f'{folder} is not a folder; give the one that holds the sequence')
    if kind == 'kitti':
        from alike_ros.datasets.kitti import KittiSource

        return KittiSource(folder, camera=camera)
    if kind == 'euroc':
        from alike_ros.datasets.euroc import EurocSource

        return EurocSource(folder, camera=camera or 'cam0')
    if camera:
        raise ConfigError('TUM sequences have one colour camera; leave out --camera')
    from alike_ros.datasets.tum import TumSource

    return TumSource(folder)


@contextmanager
def _finished_bag(path: Path) -> Iterator[BagWriter]:
    """Write beside the place under a hidden name and move there when all is written.

    What goes wrong leaves neither half a bag nor a lost older one.
    """
    from alike_ros.bags import BagWriter

    if path.is_dir() and any(path.iterdir()) and not (path / 'metadata.yaml').is_file():
        raise FileExistsError(f'{path} holds other files than a bag; name a new folder')
    if path.is_file() and path.suffix != '.mcap':
        raise FileExistsError(f'{path} is a file; name a new folder, or a file ending in .mcap')
    workshop = path.parent / f'.{path.name}.partial'
    shutil.rmtree(workshop, ignore_errors=True)
    try:
        workshop.mkdir(parents=True)
        with BagWriter(workshop / path.name) as bag:
            yield bag
        if path.is_dir():
            path.replace(workshop / 'older')
        (workshop / path.name).replace(path)
    finally:
        shutil.rmtree(workshop, ignore_errors=True)


def _write(bag: BagWriter, frame: Frame, source: Dataset, topic: str) -> int:
    """Write one frame, and its true pose where there is one; the count of poses."""
    from alike_ros.camera import camera_info_fields
    from alike_ros.image_message import image_fields

    stamp = frame.stamp_ns
    header = {'header': (stamp, frame.frame_id)}
    if source.camera is not None:
        info = header | camera_info_fields(source.camera)
        info_topic = f'{topic.rpartition("/")[0]}/camera_info'
        bag.write(info_topic, 'sensor_msgs/msg/CameraInfo', info, stamp)
    bag.write(topic, 'sensor_msgs/msg/Image', header | image_fields(frame.image), stamp)
    index = source.index_of(stamp)
    pose = source.truth.pose(index) if source.truth and index is not None else None
    if pose is None:
        return 0
    bag.write(TRUTH_TOPIC, 'geometry_msgs/msg/PoseStamped', _pose_fields(pose, stamp), stamp)
    return 1


def _pose_fields(pose: Array, stamp_ns: int) -> dict[str, Any]:
    """Fields of the camera's optical frame in the world."""
    from alike_ros.datasets.trajectory import quaternion

    position = dict(zip('xyz', pose[:3, 3].tolist(), strict=True))
    orientation = dict(zip('xyzw', quaternion(pose[:3, :3]).tolist(), strict=True))
    return {
        'header': (stamp_ns, WORLD),
        'pose': {'position': position, 'orientation': orientation},
    }
