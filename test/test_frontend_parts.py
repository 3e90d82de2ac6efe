"""The parts of the node that need no other process."""

import threading
from types import SimpleNamespace

import numpy as np
import pytest

pytest.importorskip('rclpy')
pytest.importorskip('alike_ros.msg')

from diagnostic_msgs.msg import DiagnosticStatus  # noqa: E402
from ros_fixtures import camera_info, image_message, texture  # noqa: E402

from alike_ros.config import NodeConfig  # noqa: E402
from alike_ros.errors import BackendError  # noqa: E402
from alike_ros.ros.frontend import health as causes  # noqa: E402
from alike_ros.ros.frontend.calibration import CalibrationBook  # noqa: E402
from alike_ros.ros.frontend.diagnostics import Condition, assess  # noqa: E402
from alike_ros.ros.frontend.eye import Eye  # noqa: E402
from alike_ros.ros.frontend.gaps import Gaps  # noqa: E402
from alike_ros.ros.frontend.health import Health  # noqa: E402
from alike_ros.ros.frontend.journal import Journal  # noqa: E402
from alike_ros.ros.frontend.mailbox import Mailbox  # noqa: E402
from alike_ros.ros.frontend.masks import Masks  # noqa: E402
from alike_ros.ros.frontend.pipeline import Pipeline  # noqa: E402
from alike_ros.ros.frontend.processing import Arrival, Links  # noqa: E402
from alike_ros.ros.frontend.worker import Worker  # noqa: E402


class Log:
    def __init__(self):
        self.lines = []

    def warning(self, message, **_):
        self.lines.append(message)

    error = warning


class Clock:
    def __init__(self):
        self.now_s = 100.0

    def __call__(self):
        return self.now_s


def test_full_mailbox_loses_the_oldest_or_refuses_the_newest():
    latest, queue = Mailbox(1, keep_newest=True), Mailbox(2, keep_newest=False)
    assert [latest.put(i) for i in range(3)] == [True, False, False] and latest.take() == 2
    assert [queue.put(i) for i in range(3)] == [True, True, False]
    assert [queue.take(), queue.take()] == [0, 1]


def test_closed_mailbox_counts_what_waited_and_wakes_the_taker():
    mailbox = Mailbox(5, keep_newest=False)
    mailbox.put(1)
    assert mailbox.close() == 1 and mailbox.take() is None and not mailbox.put(2)


def test_worker_handles_in_order_with_orders_between_and_stops():
    done, mailbox, first = [], Mailbox(10, keep_newest=False), threading.Event()

    def handle(item):
        done.append(item)
        first.set()

    worker = Worker(mailbox, handle)
    worker.before_next(lambda: done.append('order'))
    mailbox.put(1)
    worker.start()
    assert first.wait(10)
    worker.before_next(lambda: done.append('last order'))
    assert worker.stop() == 0 and done == ['order', 1, 'last order']


def test_journal_writes_a_topic_once_a_period_and_counts_the_rest():
    log, clock = Log(), Clock()
    journal = Journal(log, 5.0, clock)
    for _ in range(4):
        journal.warn('a', 'bad')
    journal.warn('b', 'other')
    clock.now_s += 6
    journal.warn('a', 'bad')
    assert log.lines == ['bad', 'other', 'bad (3 more like this)']


def test_rates_and_latencies_are_of_the_last_seconds():
    clock = Clock()
    health = Health(clock)
    for i in range(200):
        clock.now_s += 0.1
        health.received()
        health.processed(0.01 * (i % 2 + 1), 0.005)
    recent = health.recent()
    assert recent.received_rate == pytest.approx(10, rel=0.05)
    assert recent.latency_s[1] == pytest.approx(0.02) and recent.silence_s == 0
    assert health.counts().received == 200


def reason(setup, condition=None):
    clock = Clock()
    health = Health(clock)
    setup(health, clock)
    return assess(condition or Condition('active'), health.recent())


def healthy(health, clock):
    for _ in range(20):
        clock.now_s += 0.1
        health.received()
        health.processed(0.02, 0.02)


def test_each_trouble_has_its_level_and_reason():
    def silent(health, clock):
        healthy(health, clock)
        clock.now_s += 60

    def slow(health, clock):
        healthy(health, clock)
        health.dropped(causes.REPLACED, images=100)

    def starved(health, clock):
        healthy(health, clock)
        for _ in range(3):
            health.lost(10)

    def failing(health, clock):
        healthy(health, clock)
        health.dropped(causes.FAILED, 'the device is lost')

    def full(health, clock):
        healthy(health, clock)
        health.dropped(causes.QUEUE_FULL)

    ok, warn = DiagnosticStatus.OK, DiagnosticStatus.WARN
    assert reason(healthy)[0] == ok
    assert reason(lambda *_: None)[0] == DiagnosticStatus.STALE
    stale, sentence = reason(silent)
    assert stale == DiagnosticStatus.STALE and 'no image on image for 60 s: nobody' in sentence
    assert 'hung' in reason(silent, Condition('active', publishers=1))[1]
    assert reason(slow)[0] == warn and 'too slow' in reason(slow)[1]
    assert reason(starved)[0] == warn and '30 of the last images never' in reason(starved)[1]
    assert reason(failing)[0] == DiagnosticStatus.ERROR and 'device' in reason(failing)[1]
    assert reason(full)[0] == warn and 'queue_size' in reason(full)[1]
    troubled = Condition('active', troubles=('no camera_info has come',))
    assert reason(healthy, troubled) == (warn, 'no camera_info has come')
    assert reason(healthy, Condition('active', enabled=False))[0] == ok
    large = Condition('active', too_large='too large')
    assert reason(healthy, large) == (warn, 'too large')
    assert reason(silent, large) == (DiagnosticStatus.ERROR, 'too large')
    assert reason(healthy, Condition('unconfigured', 'no weights'))[0] == DiagnosticStatus.ERROR
    assert reason(healthy, Condition('active', namesake='another')) == (warn, 'another')
    assert reason(healthy, Condition('inactive', namesake='another')) == (warn, 'another')


@pytest.mark.parametrize(
    'error', [RuntimeError('odd'), BackendError('device lost'), MemoryError()]
)
def test_image_that_fails_is_counted_and_the_traceback_logged_once(error):
    def process(*_):
        raise error

    log, health = Log(), Health()
    journal = Journal(log, period_s=0.0)
    eye = Eye(CalibrationBook(journal, False, 0.0, False), Masks(journal))
    frontend = SimpleNamespace(process=process)
    pipeline = Pipeline(frontend, Links(None, health, journal, None), NodeConfig(), eye)
    for _ in range(3):
        pipeline.handle(Arrival(image_message(texture(), 1), 0.0))
    assert health.counts().dropped_by_cause == {causes.FAILED: 3}
    tracebacks = sum('Traceback' in line for line in log.lines)
    assert tracebacks == (0 if isinstance(error, BackendError) else 1)


def focal(camera):
    return camera.matrix[0, 0]


def test_image_gets_the_calibration_of_its_stamp():
    book = CalibrationBook(Journal(Log()), False, 0.0, False)
    for stamp, f in ((10, 100.0), (20, 100.0), (30, 130.0), (40, 130.0)):
        book.add(camera_info(stamp, focal=f))
    found = [focal(book.camera_for(stamp, (160, 120))) for stamp in (5, 10, 29, 30, 99)]
    assert found == [100, 100, 100, 130, 130]


@pytest.mark.parametrize('every_image', [False, True])
def test_a_calibration_after_the_clock_was_set_back_voids_those_of_before(every_image):
    book = CalibrationBook(Journal(Log()), False, 0.0, every_image)
    book.add(camera_info(10, focal=100.0))
    book.add(camera_info(20, focal=110.0))
    book.add(camera_info(5, focal=130.0))
    # in replay, images of before may still wait, and keep theirs
    assert focal(book.camera_for(25, (160, 120))) == (110 if every_image else 130)


def test_the_trouble_of_the_newest_image_is_told_until_one_is_well():
    book = CalibrationBook(Journal(Log()), False, 0.0, False)
    assert book.camera_for(1, (160, 120)) is None and 'no camera_info has come' in book.trouble
    for stamp, fields, words in (
        (10, {}, ''),
        (20, {'d': [0.1] * 3}, 'plumb_bob has 4 or 5 coefficients, got 3'),
        (30, {'focal': 0.0}, 'uncalibrated'),
        (40, {'size': (80, 60)}, 'describes images of 80x60, the image has 160x120'),
        (50, {}, ''),
    ):
        book.add(camera_info(stamp, **fields))
        assert (book.camera_for(stamp, (160, 120)) is None) == bool(words)
        assert words in book.trouble and bool(book.trouble) == bool(words)


def test_waiting_image_gets_a_late_camera_info_and_closing_ends_the_wait():
    book = CalibrationBook(Journal(Log()), False, 60.0, True)
    got = []
    thread = threading.Thread(target=lambda: got.append(book.camera_for(10, (160, 120))))
    thread.start()
    book.add(camera_info(10))
    thread.join(10)
    assert focal(got[0]) == 100
    thread = threading.Thread(target=lambda: got.append(book.camera_for(20, (160, 120))))
    thread.start()
    book.close()
    thread.join(10)
    assert len(got) == 2


def test_image_does_not_wait_again_until_pairs_come_again():
    log = Log()
    book = CalibrationBook(Journal(log), False, 0.01, True)
    assert book.camera_for(10, (160, 120)) is None and 'remap' in log.lines[0]
    book._wait_s = 3600.0
    assert book.camera_for(20, (160, 120)) is None  # at once
    book.add(camera_info(20))
    book.add(camera_info(30))
    assert book.camera_for(30, (160, 120)) is not None


def test_camera_info_stamped_zero_holds_for_every_image():
    book = CalibrationBook(Journal(Log()), False, 3600.0, True)
    book.add(camera_info(0))
    assert book.camera_for(10**18, (160, 120)) is not None and not book.trouble


def test_book_does_not_grow_with_changing_calibrations():
    book = CalibrationBook(Journal(Log()), False, 0.0, False)
    for stamp in range(1, 500):
        book.add(camera_info(stamp, focal=100.0 + stamp))
    assert focal(book.camera_for(499, (160, 120))) == 599 and len(book._calibrations) <= 101
    assert np.isclose(focal(book.camera_for(490, (160, 120))), 590)


def test_images_that_never_came_are_told_by_the_numbers_of_their_publisher():
    publishers = [1]
    gaps = Gaps(lambda: publishers[0])

    def missing(*numbers):
        return [gaps.before({'publication_sequence_number': number}) for number in numbers]

    assert missing(7, 8, 12, 13) == [0, 0, 3, 0]
    assert missing(1, 2, 4) == [0, 0, 1], 'another publisher, or the same one started again'
    assert missing(None, 9, 10) == [0, 0, 0], 'a middleware that does not number'
    publishers[0] = 2
    assert missing(5, 50, 6) == [0, 0, 0], 'the numbers of two mix'
