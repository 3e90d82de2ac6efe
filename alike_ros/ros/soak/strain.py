"""What is done to the front end while images flow, over and over in the same order."""

from __future__ import annotations

import itertools
from collections import Counter
from functools import partial

from alike_ros.config import (
    DetectorConfig,
    ExtractorConfig,
    NodeConfig,
    TrackerConfig,
    Value,
    parameters,
)
from alike_ros.ros.soak.remote import Remote, Steps, pause

# Values that the parameters take in turn; each goes back to its own when the next one changes.
# As many as a multiple of what is done in between: so a course is over when they are.
CHANGES: tuple[dict[str, Value], ...] = (
    {'scores_th': 0.4},
    {'max_lost_frames': 5},
    {'top_k': 300},
    {'min_distance': 6.0},
    {'descriptor_type': 'float16'},
    {'max_tracks': 200, 'track_distance': 10.0},
    {'sub_pixel': False},
    {'max_lost_frames': 0},
    {'cell_size': 32.0, 'max_per_cell': 3},
    {'image_size_max': 320},
    {'descriptor_type': 'none'},
    {'clahe_clip_limit': 3.0},
    {'n_limit': 100},
    {'inlier_check': False, 'tail_length': 0},
    {'max_lost_frames': 20},
)
CONFIGS = (DetectorConfig, ExtractorConfig, TrackerConfig, NodeConfig)


class Strain:
    """A course of actions, again and again.

    state: what the front end is in meanwhile. place: of the last action in the course. done: what
    was asked for, and how often.
    """

    def __init__(self, remote: Remote, period_s: float, own: dict[str, Value]) -> None:
        """`own` are the parameters that the front end was started with."""
        self.state = 'active'
        self.place = 0
        self.done: Counter[str] = Counter()
        self._remote = remote
        self._period_s = period_s
        self._own = {p.name: p.default for p in parameters(*CONFIGS)} | own
        self._now = dict(self._own)

    def steps(self) -> Steps:
        """Go on for ever; AlikeError when the front end refuses or does not answer."""
        yield from self._remote.greet()
        between = (self._reset, self._pause, self._deactivate, self._renew, self._reset)
        others = itertools.cycle(between)
        changes = [partial(self._change, change) for change in CHANGES]
        actions = [action for change in changes for action in (change, next(others))]
        for self.place, action in itertools.cycle(enumerate(actions)):
            yield from action()
            self.state = 'active'
            yield from pause(self._period_s)

    def _change(self, change: dict[str, Value]) -> Steps:
        back = {name: self._own[name] for name in self._now if self._now[name] != self._own[name]}
        self._now = self._own | change
        yield from self._remote.set(back | change)
        self.done['parameters changed'] += 1

    def _reset(self) -> Steps:
        yield from self._remote.reset()
        self.done['reset'] += 1

    def _pause(self) -> Steps:
        self.state = 'disabled'
        yield from self._remote.enable(False)
        yield from pause(self._period_s / 2)
        yield from self._remote.enable(True)
        self.done['disabled and enabled'] += 1

    def _deactivate(self) -> Steps:
        yield from self._transitions('deactivate', 'activate')
        self.done['deactivated and activated'] += 1

    def _renew(self) -> Steps:
        yield from self._transitions('deactivate', 'cleanup', 'configure', 'activate')
        self.done['cleaned up and configured'] += 1

    def _transitions(self, *labels: str) -> Steps:
        """Go through them, with a pause half-way."""
        self.state = 'inactive'
        for place, label in enumerate(labels):
            if 2 * place == len(labels):
                yield from pause(self._period_s / 2)
            yield from self._remote.transition(label)
