"""rtabmap understands the features: read here as rtabmap_conversions and PyDetector read them."""

import sys
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
from consumer_rules import read_by_rtabmap

from alike_ros.camera import Camera
from alike_ros.consumers.rtabmap import KEYPOINT_ANGLE, KEYPOINT_SIZE, local_features
from alike_ros.errors import ConfigError, ImageError
from alike_ros.image_message import depth_from_msg
from alike_ros.resources import share_dir

CAMERA = Camera(np.array([[100.0, 0, 80], [0, 100, 60], [0, 0, 1]]), image_size=(160, 120))


def keypoints(rng, count=30, kind='float32', **fields):
    """Return a Keypoints message, and its descriptors as (N, 16) float32."""
    rows = rng.normal(size=(count, 16)).astype(kind)
    values = {
        'width': 160,
        'height': 120,
        'u': rng.uniform(0, 159, count).astype(np.float32),
        'v': rng.uniform(0, 119, count).astype(np.float32),
        'score': rng.uniform(0, 1, count).astype(np.float32),
        'depth': np.zeros(0, np.float32),
        'descriptor_type': kind,
        'descriptor_dim': 16,
        'descriptors': np.frombuffer(rows.tobytes(), np.uint8),
    }
    return SimpleNamespace(**values | fields), rows.astype(np.float32)


@pytest.mark.parametrize('kind', ['float32', 'float16'])
def test_descriptors_are_read_back_by_rtabmap_as_they_were(rng, kind):
    message, rows = keypoints(rng, kind=kind)
    read = read_by_rtabmap(local_features(message, CAMERA).descriptors.tobytes())
    assert np.array_equal(read, rows)


@pytest.mark.parametrize('count', [0, 1, 500])
def test_the_three_counts_are_equal(rng, count):
    message, _ = keypoints(rng, count)
    features = local_features(message, CAMERA)
    read = read_by_rtabmap(features.descriptors.tobytes())
    assert len(features.keypoints) == len(features.responses) == len(features.points) == count
    assert len(read) == count


def test_a_point_projects_to_its_keypoint_at_its_depth(rng):
    depth = rng.uniform(1, 9, 30).astype(np.float32)
    depth[3] = np.nan
    message, _ = keypoints(rng, depth=depth)
    features = local_features(message, CAMERA)
    known = np.isfinite(depth)
    assert np.isnan(features.points[3]).all()
    assert np.array_equal(features.points[known, 2], depth[known])
    assert CAMERA.project(features.points[known]) == pytest.approx(
        features.keypoints[known], abs=1e-3
    )


def test_points_are_nan_without_depth_and_without_calibration(rng):
    message, _ = keypoints(rng)
    assert np.isnan(local_features(message, CAMERA).points).all()
    message.depth = np.ones(30, np.float32)
    assert np.isnan(local_features(message, None).points).all()


def test_keypoints_without_descriptors_say_what_to_set(rng):
    message, _ = keypoints(rng, descriptor_type='none')
    with pytest.raises(ConfigError, match='descriptor_type'):
        local_features(message, CAMERA)


@pytest.mark.parametrize(
    ('encoding', 'values'),
    [
        ('16UC1', np.array([[1500, 0, 65535]], '<u2')),
        ('32FC1', np.array([[1.5, np.inf, 65.535]], '<f4')),
    ],
)
@pytest.mark.parametrize('padding', [0, 6])
def test_depth_messages_give_metres(encoding, values, padding):
    data = values.tobytes() + bytes(padding)
    message = SimpleNamespace(
        encoding=encoding, height=1, width=3, step=len(data), is_bigendian=0, data=data
    )
    depth = depth_from_msg(message)
    assert depth.dtype == np.float32
    assert depth[0, [0, 2]] == pytest.approx([1.5, 65.535]) and np.isnan(depth[0, 1])


def test_a_colour_image_is_no_depth():
    with pytest.raises(ImageError, match='rgb8'):
        depth_from_msg(SimpleNamespace(encoding='rgb8'))


@pytest.fixture
def py_detector(monkeypatch, data):
    """The module as PyDetector.cpp loads it: its folder at the end of the path, then by name."""
    monkeypatch.setenv('ALIKE_MODELS', str(data / 'models'))
    monkeypatch.setattr(sys, 'dont_write_bytecode', True)
    path = share_dir() / 'config' / 'alike_rtabmap.py'
    monkeypatch.setattr(sys, 'path', [*sys.path, str(path.parent)])
    yield __import__(path.name.split('.')[0])
    del sys.modules[path.stem]


def detect_as_rtabmap(module, image):
    """generateKeypointsImpl: counts and types are asserted, memory is read row after row."""
    result = module.detect(image)
    assert isinstance(result, tuple) and len(result) == 2
    points, descriptors = result
    assert points.shape[1] == 3 and points.dtype == np.float32
    assert descriptors.shape == (len(points), descriptors.shape[1]) and descriptors.shape[1] > 0
    assert descriptors.dtype == np.float32
    flat = [np.frombuffer(array.tobytes('A'), np.float32) for array in result]
    found = [
        cv2.KeyPoint(*map(float, row[:2]), KEYPOINT_SIZE, KEYPOINT_ANGLE, float(row[2]))
        for row in flat[0].reshape(-1, 3)
    ]
    return found, flat[1].reshape(descriptors.shape)


def test_py_detector_gives_the_features_of_the_extractor(py_detector, data):
    from alike_ros.extractor import Extractor

    image = cv2.imread(str(data / 'kitti' / '000100.png'), cv2.IMREAD_GRAYSCALE)
    image = np.ascontiguousarray(image[:240, :320])
    assert py_detector.init(0) is None
    found, descriptors = detect_as_rtabmap(py_detector, image)
    with Extractor(device='cpu', **py_detector.PARAMETERS) as extractor:
        features = extractor.extract(image)
    assert len(found) > 50
    assert np.array_equal(np.array([k.pt for k in found], np.float32), features.keypoints)
    assert [k.response for k in found] == features.scores.tolist()
    assert np.array_equal(descriptors, features.descriptors)


def test_py_detector_finds_nothing_on_a_blank_image(py_detector):
    py_detector.init(0)
    found, descriptors = detect_as_rtabmap(py_detector, np.zeros((120, 160), np.uint8))
    assert found == [] and len(descriptors) == 0
