"""What tells one front-end from another."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Tuple


@dataclass(frozen=True)
class Profile:
    """Names, variables, texts and habits of the hub that is replaced."""

    # The framework's package: "torch".
    framework: str
    # Environment: where its home is, and two names that it only warns about.
    home_variable: str
    old_hub_variable: str
    old_zoo_variable: str
    # Owners whose repos are trusted without a question.
    trusted_owners: Tuple[str, ...]
    # trust_repo=None: a warning, then go on (True), or the same as "check".
    none_warns: bool
    # Where "Downloading: ..." goes: "stdout" or "stderr".
    announce_on: str
    # Every zip checkpoint is a zipped directory (True), or only those with a
    # single file are of an old format.
    unpacks_every_zip: bool
    # Without network, ref and cached tree: an error of its own (True), or urllib's.
    explains_no_network: bool
    # Sent where the client itself reads a URL (file://, ftp://, data:).
    user_agent: str
