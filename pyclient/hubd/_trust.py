"""Whether a repo's code may run in this process: the rules of the hubs.

A decision lives in the daemon, per caller and get_dir(); the file trusted_list
shows it as the originals would write it, and what the user edits there counts
where a line can mean one repo only.
"""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING, Iterator, List, NamedTuple, Tuple

from hubd import _view, _warn
from hubd._profile import Profile

if TYPE_CHECKING:
    from hubd._client import Client

_PROMPT = (
    "The repository {} does not belong to the list of trusted repositories and as "
    "such cannot be downloaded. Do you trust this repository and wish to add it to "
    "the trusted list of repositories (y/N)?"
)
_NONE_WARNING = (
    "You are about to download and run code from an untrusted repository. In a "
    "future release, this won't be allowed. To add the repository to your trusted "
    "list, change the command to {fn}(..., trust_repo=False) and a command prompt "
    "will appear asking for an explicit confirmation of trust, or {fn}(..., "
    "trust_repo=True), which will assume that the prompt is to be answered with "
    "'yes'. You can also use {fn}(..., trust_repo='check') which will only prompt "
    "for confirmation if the repo is not already trusted. This will eventually be "
    "the default behaviour"
)


class Subject(NamedTuple):
    """The repo in question, and where."""

    owner: str
    name: str
    # Directory names under hub_dir that stand for it with the asked-for ref.
    directories: Tuple[str, ...]
    hub_dir: str

    @property
    def repo(self) -> str:
        return f"{self.owner}/{self.name}"

    @property
    def line(self) -> str:
        return f"{self.owner}_{self.name}"


class _Standing(NamedTuple):
    trusted: bool
    # True: by a decision that the daemon holds.
    recorded: bool


def decide(
    profile: Profile,
    client: Client,
    subject: Subject,
    trust_repo: object,
    calling_fn: str,
) -> bool:
    """Returns if the code may run; True: because the daemon holds a decision.

    Raises Exception("Untrusted repository.") as the originals do, ValueError for
    an answer or a `trust_repo` that means nothing.
    """
    check_value(trust_repo)
    standing = _standing(profile, client, subject)
    if trust_repo is None and profile.none_warns:
        if not standing.trusted:
            _warn.warn(_NONE_WARNING.format(fn=calling_fn))
        return standing.recorded
    asks = trust_repo is False or (trust_repo is not True and not standing.trusted)
    if asks:
        _ask(subject, standing.trusted)
    if standing.trusted:
        return standing.recorded
    _record(client, subject)
    return True


def check_value(trust_repo: object) -> None:
    """Refuses what the originals silently take for yes."""
    if trust_repo in ("check",) or trust_repo is None or isinstance(trust_repo, bool):
        return
    raise ValueError(
        f'trust_repo must be True, False, "check" or None, not {trust_repo!r}'
    )


def _ask(subject: Subject, already: bool) -> None:
    response = input(_PROMPT.format(subject.line))
    if response.lower() in ("y", "yes"):
        if already:
            print("The repository is already trusted.")
    elif response.lower() in ("n", "no", ""):
        raise Exception("Untrusted repository.")
    else:
        raise ValueError(f"Unrecognized response {response}.")


def _standing(profile: Profile, client: Client, subject: Subject) -> _Standing:
    with _locked_list(subject) as (lines, is_new):
        if subject.owner in profile.trusted_owners:
            return _Standing(True, False)
        listed = _stands_in(subject, lines)
        check = client.trust.check(subject.repo, hub_dir=subject.hub_dir)
        trusted = check.trusted
        if listed and not check.here and _means_one_repo(subject.line):
            client.trust.add(subject.repo, hub_dir=subject.hub_dir)
            trusted = True
        elif check.here and not listed:
            # The user took the line out; who removed the whole file kept the
            # directories, which the originals trust too.
            client.trust.remove(subject.repo, hub_dir=subject.hub_dir)
            if not is_new:
                _view.forget_repo(
                    subject.hub_dir, subject.owner, subject.name, subject.directories
                )
            trusted = client.trust.check(subject.repo).trusted
    if trusted:
        return _Standing(True, True)
    return _Standing(_downloaded_before(subject), False)


def _downloaded_before(subject: Subject) -> bool:
    return any(
        _view.owned_directory(os.path.join(subject.hub_dir, name))
        for name in subject.directories
    )


def _record(client: Client, subject: Subject) -> None:
    with _locked_list(subject) as (lines, _):
        client.trust.add(subject.repo, hub_dir=subject.hub_dir)
        if not _stands_in(subject, lines):
            with open(_list_path(subject), "a", encoding="utf-8") as file:
                file.write(subject.line + "\n")


def _stands_in(subject: Subject, lines: List[str]) -> bool:
    """In any letter case: on GitHub they are one repo."""
    return subject.line.lower() in map(str.lower, lines)


def _means_one_repo(line: str) -> bool:
    """Whether a line can be cut into an owner and a name in one way only."""
    return line.count("_") == 1 and not line.startswith("_") and not line.endswith("_")


def _list_path(subject: Subject) -> str:
    return os.path.join(subject.hub_dir, "trusted_list")


@contextlib.contextmanager
def _locked_list(subject: Subject) -> Iterator[Tuple[List[str], bool]]:
    """The lines of trusted_list, and whether it was absent (it is made).

    Held alone, so that no other front-end sees a decision without its line.
    """
    path = _list_path(subject)
    with _view.alone(subject.hub_dir):
        is_new = not os.path.exists(path)
        if is_new:
            with open(path, "a", encoding="utf-8"):
                pass
        with open(path, encoding="utf-8") as file:
            lines = [line.strip() for line in file]
        yield lines, is_new
