"""Read an mcap file in the order of its bytes, up to where it breaks off.

For files without footer and index, as a recorder leaves them that was killed.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Collection, Iterator
from io import BytesIO
from pathlib import Path
from struct import unpack
from typing import BinaryIO

from mcap.data_stream import ReadDataStream
from mcap.opcode import Opcode
from mcap.records import Channel, Chunk, McapRecord, Message, Schema
from mcap.stream_reader import breakup_chunk
from rosbags.interfaces import (
    Connection,
    ConnectionExtRosbag2,
    MessageDefinition,
    MessageDefinitionFormat,
)

logger = logging.getLogger(__name__)

_MAGIC = b'\x89MCAP0\r\n'
_FORMATS = {'ros2msg': MessageDefinitionFormat.MSG, 'ros2idl': MessageDefinitionFormat.IDL}


class CutOffReader:
    """Stands in for a reader of rosbags: `connections` and `messages`; holds no file open."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.connections: list[Connection] = []

    def open(self) -> None:
        """Scan the file once for its topics.

        Raises:
            ValueError: it is no mcap file, or nothing in it can be read.
        """
        schemas: dict[int, Schema] = {}
        channels: dict[int, Channel] = {}
        counts: Counter[int] = Counter()
        for record in self._records():
            if isinstance(record, Schema):
                schemas[record.id] = record
            elif isinstance(record, Channel) and record.schema_id in schemas:
                channels[record.id] = record
            elif isinstance(record, Message):
                counts[record.channel_id] += 1
        if not channels:
            raise ValueError('nothing in it can be read')
        self.connections = [
            self._connection(channel, schemas[channel.schema_id], counts[channel.id])
            for channel in channels.values()
        ]
        logger.warning(
            '%s was cut off; %d messages before the end are read', self.path, counts.total()
        )

    def messages(
        self, connections: Collection[Connection]
    ) -> Iterator[tuple[Connection, int, bytes]]:
        """Yield connection, log time (ns) and raw message, as they lie in the file."""
        wanted = {connection.id: connection for connection in connections}
        for record in self._records():
            if isinstance(record, Message) and record.channel_id in wanted:
                yield wanted[record.channel_id], record.log_time, record.data

    def close(self) -> None:
        """Nothing is held open."""

    def _connection(self, channel: Channel, schema: Schema, count: int) -> Connection:
        kind = _FORMATS.get(schema.encoding, MessageDefinitionFormat.NONE)
        text = MessageDefinition(kind, schema.data.decode(errors='replace'))
        ext = ConnectionExtRosbag2(channel.message_encoding, [])
        return Connection(channel.id, channel.topic, schema.name, text, '', count, ext, self)

    def _records(self) -> Iterator[McapRecord]:
        with self.path.open('rb') as file:
            size = self.path.stat().st_size
            if file.read(len(_MAGIC)) != _MAGIC:
                raise ValueError('it does not begin as mcap files do')
            while (body := _next_record(file, size)) is not None:
                try:
                    yield from _parsed(*body)
                except Exception:  # damaged bytes fail in many ways, and end what can be read
                    return


def _next_record(file: BinaryIO, size: int) -> tuple[int, bytes] | None:
    """Opcode and content of the next record; None where the data ends or breaks off."""
    head = file.read(9)
    if len(head) < 9:
        return None
    opcode, length = unpack('<BQ', head)
    if opcode in (Opcode.DATA_END, Opcode.FOOTER) or length > size - file.tell():
        return None
    return opcode, file.read(length)


def _parsed(opcode: int, body: bytes) -> list[McapRecord]:
    stream = ReadDataStream(BytesIO(body))
    if opcode == Opcode.CHUNK:
        return breakup_chunk(Chunk.read(stream), validate_crc=True)
    if opcode == Opcode.MESSAGE:
        return [Message.read(stream, len(body))]
    if opcode == Opcode.CHANNEL:
        return [Channel.read(stream)]
    return [Schema.read(stream)] if opcode == Opcode.SCHEMA else []
