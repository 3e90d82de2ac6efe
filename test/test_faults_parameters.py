"""A storm of parameter changes while images flow: every one is answered, none does harm."""

import itertools
import threading

import pytest

pytest.importorskip('rclpy')
pytest.importorskip('alike_ros.msg')

from rcl_interfaces.msg import Parameter  # noqa: E402
from rcl_interfaces.srv import GetParameters, SetParameters  # noqa: E402
from ros_fixtures import image_message, parameter_value, running, stamp_of, texture  # noqa: E402
from ros_processes import assert_ids_never_reused, handles  # noqa: E402

from alike_ros.ros.soak.usage import usage  # noqa: E402

CHANGES = 1000
# a client for each: the values that it sets in turn, and what it tries between them in vain
VALID = {
    'scores_th': [0.1, 0.3, 0.2],
    'n_limit': [50, 4000, 300],
    'max_tracks': [100, 800, 30],
    'max_lost_frames': [0, 5, 1],
}
INVALID = [
    ('scores_th', 1.5),
    ('n_limit', -1),
    ('max_tracks', 'many'),
    ('model', 'alike-n'),
    ('no_such_parameter', 1),
]
MOST_GROWTH = 15e6  # bytes; the largest images of a test come after the first measurement


class Client:
    """Changes parameters one after the other, as fast as it is answered."""

    def __init__(self, node, name):
        self.name = name
        self.answers = []
        self.done = threading.Event()
        valid = ((name, value) for value in itertools.cycle(VALID[name]))
        pairs = zip(valid, itertools.cycle(INVALID), strict=False)
        steps = itertools.chain.from_iterable(pairs)
        self._steps = itertools.islice(steps, CHANGES // len(VALID))
        self._client = node.create_client(SetParameters, '/frontend/set_parameters')

    def ready(self):
        return self._client.service_is_ready()

    def go_on(self):
        if (step := next(self._steps, None)) is None:
            self.done.set()
            return
        self._step = step
        name, value = step
        request = SetParameters.Request()
        request.parameters = [Parameter(name=name, value=parameter_value(value))]
        self._client.call_async(request).add_done_callback(self._answered)

    def _answered(self, future):
        self.answers.append((self._step, future.result().results[0].successful))
        self.go_on()


def test_a_storm_of_parameter_changes_is_answered_one_by_one_while_images_flow(data):
    stamps = itertools.count(10**9, 33_000_000)
    with running(35, drop_policy='queue') as (node, probe):
        clients = [Client(probe.node, name) for name in VALID]
        getter = probe.node.create_client(GetParameters, '/frontend/get_parameters')
        probe.wait_until(lambda: all(c.ready() for c in clients), lambda ready: ready)
        assert probe.set('scores_th', 0.2).successful  # the service answers
        flow(probe, stamps, lambda: len(probe.got('tracks')) > 30)
        open_before, memory_before = handles(node.pid), usage(node.pid).resident
        seen = len(probe.got('tracks'))
        for client in clients:
            client.go_on()
        flow(probe, stamps, lambda: all(c.done.is_set() for c in clients))
        assert len(probe.got('tracks')) > seen, 'no image was processed during the storm'
        last = next(stamps)
        probe.images.publish(image_message(texture(3), last))
        [tracks] = probe.wait_for_stamps('tracks', [last])
        assert 20 < len(tracks.id) <= final(VALID['max_tracks'])

        answers = [answer for client in clients for answer in client.answers]
        assert len(answers) == CHANGES
        assert all(ok == (step not in INVALID) for step, ok in answers)
        assert values(probe, getter) == {name: final(VALID[name]) for name in VALID}
        assert_ids_never_reused(probe.got('tracks'))
        assert handles(node.pid) == open_before
        assert usage(node.pid).resident - memory_before < MOST_GROWTH


def final(choices):
    """The last of the valid ones, which take every second turn."""
    return choices[(CHANGES // len(VALID) // 2 - 1) % len(choices)]


def flow(probe, stamps, until):
    """Publish images as they are answered until something holds."""

    def step():
        tracks = probe.got('tracks')
        if not sent or (tracks and stamp_of(tracks[-1]) >= sent[-1]):
            sent.append(next(stamps))
            probe.images.publish(image_message(texture(len(sent) % 4), sent[-1]))
        return until()

    sent = []
    probe.wait_until(step, lambda holds: holds)


def values(probe, client):
    future = client.call_async(GetParameters.Request(names=list(VALID)))
    found = probe.wait_until(future.result, lambda result: result is not None).values
    return {
        name: value.double_value if isinstance(VALID[name][0], float) else value.integer_value
        for name, value in zip(VALID, found, strict=True)
    }
