"""Monocular trajectory from recorded tracks: PnP for each image, bundle adjustment by GTSAM.

    alike track ~/kitti/sequences/00 tracks.mcap --n_limit 1000
    python examples/gtsam_trajectory.py tracks.mcap trajectory.txt
    evo_ape tum truth.txt trajectory.txt --align --correct_scale

Needs `pip install gtsam`. The bag needs Tracks with x, y, so images with calibration. What is
written is T_world_camera in the format of TUM, `stamp x y z qx qy qz qw`: the world is the first
camera's optical frame, and the unit of length is the distance to the camera that the map was
begun with, as one camera cannot know metres.

It is an example of use, not an odometry: no keyframes, no loop closure, one map in memory.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import gtsam
import numpy as np
from gtsam.symbol_shorthand import L, X

from alike_ros.bags import Bag

WINDOW = 10  # images adjusted together; the two oldest stay where they are
ITERATIONS = 5
MAX_ERROR_PX = 2.0
MIN_PARALLAX_PX = 20.0  # median, of the two images that begin the map
MIN_ANGLE_RAD = 0.01  # between the rays of a new landmark
CALIBRATION = gtsam.Cal3_S2()  # tracks are on the plane z = 1 already


@dataclass
class Map:
    """All that is known so far.

    rays: of each image, track id -> (2,) on z = 1.
    poses: T_world_camera by the image's number. landmarks: track id -> (3,).
    """

    focal_px: float
    stamps_ns: list[int] = field(default_factory=list)
    rays: list[dict[int, np.ndarray]] = field(default_factory=list)
    poses: dict[int, gtsam.Pose3] = field(default_factory=dict)
    landmarks: dict[int, np.ndarray] = field(default_factory=dict)


def main() -> None:
    """Read the tracks, write the trajectory."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('bag', type=Path, help='with /frontend/tracks, as alike track writes it')
    parser.add_argument('trajectory', type=Path, help='text file to write, in the format of TUM')
    args = parser.parse_args()
    world = reconstruct(read_tracks(args.bag))
    args.trajectory.write_text(''.join(tum_lines(world)))
    print(
        f'{args.trajectory}: {len(world.poses)} of {len(world.rays)} images, '
        f'{len(world.landmarks)} landmarks'
    )


def read_tracks(path: Path) -> Iterator[Any]:
    """Yield the Tracks messages of the first epoch."""
    with Bag(path) as bag:
        for _, _, tracks in bag.messages('/frontend/tracks'):
            if tracks.epoch > 0:
                return
            yield tracks


def reconstruct(messages: Iterator[Any]) -> Map:
    """Begin a map once there is parallax, then add image after image."""
    world = None
    for tracks in messages:
        known = np.isfinite(tracks.x)
        if not known.any():
            raise SystemExit('the tracks have no x, y: track images with a camera_info')
        world = world or Map(focal_px=float(np.std(tracks.u[known]) / np.std(tracks.x[known])))
        rays = np.column_stack([tracks.x, tracks.y]).astype(float)
        world.rays.append(dict(zip(tracks.id[known].tolist(), rays[known], strict=True)))
        world.stamps_ns.append(tracks.header.stamp.sec * 10**9 + tracks.header.stamp.nanosec)
        if world.poses:
            add_image(world, len(world.rays) - 1)
        else:
            begin(world)
    if world is None or not world.poses:
        raise SystemExit('no two images with enough common tracks and parallax')
    return world


def begin(world: Map) -> None:
    """Try to begin the map with the first image and the newest one, 1 apart."""
    last = len(world.rays) - 1
    ids, a, b = common(world.rays[0], world.rays[last])
    parallax = np.linalg.norm(a - b, axis=1) * world.focal_px
    if len(ids) < 30 or np.median(parallax) < MIN_PARALLAX_PX:
        return
    threshold = MAX_ERROR_PX / world.focal_px
    essential, mask = cv2.findEssentialMat(a, b, np.eye(3), cv2.RANSAC, 0.999, threshold)
    if essential is None or essential.shape != (3, 3):
        return
    inliers, rotation, translation, _ = cv2.recoverPose(essential, a, b, np.eye(3), mask=mask)
    if inliers < 30:
        return
    pose = gtsam.Pose3(gtsam.Rot3(rotation), translation.ravel()).inverse()
    world.poses = {0: gtsam.Pose3(), last: pose}
    triangulate(world)
    for image in range(1, last):
        locate(world, image)
    adjust(world, sorted(world.poses), fixed=[0], unit=(0, last))


def add_image(world: Map, image: int) -> None:
    """Locate an image by the landmarks that it sees, and adjust the last images."""
    locate(world, image)
    triangulate(world)
    window = sorted(world.poses)[-WINDOW:]
    adjust(world, window, fixed=window[:2])
    triangulate(world)


def locate(world: Map, image: int) -> None:
    """Find the pose of an image by PnP; it stays without one when too few landmarks agree."""
    rays = world.rays[image]
    ids = [track for track in rays if track in world.landmarks]
    if len(ids) < 12:
        return
    points = np.array([world.landmarks[track] for track in ids])
    pixels = np.array([rays[track] for track in ids])
    threshold = MAX_ERROR_PX / world.focal_px
    found, turn, shift, inliers = cv2.solvePnPRansac(
        points, pixels, np.eye(3), None, reprojectionError=threshold, iterationsCount=500
    )
    if found and inliers is not None and len(inliers) >= 12:
        rotation = gtsam.Rot3(cv2.Rodrigues(turn)[0])
        world.poses[image] = gtsam.Pose3(rotation, shift.ravel()).inverse()


def triangulate(world: Map) -> None:
    """Add the tracks that enough located images of the window see from different places."""
    window = sorted(world.poses)[-WINDOW:]
    seen: dict[int, list[int]] = {}
    for image in window:
        for track in world.rays[image]:
            if track not in world.landmarks:
                seen.setdefault(track, []).append(image)
    for track, images in seen.items():
        if len(images) > 1 and angle(world, track, images[0], images[-1]) > MIN_ANGLE_RAD:
            point = triangulated(world, track, images)
            if point is not None and max_error(world, track, point, images) < MAX_ERROR_PX:
                world.landmarks[track] = point


def triangulated(world: Map, track: int, images: list[int]) -> np.ndarray | None:
    """Return the point (3,) that these images see a track at; None behind one of them."""
    poses = gtsam.Pose3Vector([world.poses[image] for image in images])
    rays = gtsam.Point2Vector([world.rays[image][track] for image in images])
    try:
        return gtsam.triangulatePoint3(poses, CALIBRATION, rays, 1e-9, False)
    except RuntimeError:  # underconstrained, or behind a camera
        return None


def adjust(
    world: Map, window: list[int], fixed: list[int], unit: tuple[int, int] | None = None
) -> None:
    """Adjust the window's poses and landmarks; `unit`: two images that stay 1 apart."""
    graph, values = gtsam.NonlinearFactorGraph(), gtsam.Values()
    for image in window:
        values.insert(X(image), world.poses[image])
    for image in fixed:
        graph.add(gtsam.NonlinearEqualityPose3(X(image), world.poses[image]))
    if unit is not None:
        tight = gtsam.noiseModel.Isotropic.Sigma(1, 1e-6)
        graph.add(gtsam.RangeFactorPose3(X(unit[0]), X(unit[1]), 1.0, tight))
    counts = add_projections(world, window, graph, values)
    settings = gtsam.LevenbergMarquardtParams()
    settings.setMaxIterations(ITERATIONS)
    settings.setRelativeErrorTol(1e-4)
    result = gtsam.LevenbergMarquardtOptimizer(graph, values, settings).optimize()
    for image in window:
        world.poses[image] = result.atPose3(X(image))
    for track in counts:
        point = result.atPoint3(L(track))
        images = [image for image in window if track in world.rays[image]]
        world.landmarks[track] = point
        if max_error(world, track, point, images) > 2 * MAX_ERROR_PX:
            del world.landmarks[track]


def add_projections(
    world: Map, window: list[int], graph: gtsam.NonlinearFactorGraph, values: gtsam.Values
) -> list[int]:
    """Add the landmarks that two or more images of the window see; return their tracks."""
    px = gtsam.noiseModel.Isotropic.Sigma(2, 1.0 / world.focal_px)
    huber = gtsam.noiseModel.Robust.Create(gtsam.noiseModel.mEstimator.Huber.Create(1.345), px)
    seen = [track for image in window for track in world.rays[image] if track in world.landmarks]
    tracks, counts = np.unique(np.array(seen, np.int64), return_counts=True)
    used = tracks[counts > 1].tolist()
    for track in used:
        values.insert(L(track), world.landmarks[track])
        for image in window:
            ray = world.rays[image].get(track)
            if ray is not None:
                graph.add(
                    gtsam.GenericProjectionFactorCal3_S2(
                        ray, huber, X(image), L(track), CALIBRATION
                    )
                )
    return used


def max_error(world: Map, track: int, point: np.ndarray, images: list[int]) -> float:
    """Return the largest distance in px between a track and its landmark; inf behind a camera."""
    worst = 0.0
    for image in images:
        x, y, z = world.poses[image].transformTo(point)
        if z <= 0:
            return np.inf
        error = np.linalg.norm(np.array([x, y]) / z - world.rays[image][track])
        worst = max(worst, float(error) * world.focal_px)
    return worst


def angle(world: Map, track: int, image_a: int, image_b: int) -> float:
    """Return the angle in rad between two images' rays of a track."""
    a, b = (
        world.poses[image].rotation().matrix() @ [*world.rays[image][track], 1.0]
        for image in (image_a, image_b)
    )
    return float(np.arctan2(np.linalg.norm(np.cross(a, b)), a @ b))


def common(
    a: dict[int, np.ndarray], b: dict[int, np.ndarray]
) -> tuple[list[int], np.ndarray, np.ndarray]:
    """Return the tracks that two images share, and their rays (M, 2) in each."""
    ids = sorted(a.keys() & b.keys())
    rays = [np.array([image[track] for track in ids]).reshape(-1, 2) for image in (a, b)]
    return ids, rays[0], rays[1]


def tum_lines(world: Map) -> Iterator[str]:
    """Yield a line for each image that has a pose."""
    for image, pose in sorted(world.poses.items()):
        sec, nanosec = divmod(world.stamps_ns[image], 10**9)
        turn = pose.rotation().toQuaternion()
        values = [*pose.translation(), turn.x(), turn.y(), turn.z(), turn.w()]
        yield f'{sec}.{nanosec:09d} {" ".join(f"{value:.9f}" for value in values)}\n'


if __name__ == '__main__':
    main()
