"""The photographs that the rendered room is papered with.

They come with the Python package scikit-image (pip extra `room`), which is only looked up, never
imported. Only photographs whose licence its documentation states as free are used:

    astronaut.png          Eileen Collins, NASA; public domain
    brick.png, gravel.png  CC0Textures; CC0
    camera.png             Lav Varshney; CC0
    chelsea.png            Stefan van der Walt; CC0
    coffee.png             Rachel Michetti; CC0
    grass.png              linolafett; CC0
    hubble_deep_field.jpg  NASA, ESA, the HUDF09 and HXDF teams; public domain
    rocket.jpg             SpaceX; public domain
"""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from alike_ros.errors import DatasetError
from alike_ros.structures import ImageArray

NAMES = (
    'astronaut.png',
    'brick.png',
    'camera.png',
    'chelsea.png',
    'coffee.png',
    'grass.png',
    'gravel.png',
    'hubble_deep_field.jpg',
    'rocket.jpg',
)


@dataclass(frozen=True)
class Photos:
    """What the surfaces are made of: (H, W, 3) uint8 RGB each."""

    astronaut: ImageArray
    brick: ImageArray
    camera: ImageArray
    chelsea: ImageArray
    coffee: ImageArray
    grass: ImageArray
    gravel: ImageArray
    hubble: ImageArray
    rocket: ImageArray


def load_photos() -> Photos:
    """DatasetError when the photographs are not installed."""
    return Photos(
        astronaut=load_photo('astronaut.png'),
        brick=_level_bricks(load_photo('brick.png')),
        camera=load_photo('camera.png'),
        chelsea=load_photo('chelsea.png'),
        coffee=load_photo('coffee.png'),
        grass=load_photo('grass.png'),
        gravel=load_photo('gravel.png'),
        hubble=load_photo('hubble_deep_field.jpg'),
        rocket=load_photo('rocket.jpg'),
    )


def _level_bricks(photo: ImageArray) -> ImageArray:
    """Turn the bricks upright, seen from the front; the corners were read off the photograph."""
    corners = np.array([[0, 118], [511, 43], [511, 461], [0, 413]], np.float32)
    width, height = 600, 420
    target = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
    turn = cv2.getPerspectiveTransform(corners, target)
    upright = np.ascontiguousarray(np.rot90(photo))
    return np.asarray(cv2.warpPerspective(upright, turn, (width, height)), np.uint8)


def photo_folder() -> Path:
    """Where the photographs are installed; DatasetError when they are not."""
    spec = importlib.util.find_spec('skimage')
    places = spec.submodule_search_locations if spec else None
    for place in places or ():
        folder = Path(place) / 'data'
        if all((folder / name).is_file() for name in NAMES):
            return folder
    raise DatasetError(
        'the rendered room needs the photographs of the Python package scikit-image, which '
        'are not installed; install them: pip install alike_ros[room]'
    )


def load_photo(name: str) -> ImageArray:
    """(H, W, 3) uint8 RGB; a grey photograph has three equal channels."""
    path = photo_folder() / name
    data = np.frombuffer(path.read_bytes(), np.uint8)
    image = cv2.imdecode(data, cv2.IMREAD_COLOR)
    if image is None:
        raise DatasetError(
            f'the photograph {path} cannot be decoded; install it again: '
            'pip install --force-reinstall alike_ros[room]'
        )
    return np.asarray(cv2.cvtColor(image, cv2.COLOR_BGR2RGB), np.uint8)
