import numpy as np
import pytest

from alike_ros.camera import Camera
from alike_ros.errors import CameraError
from alike_ros.rig import Rig

CAMERA = Camera(np.array([[400.0, 0, 320], [0, 400, 240], [0, 0, 1]]), image_size=(640, 480))


def looking(degrees, x=0.0):
    """Pose of a camera turned about its y axis, at x on the body."""
    turn = np.radians(degrees)
    pose = np.eye(4)
    pose[:3, :3] = [
        [np.cos(turn), 0, np.sin(turn)],
        [0, 1, 0],
        [-np.sin(turn), 0, np.cos(turn)],
    ]
    pose[0, 3] = x
    return pose


def test_cameras_that_see_the_same_scene_are_pairs():
    # a stereo pair ahead, one to the right of it that overlaps the pair, one behind, and one
    # at the place of the first, which gives no depth with it
    poses = (looking(0), looking(0, 0.1), looking(50, 0.2), looking(180, 0.05), looking(10))
    expected = [(0, 1), (0, 2), (1, 2), (1, 4), (2, 4)]
    assert list(Rig((CAMERA,) * 5, poses).overlaps()) == expected


def test_overlap_needs_the_image_sizes():
    rig = Rig((CAMERA, Camera(CAMERA.matrix)), (looking(0), looking(0, 0.1)))
    with pytest.raises(CameraError, match='expected the image size of every camera'):
        rig.overlaps()


def test_a_pair_of_the_rig_has_the_relative_pose():
    stereo = Rig((CAMERA,) * 2, (looking(90, 1.0), looking(90, 1.0) @ looking(0, 0.12))).stereo(
        0, 1
    )
    assert np.allclose(stereo.right_from_left, looking(0, -0.12))


def test_a_rig_has_one_to_eight_cameras_each_with_a_pose():
    with pytest.raises(CameraError, match='expected 1 to 8 cameras, got 9'):
        Rig((CAMERA,) * 9, (np.eye(4),) * 9)
    with pytest.raises(CameraError, match='a pose for each of 2 cameras, got 1'):
        Rig((CAMERA,) * 2, (np.eye(4),))
