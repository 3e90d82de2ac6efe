"""Messages to look at: tracks as a cloud and as markers in the camera's optical frame."""

from __future__ import annotations

from typing import Any

import numpy as np
from geometry_msgs.msg import Point
from numpy.typing import NDArray
from std_msgs.msg import ColorRGBA
from visualization_msgs.msg import Marker, MarkerArray

from alike_ros.drawing import TrackHistory, age_colours
from alike_ros.frontend import Result
from alike_ros.structures import FloatArray

POINT = np.dtype(
    [
        ('x', '<f4'),
        ('y', '<f4'),
        ('z', '<f4'),
        ('id', '<u4'),
        ('age', '<u4'),
        ('score', '<f4'),
    ]
)
_LINE_WIDTH = 0.002  # m, on the plane z = 1


def cloud_points(result: Result) -> NDArray[np.void]:
    """Return the tracks on the plane z = 1 of the optical frame, as an array of `POINT`.

    Tracks without normalised coordinates are left out: without calibration there are none. The
    id is the low 32 bits of the track's (PointCloud2 has no wider integer).
    """
    seen = np.isfinite(result.normalised).all(axis=1)
    points = np.zeros(int(seen.sum()), POINT)
    points['x'], points['y'] = result.normalised[seen].T
    points['z'] = 1.0
    points['id'] = (result.tracks.ids[seen] & np.uint64(0xFFFFFFFF)).astype(np.uint32)
    points['age'] = result.tracks.ages[seen]
    points['score'] = result.features.scores[seen]
    return points


class TrackMarkers:
    """Rays from the optical centre to the plane z = 1, and tails on that plane."""

    def __init__(self, tail_length: int) -> None:
        self._history = TrackHistory(tail_length)

    def clear(self) -> None:
        self._history.clear()

    def message(self, result: Result, header: Any, tail_length: int) -> MarkerArray:
        """Return the markers of one image; they replace those of the image before."""
        seen = np.isfinite(result.normalised).all(axis=1)
        points = result.normalised[seen]
        self._history.resize(tail_length)
        self._history.update(result.tracks.ids[seen], points, result.tracks.lost_ids)
        colours = np.divide(age_colours(result.tracks.ages[seen]), 255, dtype=np.float32)
        rays = np.stack([np.zeros((len(points), 3)), _on_plane(points)], axis=1)
        markers = [
            _lines('rays', rays, colours, 0.25, header),
            _lines('tails', *self._tail_segments(colours), 1.0, header),
        ]
        return MarkerArray(markers=markers)

    def _tail_segments(self, colours: FloatArray) -> tuple[NDArray[Any], FloatArray]:
        """(S, 2, 3) segments of all tails and the (S, 3) colours of their tracks."""
        segments, rows = [np.zeros((0, 2, 3))], [np.zeros(0, np.intp)]
        for row, tail in enumerate(self._history.tails()):
            points = _on_plane(tail)
            segments.append(np.stack([points[:-1], points[1:]], axis=1))
            rows.append(np.full(len(points) - 1, row))
        return np.concatenate(segments), colours[np.concatenate(rows)]


def _on_plane(points: FloatArray) -> NDArray[Any]:
    return np.column_stack([points, np.ones(len(points))])


def _lines(
    name: str, segments: NDArray[Any], colours: FloatArray, alpha: float, header: Any
) -> Marker:
    if len(segments) == 0:
        return Marker(header=header, ns=name, action=Marker.DELETE)
    marker = Marker(header=header, ns=name, type=Marker.LINE_LIST)
    marker.pose.orientation.w = 1.0
    marker.scale.x = _LINE_WIDTH
    marker.points = [Point(x=x, y=y, z=z) for x, y, z in segments.reshape(-1, 3).tolist()]
    marker.colors = [
        ColorRGBA(r=r, g=g, b=b, a=alpha) for r, g, b in np.repeat(colours, 2, axis=0).tolist()
    ]
    return marker
