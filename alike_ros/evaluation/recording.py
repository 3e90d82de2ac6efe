"""A recorded run read back: its numbers, its movie and its contact sheet."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from alike_ros.bags import Bag
from alike_ros.drawing import TrackHistory, draw_text, draw_tracks
from alike_ros.errors import AlikeError, ImageError
from alike_ros.evaluation.contact_sheet import Tile, contact_sheet, spread
from alike_ros.evaluation.movie import MovieWriter
from alike_ros.evaluation.summary import Summary
from alike_ros.evaluation.truth import Observations, summarise, track_errors
from alike_ros.image_message import image_from_msg
from alike_ros.sources import Source
from alike_ros.structures import ImageArray

STAGES = ('decode', 'preprocess', 'inference', 'match', 'publish', 'latency')
TILES = 12


@dataclass(frozen=True)
class Drawn:
    """The picture of one image with its tracks; `number` counts those with tracks from 0."""

    number: int
    stamp_ns: int
    picture: ImageArray
    tracks: Any


class Recording:
    """The tracks and status messages of a bag, by stamp; images are read when drawn."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.tracks: dict[int, Any] = {}
        self.statuses: list[Any] = []
        with Bag(path) as bag:
            for topic, _, message in bag.messages('/frontend/tracks', '/frontend/status'):
                if isinstance(message, Exception):
                    raise AlikeError(f'{path}: {topic}: {message}')
                if topic.endswith('tracks'):
                    self.tracks[stamp_of(message)] = message
                else:
                    self.statuses.append(message)

    def summary(self, with_latency: bool = True) -> Summary:
        """Collect tracks and times; the latency has a meaning only at the recorded speed."""
        summary = Summary()
        for message in self.tracks.values():
            summary.add_tracks(message.id, message.age)
        stages = STAGES if with_latency else STAGES[:-1]
        for status in self.statuses:
            summary.add_times({stage: getattr(status, stage) for stage in stages})
        return summary

    def draw(self, tail_length: int = 20) -> Iterator[Drawn]:
        """Yield every image that has tracks, with them drawn on it."""
        history = TrackHistory(tail_length)
        epoch = None
        number = 0
        for stamp_ns, image in self._images():
            tracks = self.tracks.get(stamp_ns)
            if tracks is None:
                continue
            if tracks.epoch != epoch:
                history.clear()
                epoch = tracks.epoch
            points = np.column_stack([tracks.u, tracks.v])
            history.update(tracks.id, points, tracks.lost_ids)
            yield Drawn(number, stamp_ns, draw_tracks(image, history, tracks.age), tracks)
            number += 1

    def write_pictures(self, movie: Path, sheet: Path, title: str, subtitle: str) -> None:
        """Write the movie and the contact sheet of the same pictures.

        Raises:
            AlikeError: no image has tracks, or a file cannot be written.
        """
        wanted = set(spread(len(self.tracks), TILES))
        tiles: list[Tile] = []
        first_ns = min(self.tracks, default=0)
        with MovieWriter(movie) as writer:
            for drawn in self.draw():
                if drawn.number in wanted:
                    tiles.append(Tile(drawn.picture, _caption(drawn, first_ns)))
                writer.write(_with_numbers(drawn, first_ns), drawn.stamp_ns)
        if not tiles:
            raise AlikeError(f'{self.path} holds no image with tracks: nothing to draw')
        picture = contact_sheet(tiles, title, subtitle)
        if not cv2.imwrite(str(sheet), picture[:, :, ::-1]):
            raise AlikeError(f'cannot write {sheet}: is its folder writable, the disk full?')

    def errors(self, source: Source, offset_ns: int) -> dict[str, Any]:
        """Compare the tracks with the source's ground truth; empty when there is none.

        offset_ns: what the replay added to the recorded stamps.
        """
        index_of = getattr(source, 'index_of', None)
        if source.truth is None or index_of is None:
            return {}
        sequence = []
        for stamp_ns, message in sorted(self.tracks.items()):
            index = index_of(stamp_ns - offset_ns)
            if index is not None:
                points = np.column_stack([message.u, message.v])
                sequence.append(Observations(index, message.id, points))
        result = summarise(track_errors(sequence, source.truth))
        if not np.isfinite(result.median_px):
            return {}
        return {
            'median_track_error_px': round(result.median_px, 4),
            'p95_track_error_px': round(result.p95_px, 4),
            'track_error_steps': round(result.observations * result.valid),
            'track_error_valid': round(result.valid, 4),
        }

    def _images(self) -> Iterator[tuple[int, ImageArray]]:
        with Bag(self.path) as bag:
            for _, _, message in bag.messages('/image'):
                try:
                    yield stamp_of(message), image_from_msg(message)
                except (ImageError, AttributeError):  # as the node: an image that cannot be read
                    continue


def stamp_of(message: Any) -> int:
    """Return the stamp of a message's header in ns."""
    return message.header.stamp.sec * 10**9 + message.header.stamp.nanosec


def _caption(drawn: Drawn, first_ns: int) -> str:
    age = np.asarray(drawn.tracks.age)
    seconds = (drawn.stamp_ns - first_ns) * 1e-9
    found = int((age > 1).sum())
    return f'{seconds:.2f} s    {len(age)} keypoints    {found} tracked'


def _with_numbers(drawn: Drawn, first_ns: int) -> ImageArray:
    picture = drawn.picture.copy()
    age = np.asarray(drawn.tracks.age)
    values = {
        't': f'{(drawn.stamp_ns - first_ns) * 1e-9:.2f} s',
        'keypoints': len(age),
        'tracked': int((age > 1).sum()),
    }
    draw_text(picture, values)
    return picture
