"""Where the package's own files are: config/, launch/, models/ and msg/."""

import os
import sys
from importlib import metadata
from pathlib import Path
from xml.etree import ElementTree

from alike_ros.errors import AlikeError


def share_dir() -> Path:
    """Return the folder that holds config/, launch/, models/ and msg/.

    The source checkout when the package is imported from one; else the first prefix of
    AMENT_PREFIX_PATH that has it, as a sourced ROS workspace does; else what pip installed.
    Raises AlikeError, which lists the places tried.
    """
    prefixes = [*filter(None, os.environ.get('AMENT_PREFIX_PATH', '').split(os.pathsep))]
    installed = [Path(prefix, 'share', 'alike_ros') for prefix in (*prefixes, sys.prefix)]
    tried = [Path(__file__).resolve().parents[1], *installed]
    for folder in tried:
        if all((folder / part).is_dir() for part in ('config', 'models', 'msg')):
            return folder
    places = ', '.join(map(str, tried))
    raise AlikeError(
        f'the files of alike_ros (config, models, msg) are in none of {places}; '
        f'source the workspace, or install the package again'
    )


def version() -> str:
    """Return the package's version: of package.xml where there is one, else what pip recorded."""
    manifest = share_dir() / 'package.xml'
    if manifest.is_file():
        return ElementTree.parse(manifest).findtext('version', '')
    return metadata.version('alike_ros')
