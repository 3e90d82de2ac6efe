"""The file of the weights replaced, damaged or removed under a node that runs."""

import itertools
import os
import shutil

import pytest

pytest.importorskip('rclpy')
pytest.importorskip('alike_ros.msg')

from ros_fixtures import image_message, running, texture  # noqa: E402
from ros_processes import assert_ids_never_reused  # noqa: E402

from alike_ros.resources import share_dir  # noqa: E402
from alike_ros.weights import sha256_of  # noqa: E402

GARBAGE = bytes(range(256)) * 2000


def test_a_node_goes_on_with_the_weights_that_it_loaded_until_it_is_configured_again(
    data, tmp_path
):
    good, other = data / 'models' / 'alike-t.pth', share_dir() / 'models' / 'builtin-alike-t.pth'
    wrong = data / 'models' / 'alike-n.pth'
    path = tmp_path / 'weights.pth'
    shutil.copy(good, path)
    stamps = itertools.count(10**9, 10**8)
    with running(36, weights=path, diagnostics_period=0.2) as (node, probe):
        tracked(probe, stamps)
        faults = {
            'garbage': lambda: path.write_bytes(GARBAGE),
            'half of it': lambda: path.write_bytes(good.read_bytes()[:100_000]),
            'another network': lambda: os.replace(shutil.copy(wrong, tmp_path / 'new'), path),
            'removed': path.unlink,
        }
        for name, inject in faults.items():
            inject()
            tracked(probe, stamps)
            assert loaded(probe) == sha256_of(good)[:12]
            assert probe.transition('deactivate') and probe.transition('cleanup')
            logged = node.text.count('FATAL')
            assert not probe.transition('configure'), name
            assert probe.state() == 'unconfigured'
            node.wait_for_log('FATAL', logged + 1)
            [sentence] = [line for line in node.log if 'FATAL' in line][logged:]
            assert str(path) in sentence, name
            told = probe.wait_diagnostics(lambda d: str(path) in d['message'])
            assert told['level'] == b'\x02' and told['message'] in sentence
            assert '\n' not in told['message']
            shutil.copy(good, path)
            assert probe.transition('configure') and probe.transition('activate'), name
            tracked(probe, stamps)
        os.replace(shutil.copy(other, tmp_path / 'new'), path)
        assert loaded(probe) == sha256_of(good)[:12]
        assert probe.transition('deactivate') and probe.transition('cleanup')
        assert probe.transition('configure') and probe.transition('activate')
        tracked(probe, stamps)
        assert loaded(probe) == sha256_of(other)[:12]
        assert_ids_never_reused(probe.got('tracks'))


def tracked(probe, stamps):
    """Send images until tracks that were seen before come back."""
    before = len(probe.got('tracks'))

    def ages():
        probe.images.publish(image_message(texture(), next(stamps)))
        return [age for tracks in probe.got('tracks')[before:] for age in tracks.age]

    probe.wait_until(ages, lambda found: max(found, default=0) > 1)


def loaded(probe):
    return probe.wait_diagnostics(lambda d: 'weights sha256' in d)['weights sha256']
