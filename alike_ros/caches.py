"""Folders for what other libraries compile: they run it unread, so nobody else may write there."""

from __future__ import annotations

import logging
import os
import stat
from pathlib import Path

from alike_ros.weights import cache_dir

log = logging.getLogger(__name__)


def compiled_folder(library: str, key: str) -> Path | None:
    """Return the folder of the user's cache for one compiled network, made where it is missing.

    None, after a warning, when it cannot be written, or when it or the library's folder above it
    belongs to or can be changed by anybody else. Who may write above those can move them away, but
    cannot put others in their place that belong to this user.
    """
    parent = cache_dir().parent / library
    folder = parent / key
    try:
        parent.parent.mkdir(parents=True, exist_ok=True)
        for part in (parent, folder):
            part.mkdir(mode=0o700, exist_ok=True)
            _check(part)
    except OSError as error:
        log.warning(
            'what is compiled is not kept, and is compiled again at every start: %s: %s; give a '
            'folder of your own by $XDG_CACHE_HOME',
            error.filename or folder,
            error.strerror or error,
        )
        return None
    return folder


def _check(folder: Path) -> None:
    """Raise OSError when a folder is not this user's alone to write, or not writable."""
    found = folder.stat()
    if found.st_uid != os.geteuid():
        raise PermissionError(0, 'it belongs to another user', str(folder))
    if found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise PermissionError(0, 'other users may write to it', str(folder))
    if not os.access(folder, os.W_OK | os.X_OK):
        raise PermissionError(0, 'it cannot be written', str(folder))
