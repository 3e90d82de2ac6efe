"""Log files of ROS: a node that has no place for them runs without, instead of not at all."""

from __future__ import annotations

import os
from pathlib import Path

WITHOUT = ('--ros-args', '--disable-external-lib-logs')


def log_arguments() -> tuple[tuple[str, ...], str]:
    """Return arguments for rcl, and a sentence when they turn its log files off.

    rcl itself ends with an error where it cannot make their folder.
    """
    folder = _folder()
    if folder is None:
        return WITHOUT, _sentence('neither ROS_LOG_DIR nor HOME is set')
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        return WITHOUT, _sentence(f'{folder}: {error.strerror}')
    if not os.access(folder, os.W_OK | os.X_OK):
        return WITHOUT, _sentence(f'{folder} cannot be written')
    return (), ''


def _folder() -> Path | None:
    """Return where rcl would put them, by its rules."""
    environment = os.environ
    if environment.get('ROS_LOG_DIR'):
        return Path(environment['ROS_LOG_DIR']).expanduser()
    if environment.get('ROS_HOME'):
        return Path(environment['ROS_HOME']).expanduser() / 'log'
    return Path(environment['HOME'], '.ros', 'log') if environment.get('HOME') else None


def _sentence(reason: str) -> str:
    return f'No log file is written ({reason}): give a folder by ROS_LOG_DIR for one.'
