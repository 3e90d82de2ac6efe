"""Weights side by side on the same images: planar pairs and videos, one column each."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from alike_ros.config import ExtractorConfig
from alike_ros.evaluation.planar import (
    PlanarPair,
    PlanarScore,
    mean_score,
    planar_scores,
    read_planar_sequence,
)
from alike_ros.evaluation.video import VideoScore, video_score
from alike_ros.extractor import Extractor
from alike_ros.sources import open_source
from alike_ros.structures import ImageArray

PLANAR = ('graf', 'bark', 'boat')
VIDEOS = ('kitti', 'tum')
VIDEO_KEYPOINTS = 1000


@dataclass(frozen=True)
class Judged:
    """What weights reach: a score a sequence of planar pairs, and a score a video."""

    planar: Mapping[str, PlanarScore]
    videos: Mapping[str, VideoScore]
    overall: PlanarScore


@dataclass(frozen=True)
class Images:
    """Pairs and videos by name, in memory, for many weights."""

    planar: Mapping[str, Sequence[PlanarPair]]
    videos: Mapping[str, Sequence[ImageArray]]


def read_images(folder: Path) -> Images:
    """Read homography/graf, bark, boat and the videos kitti, tum below a folder.

    Raises:
        DatasetError: one of them is not there.
    """
    planar = {name: list(read_planar_sequence(folder / 'homography' / name)) for name in PLANAR}
    return Images(planar, {name: _read_video(folder / name) for name in VIDEOS})


def judge(images: Images, config: ExtractorConfig) -> Judged:
    """Extract from all images with one network; planar pairs by score, videos by count."""
    with Extractor(config) as extractor:
        pairs = {name: planar_scores(pairs, extractor) for name, pairs in images.planar.items()}
        extractor.configure(top_k=VIDEO_KEYPOINTS)
        videos = {name: video_score(video, extractor) for name, video in images.videos.items()}
    overall = mean_score([score for scores in pairs.values() for score in scores])
    planar = {name: mean_score(scores) for name, scores in pairs.items()}
    return Judged(planar, videos, overall)


def render(columns: Mapping[str, Judged]) -> str:
    """Return a Markdown table; beside the first column stand ratios to it, in percent."""
    titles = list(columns)
    rows = {title: _rows(judged) for title, judged in columns.items()}
    lines = [f'| | {" | ".join(titles)} |', '|---' * (len(titles) + 1) + '|']
    for name in rows[titles[0]]:
        first = rows[titles[0]][name]
        cells = [_cell(rows[title][name], first, title == titles[0]) for title in titles]
        lines.append(f'| {name} | {" | ".join(cells)} |')
    return '\n'.join(lines) + '\n'


def _rows(judged: Judged) -> dict[str, float]:
    rows: dict[str, float] = {}
    pairs: Iterable[tuple[str, PlanarScore]] = (
        ('15 pairs', judged.overall),
        *judged.planar.items(),
    )
    for name, score in pairs:
        rows[f'{name}: MMA@3, %'] = 100 * score.accuracy
        rows[f'{name}: MHA@3, %'] = 100 * score.homography
        rows[f'{name}: repeatability, %'] = 100 * score.repeatability
        rows[f'{name}: keypoints an image'] = score.keypoints
    for name, video in judged.videos.items():
        rows[f'{name}: inlier ratio, %'] = 100 * video.inlier_ratio
        rows[f'{name}: track length, images'] = video.track_length
        rows[f'{name}: matches a pair'] = video.matches
    return rows


def _cell(value: float, first: float, is_first: bool) -> str:
    text = f'{value:.0f}' if value >= 100 else f'{value:.2f}'
    return text if is_first or not first else f'{text} ({100 * value / first:.1f} %)'


def _read_video(folder: Path) -> list[ImageArray]:
    return [frame.image for frame in open_source(str(folder))]
