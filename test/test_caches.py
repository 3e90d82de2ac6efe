"""Compiled networks are kept only where nobody else can put one."""

import os
import stat

import pytest

from alike_ros.caches import compiled_folder


@pytest.fixture
def cache(monkeypatch, tmp_path):
    monkeypatch.setenv('XDG_CACHE_HOME', str(tmp_path))
    return tmp_path / 'alike_ros'


def test_a_folder_is_made_for_its_user_alone(cache):
    old = os.umask(0)
    try:
        folder = compiled_folder('openvino', 'abc')
    finally:
        os.umask(old)
    assert folder == cache / 'openvino' / 'abc'
    for part in (folder.parent, folder):
        assert stat.S_IMODE(part.stat().st_mode) == 0o700
    assert compiled_folder('openvino', 'abc') == folder


@pytest.mark.parametrize('part', ['openvino', 'openvino/abc'])
@pytest.mark.parametrize('mode', [0o770, 0o707])
def test_a_folder_that_others_may_write_to_is_not_used(cache, caplog, part, mode):
    assert compiled_folder('openvino', 'abc') is not None
    (cache / part).chmod(mode)
    assert compiled_folder('openvino', 'abc') is None
    [warning] = caplog.messages
    assert f'{cache / part}: other users may write to it' in warning


def test_a_folder_of_another_user_is_not_used(cache, caplog, monkeypatch):
    assert compiled_folder('openvino', 'abc') is not None
    other = os.geteuid() + 1
    monkeypatch.setattr(os, 'geteuid', lambda: other)
    assert compiled_folder('openvino', 'abc') is None
    assert f'{cache / "openvino"}: it belongs to another user' in caplog.text


def test_without_a_place_to_write_nothing_is_kept(cache, caplog):
    cache.write_text('a file in the way')
    assert compiled_folder('openvino', 'abc') is None
    [warning] = caplog.messages
    assert 'not kept' in warning and str(cache) in warning and 'XDG_CACHE_HOME' in warning
