"""Records as tables: for a terminal, or in Markdown."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

STAGES = ('prepare', 'copy', 'network', 'detect', 'describe')

Record = Mapping[str, Any]


def text_table(record: Record) -> str:
    """Return a case as lines of aligned columns."""
    rows = [_heads(record), *_rows(record)]
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = ['  '.join(_aligned(row, widths)).rstrip() for row in rows]
    return '\n'.join([record['title'], *(f'  {line}' for line in [*lines, *notes(record)])])


def markdown_table(record: Record) -> str:
    """Return a case as a Markdown section."""
    heads, *rows = [_heads(record), *_rows(record)]
    rule = ['---', *('---:' for _ in heads[1:])]
    lines = [f'| {" | ".join(row)} |' for row in (heads, rule, *rows)]
    remarks = [f'- {note}' for note in notes(record)]
    return '\n'.join([f'### {record["title"]}', '', *lines, '', *remarks, ''])


def header_lines(header: Record) -> list[str]:
    """Return what the figures were taken on and with."""
    machine = header['hardware']
    versions = ', '.join(f'{name} {version}' for name, version in header['packages'].items())
    bound = ', '.join(f'{name}={value}' for name, value in sorted(header['environment'].items()))
    weights = ', '.join(
        f'{model} {digest[:12]}' for model, digest in header['weights_sha256'].items()
    )
    graphics = f', {machine["gpu"]}' if machine['gpu'] else ''
    return [
        f'processor   {machine["cpu"]}, {machine["cores"]} cores{graphics}; '
        f'{header["threads"]} threads each',
        f'versions    Python {header["python"]}, {versions}',
        f'weights     {weights}',
        *([f'environment {bound}'] if bound else []),
    ]


def notes(record: Record) -> list[str]:
    """Return what stands below a table."""
    lines = list(_floor_notes(record))
    lines += _lead_notes(record)
    measured = [c for c in record['contestants'] if 'failure' not in c]
    discarded = sum(c['discarded'] for c in measured)
    samples = sum(c['samples'] for c in measured)
    lines.append(f'{discarded} of {samples} frames discarded: their threads waited for a core')
    lines += [
        f'{c["label"]} left out: {c["failure"]}' for c in record['contestants'] if 'failure' in c
    ]
    hopeless = [c['label'] for c in measured if c['discarded'] == c['samples']]
    if hopeless:
        lines.append(f'no undisturbed frame of {", ".join(hopeless)}: all of theirs count')
    return lines


def _heads(record: Record) -> list[str]:
    compared = _compared(record)
    outputs = ['found', 'equal %', 'descr. diff'] if compared else []
    stages = [f'{name} ms' for name in _stages(record)]
    against = [f'x {label}' for label in record['baselines']]
    return ['', 'ms', 'p10-p90', 'per s', *against, *outputs, *stages, '+MB', 'first s']


def _rows(record: Record) -> Iterator[list[str]]:
    for contestant in record['contestants']:
        if 'failure' not in contestant:
            yield _row(record, contestant)


def _row(record: Record, contestant: Record) -> list[str]:
    ms = contestant['ms']
    stages = contestant['stages_ms']
    return [
        contestant['label'],
        _figure(ms['median']),
        f'{_figure(ms["p10"])}-{_figure(ms["p90"])}',
        _figure(contestant['frames_per_s']),
        *(_ratio(contestant['times_faster'][label]) for label in record['baselines']),
        *(_equality(contestant) if _compared(record) else []),
        *(_figure(stages[name]) if name in stages else '' for name in _stages(record)),
        f'{contestant["growth_mb"]:.0f}',
        f'{contestant["first_s"]:.2f}',
    ]


def _equality(contestant: Record) -> list[str]:
    """Peers have other keypoints: only how many is said of them."""
    if 'keypoints' not in contestant:
        return ['', '', '']
    if contestant['kind'] == 'peer':
        return [str(contestant['keypoints']), '', '']
    equal, difference = contestant['equal'], contestant['descriptor_difference']
    return [
        str(contestant['keypoints']),
        '' if equal is None else f'{100 * equal:.2f}',
        '' if difference is None else f'{difference:.1e}',
    ]


def _floor_notes(record: Record) -> Iterator[str]:
    if 'floor' not in record:
        return
    floor = record['floor']
    yield (
        f'ceilings measured: {floor["flops_per_s"] / 1e9:.0f} GFLOP/s, '
        f'{floor["bytes_per_s"] / 1e9:.1f} GB/s'
    )
    for form in ('sparse', 'dense'):
        work = floor[form]
        yield (
            f'{form} form: {work["gflop"]:.2f} GFLOP = {work["arithmetic_ms"]:.1f} ms, '
            f'{work["gbyte"]:.2f} GB if every layer went through memory = '
            f'{work["traffic_ms"]:.1f} ms'
        )
    own = _own(record)
    if own:
        best = min(own, key=lambda c: c['ms']['median'])
        share = floor['sparse']['arithmetic_ms'] / best['ms']['median']
        yield f"{best['label']} reaches {100 * share:.0f} % of the sparse form's arithmetic floor"


def _lead_notes(record: Record) -> Iterator[str]:
    """Say how the fastest own backend stands to every peer."""
    others = [c for c in record['contestants'] if c.get('kind') == 'peer' and 'ms' in c]
    own = _own(record)
    if own and others:
        best = min(own, key=lambda c: c['ms']['median'])
        rates = (f'{c["ms"]["median"] / best["ms"]["median"]:.2f} x {c["label"]}' for c in others)
        yield f'frames of {best["label"]}: {", ".join(rates)}'


def _own(record: Record) -> list[Record]:
    return [c for c in record['contestants'] if c.get('kind') == 'alike_ros' and 'ms' in c]


def _stages(record: Record) -> list[str]:
    present = {name for c in record['contestants'] for name in c.get('stages_ms', ())}
    return [name for name in STAGES if name in present]


def _compared(record: Record) -> bool:
    return any('keypoints' in contestant for contestant in record['contestants'])


def _ratio(spread: Record) -> str:
    return f'{_figure(spread["median"])} ({_figure(spread["p10"])}-{_figure(spread["p90"])})'


def _figure(value: float) -> str:
    """Return three digits."""
    return (
        f'{value:.0f}' if value >= 99.95 else f'{value:.1f}' if value >= 9.995 else f'{value:.2f}'
    )


def _aligned(row: Sequence[str], widths: Sequence[int]) -> list[str]:
    first, *others = (
        text.ljust(width) if i == 0 else text.rjust(width)
        for i, (text, width) in enumerate(zip(row, widths, strict=True))
    )
    return [first, *others]
