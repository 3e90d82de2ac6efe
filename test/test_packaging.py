"""The package as users get it: built by colcon, built by pip, without rclpy, without torch."""

import ast
import os
import shutil
import subprocess
import sys
import zipfile
from configparser import ConfigParser
from importlib import import_module
from pathlib import Path
from xml.etree import ElementTree

import pytest
from catkin_pkg.package import parse_package
from conftest import absent
from packaging.requirements import Requirement

from alike_ros import resources
from alike_ros.errors import AlikeError
from alike_ros.resources import share_dir

ROOT = Path(__file__).parents[1]
DATA_FOLDERS = ('config', 'launch', 'models', 'msg')
BUILT_FROM = ('LICENSE', 'package.xml', 'pyproject.toml', 'setup.cfg', 'setup.py')
NEEDS_TORCH = ('alike_ros.network', 'alike_ros.backends.torch_backend')
NEEDS_A_GPU = 'alike_ros.backends.tensorrt_backend'

IMPORT_ALL = """
import importlib, pkgutil, sys
import alike_ros

class Blocker:
    def find_spec(self, name, path=None, target=None):
        if name.partition('.')[0] == BLOCKED:
            raise ModuleNotFoundError(f'{name} is blocked', name=name)

def walk(package):
    for module in pkgutil.iter_modules(package.__path__, package.__name__ + '.'):
        if module.name.startswith(LEFT_OUT):
            continue
        imported = importlib.import_module(module.name)
        print(module.name)
        if module.ispkg:
            walk(imported)

sys.meta_path.insert(0, Blocker())
walk(alike_ros)
"""


def import_all(folder: Path, blocked: str, left_out: tuple[str, ...]) -> list[str]:
    """Import every module of the installed package in a new process where one is blocked."""
    left_out = (*left_out, NEEDS_A_GPU, 'alike_ros.msg')
    program = f'BLOCKED, LEFT_OUT = {blocked!r}, {left_out!r}{IMPORT_ALL}'
    done = subprocess.run(
        [sys.executable, '-c', program], cwd=folder, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def version() -> str:
    return ElementTree.parse(ROOT / 'package.xml').findtext('version')


def test_everything_outside_ros_imports_without_rclpy(tmp_path):
    imported = import_all(tmp_path, 'rclpy', ('alike_ros.ros',))
    assert 'alike_ros.extractor' in imported


def test_everything_outside_the_network_imports_without_torch(tmp_path):
    imported = import_all(tmp_path, 'torch', NEEDS_TORCH)
    assert {'alike_ros.extractor', 'alike_ros.backends.openvino_backend'} <= set(imported)


@pytest.mark.parametrize('backend', ['openvino', 'onnx'])
def test_features_are_extracted_without_torch(data, tmp_path, backend):
    program = f"""
import sys
sys.modules['torch'] = None
import numpy as np
from alike_ros.extractor import Extractor
image = np.random.default_rng(7).integers(0, 256, (97, 130, 3), np.uint8)
with Extractor(backend={backend!r}, top_k=20) as extractor:
    assert len(extractor.extract(image)) == 20
"""
    environment = {**os.environ, 'ALIKE_MODELS': str(data / 'models')}
    done = subprocess.run(
        [sys.executable, '-c', program], cwd=tmp_path, env=environment, capture_output=True
    )
    assert done.returncode == 0, done.stderr.decode()


def test_package_xml_is_valid_and_stays_an_ament_package():
    warnings: list[str] = []
    package = parse_package(str(ROOT / 'package.xml'), warnings=warnings)
    package.validate(warnings=warnings)
    assert warnings == []
    assert package.get_build_type() == 'ament_cmake'


def test_the_version_is_written_only_in_package_xml():
    files = ('CMakeLists.txt', 'setup.py', 'setup.cfg', 'pyproject.toml', 'alike_ros/__init__.py')
    assert not [name for name in files if version() in (ROOT / name).read_text()]


def test_messages_and_python_live_under_one_name():
    from alike_ros.msg import FrontendStatus, Keypoints, Tracks

    assert {FrontendStatus().state, Keypoints().width, Tracks().epoch} == {0}
    assert callable(share_dir)


@pytest.mark.skipif(os.environ.get('CI') != 'true', reason='tells what CI must not lack')
@pytest.mark.parametrize(
    'module',
    ['alike_ros.msg', 'nav_msgs', 'onnx', 'onnxruntime', 'openvino', 'rclpy', 'torch', 'yaml'],
)
def test_what_other_tests_are_skipped_without_is_there(module):
    import_module(module)


def test_every_module_of_the_sources_is_installed_and_no_other():
    installed = Path(resources.__file__).parent
    if installed == ROOT / 'alike_ros':
        absent('runs from the checkout: nothing is installed')
    sources = {path.relative_to(ROOT / 'alike_ros') for path in (ROOT / 'alike_ros').rglob('*.py')}
    present = {path.relative_to(installed) for path in installed.rglob('*.py')}
    assert sources == {path for path in present if path.parts[0] != 'msg'}
    assert (installed / '__init__.py').read_text() == (ROOT / 'alike_ros/__init__.py').read_text()


@pytest.mark.parametrize('folder', DATA_FOLDERS)
def test_data_files_are_installed_unchanged(folder):
    names = [path.relative_to(ROOT) for path in (ROOT / folder).rglob('*') if path.is_file()]
    assert names
    for name in names:
        assert (share_dir() / name).read_bytes() == (ROOT / name).read_bytes()


@pytest.mark.parametrize('name', sorted(path.name for path in (ROOT / 'scripts').iterdir()))
def test_every_launcher_is_installed_for_ros2_run(name):
    launcher = share_dir().parents[1] / 'lib' / 'alike_ros' / name
    if share_dir() == ROOT:
        launcher = ROOT / 'scripts' / name
    assert os.access(launcher, os.X_OK)
    names = {
        node.value if isinstance(node, ast.Constant) else node.module
        for node in ast.walk(ast.parse(launcher.read_text()))
        if isinstance(node, ast.Constant | ast.ImportFrom)
    }
    (module,) = (name for name in names if name.startswith('alike_ros.'))
    assert callable(import_module(module).main)


def test_every_requirement_has_a_lower_and_an_upper_bound():
    setup = ConfigParser()
    setup.read(ROOT / 'setup.cfg')
    extras = setup['options.extras_require'].values()
    lines = '\n'.join([setup['options']['install_requires'], *extras]).split('\n')
    requirements = [Requirement(line) for line in lines if line and not line.startswith('#')]
    assert len(requirements) > 20
    for requirement in requirements:
        kinds = {bound.operator for bound in requirement.specifier}
        assert kinds == {'>=', '<'}, requirement


@pytest.mark.parametrize('name', sorted(path.name for path in (ROOT / 'requirements').iterdir()))
def test_what_make_installs_is_pinned(name):
    lines = (ROOT / 'requirements' / name).read_text().splitlines()
    for line in filter(None, (line.partition('#')[0] for line in lines)):
        kinds = {bound.operator for bound in Requirement(line).specifier}
        assert kinds == {'=='} or Requirement(line).marker is not None, line


def test_share_dir_is_the_checkout_when_imported_from_one():
    done = subprocess.run(
        [sys.executable, '-c', 'from alike_ros.resources import share_dir; print(share_dir())'],
        env={**os.environ, 'PYTHONPATH': str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert done.stdout.strip() == str(ROOT), done.stderr


def test_share_dir_names_the_places_tried(monkeypatch, tmp_path):
    monkeypatch.setattr(resources, '__file__', str(tmp_path / 'lib/alike_ros/resources.py'))
    monkeypatch.setenv('AMENT_PREFIX_PATH', f'{tmp_path}/workspace')
    monkeypatch.setattr(sys, 'prefix', f'{tmp_path}/venv')
    with pytest.raises(AlikeError) as error:
        share_dir()
    assert f'{tmp_path}/workspace/share/alike_ros' in str(error.value)
    assert f'{tmp_path}/venv/share/alike_ros' in str(error.value)


def test_pip_builds_a_wheel_with_the_command_and_the_data(tmp_path):
    source = tmp_path / 'source'
    shutil.copytree(
        ROOT,
        source,
        ignore=lambda folder, names: (
            set(names) - {'alike_ros', *DATA_FOLDERS, *BUILT_FROM}
            if Path(folder) == ROOT
            else {name for name in names if name == '__pycache__'}
        ),
    )
    subprocess.run(
        [sys.executable, '-m', 'pip', 'wheel', '-q', '--no-deps', '--no-build-isolation']
        + ['--disable-pip-version-check', '-w', tmp_path, source],
        check=True,
        capture_output=True,
    )
    (wheel,) = tmp_path.glob(f'alike_ros-{version()}-*.whl')
    names = zipfile.ZipFile(wheel).namelist()
    info = f'alike_ros-{version()}'
    for folder in DATA_FOLDERS:
        for path in (ROOT / folder).rglob('*'):
            place = f'{info}.data/data/share/alike_ros/{path.relative_to(ROOT)}'
            assert path.is_dir() or place in names
    modules = {path.relative_to(ROOT).as_posix() for path in (ROOT / 'alike_ros').rglob('*.py')}
    assert modules <= set(names)
    commands = zipfile.ZipFile(wheel).read(f'{info}.dist-info/entry_points.txt').decode()
    assert 'alike = alike_ros.cli.main:main' in commands
