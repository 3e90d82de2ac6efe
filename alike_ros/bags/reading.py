"""Read bags of every kind through one interface: ROS 1, rosbag2 sqlite3 and mcap, cut-off mcap."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from heapq import merge
from pathlib import Path
from typing import Any

from rosbags.interfaces import Connection, MessageDefinitionFormat, Nodetype
from rosbags.rosbag1 import Reader as Reader1
from rosbags.rosbag2 import Reader as Reader2
from rosbags.typesys import Stores, get_types_from_idl, get_types_from_msg, get_typestore
from rosbags.typesys.store import Typestore

from alike_ros.bags.cut_off import CutOffReader
from alike_ros.bags.types import typestore
from alike_ros.closing import Closing
from alike_ros.errors import DatasetError

logger = logging.getLogger(__name__)

Reader = Reader1 | Reader2 | CutOffReader

SUFFIXES = ('.bag', '.db3', '.mcap')
LONGEST_ARRAY = 10_000  # rosbags writes a line of code for each element of some
_IDL_RULER = '=' * 80 + '\n'


@dataclass(frozen=True)
class Topic:
    """One topic of a bag; `type` as ROS 2 writes it, such as sensor_msgs/msg/Image."""

    name: str
    type: str
    count: int


def is_bag(path: Path) -> bool:
    """Whether this is a bag's file, or a folder that holds such files."""
    if path.is_dir():
        return (path / 'metadata.yaml').is_file() or bool(_bag_files(path))
    return path.suffix in SUFFIXES


class Bag(Closing):
    """An open bag: its topics in the bag's order, and its messages in the order of log time.

    path: a file (.bag, .db3, .mcap), or a folder of one recording, with or without its
        metadata.yaml, which a recorder that was killed did not write.

    Raises:
        DatasetError: it is not there, is no bag, or is damaged.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self._stack = ExitStack()
        self._stores: dict[str, Typestore] = {}
        self._readers = _open_readers(self.path)
        for reader in self._readers:
            self._stack.callback(reader.close)
        self.topics = _topics(self._readers)

    def messages(self, *topics: str) -> Iterator[tuple[str, int, Any]]:
        """Yield topic, log time (ns) and message of these topics, or of all.

        A message that does not fit its type comes as the exception that says so.

        Raises:
            DatasetError: the bag breaks off or is damaged.
        """
        streams = [self._stream(reader, topics) for reader in self._readers]
        for connection, time_ns, message in merge(*streams, key=lambda entry: entry[1]):
            yield connection.topic, time_ns, message

    def close(self) -> None:
        """Let go of the files."""
        self._stack.close()

    def _stream(
        self, reader: Reader, topics: tuple[str, ...]
    ) -> Iterator[tuple[Connection, int, Any]]:
        wanted = [c for c in reader.connections if not topics or c.topic in topics]
        if not wanted:
            return
        count = 0
        try:
            for connection, time_ns, raw in reader.messages(wanted):
                count += 1
                yield connection, time_ns, self._message(reader, connection, raw)
        except Exception as error:  # each storage fails in its own ways
            raise DatasetError(
                f'{self.path} is damaged after {count} messages ({_reason(error)}); '
                f'copy it again, or run: ros2 bag reindex, or rosbag reindex'
            ) from error

    def _message(self, reader: Reader, connection: Connection, raw: bytes) -> Any:
        name = connection.msgtype
        try:
            if name not in self._stores:
                self._stores[name] = _store(connection)
            store = self._stores[name]
            if isinstance(reader, Reader1):
                return store.deserialize_ros1(raw, name)
            return store.deserialize_cdr(raw, name)
        except Exception as error:  # generated code meets bytes that it was not made for
            return error


def _open_readers(path: Path) -> list[Reader]:
    if not path.exists():
        raise DatasetError(f'{path} is not there; give the path of a bag')
    if not is_bag(path):
        raise DatasetError(
            f'{path} is no bag; expected a file or folder with {", ".join(SUFFIXES)}'
        )
    if (path / 'metadata.yaml').is_file():
        return [_open_reader(path)]
    return [_open_reader(file) for file in (_bag_files(path) if path.is_dir() else [path])]


def _open_reader(path: Path) -> Reader:
    reader: Reader
    try:
        reader = Reader1(path) if path.suffix == '.bag' else Reader2(path)
        reader.open()
        return reader
    except Exception as error:  # each storage fails in its own ways
        reason = _reason(error)
        failure = error
    if path.suffix == '.mcap':
        try:
            reader = CutOffReader(path)
            reader.open()
            return reader
        except (OSError, ValueError) as error:
            reason = _reason(error)
    raise DatasetError(
        f'{path} cannot be read as a bag ({reason}); copy it again, or, when its recording was '
        f'cut off, run: ros2 bag reindex, or rosbag reindex'
    ) from failure


def _bag_files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.suffix in SUFFIXES)


def _topics(readers: list[Reader]) -> list[Topic]:
    found: dict[str, Topic] = {}
    for connection in (c for reader in readers for c in reader.connections):
        known = found.get(connection.topic)
        count = connection.msgcount + (known.count if known else 0)
        found[connection.topic] = Topic(connection.topic, connection.msgtype, count)
    return list(found.values())


def _store(connection: Connection) -> Typestore:
    """Types as the bag itself defines them, or, where it does not, as Jazzy has them."""
    kind, text = connection.msgdef
    if kind == MessageDefinitionFormat.NONE:
        return typestore()
    is_msg = kind == MessageDefinitionFormat.MSG
    types = get_types_from_msg(text, connection.msgtype) if is_msg else _types_from_idl(text)
    _check_arrays(types)
    store = get_typestore(Stores.EMPTY)
    store.register(types)
    return store


def _types_from_idl(text: str) -> dict[str, Any]:
    parts = text.split(_IDL_RULER)[1:] if text.startswith(_IDL_RULER) else [f'\n{text}']
    types: dict[str, Any] = {}
    for part in parts:
        types.update(get_types_from_idl(part.split('\n', 1)[1]))
    return types


def _check_arrays(types: dict[str, Any]) -> None:
    for name, (_, fields) in types.items():
        for field, (kind, content) in fields:
            if kind == Nodetype.ARRAY and content[1] > LONGEST_ARRAY:
                raise ValueError(
                    f'{name} has {content[1]} elements in {field}, expected at most '
                    f'{LONGEST_ARRAY}'
                )


def _reason(error: BaseException) -> str:
    return str(error).strip().rstrip('.') or type(error).__name__
