"""Install the library and the command line without ROS 2; package.xml holds the version."""

from pathlib import Path
from xml.etree import ElementTree

from setuptools import setup

HERE = Path(__file__).parent
DATA = ('config', 'config/sros2', 'launch', 'models', 'msg')


def files_of(folder: str) -> tuple[str, list[str]]:
    """Give setuptools the files of a folder, to be installed under share/alike_ros."""
    files = sorted(path for path in (HERE / folder).iterdir() if path.is_file())
    return f'share/alike_ros/{folder}', [str(path.relative_to(HERE)) for path in files]


setup(
    version=ElementTree.parse(HERE / 'package.xml').findtext('version'),
    data_files=[files_of(folder) for folder in DATA],
)
