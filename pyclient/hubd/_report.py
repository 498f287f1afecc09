"""What a front-end tells its user while a repo is fetched."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from hubd import _weights
from hubd._profile import Profile

if TYPE_CHECKING:
    from hubd._asked import Asked
    from hubd._types import Progress, Tree


def archive_link(owner: str, name: str, ref: str) -> str:
    """The link that the originals download."""
    return f"https://github.com/{owner}/{name}/zipball/{ref}"


class Report:
    """Says once that a repo is downloaded, when that begins."""

    def __init__(self, profile: Profile, asked: Asked) -> None:
        self._profile = profile
        self._asked = asked
        self.announced = False

    def __call__(self, progress: Progress) -> None:
        # Without a ref, it is the result that tells which one is meant.
        if progress.phase == "downloading" and self._asked.ref is not None:
            self.announce(self._asked.ref)

    def announce(self, ref: str) -> None:
        if self.announced:
            return
        self.announced = True
        asked = self._asked
        _weights.announce(
            self._profile,
            archive_link(asked.owner, asked.name, ref),
            os.path.join(asked.hub_dir, ref.replace("/", "_") + ".zip"),
        )

    def directory(self, tree: Tree) -> str:
        """Where the view shows a tree."""
        asked = self._asked
        ref = tree.ref if asked.ref is None else asked.ref
        return os.path.join(asked.hub_dir, asked.shown_as(ref))
