"""A recorder that is killed, or whose disk is full: what came before is in the file."""

import resource
import shutil
import signal
import subprocess
import sys
from contextlib import contextmanager

import numpy as np
import pytest

pytest.importorskip('rclpy')
pytest.importorskip('alike_ros.msg')

from rclpy.qos import QoSProfile  # noqa: E402
from ros_fixtures import domain_id, environment, image_message, stamp_of  # noqa: E402
from ros_processes import TIMEOUT_S, listening, started  # noqa: E402
from sensor_msgs.msg import Image  # noqa: E402

from alike_ros.bags import Bag  # noqa: E402
from alike_ros.image_message import image_from_msg  # noqa: E402

NOISE = np.random.default_rng(1).integers(0, 256, (240, 320, 3), np.uint8)
KILLS = 4
DISK_BYTES = 3_000_000
SMALL_DISK = """
mount -t tmpfs -o size="$1" none "$2" || exit 9
"$3" -m alike_ros.ros.recorder_node --ros-args -p output:="$2/out.mcap" -p topics:='["image"]'
code=$?
cp "$2/out.mcap" "$4"
exit $code
"""


@pytest.fixture
def camera():
    with plugged_in() as made:
        yield made


@contextmanager
def plugged_in():
    """Yield a camera that knows nothing of the recorders before it."""
    with listening(domain_id(38)) as listener:
        yield Camera(listener)


class Camera:
    """Publishes images that tell their number by stamp and content."""

    def __init__(self, listener):
        self.listener = listener
        self._images = listener.node.create_publisher(Image, 'image', QoSProfile(depth=1000))
        self.sent = 0

    def wait_matched(self):
        found = self._images.get_subscription_count
        self.listener.wait(lambda: found() == 1, 'the recorder subscribes')

    def send(self, until, what):
        """Publish as long as it takes."""

        def sent():
            for _ in range(6):
                self.sent += 1
                self._images.publish(image_message(numbered(self.sent), self.sent))
            return until()

        self.listener.wait(sent, what)


def numbered(number):
    return np.roll(NOISE, number, axis=0)


def assert_whole(path, sent):
    """Hold that a file has images, none missing between, each as it was sent; count them."""
    with Bag(path) as bag:
        images = [message for _, _, message in bag.messages('/image')]
    numbers = [stamp_of(image) for image in images]
    assert numbers and numbers == list(range(numbers[0], numbers[-1] + 1))
    assert numbers[-1] <= sent
    assert all(np.array_equal(image_from_msg(m), numbered(stamp_of(m))) for m in images)
    return len(numbers)


def test_a_recorder_killed_at_any_moment_leaves_what_came_before(tmp_path, rng):
    for kill, more in enumerate(rng.integers(0, 80, KILLS)):
        output = tmp_path / f'{kill}.mcap'
        with plugged_in() as camera, recording(camera, output) as recorder:
            camera.wait_matched()
            camera.send(lambda o=output: o.stat().st_size > 100_000, 'images in the file')
            end = camera.sent + more
            camera.send(lambda c=camera, e=end: c.sent >= e, 'some more')
            recorder.signal(signal.SIGKILL)
            assert recorder.wait(TIMEOUT_S) == -signal.SIGKILL
        assert_whole(output, camera.sent)


def recording(camera, output):
    return started('recorder', camera.listener.domain, output=str(output), topics=['image'])


def test_a_full_disk_ends_the_recording_with_a_sentence_and_a_file_that_opens(camera, tmp_path):
    output = tmp_path / 'out.mcap'
    with recording(camera, output) as recorder:
        camera.wait_matched()
        limit = (DISK_BYTES, DISK_BYTES)  # that any file of that process may have from now on
        resource.prlimit(recorder.pid, resource.RLIMIT_FSIZE, limit)
        camera.send(lambda: recorder.code is not None, 'the recorder gives up')
        assert recorder.wait(TIMEOUT_S) == 1
    assert_told(recorder.lines, output, 'File too large', assert_whole(output, camera.sent))


def test_a_file_system_without_space_does_the_same(camera, tmp_path):
    if not may_mount():
        pytest.skip(
            'this user may mount no small file system; the test above limits the file instead'
        )
    disk, output = tmp_path / 'disk', tmp_path / 'out.mcap'
    disk.mkdir()
    arguments = [str(DISK_BYTES), str(disk), sys.executable, str(output)]
    recorder = subprocess.Popen(
        ['unshare', '-rm', 'sh', '-c', SMALL_DISK, 'sh', *arguments],
        env=environment(camera.listener.domain),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    camera.wait_matched()
    camera.send(lambda: recorder.poll() is not None, 'the recorder gives up')
    told, _ = recorder.communicate(timeout=TIMEOUT_S)
    assert recorder.returncode == 1, told
    saved = assert_whole(output, camera.sent)
    assert_told(told.splitlines(), disk / 'out.mcap', 'No space left on device', saved)


def may_mount():
    if shutil.which('unshare') is None:
        return False
    probe = ['unshare', '-rm', 'sh', '-c', 'mount -t tmpfs -o size=64k none /mnt']
    return subprocess.run(probe, capture_output=True).returncode == 0


def assert_told(lines, path, reason, saved):
    [fatal] = [line for line in lines if 'FATAL' in line]
    assert 'ended early' in fatal and reason in fatal
    assert f'{path} holds {saved} /image' in fatal
    assert not any('Traceback' in line for line in lines)
