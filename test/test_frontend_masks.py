"""The node with a mask of a file and one of a topic. One process."""

import itertools
import logging

import cv2
import numpy as np
import pytest

pytest.importorskip('rclpy')
pytest.importorskip('alike_ros.msg')

from rclpy.qos import QoSProfile  # noqa: E402
from ros_fixtures import NodeProcess, domain_id, image_message, running, texture  # noqa: E402
from sensor_msgs.msg import Image  # noqa: E402

from alike_ros.config import NodeConfig  # noqa: E402
from alike_ros.errors import ConfigError, ImageError  # noqa: E402
from alike_ros.ros.frontend.assembly import open_eyes  # noqa: E402
from alike_ros.ros.frontend.journal import Journal  # noqa: E402
from alike_ros.ros.frontend.masks import Masks  # noqa: E402

SIZE = (160, 120)
JOURNAL = Journal(logging.getLogger('frontend'), period_s=0.0)
S = 10**9
_stamps = itertools.count(S, 10**8)


def lower_half():
    """Zero in the upper half."""
    mask = np.zeros((120, 160), np.uint8)
    mask[60:] = 255
    return mask


def right_half():
    return np.repeat([[0] * 80 + [255] * 80], 120, axis=0).astype(np.uint8)


@pytest.fixture
def path(tmp_path):
    cv2.imwrite(str(tmp_path / 'mask.png'), lower_half())
    return str(tmp_path / 'mask.png')


def test_keypoints_lie_where_file_and_topic_let_them(data, path):
    with running(6, mask=path, drop_policy='queue', device='cpu') as (_, probe):
        masks = probe.node.create_publisher(Image, '/mask', QoSProfile(depth=10))
        probe.wait_until(masks.get_subscription_count, lambda found: found == 1)

        def keypoints():
            stamp = next(_stamps)
            probe.images.publish(image_message(texture(), stamp))
            return probe.wait_for_stamps('keypoints', [stamp])[0]

        by_file = keypoints()
        assert min(by_file.v) > 59 and min(by_file.u) < 70 and len(by_file.u) > 5
        masks.publish(image_message(right_half(), next(_stamps)))
        by_both = probe.wait_until(keypoints, lambda found: min(found.u) > 79)
        assert min(by_both.v) > 59 and len(by_both.u) > 2


def test_a_file_that_is_no_mask_ends_the_start_with_one_sentence():
    process = NodeProcess(domain_id(7), mask='/nowhere/mask.png', device='cpu')
    assert process.exit_code() == 1
    assert 'the mask /nowhere/mask.png cannot be read' in process.text
    assert 'Traceback' not in process.text


def test_the_newest_mask_whose_size_fits_holds(caplog):
    masks = Masks(JOURNAL, '')
    assert masks.mask_for(SIZE, 9) is None
    masks.add(image_message(lower_half(), 1))
    assert np.array_equal(masks.mask_for(SIZE, 9), lower_half())
    masks.add(image_message(np.ones((50, 50), np.uint8), 2))
    assert np.array_equal(masks.mask_for(SIZE, 9), lower_half()) and 'left out' in caplog.text
    masks.add(image_message(right_half()[::2, ::2].copy(), 3))
    assert np.array_equal(masks.mask_for(SIZE, 9), right_half())


def test_colour_is_no_mask_and_the_one_before_holds(caplog):
    masks = Masks(JOURNAL, '')
    masks.add(image_message(lower_half(), 1))
    masks.add(image_message(texture(), 2))
    assert np.array_equal(masks.mask_for(SIZE, 9), lower_half()) and 'mono8' in caplog.text


@pytest.mark.parametrize(
    ('mask_ns', 'image_ns', 'hides'),
    [
        (10 * S, 11 * S, True),
        (10 * S, 10 * S - 2 * S, True),
        (10 * S, 12 * S + 1, False),
        (10 * S, 7 * S, False),  # the clock went back
        (0, 99 * S, True),
        (10 * S, 0, True),
    ],
)
def test_a_mask_far_from_the_image_in_time_hides_nothing(mask_ns, image_ns, hides):
    masks = Masks(JOURNAL, '', max_age_s=2.0)
    masks.add(image_message(lower_half(), mask_ns))
    assert (masks.mask_for(SIZE, image_ns) is not None) == hides
    assert ('does its publisher still run?' in masks.trouble) != hides


def test_images_that_the_file_does_not_fit_are_refused(path):
    with pytest.raises(ImageError, match='proportions'):
        Masks(JOURNAL, path).mask_for((50, 50), 9)


def test_a_stereo_camera_has_a_file_for_each_side_or_none(path):
    left, right = open_eyes(JOURNAL, NodeConfig(cameras='stereo', mask=f':{path}')).values()
    assert left.masks.mask_for(SIZE, 9) is None
    assert np.array_equal(right.masks.mask_for(SIZE, 9), lower_half())
    with pytest.raises(ConfigError, match='each of 2 cameras'):
        open_eyes(JOURNAL, NodeConfig(cameras='stereo', mask=path))
