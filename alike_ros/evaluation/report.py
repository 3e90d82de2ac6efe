"""A summary as lines of text for a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

LABEL_WIDTH = 22
LABELS = {'latency': 'stamp to publish'}


def report(summary: Mapping[str, Any]) -> str:
    """Return the table of a summary; what it does not hold is left out."""
    return '\n'.join(
        [*_counts(summary), *_accuracy(summary), *_times(summary), *_machine(summary)]
    )


def _counts(summary: Mapping[str, Any]) -> Iterator[str]:
    if 'source' in summary:
        yield _row('input', summary['source'])
    transport = ('sent', 'received', 'processed', 'dropped')
    if 'sent' in summary:
        yield _row('frames', ', '.join(f'{summary[name]} {name}' for name in transport))
        if lost := summary['sent'] - summary['received']:
            yield _row('', f'{lost} lost between the processes (best effort)')
    else:
        yield _row('frames', f'{summary["frames"]} processed, {summary["skipped"]} skipped')
    if summary.get('late'):
        yield _row('', f'{summary["late"]} sent more than 10 ms late: the machine is busy')
    if 'fps' in summary:
        yield _row('frames a second', f'{summary["fps"]:.1f} from reading to drawing')
    yield _row('keypoints a frame', f'{summary["keypoints_per_frame"]:.0f}')
    yield _row('tracks a frame', f'{summary["tracks_per_frame"]:.0f} found again')
    yield _row(
        'mean track length',
        f'{summary["mean_track_length"]:.1f} frames; of tracks found again '
        f'{summary["mean_track_length_found_again"]:.1f}, longest {summary["longest_track"]}',
    )


def _accuracy(summary: Mapping[str, Any]) -> Iterator[str]:
    error = summary.get('median_track_error_px')
    if error is not None:
        steps = summary['track_error_steps']
        yield _row('median track error', f'{error:.2f} px over {steps} steps with ground truth')


def _times(summary: Mapping[str, Any]) -> Iterator[str]:
    yield _row('', f'{"p50 ms":>9}{"p99 ms":>9}')
    for stage, values in summary['stages_ms'].items():
        if values['p50'] is not None:
            yield _row(LABELS.get(stage, stage), f'{values["p50"]:9.2f}{values["p99"]:9.2f}')


def _machine(summary: Mapping[str, Any]) -> Iterator[str]:
    machine = summary['hardware']
    gpu = f', {machine["gpu"]}' if machine['gpu'] else ''
    yield _row('hardware', f'{machine["cpu"]}, {machine["cores"]} cores{gpu}')
    weights = summary.get('weights_sha256', '')[:12]
    device = f'{summary["device"]} ({summary["backend"]})'
    yield _row('network', f'{summary["model"]} on {device}, weights {weights}')


def _row(label: str, text: str) -> str:
    return f'{label:<{LABEL_WIDTH}}{text}'.rstrip()
