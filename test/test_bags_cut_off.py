"""What was written before a kill or a full disk stays readable."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from bag_content import (
    IMAGE,
    assert_is_pictures,
    fields,
    stamp,
    write_frames,
)
from conftest import absent

from alike_ros.bags import BagSource, BagWriter
from alike_ros.errors import DatasetError


def test_a_file_cut_anywhere_gives_the_first_messages_or_an_error(tmp_path, rng):
    whole = tmp_path / 'whole.mcap'
    with BagWriter(whole) as writer:
        write_frames(writer, 60)
    content = whole.read_bytes()
    counts = []
    for length in sorted(rng.integers(0, len(content), 40)):
        path = tmp_path / 'cut.mcap'
        path.write_bytes(content[:length])
        try:
            frames = list(BagSource(path))
        except DatasetError:
            frames = []
        assert_is_pictures(frames, len(frames))
        counts.append(len(frames))
    assert counts == sorted(counts)
    assert counts[-1] > 50


WRITE_AND_WAIT = """
import sys
sys.path.insert(0, {test!r})
from alike_ros.bags import BagWriter
from bag_content import write_frames
writer = BagWriter(sys.argv[1])
write_frames(writer, 35)
print('written', flush=True)
sys.stdin.read()
"""


def test_a_killed_recording_opens_up_to_the_last_second(tmp_path):
    path = tmp_path / 'killed.mcap'
    script = WRITE_AND_WAIT.format(test=str(Path(__file__).parent))
    process = subprocess.Popen(
        [sys.executable, '-c', script, str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, 'PYTHONPATH': os.pathsep.join(filter(None, sys.path))},
    )
    with process:
        assert process.stdout.readline() == b'written\n'
        process.send_signal(signal.SIGKILL)
    frames = list(BagSource(path))
    assert_is_pictures(frames, len(frames))
    assert 30 <= len(frames) <= 35  # 10 images a second


def test_flush_brings_every_message_into_the_file(tmp_path):
    writer = BagWriter(tmp_path / 'open.mcap')
    write_frames(writer, 3)
    writer.flush()
    assert_is_pictures(list(BagSource(tmp_path / 'open.mcap')), 3)
    writer.close()


@pytest.fixture
def full():
    """A device that is always full."""
    device = Path('/dev/full')
    return device if device.exists() else absent('there is no /dev/full here')


def test_a_full_disk_is_an_os_error_that_names_the_file(tmp_path, full):
    (tmp_path / 'full.mcap').symlink_to(full)
    with pytest.raises(OSError, match='full.mcap: No space left on device; what was written'):
        BagWriter(tmp_path / 'full.mcap')


def test_what_came_before_the_disk_was_full_stays_readable(tmp_path, full, monkeypatch):
    path = tmp_path / 'full.mcap'
    writer = BagWriter(path)
    write_frames(writer, 20)
    writer.flush()
    room = os.open(full, os.O_WRONLY)
    monkeypatch.setattr(writer._file, '_file', os.fdopen(room, 'wb', buffering=0))
    with pytest.raises(OSError, match=r'full.mcap: No space left on device; what was written'):
        write_frames(writer, 20, start=20)
    with pytest.raises(OSError, match='No space left'):
        writer.write('/left/image_raw', IMAGE, fields(40), stamp(40))
    writer.close()
    assert_is_pictures(list(BagSource(path)), 20)
