"""Write rosbag2 in mcap: a single file, or a folder with metadata.yaml."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from mcap.writer import CompressionType, Writer

from alike_ros.bags.types import definition, serialise
from alike_ros.closing import Closing
from alike_ros.errors import DatasetError

_CHUNK_BYTES = 1 << 20
_CHUNK_NS = 10**9


@dataclass
class _Channel:
    id: int
    type_name: str
    count: int = 0


class BagWriter(Closing):
    """Writes messages, in order of log time, to a bag that the same input makes byte-identical.

    path: ends in '.mcap' for a single file; otherwise a folder, as `ros2 bag record` makes it.
    What lies there is replaced. Messages reach the file at the latest after a second of log time
    or 1 MB, so that a bag cut off by a crash still opens up to there.

    Every method raises OSError when the file cannot be written, as on a full disk; what was
    written before stays readable, and later messages raise it again.
    """

    def __init__(self, path: str | Path) -> None:
        path = Path(path)
        self._folder = None if path.suffix == '.mcap' else path
        self.path = path if self._folder is None else path / f'{path.name}_0.mcap'
        self._channels: dict[str, _Channel] = {}
        self._schemas: dict[str, int] = {}
        self._times_ns: tuple[int, int] | None = None
        self._chunk_start_ns: int | None = None
        self._failure: OSError | None = None
        _make_way(self.path, self._folder)
        self._file = _File(self.path)
        self._writer = Writer(
            self._file,  # type: ignore[arg-type]
            chunk_size=_CHUNK_BYTES,
            compression=CompressionType.NONE,  # images with noise hardly shrink
        )
        self._guarded(lambda: self._writer.start(profile='ros2', library='alike_ros'))

    def write(
        self, topic: str, type_name: str, fields: Mapping[str, Any], log_time_ns: int
    ) -> None:
        """Add a message from its fields.

        fields: keyed as in the .msg file; those absent are zero or empty. A header may be
            (stamp_ns, frame_id), a time an int in nanoseconds.

        Raises:
            DatasetError: the type or a field is not known, or the topic has another type.
        """
        self.write_raw(topic, type_name, serialise(type_name, fields), log_time_ns)

    def write_raw(self, topic: str, type_name: str, data: bytes, log_time_ns: int) -> None:
        """Add a message that is serialised already (CDR), as raw subscriptions give it.

        Raises:
            DatasetError: the type is not known, or the topic has another type.
        """
        if topic not in self._channels:
            self._guarded(lambda: self._open_channel(topic, type_name))
        channel = self._channels[topic]
        if channel.type_name != type_name:
            raise DatasetError(f'{topic} holds {channel.type_name}, cannot take a {type_name}')
        start, end = self._times_ns or (log_time_ns, log_time_ns)
        self._times_ns = min(start, log_time_ns), max(end, log_time_ns)
        if self._chunk_start_ns is None:
            self._chunk_start_ns = log_time_ns
        elif abs(log_time_ns - self._chunk_start_ns) >= _CHUNK_NS:
            self.flush()
            self._chunk_start_ns = log_time_ns
        channel.count += 1
        self._guarded(
            lambda: self._writer.add_message(
                channel.id, log_time_ns, bytes(data), publish_time=log_time_ns
            )
        )

    def flush(self) -> None:
        """Bring every message so far into the file; for when no more come for a while."""
        self._chunk_start_ns = None
        self._guarded(self._writer.flush)

    def close(self) -> None:
        """Write index and summary; after a failure only let go of the file."""
        if self._file.closed:
            return
        try:
            if self._failure is None:
                self._guarded(self._writer.finish)
                if self._folder is not None:
                    self._guarded(self._write_metadata)
        finally:
            self._file.close()

    def _open_channel(self, topic: str, type_name: str) -> None:
        if type_name not in self._schemas:
            text = definition(type_name).encode()
            self._schemas[type_name] = self._writer.register_schema(type_name, 'ros2msg', text)
        # An empty profile is the one that rosbag2 reads alike in every distribution: numbers
        # before Jazzy, names since. Players then offer their default, reliable keep-last.
        number = self._writer.register_channel(
            topic, 'cdr', self._schemas[type_name], {'offered_qos_profiles': ''}
        )
        self._channels[topic] = _Channel(number, type_name)

    def _guarded(self, action: Any) -> None:
        """Turn a failure into one sentence, and let nothing follow what is then half written."""
        if self._failure is None:
            try:
                action()
                return
            except OSError as error:
                self._failure = OSError(
                    error.errno,
                    f'cannot write {self.path}: {error.strerror}; '
                    f'what was written before stays readable',
                )
        raise self._failure

    def _write_metadata(self) -> None:
        assert self._folder is not None
        start_ns, end_ns = self._times_ns or (0, 0)
        span = {
            'duration': {'nanoseconds': end_ns - start_ns},
            'starting_time': {'nanoseconds_since_epoch': start_ns},
            'message_count': sum(channel.count for channel in self._channels.values()),
        }
        information = {
            'version': 5,  # the one that every distribution since Humble reads
            'storage_identifier': 'mcap',
            **span,
            'topics_with_message_count': [_topic(n, c) for n, c in self._channels.items()],
            'compression_format': '',
            'compression_mode': '',
            'relative_file_paths': [self.path.name],
            'files': [{'path': self.path.name, **span}],
        }
        text = yaml.safe_dump({'rosbag2_bagfile_information': information}, sort_keys=False)
        (self._folder / 'metadata.yaml').write_text(text, encoding='utf-8')


def _topic(name: str, channel: _Channel) -> dict[str, Any]:
    return {
        'topic_metadata': {
            'name': name,
            'type': channel.type_name,
            'serialization_format': 'cdr',
            'offered_qos_profiles': '',
        },
        'message_count': channel.count,
    }


def _make_way(path: Path, folder: Path | None) -> None:
    """Make the folder; replace a bag that lies in it, but nothing else."""
    if folder is None or not folder.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
    if folder is None:
        return
    if not folder.is_dir():
        raise FileExistsError(f'{folder} is a file; name a new folder, or a file ending in .mcap')
    metadata = folder / 'metadata.yaml'
    if any(folder.iterdir()) and not metadata.exists() and not path.exists():
        raise FileExistsError(f'{folder} holds other files than a bag; name a folder that is new')
    metadata.unlink(missing_ok=True)
    for old in folder.glob('*.mcap'):
        old.unlink()


class _File:
    """A file without a buffer of its own: what it took survives the end of the process."""

    def __init__(self, path: Path) -> None:
        self._file = path.open('wb', buffering=0)
        self._size = 0
        self.closed = False

    def write(self, data: bytes) -> int:
        rest = memoryview(data)
        while rest:
            written = self._file.write(rest)
            self._size += written
            rest = rest[written:]
        return len(data)

    def tell(self) -> int:
        return self._size

    def flush(self) -> None:
        """Nothing waits to be written."""

    def close(self) -> None:
        self.closed = True
        self._file.close()
