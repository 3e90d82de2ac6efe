"""Records carry exactly the fields of the message definitions, in their types."""

import math
import re
from pathlib import Path

import numpy as np
import pytest

from alike_ros.frontend import Result, Timings
from alike_ros.records import coverage, keypoints_record, status_record, tracks_record
from alike_ros.structures import Features, Tracks
from alike_ros.weights import WeightsFile

WEIGHTS = WeightsFile('alike-t', Path('alike-t.pth'), 64 * '0')
MESSAGES = Path(__file__).parents[1] / 'msg'
PLAIN = {'string': str, 'bool': bool, 'float32': float, 'float64': float}


def result(ages=(1, 2, 3), dt=0.1):
    count = len(ages)
    ones = np.ones(count, np.float32)
    points = np.stack([np.arange(count), 2 * np.arange(count)], axis=1).astype(np.float32)
    features = Features(points, ones, np.eye(count, 4, dtype=np.float32), ones, (640, 480))
    last = np.where(np.array(ages)[:, None] > 1, points - [3, 4], np.nan).astype(np.float32)
    tracks = Tracks(
        ids=np.arange(count, dtype=np.uint64),
        ages=np.array(ages, np.uint32),
        previous=np.zeros(count, np.int32),
        last_keypoints=last.reshape(-1, 2),
        last_stamps_ns=np.zeros(count, np.int64),
        similarity=ones,
        lost_ids=np.array([7, 9], np.uint64),
    )
    return Result(
        1,
        'camera',
        features,
        tracks,
        points / 500,
        points,
        5,
        2,
        dt,
        False,
        Timings(1.0, 2.0, 3.0),
    )


def status(of):
    return status_record(
        of,
        received=9,
        processed=6,
        dropped=3,
        decode_s=0.1,
        publish_s=0.2,
        latency_s=0.3,
        inlier_ratio=0.5,
    )


def declared(message):
    """Names and types of a message's fields, constants and the header left out."""
    pairs = re.findall(
        r'^(\w[\w/]*(?:\[\])?) +(\w+)(?: +#.*)?$', (MESSAGES / message).read_text(), re.M
    )
    return {name: kind for kind, name in pairs if name != 'header'}


@pytest.mark.parametrize(
    ('message', 'record'),
    [
        ('Keypoints.msg', keypoints_record(result(), WEIGHTS, False, 'float32')),
        ('Keypoints.msg', keypoints_record(result(()), WEIGHTS, True, 'none')),
        ('Tracks.msg', tracks_record(result())),
        ('Tracks.msg', tracks_record(result(()))),
        ('FrontendStatus.msg', status(result())),
        ('FrontendStatus.msg', status(result(()))),
    ],
)
def test_a_record_has_the_fields_and_types_of_its_message(message, record):
    fields = declared(message)
    assert list(record) == list(fields)
    for name, kind in fields.items():
        value = record[name]
        if kind.endswith('[]'):
            assert value.dtype == np.dtype(kind[:-2]), name
            assert value.ndim == 1 and value.flags.c_contiguous, name
        else:
            assert isinstance(value, PLAIN.get(kind, int)), name


@pytest.mark.parametrize('kind', ['float32', 'float16'])
def test_descriptors_are_rows_of_little_endian_floats(kind):
    of = result()
    record = keypoints_record(of, WEIGHTS, False, kind)
    rows = np.frombuffer(record['descriptors'].tobytes(), np.dtype(kind).newbyteorder('<'))
    rows = rows.reshape(-1, record['descriptor_dim'])
    assert (rows == of.features.descriptors).all()


def test_descriptors_can_be_left_out():
    record = keypoints_record(result(), WEIGHTS, False, 'none')
    assert record['descriptor_dim'] == len(record['descriptors']) == 0


def test_the_status_counts_what_happened():
    record = status(result())
    assert (record['keypoints'], record['tracked'], record['new_tracks']) == (3, 2, 1)
    assert record['lost_tracks'] == 2
    assert record['median_flow'] == pytest.approx(5)  # 3 and 4 px
    assert record['mean_age'] == pytest.approx(2)


@pytest.mark.parametrize(
    ('ages', 'dt', 'state'), [((1,), math.nan, 0), ((2,), 0.1, 1), ((1,), 0.1, 2), ((), 0.1, 2)]
)
def test_the_state_tells_first_tracking_and_lost(ages, dt, state):
    assert status(result(ages, dt))['state'] == state


def test_coverage_counts_cells_of_the_grid():
    points = np.array([[0, 0], [1, 1], [639, 479], [-0.5, 100]], np.float32)
    ones = np.ones(4, np.float32)
    features = Features(points, ones, ones[:, None], ones, (640, 480))
    assert coverage(features) == pytest.approx(3 / 48)
