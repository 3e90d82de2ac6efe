"""Every parameter, written once: name, default, range, unit, meaning.

The ROS declaration, the command line's options, config/alike.yaml and docs/parameters.md are
made from these fields.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, get_type_hints

from alike_ros.errors import ConfigError

Value = bool | int | float | str

MODELS = ('alike-t', 'alike-s', 'alike-n', 'alike-l')
BACKENDS = ('auto', 'openvino', 'onnx', 'torch', 'tensorrt')
PRECISIONS = ('fp32', 'bf16', 'fp16', 'int8')


@dataclass(frozen=True)
class Parameter:
    """One parameter as a user sees it; `live` means that it may change while running."""

    name: str
    type: type
    default: Value
    description: str
    low: float | None = None
    high: float | None = None
    choices: tuple[str, ...] = ()
    live: bool = False

    def check(self, value: Value) -> Value:
        """Return the value in this parameter's type.

        Raises:
            ConfigError: of another type, out of range, or not one of the choices.
        """
        if self.type is float and type(value) is int:
            value = float(value)
        if type(value) is not self.type:
            raise ConfigError(
                f'{self.name} must be of type {self.type.__name__}, '
                f'got {value!r} ({type(value).__name__})'
            )
        if self.choices and value not in self.choices:
            raise ConfigError(
                f'{self.name} must be one of {", ".join(self.choices)}, got {value!r}'
            )
        if self.low is not None and not (self._within(value)):
            raise ConfigError(f'{self.name} must lie in [{self.low}, {self.high}], got {value!r}')
        return value

    def _within(self, value: Any) -> bool:
        assert self.low is not None and self.high is not None
        return math.isfinite(value) and self.low <= value <= self.high


def param(
    default: Value,
    description: str,
    low: float | None = None,
    high: float | None = None,
    choices: tuple[str, ...] = (),
    live: bool = False,
) -> Any:
    """Declare a field of a configuration dataclass; `low` and `high` come together."""
    return field(
        default=default,
        metadata={
            'description': description,
            'low': low,
            'high': high,
            'choices': choices,
            'live': live,
        },
    )


def parameters(*configs: type) -> Iterator[Parameter]:
    """Yield the parameters of configuration dataclasses in their order of declaration."""
    for config in configs:
        types = get_type_hints(config)
        for entry in dataclasses.fields(config):
            default: Any = entry.default
            yield Parameter(entry.name, types[entry.name], default, **entry.metadata)


class Checked:
    """Base of configuration dataclasses: a value that cannot be is refused when it is made."""

    def __post_init__(self) -> None:
        for parameter in parameters(type(self)):
            value = parameter.check(getattr(self, parameter.name))
            object.__setattr__(self, parameter.name, value)


@dataclass(frozen=True)
class DetectorConfig(Checked):
    """Which keypoints are kept; may change from image to image."""

    top_k: int = param(
        -1,
        'Above 0: the best K maxima of the score map, whatever their score. '
        '-1 or 0: every maximum above scores_th.',
        low=-1,
        high=100000,
        live=True,
    )
    scores_th: float = param(
        0.2, 'Least score of a keypoint; used when top_k is not above 0.', 0.0, 1.0, live=True
    )
    n_limit: int = param(5000, 'Most keypoints an image, best first.', 1, 100000, live=True)
    sub_pixel: bool = param(
        True, 'Refine keypoints to sub-pixel positions by soft-argmax.', live=True
    )
    min_distance: float = param(
        0.0,
        'px of the image given. A keypoint goes when a better one is closer; 0: none goes.',
        low=0.0,
        high=10000.0,
        live=True,
    )
    cell_size: float = param(
        0.0,
        'px of the image given. Side of the cells of which max_per_cell keypoints are kept; 0: '
        'no cells.',
        low=0.0,
        high=10000.0,
        live=True,
    )
    max_per_cell: int = param(
        1, 'Keypoints kept in each cell, best first; used with cell_size.', 1, 100000, live=True
    )


@dataclass(frozen=True)
class ExtractorConfig(DetectorConfig):
    """Image to keypoints and descriptors."""

    model: str = param('alike-t', 'Network, from the smallest to the largest.', choices=MODELS)
    weights: str = param(
        'auto',
        'official: the published file, looked for in $ALIKE_MODELS, models/ beside the package, '
        "the installed share folder and the user's cache. builtin: those trained for this "
        'package. auto: official where the file is there and intact, else builtin. '
        'Anything else: the path of a file.',
    )
    backend: str = param(
        'auto',
        'Library that runs the network. auto: torch on CUDA; on a CPU the fastest that is '
        'installed, in the order openvino, onnx, torch. tensorrt is only taken by name: it builds '
        'an engine for minutes when it meets an image size for the first time.',
        choices=BACKENDS,
    )
    device: str = param(
        'auto',
        'Where the network runs. auto: CUDA when there is one and the backend can use it, else '
        'the CPU. cpu; cuda or cuda:1 (torch, onnx, tensorrt); gpu or gpu:1 for one of Intel '
        '(openvino).',
    )
    precision: str = param(
        'fp32',
        'Arithmetic of the network. fp32 gives the published outputs; bf16 (torch, openvino), '
        'fp16 (torch on CUDA, tensorrt, openvino on a GPU) and int8 (openvino on a CPU) deviate '
        'from them, int8 most, and are faster where the processor has them.',
        choices=PRECISIONS,
    )
    threads: int = param(0, 'CPU threads of the network; 0 leaves it to the backend.', 0, 256)
    image_size_max: int = param(
        0,
        'px. Images whose longer side exceeds this are shrunk to it before detection; keypoints '
        'stay in pixels of the image given. 0: never.',
        low=0,
        high=16384,
        live=True,
    )
    clahe_clip_limit: float = param(
        0.0,
        'Above 0: contrast of dark and pale regions is raised before detection (CLAHE on the '
        'luminance, 8 x 8 tiles) up to this limit; 2 to 4 is usual. 0: the image as it is.',
        low=0.0,
        high=100.0,
        live=True,
    )


@dataclass(frozen=True)
class TrackerConfig(Checked):
    """Keypoints to tracks."""

    tracker: str = param(
        'hybrid',
        'hybrid: optical flow confirmed by descriptors, for long and accurate tracks; published '
        'are the tracked points. descriptor: matches of detected keypoints alone.',
        choices=('hybrid', 'descriptor'),
    )
    max_tracks: int = param(1000, 'Most tracks an image (hybrid).', 1, 100000, live=True)
    track_distance: float = param(
        5.0, 'px. New tracks begin so far from others (hybrid).', 0.0, 1000.0, live=True
    )
    min_similarity: float = param(
        0.9,
        'Least cosine between the descriptors of a match (descriptor).',
        low=-1.0,
        high=1.0,
        live=True,
    )
    motion_window: float = param(
        0.0,
        'px. A match may lie this far from where the track was last seen; 0: anywhere '
        '(descriptor).',
        low=0.0,
        high=100000.0,
        live=True,
    )
    max_lost_frames: int = param(
        4,
        'Images for which a track that was not found is remembered and may come back '
        'under its id.',
        low=0,
        high=1000,
        live=True,
    )


@dataclass(frozen=True)
class DepthConfig(Checked):
    """Which depths count, be they of a depth image or of two cameras."""

    min_depth: float = param(
        0.1,
        'm. Nearer points get no depth: NaN, of depth images and of stereo matches.',
        low=0.001,
        high=1000.0,
        live=True,
    )
    max_depth: float = param(
        100.0,
        'm. Farther points get no depth; above min_depth.',
        low=0.01,
        high=100000.0,
        live=True,
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.min_depth >= self.max_depth:
            raise ConfigError(
                f'min_depth must lie below max_depth, got {self.min_depth} and {self.max_depth}; '
                'set both in one call to move the whole range'
            )


@dataclass(frozen=True)
class StereoConfig(DepthConfig):
    """Keypoints of two cameras to depths."""

    epipolar_tolerance: float = param(
        2.0,
        'px. A stereo match may lie this far from its epipolar line.',
        low=0.0,
        high=100.0,
        live=True,
    )
    stereo_similarity: float = param(
        0.8, 'Least cosine between the descriptors of a stereo match.', -1.0, 1.0, live=True
    )
    stereo_correlation: float = param(
        0.8,
        'Least correlation between the image patches of a stereo match; used where disparities '
        'are refined on the images.',
        -1.0,
        1.0,
        live=True,
    )


@dataclass(frozen=True)
class NodeConfig(Checked):
    """The face of the node: what it subscribes to, publishes and draws."""

    autostart: bool = param(
        True, 'Configure and activate at start; false waits for lifecycle transitions.'
    )
    cameras: str = param(
        'mono',
        'What the node looks through. mono: image. rgbd: image, and depth/image (16UC1 in mm or '
        '32FC1 in m) registered to it; tracks and keypoints then carry depth. stereo: left/image '
        'and right/image with left/camera_info and right/camera_info of the calibrated pair. '
        'rig: image_0, image_1, … of camera_count cameras.',
        choices=('mono', 'stereo', 'rig', 'rgbd'),
    )
    camera_count: int = param(2, 'Cameras of a rig.', low=1, high=8)
    rig_calibration: str = param(
        '',
        "Path of a folder with cam0/sensor.yaml, cam1/sensor.yaml, … in EuRoC's format: "
        'intrinsics of the cameras and their poses on the body (T_BS). With it stereo and rig '
        'need no camera_info; without it a rig has no matches between cameras.',
    )
    sync_tolerance: float = param(
        0.0,
        's. Images of one set, as image and depth, may differ so much in their stamps; 0 wants '
        'equal stamps. What finds no partner is counted and dropped.',
        low=0.0,
        high=10.0,
    )
    mask: str = param(
        '',
        'Path of an image, black where no keypoint may lie, such as on the vehicle itself; of '
        'the proportions of the images. Of several cameras, one path each, separated by '
        'colons; empty is none. More is masked by the topic mask (mono8), as from a '
        'segmentation: the newest that fits holds until the next, or until mask_max_age.',
    )
    mask_max_age: float = param(
        2.0,
        's. A mask of the topic whose stamp is farther than this from that of the image hides '
        'nothing any more, and diagnostics say so: where things move, an old mask hides the '
        'wrong place. A mask stamped 0 holds until the next; so do all with 0.',
        low=0.0,
        high=3600.0,
    )
    image_transport: str = param(
        'raw', 'Subscribe to image (raw) or image/compressed.', choices=('raw', 'compressed')
    )
    drop_policy: str = param(
        'latest',
        'latest: only the newest image waits, others are counted as dropped. '
        'queue: every image, in order, for replay.',
        choices=('latest', 'queue'),
    )
    queue_size: int = param(
        1000, 'Images that may wait with drop_policy queue; more are dropped.', 1, 100000
    )
    input_reliability: str = param(
        'auto',
        'Reliability of the image subscription: auto is best effort for latest, reliable for '
        'queue.',
        choices=('auto', 'best_effort', 'reliable'),
    )
    camera_info_wait: float = param(
        1.0,
        's. With drop_policy queue the first image waits this long for a camera_info.',
        low=0.0,
        high=60.0,
    )
    rectified: bool = param(
        False, "The images are rectified: camera_info's P applies, not K and D."
    )
    descriptor_type: str = param(
        'float32',
        'Descriptors in Keypoints.',
        choices=('none', 'float32', 'float16'),
        live=True,
    )
    inlier_check: bool = param(
        True, 'Compute the inlier ratio of the status (USAC, about a millisecond).', live=True
    )
    tail_length: int = param(
        20, 'Images of history drawn behind each track in the debug image.', 0, 500, live=True
    )
    diagnostics_period: float = param(1.0, 's. Between two messages on /diagnostics.', 0.1, 60.0)


def change_live(config: Any, changes: dict[str, Value]) -> Any:
    """Return a configuration with live parameters changed; keys of others are refused.

    Raises:
        ConfigError: an unknown parameter, one that is not live, or a value that cannot be.
    """
    known = {parameter.name: parameter for parameter in parameters(type(config))}
    for name in changes:
        if name not in known:
            raise ConfigError(f'unknown parameter {name}; known are {", ".join(known)}')
        if not known[name].live:
            raise ConfigError(f'{name} cannot change while running; restart with the new value')
    return dataclasses.replace(config, **changes)
