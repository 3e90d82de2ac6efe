"""/diagnostics: is the front end well, and if not, why."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue

from alike_ros.ros.frontend import health as causes
from alike_ros.ros.frontend.health import Counts, Recent
from alike_ros.weights import WeightsFile

SILENCE_S = 3.0
FEW_JUMPS = 2  # more than a clock that is set, or a bag that begins again


@dataclass(frozen=True)
class Identity:
    """What computes: shown so that a log says which network made its tracks."""

    backend: str
    device: str
    weights: WeightsFile


@dataclass(frozen=True)
class Condition:
    """The states of the node that are not in its counts.

    lifecycle: label of the lifecycle state.
    failure: why the last start failed; empty when it did not.
    topic: the image topic by its resolved name.
    wrong_type: what is wrong with the type that it is published as, if anything.
    publishers: how many that topic has.
    namesake: what another node of this node's name does, if there is one.
    too_large: what is wrong with the size of its images, if anything.
    troubles: what is wrong with the inputs beside the images: calibration, masks.
    """

    lifecycle: str
    failure: str = ''
    enabled: bool = True
    topic: str = 'image'
    wrong_type: str = ''
    publishers: int = 0
    namesake: str = ''
    too_large: str = ''
    troubles: tuple[str, ...] = ()


def assess(condition: Condition, recent: Recent) -> tuple[bytes, str]:
    """Return the level and the sentence that gives its reason; the gravest reason wins."""
    for reasons in (_lifecycle_reasons, _input_reasons, _output_reasons):
        for level, sentence in reasons(condition, recent):
            return level, sentence
    rate = f'{recent.processed_rate:.1f} images/s'
    return DiagnosticStatus.OK, f'{rate}, p50 {_ms(recent.turnaround_s[0])} from arrival to tracks'


def _lifecycle_reasons(condition: Condition, recent: Recent) -> Iterator[tuple[bytes, str]]:
    if condition.failure:
        yield DiagnosticStatus.ERROR, condition.failure
    if condition.namesake and (condition.lifecycle != 'active' or not condition.enabled):
        yield DiagnosticStatus.WARN, condition.namesake
    if condition.lifecycle != 'active':
        yield DiagnosticStatus.OK, f'{condition.lifecycle}: waits for a lifecycle transition'
    if not condition.enabled:
        yield DiagnosticStatus.OK, 'disabled by ~/enable: images are counted and dropped'


def _input_reasons(condition: Condition, recent: Recent) -> Iterator[tuple[bytes, str]]:
    if condition.wrong_type:
        yield DiagnosticStatus.ERROR, condition.wrong_type
    if condition.too_large and recent.silence_s > SILENCE_S:
        yield DiagnosticStatus.ERROR, condition.too_large
    if recent.silence_s == float('inf'):
        yield (
            DiagnosticStatus.STALE,
            f'no image has come on {condition.topic}: is the camera running, the topic remapped, '
            'the QoS compatible?',
        )
    elif recent.silence_s > SILENCE_S:
        since = f'no image on {condition.topic} for {recent.silence_s:.0f} s'
        yield DiagnosticStatus.STALE, f'{since}: {_why_silent(condition)}'
    if condition.namesake:
        yield DiagnosticStatus.WARN, condition.namesake
    if recent.last_error:
        failed = recent.dropped.get(causes.FAILED, 0) > 0 or recent.processed_rate == 0
        level = DiagnosticStatus.ERROR if failed else DiagnosticStatus.WARN
        yield level, f'the last image could not be processed: {recent.last_error}'


def _too_slow(recent: Recent, replaced: int) -> str:
    if recent.lost > replaced:
        return (
            f'too slow: {recent.lost} of the last images never reached the node, '
            f'{recent.processed} were processed; free the computer, or give large images larger '
            'shared-memory segments (config/fastdds.xml)'
        )
    return (
        f'too slow: of {recent.received_rate:.1f} images/s only {recent.processed_rate:.1f} '
        'are processed; take a smaller model, image_size_max or a GPU'
    )


def _why_silent(condition: Condition) -> str:
    if condition.publishers == 0:
        return 'nobody publishes it any more; start the camera again'
    return 'it has a publisher that is silent; has the camera hung, or was its driver killed?'


def _output_reasons(condition: Condition, recent: Recent) -> Iterator[tuple[bytes, str]]:
    if condition.too_large:
        yield DiagnosticStatus.WARN, condition.too_large
    if recent.dropped.get(causes.FAILED):
        yield DiagnosticStatus.WARN, 'images were lost to errors: see the log'
    if recent.clock_jumps:
        yield DiagnosticStatus.WARN, _clock_reason(recent.clock_jumps)
    if recent.repeated_stamps:
        yield (
            DiagnosticStatus.WARN,
            'images come with the stamp of the image before: dt is 0 and velocities are NaN; '
            'does the camera stamp its images?',
        )
    if recent.dropped.get(causes.QUEUE_FULL):
        yield (
            DiagnosticStatus.WARN,
            'the queue is full and images are lost: play more slowly or raise queue_size',
        )
    if recent.dropped.get(causes.UNMATCHED, 0) > recent.processed:
        yield (
            DiagnosticStatus.WARN,
            'most images find no partner with their stamp: do all topics come (see unmatched)? '
            'Raise sync_tolerance where their stamps differ',
        )
    if recent.dropped.get(causes.BAD_IMAGE):
        yield DiagnosticStatus.WARN, 'images came that could not be read: see the log'
    replaced = recent.dropped.get(causes.REPLACED, 0)
    if replaced + recent.lost > recent.processed:
        yield DiagnosticStatus.WARN, _too_slow(recent, replaced)
    for trouble in condition.troubles:
        yield DiagnosticStatus.WARN, trouble


def _clock_reason(jumps: int) -> str:
    reason = 'the clock jumped back: the tracker was reset'
    if jumps <= FEW_JUMPS:
        return reason
    return f'{reason}, {jumps} times of late: do two cameras publish on one topic?'


def message(
    name: str,
    stamp: Any,
    condition: Condition,
    identity: Identity | None,
    counts: Counts,
    recent: Recent,
    waiting: int,
) -> DiagnosticArray:
    """Return the whole message; `stamp` is a builtin_interfaces/Time."""
    level, sentence = assess(condition, recent)
    status = DiagnosticStatus(level=level, name=f'{name}: front end', message=sentence)
    if identity is not None:
        status.hardware_id = identity.device
    entries = {'lifecycle': condition.lifecycle, **_identity(identity)}
    entries |= {'waiting': str(waiting), **_counts(counts), **_recent(recent)}
    entries['calibration and masks'] = '; '.join(condition.troubles) or 'ok'
    status.values = [KeyValue(key=key, value=value) for key, value in entries.items()]
    array = DiagnosticArray(status=[status])
    array.header.stamp = stamp
    return array


def _identity(identity: Identity | None) -> dict[str, str]:
    if identity is None:
        return {}
    return {
        'model': identity.weights.model,
        'backend': identity.backend,
        'device': identity.device,
        'weights': f'{identity.weights.origin}, {identity.weights.path}',
        'weights sha256': identity.weights.sha256[:12],
    }


def _counts(counts: Counts) -> dict[str, str]:
    known = (
        causes.REPLACED,
        causes.QUEUE_FULL,
        causes.BAD_IMAGE,
        causes.DISABLED,
        causes.FAILED,
        causes.STOPPED,
        causes.UNMATCHED,
    )
    entries = {
        'received': str(counts.received),
        'processed': str(counts.processed),
        'dropped': str(counts.dropped),
        'lost on the way': str(counts.lost),
    }
    by_cause = counts.dropped_by_cause
    entries |= {f'dropped: {cause}': str(by_cause.get(cause, 0)) for cause in known}
    return entries | {f'unmatched: {topic}': str(n) for topic, n in counts.unmatched.items()}


def _recent(recent: Recent) -> dict[str, str]:
    return {
        'received rate': f'{recent.received_rate:.2f} Hz',
        'processed rate': f'{recent.processed_rate:.2f} Hz',
        'stamp to publish p50': _ms(recent.latency_s[0]),
        'stamp to publish p99': _ms(recent.latency_s[1]),
        'arrival to publish p50': _ms(recent.turnaround_s[0]),
        'arrival to publish p99': _ms(recent.turnaround_s[1]),
    }


def _ms(seconds: float) -> str:
    return f'{seconds * 1e3:.1f} ms'
