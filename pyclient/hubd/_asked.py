"""What a user asks a front-end for."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Dict, Optional, Tuple

from hubd import _view
from hubd._client import DefaultRef


@dataclass(frozen=True)
class Asked:
    """A repo as the user named it, and how it is wanted."""

    # What the daemon is asked for.
    spec: str
    owner: str
    name: str
    # None: no ref; "": `owner/name:`, which means the origin's HEAD.
    ref: Optional[str]
    hub_dir: str
    force_reload: bool
    skip_validation: bool
    default_ref: DefaultRef
    require_trust: bool = False

    def shown_as(self, ref: str) -> str:
        """The view's name for its tree at a ref."""
        return _view.directory_name(self.owner, self.name, ref)

    def directories(self) -> Tuple[str, ...]:
        """The view's names for it, as far as they are known beforehand."""
        refs = ("main", "master") if self.ref is None else (self.ref,)
        return tuple(map(self.shown_as, refs))

    def selector(self) -> Dict[str, Any]:
        """What the client's calls take to find the tree."""
        return {
            "default_ref": "head" if self.ref == "" else self.default_ref,
            "refresh": True if self.force_reload else None,
            "skip_validation": self.skip_validation,
        }

    def requiring_trust(self, required: bool) -> Asked:
        """The same, once trust was decided."""
        return replace(self, require_trust=required)
