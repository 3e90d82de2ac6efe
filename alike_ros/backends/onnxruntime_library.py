"""ONNX Runtime with its telemetry off, which from 1.32 on reports to its makers.

It goes to mobile.events.data.microsoft.com, and is off only by the environment: after
`disable_telemetry_events`, which can be called when it is imported, it reports all the same.
"""

from __future__ import annotations

import os

os.environ.setdefault('ORT_DISABLE_TELEMETRY', '1')

import onnxruntime as ort  # noqa: E402

__all__ = ['ort']
