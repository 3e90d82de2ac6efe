"""The figures of the node's benchmark, from made-up status messages; one short run over DDS."""

import json

import pytest

pytest.importorskip('rclpy')

from alike_ros.msg import FrontendStatus

from alike_ros.errors import AlikeError
from alike_ros.ros import bench

STAGES_S = {
    'decode': 0.001,
    'preprocess': 0.002,
    'inference': 0.02,
    'match': 0.003,
    'publish': 0.004,
}


def status(number, period_s=0.1):
    message = FrontendStatus(
        keypoints=900, tracked=800, frames_received=number + 1, frames_processed=number + 1,
        latency=0.05, **STAGES_S,
    )  # fmt: skip
    nanoseconds = round(number * period_s * 1e9)
    message.header.stamp.sec, message.header.stamp.nanosec = divmod(nanoseconds, 10**9)
    return message


def test_figures_leave_the_start_out():
    late = [status(i) for i in range(100)]
    late[0].latency = late[5].latency = 9.0
    figures = bench.figures_of(late, {'frames_sent': 101})
    assert (figures['sent'], figures['received'], figures['processed']) == (101, 100, 100)
    assert figures['processed_per_s'] == pytest.approx(10)
    assert figures['latency_ms'] == {'p50': 50.0, 'p99': 50.0}
    assert figures['besides_inference_ms']['p50'] == pytest.approx(10)


def test_a_run_too_short_for_figures_says_so():
    with pytest.raises(AlikeError, match='give more --seconds'):
        bench.figures_of([status(0), status(1)], {'frames_sent': 2})


def test_a_run_gives_the_figures_of_the_node(data, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv('ALIKE_MODELS', str(data / 'models'))
    path = tmp_path / 'figures.json'
    chosen = ['--seconds', '5', '--size', '160x96', '--device', 'cpu', '--threads', '1']
    assert bench.main([*chosen, '--json', str(path)]) == 0
    figures = json.loads(path.read_text())
    assert figures['model'] == 'alike-t' and figures['size'] == [160, 96]
    assert 0 < figures['processed'] <= figures['received'] <= figures['sent']
    assert figures['tracks_per_frame'] > 10
    assert 'besides inference' in capsys.readouterr().out
