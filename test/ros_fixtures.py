"""A front-end node in a process of its own, and a probe that talks to it over DDS."""

import array
import os
import signal
import subprocess
import sys
import threading
import time
from collections import defaultdict
from contextlib import contextmanager, suppress
from pathlib import Path

import cv2
import numpy as np
import rclpy
from alike_ros.msg import FrontendStatus, Keypoints, Tracks
from diagnostic_msgs.msg import DiagnosticArray
from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState, GetState
from rcl_interfaces.msg import Parameter, ParameterType, ParameterValue
from rcl_interfaces.srv import DescribeParameters, SetParameters
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.qos import QoSProfile
from sensor_msgs.msg import CameraInfo, CompressedImage, Image
from std_msgs.msg import Header
from std_srvs.srv import SetBool, Trigger

ROOT = Path(__file__).parents[1]
TIMEOUT_S = 30.0
SERVICES = {
    'reset': Trigger,
    'enable': SetBool,
    'set_parameters': SetParameters,
    'describe_parameters': DescribeParameters,
    'change_state': ChangeState,
    'get_state': GetState,
}
LOCAL = (
    {'ROS_LOCALHOST_ONLY': '1'}
    if os.environ.get('ROS_DISTRO') == 'humble'
    else {'ROS_AUTOMATIC_DISCOVERY_RANGE': 'LOCALHOST'}
)
OUTPUTS = {'tracks': Tracks, 'keypoints': Keypoints, 'status': FrontendStatus}


def domain_id(offset: int = 0) -> int:
    """Return a domain of this process's own, in the range that needs no special ports."""
    return 1 + (os.getpid() + offset) % 100


def environment(domain: int, **extra: str) -> dict[str, str]:
    return {**os.environ, **LOCAL, 'ROS_DOMAIN_ID': str(domain), **extra}


class NodeProcess:
    """`frontend_node` as a user starts it; `log` holds what it wrote."""

    def __init__(self, domain: int, *arguments: str, **parameters: object) -> None:
        settings = [f'{name}:={_text(value)}' for name, value in parameters.items()]
        flags = [part for setting in settings for part in ('-p', setting)]
        self.log: list[str] = []
        self._changed = threading.Condition()
        self._process = subprocess.Popen(
            [sys.executable, '-m', 'alike_ros.ros.frontend_node']
            + (['--ros-args', *flags, *arguments] if flags or arguments else []),
            cwd=ROOT,
            env=environment(domain, RCUTILS_LOGGING_BUFFERED_STREAM='0'),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    @property
    def text(self) -> str:
        return ''.join(self.log)

    def most_memory_kb(self) -> int:
        """Return the most memory that was ever resident."""
        status = Path(f'/proc/{self._process.pid}/status').read_text()
        return int(status.split('VmHWM:')[1].split()[0])

    def wait_for_log(self, text: str, count: int = 1) -> None:
        with self._changed:
            found = self._changed.wait_for(lambda: self.text.count(text) >= count, TIMEOUT_S)
        assert found, f'{text!r} was not logged:\n{self.text}'

    def end(self, number: int = signal.SIGTERM) -> int:
        """Send a signal and return the exit code."""
        if self.alive:
            self._process.send_signal(number)
        return self.exit_code()

    def exit_code(self) -> int:
        try:
            return self._process.wait(TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            raise
        finally:
            self._reader.join(TIMEOUT_S)

    def _read(self) -> None:
        for line in self._process.stdout:
            with self._changed:
                self.log.append(line)
                self._changed.notify_all()


class Probe:
    """A ROS node of the test that publishes images and keeps what the front end publishes."""

    def __init__(self, domain: int, transport: str = 'raw') -> None:
        os.environ.update(LOCAL)
        self._context = rclpy.Context()
        rclpy.init(context=self._context, domain_id=domain)
        self.node = rclpy.create_node('probe', context=self._context)
        self._changed = threading.Condition()
        self._messages = defaultdict(list)
        for name, kind in OUTPUTS.items():
            self.subscribe(f'/frontend/{name}', kind)
        self.subscribe('/diagnostics', DiagnosticArray)
        compressed = transport == 'compressed'
        image_type = CompressedImage if compressed else Image
        topic = '/image/compressed' if compressed else '/image'
        self.images = self.node.create_publisher(image_type, topic, QoSProfile(depth=200))
        self.infos = self.node.create_publisher(CameraInfo, '/camera_info', QoSProfile(depth=200))
        # before the node is there: a client that is new may miss the response (rmw_fastrtps)
        self._clients = {
            name: self.node.create_client(kind, f'/frontend/{name}')
            for name, kind in SERVICES.items()
        }
        self._greeted = False
        self._executor = SingleThreadedExecutor(context=self._context)
        self._executor.add_node(self.node)
        self._thread = threading.Thread(target=self._spin, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._executor.shutdown()
        rclpy.shutdown(context=self._context)
        self._thread.join(TIMEOUT_S)

    def subscribe(self, topic: str, kind: type, qos: object = 500) -> object:
        def keep(message: object) -> None:
            with self._changed:
                self._messages[topic.rpartition('/')[2]].append(message)
                self._changed.notify_all()

        return self.node.create_subscription(kind, topic, keep, qos)

    def got(self, name: str) -> list:
        return list(self._messages[name])

    def clear(self) -> None:
        with self._changed:
            self._messages.clear()

    def wait(self, name: str, count: int = 1, timeout_s: float = TIMEOUT_S) -> list:
        """Return the messages of a topic once there are so many."""
        return self.wait_until(lambda: self._messages[name], lambda m: len(m) >= count, timeout_s)

    def wait_until(self, value, holds, timeout_s: float = TIMEOUT_S):
        """Return `value()` once `holds` is true of it; looked at with every message."""
        end_s = time.monotonic() + timeout_s
        with self._changed:
            while not holds(result := value()):
                if time.monotonic() > end_s:
                    raise AssertionError(f'not within {timeout_s} s; last: {str(result)[:2000]}')
                self._changed.wait(0.02)
            return list(result) if isinstance(result, list) else result

    def wait_for_stamps(self, name: str, stamps: list[int]) -> list:
        """Return the messages with these stamps, one each, in their order."""

        def with_stamps() -> list:
            by_stamp = {stamp_of(m): m for m in self._messages[name]}
            return [by_stamp[s] for s in stamps if s in by_stamp]

        return self.wait_until(with_stamps, lambda found: len(found) == len(stamps))

    def diagnostics(self) -> dict[str, str]:
        """Return the values of the newest diagnostics, with 'level' and 'message'."""
        arrays = self._messages['diagnostics']
        if not arrays:
            return {}
        [status] = arrays[-1].status
        values = {entry.key: entry.value for entry in status.values}
        return {**values, 'level': status.level, 'message': status.message, 'name': status.name}

    def wait_diagnostics(self, holds) -> dict[str, str]:
        """Wait for diagnostics, published from now on, of which `holds` is true."""
        with self._changed:
            self._messages['diagnostics'].clear()
        return self.wait_until(self.diagnostics, lambda found: bool(found) and holds(found))

    def hello(self, make=None) -> None:
        """Publish images until tracks come back: every endpoint has then found the other."""
        self.wait_matched(1)
        for stamp in range(1, 101):
            self.images.publish((make or image_message)(texture(), stamp))
            try:
                self.wait('tracks', timeout_s=0.3)
                self.wait('status', timeout_s=0.3)
                self.wait('keypoints', timeout_s=0.3)
            except AssertionError:
                continue
            return
        raise AssertionError('no tracks came back')

    def wait_matched(self, count: int) -> None:
        self.wait_until(self.images.get_subscription_count, lambda found: found == count)

    def call(self, name: str, request: object):
        """Call a service of the front end and return its response."""
        assert self._clients[name].wait_for_service(TIMEOUT_S), f'no service {name}'
        while not self._greeted:
            self._greeted = self._try('get_state', GetState.Request(), 0.2) is not None
        response = self._try(name, request, TIMEOUT_S)
        assert response is not None, f'service {name} does not answer'
        return response

    def _try(self, name: str, request: object, timeout_s: float):
        done = threading.Event()
        future = self._clients[name].call_async(request)
        future.add_done_callback(lambda _: done.set())
        return future.result() if done.wait(timeout_s) else None

    def begin(self, label: str) -> None:
        """Ask for a lifecycle transition without waiting for it."""
        request = ChangeState.Request(transition=Transition(id=TRANSITIONS[label]))
        self._clients['change_state'].call_async(request)

    def service_is_there(self) -> bool:
        """Whether the node's own services are up, as they are before it loads the network."""
        return self._clients['reset'].service_is_ready()

    def reset(self) -> Trigger.Response:
        return self.call('reset', Trigger.Request())

    def enable(self, on: bool) -> SetBool.Response:
        return self.call('enable', SetBool.Request(data=on))

    def set(self, name: str, value: object):
        """Set a parameter; return its SetParametersResult."""
        request = SetParameters.Request()
        request.parameters = [Parameter(name=name, value=parameter_value(value))]
        return self.call('set_parameters', request).results[0]

    def describe(self, *names: str) -> list:
        request = DescribeParameters.Request(names=list(names))
        return self.call('describe_parameters', request).descriptors

    def transition(self, label: str) -> bool:
        request = ChangeState.Request(transition=Transition(id=TRANSITIONS[label]))
        return self.call('change_state', request).success

    def state(self) -> str:
        return self.call('get_state', GetState.Request()).current_state.label

    def _spin(self) -> None:
        with suppress(ExternalShutdownException, rclpy.executors.ShutdownException):
            self._executor.spin()


TRANSITIONS = {
    'configure': Transition.TRANSITION_CONFIGURE,
    'cleanup': Transition.TRANSITION_CLEANUP,
    'activate': Transition.TRANSITION_ACTIVATE,
    'deactivate': Transition.TRANSITION_DEACTIVATE,
    'shutdown': Transition.TRANSITION_INACTIVE_SHUTDOWN,
}


@contextmanager
def running(offset: int = 0, transport: str = 'raw', sender=None, **parameters: object):
    """Yield a node that runs and a probe that it answers.

    sender: made of the probe for a node of more topics, and kept as `probe.sender`; its `hello`
    makes the first images.
    """
    domain = domain_id(offset)
    process = NodeProcess(domain, image_transport=transport, **parameters)
    probe = Probe(domain, transport)
    try:
        make = compressed_message if transport == 'compressed' else image_message
        probe.sender = sender and sender(probe)
        probe.hello(probe.sender.hello if sender else make)
        probe.clear()
        yield process, probe
        assert process.end() == 0, process.text
        assert 'Traceback' not in process.text, process.text
    finally:
        if process.alive:
            process.end(signal.SIGKILL)
        probe.close()


def texture(shift: int = 0, size: tuple[int, int] = (160, 120), seed: int = 0) -> np.ndarray:
    """Return an RGB image with corners that moves right by `shift` px."""
    rng = np.random.default_rng(seed)
    width, height = size
    canvas = np.full((height, width + 200, 3), 90, np.uint8)
    for _ in range(width * height // 250):
        x, y = rng.integers(0, (width + 200, height))
        w, h = rng.integers(3, 14, 2)
        colour = rng.integers(0, 256, 3).tolist()
        cv2.rectangle(canvas, (int(x), int(y)), (int(x + w), int(y + h)), colour, -1)
    return np.ascontiguousarray(canvas[:, 200 - shift : 200 - shift + width])


def header(stamp_ns: int, frame_id: str = 'camera_optical') -> Header:
    result = Header(frame_id=frame_id)
    result.stamp.sec, result.stamp.nanosec = divmod(stamp_ns, 10**9)
    return result


def stamp_of(message) -> int:
    return message.header.stamp.sec * 10**9 + message.header.stamp.nanosec


def image_message(
    image: np.ndarray, stamp_ns: int, encoding: str = '', padding: int = 0, **fields: object
) -> Image:
    """Return an Image; `padding` bytes of 255 follow each row."""
    encoding = encoding or ('mono8' if image.ndim == 2 else 'rgb8')
    rows = image.reshape(len(image), -1)
    rows = np.pad(rows.view(np.uint8), ((0, 0), (0, padding)), constant_values=255)
    message = Image(header=header(stamp_ns), encoding=encoding, step=rows.shape[1])
    message.height, message.width = image.shape[:2]
    message.data = array.array('B', rows.tobytes())
    for name, value in fields.items():
        setattr(message, name, value)
    return message


def compressed_message(image: np.ndarray, stamp_ns: int, kind: str = 'png') -> CompressedImage:
    bgr = image if image.ndim == 2 else image[:, :, ::-1]
    _, data = cv2.imencode(f'.{kind}', bgr)
    message = CompressedImage(header=header(stamp_ns), format=kind)
    message.data = array.array('B', data.tobytes())
    return message


def camera_info(
    stamp_ns: int, size=(160, 120), focal=100.0, d=(0.1, -0.05, 0.001, 0.002, 0.0), **fields
) -> CameraInfo:
    width, height = size
    k = [focal, 0.0, width / 2, 0.0, focal, height / 2, 0.0, 0.0, 1.0]
    message = CameraInfo(header=header(stamp_ns), width=width, height=height, k=k, d=list(d))
    message.distortion_model = 'plumb_bob'
    message.r = [1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0]
    message.p = [*k[:3], 0.0, *k[3:6], 0.0, *k[6:], 0.0]
    for name, value in fields.items():
        setattr(message, name, value)
    return message


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def parameter_value(value: object) -> ParameterValue:
    if isinstance(value, bool):
        return ParameterValue(type=ParameterType.PARAMETER_BOOL, bool_value=value)
    if isinstance(value, int):
        return ParameterValue(type=ParameterType.PARAMETER_INTEGER, integer_value=value)
    if isinstance(value, float):
        return ParameterValue(type=ParameterType.PARAMETER_DOUBLE, double_value=value)
    return ParameterValue(type=ParameterType.PARAMETER_STRING, string_value=value)
