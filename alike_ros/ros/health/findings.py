"""What was seen of a front end, and what is wrong with it."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from dataclasses import dataclass
from statistics import median
from typing import Any

OK = 0  # DiagnosticStatus.OK; from WARN on something is wrong
MAX_LATENCY_S = 1.0
FEW_TRACKS = 30
FEW_KEYPOINTS = 60
MOST_NAMED = 4
NO_PARTNER = 'find no partner'  # what the front end says of images without a set


@dataclass(frozen=True)
class Publisher:
    """A publisher of an input: its node, its type, and why nothing of it arrives, if so."""

    node: str
    type: str
    misfit: str


@dataclass(frozen=True)
class Input:
    """A topic that a front end subscribes to.

    stamps_ns: of the messages that came; None where nobody listened.
    """

    topic: str
    type: str
    publishers: tuple[Publisher, ...]
    stamps_ns: tuple[int, ...] | None = None

    @property
    def is_image(self) -> bool:
        return self.type.endswith('Image')

    @property
    def is_fed(self) -> bool:
        """Whether a publisher's messages can arrive."""
        return any(each.type == self.type and not each.misfit for each in self.publishers)


@dataclass(frozen=True)
class FrontEndSeen:
    """What was seen of one front end while listening.

    diagnostics: the newest (level, sentence); None when none came.
    statuses: FrontendStatus messages.
    image_topics: other topics of images in the graph, for a hint.
    """

    name: str
    inputs: tuple[Input, ...]
    diagnostics: tuple[int, str] | None
    statuses: tuple[Any, ...]
    image_topics: tuple[str, ...] = ()


def is_mask(topic: str) -> bool:
    """Whether a topic is one of masks, under its own name."""
    return topic.rpartition('/')[2].startswith('mask')


def findings(seen: FrontEndSeen) -> list[str]:
    """Return a sentence with the remedy for everything that is wrong; none when all is well."""
    wiring = [*_image_wiring(seen), *_camera_info_wiring(seen), *_silence(seen), *_partners(seen)]
    return [*wiring, *_own_words(seen, bool(wiring)), *_timing(seen), *_tracks(seen)]


def _image_wiring(seen: FrontEndSeen) -> Iterator[str]:
    for entry in seen.inputs:
        if not entry.is_image:
            continue
        if not entry.publishers:
            yield (
                f'Nobody publishes {entry.topic}: start the camera, or remap the topic to where '
                f'its images are ({_others(seen.image_topics)}).'
            )
        yield from _misfits(entry)


def _camera_info_wiring(seen: FrontEndSeen) -> Iterator[str]:
    has_images = any(entry.is_image and entry.publishers for entry in seen.inputs)
    for entry in seen.inputs:
        if entry.is_image or not has_images:
            continue
        if not entry.publishers:
            yield (
                f'Nobody publishes {entry.topic}: x and y of the tracks are NaN; calibrate the '
                'camera, or remap camera_info.'
            )
        elif entry.stamps_ns == ():
            yield (
                f'Nothing came on {entry.topic}, though {entry.publishers[0].node} publishes it: '
                'x and y of the tracks are NaN; look at that driver.'
            )
        yield from _misfits(entry)


def _others(topics: tuple[str, ...]) -> str:
    if not topics:
        return 'no other images are published'
    more = f' and {len(topics) - MOST_NAMED} more' if len(topics) > MOST_NAMED else ''
    return f'other images are on {", ".join(topics[:MOST_NAMED])}{more}'


def _silence(seen: FrontEndSeen) -> Iterator[str]:
    """Name the topics of images on which nothing comes, though somebody publishes them."""
    words = seen.diagnostics[1] if seen.diagnostics is not None else ''
    for entry in seen.inputs:
        alone = entry.stamps_ns is None and words.startswith(
            f'no image has come on {entry.topic}:'
        )
        if entry.is_image and entry.is_fed and (alone or entry.stamps_ns == ()):
            yield (
                f'Nothing comes on {entry.topic}, though {entry.publishers[0].node} publishes it: '
                'look at that driver; with Fast DDS both have to run as the same user.'
            )


def _partners(seen: FrontEndSeen) -> Iterator[str]:
    """Say how far apart images are that find no partner, by their stamps."""
    if seen.diagnostics is None or NO_PARTNER not in seen.diagnostics[1]:
        return
    came = [
        entry
        for entry in seen.inputs
        if entry.is_image and entry.stamps_ns and not is_mask(entry.topic)
    ]
    for first, other in zip(came[:1] * len(came), came[1:], strict=False):
        gaps = [
            min((b - a for b in other.stamps_ns or ()), key=abs) for a in first.stamps_ns or ()
        ]
        gap_s = median(gaps) / 1e9
        if abs(gap_s) > 0:
            yield (
                f'Images of {other.topic} are stamped {abs(gap_s) * 1e3:.3g} ms '
                f'{"after" if gap_s > 0 else "before"} those of {first.topic}, and find no '
                f'partner: synchronise the cameras, or set sync_tolerance above {abs(gap_s):.3g}.'
            )


def _misfits(entry: Input) -> Iterator[str]:
    for publisher in entry.publishers:
        if publisher.type != entry.type:
            yield (
                f'{publisher.node} publishes {entry.topic} as {publisher.type}, but the front '
                f'end takes {entry.type}: remap it, or set image_transport.'
            )
        elif publisher.misfit:
            yield (
                f'QoS of {entry.topic}: nothing of {publisher.node} arrives '
                f'({publisher.misfit}); {_remedy(publisher.misfit)}.'
            )


def _remedy(misfit: str) -> str:
    if 'reliab' in misfit.lower():
        return 'set input_reliability to best_effort, or make the publisher reliable'
    return 'change that policy of the publisher'


def _own_words(seen: FrontEndSeen, explained: bool) -> Iterator[str]:
    """Repeat what the front end says of itself, unless the wiring explains it."""
    if seen.diagnostics is None:
        yield (
            'No diagnostics came: the front end hangs, or the processes do not hear each other '
            '(ROS_DOMAIN_ID, network).'
        )
    elif seen.diagnostics[0] > OK:
        if not explained:
            yield f'It says: {seen.diagnostics[1]}.'
        if seen.diagnostics[1].startswith('too slow'):
            yield from _busy()
    elif not seen.inputs:
        yield f'It takes no images: {seen.diagnostics[1]}.'


def _busy() -> Iterator[str]:
    load, cores = os.getloadavg()[0], os.cpu_count() or 1
    if load > cores:
        yield (
            f'This computer is saturated: load {load:.1f} on {cores} cores; stop other programs, '
            'or take a smaller model or image_size_max.'
        )


def _timing(seen: FrontEndSeen) -> Iterator[str]:
    latencies = [s.latency for s in seen.statuses if math.isfinite(s.latency)]
    if not latencies:
        return
    latency_s = median(latencies)
    if abs(latency_s) > MAX_LATENCY_S:
        where = 'behind' if latency_s > 0 else 'ahead of'
        yield (
            f'Stamps of the images are {abs(latency_s):.1f} s {where} the clock: synchronise the '
            'clock of the camera; with a bag, play with --clock and set use_sim_time.'
        )


def _tracks(seen: FrontEndSeen) -> Iterator[str]:
    running = [s for s in seen.statuses if s.state != 0]
    if not running:
        return
    keypoints, tracked = (median(getattr(s, n) for s in running) for n in ('keypoints', 'tracked'))
    if keypoints < FEW_KEYPOINTS:
        yield (
            f'Only {keypoints:.0f} keypoints an image: give the scene light and texture, focus '
            'the lens, lower scores_th.'
        )
    elif tracked < FEW_TRACKS:
        yield (
            f'Only {tracked:.0f} of {keypoints:.0f} keypoints are found again: images follow '
            'each other too slowly for the motion, or show nothing of the one before; raise '
            'the rate, lower min_similarity.'
        )
