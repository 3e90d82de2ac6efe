"""ALIKE in PyTorch, on a CPU or a CUDA device, without the dense descriptor map.

A 1x1 convolution of concatenated, upsampled levels is the sum of the upsampled 1x1 convolutions
of the levels. So the score map needs one upsampled channel a level (alike-l, whose head has two
layers: dim channels), and descriptors are needed only at the four pixels around each keypoint.
Nothing is approximated; `ALNet.forward` is the dense form that tests compare with.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from functools import partial

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from alike_ros.backends.memory import keep_freed_memory
from alike_ros.backends.scene import Scene
from alike_ros.config import DetectorConfig, ExtractorConfig
from alike_ros.errors import BackendError, first_line
from alike_ros.network import ALNet, load_network, upsample
from alike_ros.stages import stage
from alike_ros.structures import Features, FloatArray, ImageArray
from alike_ros.variants import LEVEL_STRIDES, round_up
from alike_ros.weights import WeightsFile


class TorchBackend:
    """Backend that computes network and descriptors in PyTorch, detection on the host."""

    name = 'torch'

    def __init__(self, config: ExtractorConfig, weights: WeightsFile) -> None:
        self._device = open_device(config.device)
        self.device = str(self._device)
        keep_freed_memory()
        if config.threads:
            torch.set_num_threads(config.threads)
        network = fold_batch_norm(load_network(config.model, weights.path))
        self._head = Head(network.to(self._device))
        self._type = arithmetic(config.precision, self._device)
        if self._type == torch.float32:
            torch.backends.cudnn.allow_tf32 = False  # it would round to 10 bits
        network = copy.deepcopy(network).to(self._type)  # the head stays in float32
        self._network = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.scenes: list[Scene] = []
        self.dim = network.variant.dim

    @torch.inference_mode()
    def run(
        self,
        images: list[ImageArray],
        config: DetectorConfig,
        masks: Sequence[ImageArray | None] | None = None,
        described: bool = True,
    ) -> list[Features]:
        """Extract features; see `Backend.run`.

        Raises:
            BackendError: the device failed, for example for lack of memory.
        """
        try:
            return self._run(images, config, masks or [None] * len(images), described)
        except RuntimeError as error:
            raise BackendError(
                f'{self.device} failed on {len(images)} image(s) of shape {images[0].shape}: '
                f'{first_line(error)}. Use a smaller image_size_max or another device'
            ) from error

    def _run(
        self,
        images: list[ImageArray],
        config: DetectorConfig,
        masks: Sequence[ImageArray | None],
        described: bool,
    ) -> list[Features]:
        height, width = images[0].shape[:2]
        levels = [level.float() for level in self._network.pyramid(self._upload(images))]
        score_maps = self._head.score_map(levels)[:, :height, :width].cpu().numpy()
        self.scenes = [
            Scene(
                np.ascontiguousarray(score_map),
                partial(self._head.describe, [level[i] for level in levels]),
            )
            for i, score_map in enumerate(score_maps)
        ]
        return [
            scene.features(config, mask, described)
            for scene, mask in zip(self.scenes, masks, strict=True)
        ]

    def close(self) -> None:
        """Free the network and what PyTorch keeps in reserve on the device."""
        del self._network, self._head
        self.scenes = []
        if self._device.type == 'cuda':
            torch.cuda.empty_cache()

    @stage('copy')
    def _upload(self, images: list[ImageArray]) -> Tensor:
        batch = torch.from_numpy(np.stack(images)).to(self._device)  # (B, h, w, 3)
        height, width = batch.shape[1:3]
        padded = batch.new_zeros(
            (len(images), round_up(height), round_up(width), 3), dtype=torch.float32
        )
        torch.div(batch, 255.0, out=padded[:, :height, :width])
        return padded.to(self._type).permute(0, 3, 1, 2)  # (B, 3, H, W), channels last


class Head:
    """The head of the network, split by pyramid level."""

    def __init__(self, network: ALNet) -> None:
        quarter = network.variant.dim // 4
        first = network.convhead2 if network.variant.single_head else network.convhead1
        self._splits = [w.contiguous() for w in first.weight[:, :, 0, 0].split(quarter, dim=1)]
        self._second = (
            None if network.variant.single_head else network.convhead2.weight[:, :, 0, 0]
        )

    def score_map(self, levels: list[Tensor]) -> Tensor:
        """Return the score map (B, H, W) of four levels (B, dim/4, H/s, W/s)."""
        if self._second is not None:
            return self._score_map_of_two_layers(levels, self._second[-1:])
        total = None
        for level, weight, factor in zip(levels, self._splits, LEVEL_STRIDES, strict=True):
            term = upsample(F.conv2d(level, weight[-1:, :, None, None]), factor)
            total = term if total is None else total.add_(term)
        assert total is not None
        return torch.sigmoid_(total[:, 0])

    def _score_map_of_two_layers(self, levels: list[Tensor], last: Tensor) -> Tensor:
        upsampled = [upsample(x, s) for x, s in zip(levels, LEVEL_STRIDES, strict=True)]
        x = torch.cat(upsampled, dim=1)
        x = F.conv2d(x, torch.cat(self._splits, dim=1)[:, :, None, None]).relu_()
        return torch.sigmoid_(F.conv2d(x, last[:, :, None, None])[:, 0])

    @stage('describe')
    def describe(self, levels: list[Tensor], keypoints: FloatArray) -> FloatArray:
        """Return unit descriptors (N, dim) at keypoints (N, 2) px, at least a pixel inside.

        The dense form normalises the map, samples it bilinearly and normalises again: the same
        is done here with the four pixels around each keypoint.
        """
        points = torch.from_numpy(keypoints).to(levels[0].device)
        low = points.floor()
        fraction = points - low
        total = None
        for dx, dy in ((0, 0), (1, 0), (0, 1), (1, 1)):
            weight = _axis_weight(fraction[:, 0], dx) * _axis_weight(fraction[:, 1], dy)
            corner = low.long() + low.new_tensor([dx, dy], dtype=torch.long)
            rows = F.normalize(self._at_pixels(levels, corner), dim=1) * weight[:, None]
            total = rows if total is None else total.add_(rows)
        assert total is not None
        return F.normalize(total, dim=1).cpu().numpy()

    def _at_pixels(self, levels: list[Tensor], pixels: Tensor) -> Tensor:
        """Return the head's descriptor rows (N, dim) at pixels (N, 2)."""
        total = None
        for level, weight, factor in zip(levels, self._splits, LEVEL_STRIDES, strict=True):
            if self._second is None:
                weight = weight[:-1]
            rows = _sample_level(level, pixels, factor) @ weight.T
            total = rows if total is None else total.add_(rows)
        assert total is not None
        return total if self._second is None else total.relu_() @ self._second[:-1].T


def _axis_weight(fraction: Tensor, side: int) -> Tensor:
    return fraction if side else 1 - fraction


def _sample_level(level: Tensor, pixels: Tensor, factor: int) -> Tensor:
    """Return what the upsampled level (C, h, w) holds at full-resolution pixels (N, 2): (N, C)."""
    rows = level.permute(1, 2, 0)  # (h, w, C), contiguous when the level is channels last
    if factor == 1:
        return rows[pixels[:, 1], pixels[:, 0]]
    x0, x1, fx = _source_position(pixels[:, 0], rows.shape[1], factor)
    y0, y1, fy = _source_position(pixels[:, 1], rows.shape[0], factor)
    top = rows[y0, x0] * (1 - fx) + rows[y0, x1] * fx
    bottom = rows[y1, x0] * (1 - fx) + rows[y1, x1] * fx
    return top * (1 - fy) + bottom * fy


def _source_position(index: Tensor, length: int, factor: int) -> tuple[Tensor, Tensor, Tensor]:
    """Return the two source indices and the fraction between them, in float32 as PyTorch does."""
    scale = np.float32(length - 1) / np.float32(length * factor - 1)
    position = index.to(torch.float32) * float(scale)
    low = position.long()
    return low, (low + 1).clamp_(max=length - 1), (position - low)[:, None]


def fold_batch_norm(network: ALNet) -> ALNet:
    """Merge each batch norm into the convolution before it; outputs stay the same."""
    for block in (network.block1, network.block2, network.block3, network.block4):
        for number in ('1', '2'):
            fused = fuse_conv_bn_eval(
                getattr(block, f'conv{number}'), getattr(block, f'bn{number}')
            )
            setattr(block, f'conv{number}', fused)
            setattr(block, f'bn{number}', nn.Identity())
    return network.requires_grad_(False)


def open_device(name: str) -> torch.device:
    """Return the device of a name; auto is CUDA where there is one, else the CPU.

    Raises:
        BackendError: the name is unknown or the device is not there.
    """
    if name == 'auto':
        name = 'cuda' if torch.cuda.is_available() else 'cpu'
    try:
        device = torch.device(name)
        torch.zeros(1, device=device)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        raise BackendError(
            f'device {name!r} cannot be used: {first_line(error)}. '
            'Give auto, cpu, cuda or cuda:<number>'
        ) from error
    return device


def arithmetic(precision: str, device: torch.device) -> torch.dtype:
    """Return the type that the encoder computes in.

    Raises:
        BackendError: PyTorch has no fast path for it on this device.
    """
    able = {'fp32': torch.float32, 'bf16': torch.bfloat16}
    if device.type != 'cpu':
        able['fp16'] = torch.float16
    if precision not in able:
        raise BackendError(
            f'torch computes in {", ".join(able)} on {device}, not in {precision}; choose one of '
            'them'
        )
    return able[precision]
