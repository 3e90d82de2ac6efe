"""A window that shows pictures, or none where there is no screen."""

from __future__ import annotations

import os
import sys
from types import TracebackType

import cv2

from alike_ros.closing import Closing
from alike_ros.structures import ImageArray


class Window(Closing):
    """Stands in where nothing is shown, and is the base of the one that shows."""

    is_open = False

    def show(self, picture: ImageArray) -> None:
        """Show an (H, W, 3) RGB picture."""

    def asks_to_stop(self, status: str) -> bool:
        """Whether the user asks to end; `status` becomes the title."""
        return False

    def close(self) -> None:
        """Close the window."""


class ScreenWindow(Window):
    """A window of OpenCV; it stays after the last picture until a key is pressed."""

    is_open = True

    def __init__(self, title: str) -> None:
        self._title = title
        cv2.namedWindow(title)
        self._stopped = False

    def show(self, picture: ImageArray) -> None:
        cv2.imshow(self._title, picture[:, :, ::-1])

    def asks_to_stop(self, status: str) -> bool:
        cv2.setWindowTitle(self._title, f'{self._title}: {status}')
        self._stopped = cv2.waitKey(1) & 0xFF == ord('q')
        return self._stopped

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if kind is None and not self._stopped:
            print('Press any key in the window to end.', file=sys.stderr)
            cv2.waitKey()
        cv2.destroyWindow(self._title)


def open_window(title: str, wanted: bool) -> Window:
    """Open a window; where that cannot be, say so in a sentence and return one that shows none."""
    if not wanted:
        return Window()
    try:
        if not _has_screen():
            raise OSError('there is no screen')
        window = ScreenWindow(title)
    except (cv2.error, OSError) as error:
        reason = 'this OpenCV has no windows' if isinstance(error, cv2.error) else str(error)
        print(f'No window: {reason}; going on as with --no_display.', file=sys.stderr)
        return Window()
    print("Press 'q' in the window to stop.", file=sys.stderr)
    return window


def _has_screen() -> bool:
    """Whether a window could open: without a display, Qt would end the whole process."""
    if not sys.platform.startswith('linux'):
        return True
    return bool(os.environ.get('DISPLAY') or os.environ.get('WAYLAND_DISPLAY'))
