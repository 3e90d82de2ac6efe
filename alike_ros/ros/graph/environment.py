"""What keeps a graph on this machine and to itself."""

from __future__ import annotations

import argparse
import os

from alike_ros.resources import share_dir

PROFILES = ('FASTRTPS_DEFAULT_PROFILES_FILE', 'FASTDDS_DEFAULT_PROFILES_FILE')  # to Jazzy; later


def add_domain(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        '--domain',
        type=int,
        default=1 + os.getpid() % 100,
        help='ROS_DOMAIN_ID (default: one of its own)',
    )


def prepare_environment(domain: int) -> None:
    """Have this process and its children talk to each other only, in large shared memory."""
    profile = str(share_dir() / 'config' / 'fastdds.xml')
    if not any(os.environ.get(name) for name in PROFILES):
        os.environ.update(dict.fromkeys(PROFILES, profile))
    if os.environ.get('ROS_DISTRO') == 'humble':
        os.environ['ROS_LOCALHOST_ONLY'] = '1'
    else:
        os.environ['ROS_AUTOMATIC_DISCOVERY_RANGE'] = 'LOCALHOST'
    os.environ['ROS_DOMAIN_ID'] = str(domain)
    os.environ['PYTHONUNBUFFERED'] = '1'
