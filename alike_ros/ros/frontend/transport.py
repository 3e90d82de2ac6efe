"""Whether images fit into the shared memory by which Fast DDS brings them from this computer."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from xml.etree import ElementTree

from rclpy.node import Node
from rclpy.utilities import get_rmw_implementation_identifier

from alike_ros.errors import AlikeError
from alike_ros.resources import share_dir
from alike_ros.ros.graph.environment import PROFILES

DEFAULT_SEGMENT = 512 * 1024  # bytes; shm_default_segment_size of Fast DDS 2 and 3
OLDER = ('humble', 'iron', 'jazzy')
ORDINARY = ('', 'DEFAULT', 'DEFAULTv6', 'SHM')  # values of FASTDDS_BUILTIN_TRANSPORTS
HOST = slice(4)  # the bytes of an endpoint's gid that name its vendor and its computer


class SegmentWatch:
    """Compares the images of a node with the shared-memory segments of its processes.

    What is known is this process's profile: the writer's segment counts, and whoever starts a
    camera beside is asked to give it the same. For the executor's thread alone.
    """

    def __init__(self, node: Node) -> None:
        self._node = node
        fast = get_rmw_implementation_identifier().startswith('rmw_fastrtps')
        self._segment = segment_bytes(os.environ) if fast else None
        self._largest = 0

    def expect(self, size: int) -> None:
        """Take the bytes of an image, or as many as one has at least."""
        self._largest = max(self._largest, size)

    def misfit(self, topic: str) -> str:
        """Say that images of a topic do not fit, and the remedy; '' when they do, or may."""
        if self._segment is None or self._largest <= self._segment or not self._is_near(topic):
            return ''
        return (
            f'images of {self._largest / 1e6:.1f} MB do not fit into the shared-memory segments '
            f'of {self._segment / 1e6:.1f} MB that Fast DDS has here, and get lost: start this '
            f'node and the camera with {" or ".join(profile_variables(os.environ))} set to '
            f'{_profile()}'
        )

    def _is_near(self, topic: str) -> bool:
        """Whether a publisher of a topic is on this computer."""
        name = self._node.get_fully_qualified_name()
        mine = {
            bytes(end.endpoint_gid[HOST])
            for end in self._node.get_publishers_info_by_topic('/diagnostics')
            if f'{end.node_namespace.rstrip("/")}/{end.node_name}' == name
        }
        ends = self._node.get_publishers_info_by_topic(topic)
        return any(bytes(end.endpoint_gid[HOST]) in mine for end in ends)


def profile_variables(environment: Mapping[str, str]) -> tuple[str, ...]:
    """Return the variables that may name the profile file; ROS 2 renamed it after Jazzy."""
    distribution = environment.get('ROS_DISTRO', '')
    old, new = PROFILES
    if not distribution:
        return old, new
    return (old,) if distribution in OLDER else (new,)


def segment_bytes(environment: Mapping[str, str]) -> int | None:
    """Return the size of the shared-memory segment of processes with an environment.

    None: there is none, or it is not told in a way that is understood here.
    """
    if environment.get('FASTDDS_BUILTIN_TRANSPORTS', '') not in ORDINARY:
        return None
    paths = [environment.get(name, '') for name in profile_variables(environment)]
    if not any(paths):
        return DEFAULT_SEGMENT
    try:
        return _segment_of(ElementTree.parse(next(filter(None, paths))).getroot())
    except (OSError, ElementTree.ParseError, ValueError):  # Fast DDS goes on without it
        return DEFAULT_SEGMENT


def _segment_of(root: ElementTree.Element) -> int | None:
    """Return that of the default participant of a profile file; the largest of several."""
    for element in root.iter():
        element.tag = element.tag.rpartition('}')[2]
    participants = root.iter('participant')
    default = next((p for p in participants if p.get('is_default_profile') == 'true'), None)
    if default is None:
        return DEFAULT_SEGMENT
    if default.find('.//builtinTransports') is not None:
        return None
    used = {_text(each) for each in default.iterfind('.//userTransports/transport_id')}
    sizes = [
        int(_text(each.find('segment_size')) or 0) or DEFAULT_SEGMENT
        for each in root.iter('transport_descriptor')
        if _text(each.find('transport_id')) in used and _text(each.find('type')) == 'SHM'
    ]
    if _text(default.find('.//useBuiltinTransports')) != 'false':
        sizes.append(DEFAULT_SEGMENT)
    return max(sizes, default=None)


def _text(element: ElementTree.Element | None) -> str:
    return (element.text or '').strip() if element is not None else ''


def _profile() -> Path | str:
    try:
        return share_dir() / 'config' / 'fastdds.xml'
    except AlikeError:
        return 'config/fastdds.xml of alike_ros'
