"""The soak: verdicts from samples, and a short one with real processes."""

import csv
import json

import pytest

pytest.importorskip('rclpy')
pytest.importorskip('alike_ros.msg')

from ros_fixtures import domain_id  # noqa: E402
from ros_processes import write_bag  # noqa: E402

from alike_ros.ros.soak.__main__ import main  # noqa: E402
from alike_ros.ros.soak.samples import Sample  # noqa: E402
from alike_ros.ros.soak.usage import Usage  # noqa: E402
from alike_ros.ros.soak.verdicts import (  # noqa: E402
    consistency_verdicts,
    latency_verdict,
    resource_verdicts,
    visits_verdict,
)

DURATION_S = 500.0
PLACES = 10
CHECKED = {
    'tracks': 990, 'missed': 10, 'keypoints': 990, 'rows': 5000, 'restarts': 2, 'violations': {},
    'examples': [], 'pictures': 0,
}  # fmt: skip


def samples(growth=0.0, handles=0, threads=0, **changed):
    """Return a sample a second; memory swings with the place, and grows over the run."""

    def one(second):
        place = second // 7 % PLACES
        share = second / DURATION_S
        use = Usage(
            resident=round((200e6 + 10e6 * place) * (1 + growth * share)),
            proportional=0, anonymous=0, shared=0,
            handles=20 + place % 2 + round(handles * share),
            threads=9 + round(threads * share),
            cpu_s=0.0,
        )  # fmt: skip
        given = {'state': 'active', 'visitor': False} | changed
        return Sample(
            second, place=place, usage=use, cpu=1.0, received_rate=30.0, processed_rate=30.0,
            latency_ms=(20.0, 30.0), keypoints=500, tracked=400, **given,
        )  # fmt: skip

    return [one(second) for second in range(int(DURATION_S))]


def failed(verdicts):
    return [verdict.name for verdict in verdicts if verdict.passed is False]


def test_a_steady_run_passes_wherever_in_its_course_the_fifths_begin():
    verdicts = resource_verdicts(samples(), DURATION_S)
    assert [v.name for v in verdicts if v.passed] == ['memory', 'handles', 'threads']


@pytest.mark.parametrize(
    ('grown', 'name'),
    [({'growth': 0.03}, 'memory'), ({'handles': 4}, 'handles'), ({'threads': 4}, 'threads')],
)
def test_what_grows_fails(grown, name):
    assert failed(resource_verdicts(samples(**grown), DURATION_S)) == [name]


def test_growth_below_one_percent_is_let_pass():
    memory, *_ = resource_verdicts(samples(growth=0.01), DURATION_S)
    assert memory.passed and '+0.6' in memory.sentence


@pytest.mark.parametrize('changed', [{'state': 'inactive'}, {'visitor': True}])
def test_samples_of_other_states_are_not_compared(changed):
    verdicts = resource_verdicts(samples(growth=1.0, **changed), DURATION_S)
    assert {verdict.passed for verdict in verdicts} == {None}


def test_latency_may_not_drift(rng):
    times = rng.uniform(0, DURATION_S, 10000)
    latencies = rng.uniform(0.02, 0.04, 10000)
    latencies[::50] = float('nan')
    assert latency_verdict(times, latencies, DURATION_S).passed
    late = latencies + 0.02 * (times > 0.8 * DURATION_S)
    verdict = latency_verdict(times, late, DURATION_S)
    assert verdict.passed is False and 'ms in the second fifth' in verdict.sentence
    assert latency_verdict(times[:100], late[:100], DURATION_S).passed is None


@pytest.mark.parametrize(
    ('changed', 'name'),
    [
        ({'violations': {'age': 3}, 'examples': ['age: image 7']}, 'messages'),
        ({'missed': 200}, 'coverage of the checks'),
        ({'keypoints': 500}, 'coverage of the checks'),
        ({'tracks': 0, 'missed': 0, 'keypoints': 0}, 'coverage of the checks'),
        ({'restarts': 3}, 'counters'),
    ],
)
def test_what_the_checker_found_fails(changed, name):
    assert failed(consistency_verdicts(CHECKED, [], 2)) == []
    verdicts = consistency_verdicts(CHECKED | changed, [], 2)
    assert failed(verdicts) == [name]


def test_what_a_late_joiner_found_fails_and_so_does_one_that_got_nothing():
    visit = CHECKED | {'pictures': 5}
    wrong = visit | {'violations': {'age': 1}, 'examples': ['age: image 9 of it']}
    assert failed(consistency_verdicts(CHECKED, [visit, wrong], 2)) == ['messages']
    assert visits_verdict([visit]).passed and visits_verdict([]).passed is None
    assert visits_verdict([visit, visit | {'pictures': 0}]).passed is False


def soak(output, *arguments):
    return main([*arguments, '--output', str(output), '--domain', str(domain_id(61))])


@pytest.fixture
def usual(tmp_path, monkeypatch):
    monkeypatch.setenv('ROS_DOMAIN_ID', '0')  # put back after the soak has set its own
    return tmp_path / 'out'


def test_a_short_soak_finds_nothing_wrong_and_leaves_its_report(usual, tmp_path, capsys):
    bag = write_bag(tmp_path / 'bag.mcap', [i * 33_333_333 for i in range(60)])
    chosen = ['--minutes', '0.12', '--period', '0.2', '--gap', '0.5', '--stay', '4']
    assert soak(usual, str(bag), *chosen, '--device', 'cpu', '--weights', 'builtin') == 0
    told = capsys.readouterr().out
    assert 'passed     messages: 0 violations' in told and 'not judged memory' in told
    summary = json.loads((usual / 'summary.json').read_text())
    assert {'parameters changed', 'reset', 'deactivated and activated'} <= set(summary['done'])
    assert summary['checker']['rows'] > 100 and summary['checker']['epochs'] > 2
    [visit, *_] = summary['visits']
    assert visit['tracks'] > 0 and visit['pictures'] > 0
    with (usual / 'samples.csv').open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) >= 5 and float(rows[-1]['resident_mb']) > 50 and int(rows[-1]['handles']) > 5
    assert 'builtin' in (usual / 'frontend.log').read_text()
    assert '<svg' in (usual / 'report.html').read_text()
    assert (usual / 'soak.svg').read_text().startswith('<svg')


def test_a_front_end_that_cannot_start_is_told_in_its_own_words(usual, tmp_path, capsys):
    bag = write_bag(tmp_path / 'bag.mcap', [0, 33_333_333])
    assert soak(usual, str(bag), '--weights', '/no/such/file.pth') == 1
    assert '/no/such/file.pth' in capsys.readouterr().err
