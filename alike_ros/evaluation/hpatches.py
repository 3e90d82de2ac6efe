"""The protocol of HPatches: matches of image 1 with images 2 to 6 of planes, at 1 to 5 px.

Source: Balntas et al., "HPatches", CVPR 2017; Dusmanu et al., "D2-Net", CVPR 2019, whose protocol
the ALIKE paper follows: eight sequences of very large images are left out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from alike_ros.errors import DatasetError
from alike_ros.evaluation.calibration import INLIER_PX, calibrate
from alike_ros.evaluation.planar import PlanarPair, read_planar_sequence, transfer
from alike_ros.evaluation.plane_matches import MatchedPair
from alike_ros.evaluation.table import Table, known_or_dash
from alike_ros.image_decode import read_image
from alike_ros.structures import FloatArray

THRESHOLDS = (1, 2, 3, 4, 5)  # px, of MHA and of tables
CURVE = tuple(range(1, 11))  # px, of MMA
TOO_LARGE = (
    'i_contruction',
    'i_crownnight',
    'i_dc',
    'i_pencils',
    'i_whitebuilding',
    'v_artisans',
    'v_astronautis',
    'v_talent',
)

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Accuracy:
    """Of one pair, or the means of many.

    keypoints: mean count an image. matches: count. mma: shares of the matches that are right
    within 1 to 10 px (CURVE). mha: whether the estimated homography puts the corners right, at
    THRESHOLDS px. sigma_mean: squared error over its variance, an axis at a time, mean over
    matches within 3 px; 1 where sigma is right, NaN where a method tells none.
    """

    keypoints: float
    matches: float
    mma: tuple[float, ...]
    mha: tuple[float, ...]
    sigma_mean: float = float('nan')

    def fields(self) -> dict[str, object]:
        """Return them as values that JSON can hold."""
        return {k: None if v != v else v for k, v in asdict(self).items()}


def sequence_folders(folder: Path) -> list[Path]:
    """Return the sequences of a folder: HPatches' without the too large ones, or Oxford's.

    Raises:
        DatasetError: there is none.
    """
    found = [
        path
        for path in sorted(folder.iterdir())
        if path.name not in TOO_LARGE
        and ((path / 'H1to2p').is_file() or (path / 'H_1_2').is_file())
    ]
    if not found:
        raise DatasetError(
            f'{folder} holds no sequence of planes: expected folders with 1.ppm … 6.ppm and H_1_2 '
            '… H_1_6 (HPatches), or img1.* and H1to2p … (Oxford affine)'
        )
    return found


def read_sequence(folder: Path) -> list[PlanarPair]:
    """Return the pairs of the first image of a sequence with the others."""
    return list(_pairs(folder))


def _pairs(folder: Path) -> Iterator[PlanarPair]:
    if (folder / 'H1to2p').is_file():
        yield from read_planar_sequence(folder)
    else:
        first = read_image(folder / '1.ppm')
        for number in range(2, 7):
            homography = np.loadtxt(folder / f'H_1_{number}').reshape(3, 3)
            second = read_image(folder / f'{number}.ppm')
            yield PlanarPair(f'{folder.name} 1-{number}', first, second, homography)


def judge_pair(pair: PlanarPair, found: MatchedPair) -> Accuracy:
    """Return the accuracy of the matches of one pair."""
    offsets = transfer(pair.homography, found.a) - found.b
    errors = np.linalg.norm(offsets, axis=1)
    corners = corner_error(found.a, found.b, pair)
    stretch = squared_scale(pair.homography, found.a)
    variances = stretch * found.sigmas_a**2 + found.sigmas_b**2
    return Accuracy(
        found.keypoints,
        len(found.a),
        tuple(float((errors <= t).mean()) if len(errors) else 0.0 for t in CURVE),
        tuple(float(corners <= t) for t in THRESHOLDS),
        calibrate(offsets, variances).mean,
    )


def squared_scale(homography: Array, points: FloatArray) -> Array:
    """Return by what a homography multiplies variances at points (N, 2) px, mean over axes."""
    w = np.column_stack([points, np.ones(len(points))]) @ homography[2]
    places = transfer(homography, points)
    rows = homography[:2, :2] - places[:, :, None] * homography[2, :2]  # (N, 2, 2), times w
    return np.asarray((rows**2).sum(axis=(1, 2)) / w**2 / 2, np.float64)


def corner_error(a: FloatArray, b: FloatArray, pair: PlanarPair) -> float:
    """Return how far, px, the homography of matches (M, 2) px puts the corners on average."""
    if len(a) < 4:
        return float('inf')
    estimated, _ = cv2.findHomography(a, b, cv2.RANSAC)
    if estimated is None:
        return float('inf')
    height, width = pair.image_a.shape[:2]
    corners = np.array([[0, 0], [0, height - 1], [width - 1, 0], [width - 1, height - 1]], float)
    difference = transfer(np.asarray(estimated, float), corners)
    difference -= transfer(pair.homography, corners)
    return float(np.linalg.norm(difference, axis=1).mean())


def mean_accuracy(found: Sequence[Accuracy]) -> Accuracy:
    """Return the mean of every measure, sigma's over all matches; at least one pair."""
    sigmas = np.array([each.sigma_mean for each in found])
    near = np.array([each.matches * each.mma[CURVE.index(int(INLIER_PX))] for each in found])
    known = ~np.isnan(sigmas)
    return Accuracy(
        float(np.mean([each.keypoints for each in found])),
        float(np.mean([each.matches for each in found])),
        tuple(np.mean([each.mma for each in found], axis=0).tolist()),
        tuple(np.mean([each.mha for each in found], axis=0).tolist()),
        float(np.average(sigmas[known], weights=near[known])) if known.any() else float('nan'),
    )


def mean_by_split(found: Mapping[str, Accuracy]) -> dict[str, Accuracy]:
    """Return the means of all pairs, and of HPatches' two kinds; found: by the name of the pair.

    i: sequences in which the light changes, v: those in which the viewpoint does.
    """
    splits = {'all': [*found.values()]} | {
        split: [each for name, each in found.items() if name.startswith(f'{split}_')]
        for split in ('i', 'v')
    }
    return {split: mean_accuracy(pairs) for split, pairs in splits.items() if pairs}


def accuracy_table(found: Mapping[str, Accuracy]) -> Table:
    """Return a line each; shares in per cent."""
    names = [f'{kind}@{t}' for kind in ('MMA', 'MHA') for t in THRESHOLDS]
    told = any(each.sigma_mean == each.sigma_mean for each in found.values())
    heads = ['', 'keypoints', 'matches', *names, *(['sigma mean'] * told)]
    rows = []
    for name, each in found.items():
        shares = (f'{100 * share:.1f}' for share in (*each.mma[: len(THRESHOLDS)], *each.mha))
        sigma = [known_or_dash(each.sigma_mean, '.2f')] * told
        rows.append([name, f'{each.keypoints:.0f}', f'{each.matches:.0f}', *shares, *sigma])
    return Table(heads, rows)
