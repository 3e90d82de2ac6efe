"""The node's processing in this process: broken images alone, with depth, and in sets."""

import logging
import time
from itertools import count

import numpy as np
import pytest

pytest.importorskip('rclpy')
pytest.importorskip('alike_ros.msg')

import rclpy  # noqa: E402
from broken_messages import compressed_image, raw_image  # noqa: E402
from hypothesis import HealthCheck, given, settings  # noqa: E402
from hypothesis import strategies as st  # noqa: E402
from rclpy.lifecycle import LifecycleNode  # noqa: E402
from ros_fixtures import domain_id, header, image_message, texture  # noqa: E402

from alike_ros.config import (  # noqa: E402
    ExtractorConfig,
    NodeConfig,
    StereoConfig,
    TrackerConfig,
)
from alike_ros.errors import ImageError  # noqa: E402
from alike_ros.image_message import depth_from_msg, image_from_msg  # noqa: E402
from alike_ros.results import Counters  # noqa: E402
from alike_ros.ros.frontend import health as causes  # noqa: E402
from alike_ros.ros.frontend.assembly import (  # noqa: E402
    open_eyes,
    open_frontend,
    open_geometry,
    open_pipeline,
)
from alike_ros.ros.frontend.health import Health  # noqa: E402
from alike_ros.ros.frontend.journal import Journal  # noqa: E402
from alike_ros.ros.frontend.outputs import Outputs  # noqa: E402
from alike_ros.ros.frontend.processing import Arrival, Links  # noqa: E402
from alike_ros.ros.parameters import Configs  # noqa: E402

SLOW = settings(deadline=None, suppress_health_check=list(HealthCheck))
RANDOM = st.randoms(use_true_random=False)
SIZE = (64, 48)


class Bench:
    """What the node makes of its parameters, its publishers active, without its subscriptions."""

    def __init__(self, context, **parameters):
        self._node = node = LifecycleNode('frontend', context=context)
        config = NodeConfig(camera_info_wait=0.0, **parameters)
        journal = Journal(logging.getLogger('frontend'), period_s=3600.0)
        configs = Configs(ExtractorConfig(device='cpu'), TrackerConfig(), StereoConfig(), config)
        eyes = tuple(open_eyes(journal, config).values())
        self.health = Health()
        self.outputs = Outputs(node, journal, config)
        self.frontend = open_frontend(configs, Counters())
        self._pipeline = open_pipeline(
            self.frontend,
            Links(self.outputs, self.health, journal, node.get_clock()),
            config,
            eyes,
            open_geometry(journal, config, eyes),
        )
        self._stamps = count(10**9, 10**8)
        node.trigger_configure()
        node.trigger_activate()

    def takes(self, *messages):
        """Return '' for a set that was processed, else what was wrong; it is counted once."""
        stamp, before = next(self._stamps), self.health.counts()
        for message in messages:
            message.header = header(stamp)
        first, *others = messages
        self._pipeline.handle(Arrival(first, time.monotonic(), tuple(others)))
        after = self.health.counts()
        bad = [each.dropped_by_cause.get(causes.BAD_IMAGE, 0) for each in (before, after)]
        assert after.dropped == after.dropped_by_cause.get(causes.BAD_IMAGE, 0)
        assert after.processed - before.processed + bad[1] - bad[0] == 1
        return self.health.recent().last_error

    def close(self):
        self.outputs.close()
        self.frontend.close()
        self._node.destroy_node()


@pytest.fixture(scope='module')
def context(data):
    context = rclpy.Context()
    rclpy.init(context=context, domain_id=domain_id(25))
    yield context
    rclpy.shutdown(context=context)


@pytest.fixture(scope='module')
def bench(context, request):
    """The bench of a node with the parameters of the test."""
    made = Bench(context, **request.param)
    yield made
    made.close()


def with_parameters(**parameters):
    return pytest.mark.parametrize('bench', [parameters], indirect=True, ids=['node'])


def is_good(message, convert=image_from_msg):
    try:
        convert(message)
    except ImageError:
        return False
    return True


def good():
    return image_message(texture(size=SIZE), 0)


@with_parameters()
@settings(SLOW, max_examples=600)
@given(RANDOM, st.booleans())
def test_an_image_of_any_fields_is_processed_or_dropped_with_its_sentence(bench, random, raw):
    message = raw_image(random) if raw else compressed_image(random)
    wrong = bench.takes(message)
    assert (wrong == '') == is_good(message) and 'Error' not in wrong
    if random.random() < 0.05:
        assert bench.takes(good()) == ''


DEPTH_ENCODINGS = st.sampled_from(['16UC1', '32FC1', 'mono16', None])


@with_parameters(cameras='rgbd')
@settings(SLOW, max_examples=200)
@given(RANDOM, DEPTH_ENCODINGS, st.sampled_from([1, 1, 2, 4]))
def test_a_depth_image_of_any_fields_is_used_or_its_pair_dropped(bench, random, encoding, scale):
    whole = random.random() < 0.7
    depth = whole_depth(random, encoding, scale) if whole else raw_image(random, encoding)
    wrong = bench.takes(good(), depth)
    if not is_good(depth, depth_from_msg):
        assert wrong.startswith('depth/image: ')
    elif wrong:
        assert 'register depth to colour' in wrong and not whole
    wall = image_message(np.ones(SIZE[::-1], np.uint16), 0, encoding='16UC1')
    assert bench.takes(good(), wall) == ''


def whole_depth(random, encoding, scale):
    """Return a depth image that fits, of any bytes: NaN, infinite and negative depths too."""
    width, height = (side // scale for side in SIZE)
    step = width * (2 if encoding in ('16UC1', 'mono16') else 4)
    data = np.random.default_rng(random.randrange(1000)).integers(0, 256, height * step, np.uint8)
    return raw_image(random, encoding, width=width, height=height, step=step, data=data)


@with_parameters(cameras='rig', camera_count=3)
@settings(SLOW, max_examples=80)
@given(RANDOM, st.lists(st.booleans(), min_size=3, max_size=3))
def test_a_set_with_broken_cameras_is_dropped_and_the_first_of_them_named(bench, random, broken):
    messages = [raw_image(random) if each else good() for each in broken]
    wrong = bench.takes(*messages)
    fits = [is_good(message) for message in messages]
    assert (wrong == '') == all(fits)
    if not all(fits):
        assert wrong.startswith(f'image_{fits.index(False)}: ')
    assert bench.takes(good(), good(), good()) == ''
