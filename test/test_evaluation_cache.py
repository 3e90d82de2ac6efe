"""Predictions kept on disk are those that would be computed, or are computed again."""

import json
import os
from dataclasses import dataclass

import numpy as np
import pytest
from numpy.typing import NDArray

from alike_ros.cli.main import main
from alike_ros.errors import DatasetError
from alike_ros.evaluation.cache import Cache, files_of, made_with


@dataclass(frozen=True)
class Found:
    numbers: NDArray[np.int64]
    places: NDArray[np.float32]


class Method:
    """Counts how often it is asked."""

    def __init__(self, rng):
        self.asked = []
        self.values = {
            name: Found(rng.integers(0, 2**60, 5), rng.random((5, 2), np.float32))
            for name in ('a', 'b/c')
        }

    def __call__(self, names):
        self.asked.append(names)
        return {name: self.values[name] for name in names}


KEYS = {'a': {'points': 1}, 'b/c': {'points': 1}}


@pytest.fixture
def method(rng):
    return Method(rng)


def equal(found, expected):
    for name, value in vars(found).items():
        other = getattr(expected, name)
        assert value.dtype == other.dtype
        np.testing.assert_array_equal(value, other)
    return True


def test_what_is_kept_is_what_was_computed(method, tmp_path):
    cache = Cache(tmp_path / 'made')
    assert cache.get(KEYS, Found, method) == method.values
    again = cache.get(KEYS, Found, method)
    assert method.asked == [['a', 'b/c']] and list(again) == ['a', 'b/c']
    assert all(equal(again[name], value) for name, value in method.values.items())


def test_another_key_is_computed_and_the_rest_is_not(method, tmp_path):
    cache = Cache(tmp_path)
    cache.get(KEYS, Found, method)
    cache.get(KEYS | {'a': {'points': 2}}, Found, method)
    assert method.asked == [['a', 'b/c'], ['a']]


@pytest.mark.parametrize('damage', ['cut', 'empty', 'text', 'pickle', 'fields'])
def test_a_damaged_file_is_made_again_and_never_run(method, tmp_path, damage):
    cache = Cache(tmp_path)
    cache.get(KEYS, Found, method)
    [file] = tmp_path.glob('a-*.npz')
    whole = file.read_bytes()
    if damage == 'pickle':
        np.savez(file, key=np.array([{'an': 'object'}], object))
    elif damage == 'fields':
        np.savez(file, key=np.frombuffer(json.dumps({'points': 1}).encode(), np.uint8))
    else:
        file.write_bytes({'cut': whole[: len(whole) // 2], 'empty': b'', 'text': b'x'}[damage])
    assert equal(cache.get(KEYS, Found, method)['a'], method.values['a'])
    assert method.asked[1:] == [['a']]
    cache.get(KEYS, Found, method)
    assert len(method.asked) == 2


class Unwritable:
    """Fails while it is written, as on a full disk."""

    def __array__(self, dtype=None, copy=None):
        raise OSError('No space left on device')


def test_what_cannot_be_written_leaves_nothing_behind(tmp_path):
    with pytest.raises(OSError, match='No space'):
        Cache(tmp_path).get({'a': {}}, Found, lambda names: {'a': Found(Unwritable(), None)})
    assert list(tmp_path.iterdir()) == []


def test_no_folder_keeps_nothing(method, tmp_path):
    for _ in range(2):
        Cache(None).get(KEYS, Found, method)
    assert len(method.asked) == 2


def test_files_that_change_are_another_input(tmp_path):
    (tmp_path / 'deep').mkdir()
    image = tmp_path / 'deep' / '1.png'
    image.write_bytes(b'abc')
    before = files_of(tmp_path)
    assert files_of(tmp_path) == before != files_of(image)
    os.utime(image, (1, 1))
    assert files_of(tmp_path) != before
    with pytest.raises(DatasetError, match='not there'):
        files_of(tmp_path / 'nowhere')


def test_the_key_says_what_computed_it():
    assert {'version', 'code', 'libraries', 'hardware'} == set(made_with())
    assert 'numpy' in made_with()['libraries'] and len(made_with()['code']) == 64


def test_a_summary_from_the_cache_is_the_fresh_one(data, tmp_path, capsys, monkeypatch):
    monkeypatch.setenv('ALIKE_MODELS', str(data / 'models'))
    options = ['--images', '4', '--points', '200', '--device', 'cpu', '--json']
    options += ['--methods', 'hybrid', 'gftt+klt', '--cache', str(tmp_path / 'kept')]
    printed = []
    for _ in range(2):
        assert main(['eval', 'tracking', str(data / 'kitti'), *options]) == 0
        printed.append(capsys.readouterr().out)
    assert printed[0] == printed[1]  # the times too: they are of the first run
    assert len(list((tmp_path / 'kept').iterdir())) == 2
    assert main(['eval', 'tracking', str(data / 'kitti'), *options, '--max_lost_frames', '5']) == 0
    assert len(list((tmp_path / 'kept').iterdir())) == 3
    capsys.readouterr()


def test_a_live_camera_has_no_cache(capsys, tmp_path):
    assert main(['eval', 'tracking', 'camera7', '--cache', str(tmp_path)]) == 2
    assert 'record it' in capsys.readouterr().err
