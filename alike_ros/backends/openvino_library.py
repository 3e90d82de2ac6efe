"""OpenVINO, imported as if openvino_telemetry were not installed.

With it, which pip installs beside, importing OpenVINO reports to www.google-analytics.com.
"""

from __future__ import annotations

import sys

sys.modules.setdefault('openvino_telemetry', None)  # type: ignore[arg-type]

import openvino as ov  # noqa: E402

__all__ = ['ov']
