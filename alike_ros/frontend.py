"""Images in, features and tracks out: the one path of node, command line and evaluation."""

from __future__ import annotations

from alike_ros.camera import Camera
from alike_ros.config import DepthConfig, TrackerConfig
from alike_ros.extractor import Extractor
from alike_ros.frontend_base import FrontEndBase
from alike_ros.results import Counters, Result, Timings
from alike_ros.structures import Frame

__all__ = ['Counters', 'FrontEnd', 'Result', 'Timings']


class FrontEnd(FrontEndBase):
    """Extractor and tracker on one stream of images.

    An image that fails leaves everything as it was before it.
    """

    def __init__(
        self,
        extractor: Extractor,
        tracker: TrackerConfig | None = None,
        first: Counters | None = None,
        depth: DepthConfig | None = None,
    ) -> None:
        super().__init__(extractor, tracker, depth or DepthConfig(), first)

    def process(self, frame: Frame, camera: Camera | None = None) -> Result:
        """Extract features and continue the tracks.

        Raises:
            ImageError: the image is not one that can be processed, or its depth or mask is not
                of its size.
            BackendError: the device failed.
        """
        [seen] = self._see([frame], [camera])
        return seen.result
