"""The losses of the paper (section III-C) on batches of pairs, and one for a teacher.

Views come as 2B rows, partners B rows apart; every function treats both directions at once.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from training.detection import Keypoints, sample

NEAR_PX = 3.0  # keypoints this close after projection are the same
SAME_PX = 1.5  # and this close, a partner stands in for the projected place
FAR_PX = 6.0  # a point farther from the true place is another one
MARGIN_PX = 3.0


@dataclass(frozen=True)
class Correspondence:
    """Keypoints of each view seen in its partner.

    places: (2B, K, 2) px, where they are in the partner. visible: (2B, K) bool.
    nearest: (2B, K) row there, of the partner's nearest keypoint.
    mutual: (2B, K) bool, visible and each other's nearest within NEAR_PX.
    """

    places: Tensor
    visible: Tensor
    nearest: Tensor
    mutual: Tensor


def swap(rows: Tensor) -> Tensor:
    """Return, for every view, the row of its partner."""
    return rows.roll(len(rows) // 2, 0)


def correspond(keypoints: Keypoints, homographies: Tensor, valid: Tensor) -> Correspondence:
    """Project the keypoints of each view into its partner and look for their likes there.

    homographies: (2B, 3, 3) from each view to its partner. valid: (2B, S, S) bool.
    """
    places = project(homographies, keypoints.points)
    seen = keypoints.found & inside(places, valid) & _lies_on(valid, keypoints.points)
    distances = between(places, swap(keypoints.points))  # (2B, K, K)
    allowed = distances + 1e6 * ~(seen[:, :, None] & swap(keypoints.found)[:, None])
    smallest, nearest = allowed.min(2)
    back = allowed.min(1).indices  # (2B, K): for the partner's keypoints, the nearest place
    chosen = back.gather(1, nearest) == torch.arange(nearest.shape[1], device=nearest.device)
    return Correspondence(places, seen, nearest, chosen & (smallest < NEAR_PX))


def reprojection_loss(correspondence: Correspondence, keypoints: Keypoints) -> Tensor:
    """Return the mean distance, px, between keypoints that are the same."""
    difference = correspondence.places - partners(correspondence, keypoints)
    distances = (difference.square().sum(2) + 1e-6).sqrt()
    return mean_where(distances, correspondence.mutual)


def peak_loss(keypoints: Keypoints) -> Tensor:
    """Return the mean dispersity, in radii of a patch: small where maxima are sharp."""
    return mean_where((keypoints.dispersities + 1e-6).sqrt() / 2, keypoints.found)


def match_logits(
    correspondence: Correspondence,
    keypoints: Keypoints,
    descriptors: Tensor,
    true_descriptors: Tensor,
    extra: Tensor,
    extra_points: Tensor,
    temperature: float,
) -> Tensor:
    """Return logits (2B, K, 1 + K + R): the true place first, then all other points there.

    descriptors: (2B, K, D) at the keypoints. true_descriptors: (2B, K, D) in the partner, at the
    places of each view's keypoints. extra: (2B, R, D) at random points (2B, R, 2).
    """
    other_points = torch.cat([swap(keypoints.points), swap(extra_points)], 1).detach()
    others = torch.cat([swap(descriptors), swap(extra)], 1)
    same = (descriptors * true_descriptors).sum(2, keepdim=True)
    similarity = descriptors @ others.transpose(1, 2)
    near = between(correspondence.places, other_points) < FAR_PX
    return torch.cat([same, similarity.masked_fill(near, -1e4)], 2) / temperature


def true_places(correspondence: Correspondence, keypoints: Keypoints) -> Tensor:
    """Return (2B, K, 2) px: the partner's keypoint where there is one, else the projection."""
    nearest = partners(correspondence, keypoints).detach()
    places = correspondence.places.detach()
    same = correspondence.mutual & ((nearest - places).norm(dim=2) < SAME_PX)
    return torch.where(same[:, :, None], nearest, places)


def partners(correspondence: Correspondence, keypoints: Keypoints) -> Tensor:
    """Return (2B, K, 2) px: the partner's keypoint nearest to each projected one."""
    index = correspondence.nearest[:, :, None].expand(-1, -1, 2)
    return swap(keypoints.points).gather(1, index)


def descriptor_loss(logits: Tensor, visible: Tensor) -> Tensor:
    """Return the neural reprojection error: how improbable matching finds the true place."""
    return mean_where(-F.log_softmax(logits, 2)[:, :, 0], visible)


def reliability_loss(logits: Tensor, scores: Tensor, visible: Tensor) -> Tensor:
    """Return the mean improbability of a true match, weighted by the keypoint's score.

    Only the share of a score in the sum matters, so all of them cannot sink together.
    """
    doubt = 1 - F.softmax(logits.detach(), 2)[:, :, 0]
    weights = scores * visible
    return (weights * doubt).sum() / (weights.sum() + 1e-6)


def score_loss(logits: Tensor, target: Tensor, maxima_weight: float) -> Tensor:
    """Return how far score maps, given as logits, are from a teacher's (2B, 1, S, S).

    Cross-entropy above its own minimum, and more of it where the teacher sees something.
    """
    entropy = F.binary_cross_entropy(target, target, reduction='none')
    excess = F.binary_cross_entropy_with_logits(logits, target, reduction='none') - entropy
    return (excess * (1 + maxima_weight * target)).mean()


def project(homographies: Tensor, points: Tensor) -> Tensor:
    """Return points (B, K, 2) taken through homographies (B, 3, 3)."""
    moved = points @ homographies[:, :, :2].transpose(1, 2) + homographies[:, None, :, 2]
    depth = moved[..., 2:]
    return moved[..., :2] / torch.where(depth.abs() < 1e-6, torch.full_like(depth, 1e-6), depth)


def inside(places: Tensor, valid: Tensor) -> Tensor:
    """Whether places (2B, K, 2) in the partners lie on them and on the photo."""
    limit = valid.shape[-1] - 1 - MARGIN_PX
    within = ((places >= MARGIN_PX) & (places <= limit)).all(2)
    return within & _lies_on(swap(valid), places)


@torch.no_grad()
def between(points: Tensor, others: Tensor) -> Tensor:
    """Return distances (B, K, L) px; not by products, which are wrong by tenths of a pixel."""
    return torch.cdist(points, others, compute_mode='donot_use_mm_for_euclid_dist')


def mean_where(values: Tensor, mask: Tensor) -> Tensor:
    return (values * mask).sum() / mask.sum().clamp(min=1)


def _lies_on(valid: Tensor, points: Tensor) -> Tensor:
    return sample(valid[:, None].float(), points.detach().clamp(-1e4, 1e4)) > 0.99
