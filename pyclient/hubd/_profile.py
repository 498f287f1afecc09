"""What tells one front-end from another."""

from __future__ import annotations

from typing import Literal, NamedTuple, Tuple


class Profile(NamedTuple):
    """Names, variables, texts and habits of the hub that is replaced."""

    # The framework's package: "torch".
    framework: str
    # Environment: where its home is, and two names that it only warns about
    # (empty: none).
    home_variable: str
    old_hub_variable: str
    old_zoo_variable: str
    # Owners whose repos are trusted without a question.
    trusted_owners: Tuple[str, ...]
    # trust_repo=None: a warning, then go on (True), or the same as "check".
    none_warns: bool
    # Where "Downloading: ..." goes.
    announce_on: Literal["stdout", "stderr", "nowhere"]
    # Which checkpoints are unpacked first: a zip is a zipped directory, or an old
    # format if it has a single file.
    unpacks: Literal["every zip", "old zips", "nothing"]
    # Without network, ref and cached tree: an error of its own (True), or urllib's.
    explains_no_network: bool
    # What "no ref" means.
    default_ref: Literal["main-else-master", "master"]
    # list() leaves out the names that begin so.
    hidden_prefix: str
    # What its warning about a ref that is branch and tag calls it; empty: it has
    # none.
    called: str
    # What its messages call the file with the entrypoints.
    hubconf: Literal["hubconf", "hubconf.py"]
    # Sent where the client itself reads a URL (file://, ftp://, data:).
    user_agent: str
