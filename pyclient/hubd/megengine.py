"""Takes the place of megengine.hub: `import hubd.megengine as hub`.

Signatures, results and exceptions are MegEngine 1.13's. What differs on purpose
stands in the table of pyclient/README.md.
"""

from __future__ import annotations

import functools
import os
import sys
import typing
from types import ModuleType
from typing import Any, Callable, Optional

from hubd import _mge
from hubd._mge import PROTOCOLS
from hubd._mge_errors import (
    FetcherError,
    GitPullError,
    HTTPDownloadError,
    InvalidGitHost,
    InvalidProtocol,
    InvalidRepo,
)
from hubd._profile import Profile

__all__ = [
    "help",
    "import_module",
    "list",
    "load",
    "load_serialized_obj_from_url",
    "pretrained",
]

DEFAULT_BRANCH_NAME = "master"
DEFAULT_GIT_HOST = "github.com"
DEFAULT_PROTOCOL = "HTTPS"
DEFAULT_CACHE_DIR = "~/.cache"
ENV_MGE_HOME = "MGE_HOME"
ENV_XDG_CACHE_HOME = "XDG_CACHE_HOME"
HUBCONF = "hubconf.py"
HUBDEPENDENCY = "dependencies"

_front_end = _mge.FrontEnd(
    Profile(
        framework="megengine",
        home_variable=ENV_MGE_HOME,
        old_hub_variable="",
        old_zoo_variable="",
        trusted_owners=(),
        none_warns=False,
        announce_on="nowhere",
        unpacks="nothing",
        explains_no_network=False,
        default_ref="master",
        hidden_prefix="__",
        called="",
        hubconf="hubconf.py",
        user_agent="megengine.hub",
    ),
    sys.modules[__name__],
)


def list(
    repo_info: str,
    git_host: str = DEFAULT_GIT_HOST,
    use_cache: bool = True,
    commit: Optional[str] = None,
    protocol: str = DEFAULT_PROTOCOL,
) -> typing.List[str]:
    """Lists the entrypoints of "owner/name[:ref]", in alphabetical order.

    Its hubconf.py runs in a sandbox. ref: a branch or tag; default: master.
    git_host: where the repo is. use_cache: False asks where the ref points now.
    commit: in place of the ref. protocol: "HTTPS", or "SSH" with
    the caller's agent or keys and known_hosts.
    """
    asked = _front_end.ask_for(repo_info, git_host, use_cache, commit, protocol)
    return _front_end.names_of(asked, False)


def load(
    repo_info: str,
    entry: str,
    *args: Any,
    git_host: str = DEFAULT_GIT_HOST,
    use_cache: bool = True,
    commit: Optional[str] = None,
    protocol: str = DEFAULT_PROTOCOL,
    **kwargs: Any,
) -> Any:
    """Calls the entrypoint `entry` of a repo in this process.

    All other arguments go on to the entrypoint; the rest as in list().
    """
    asked = _front_end.ask_for(repo_info, git_host, use_cache, commit, protocol)
    return _front_end.call_entry(asked, entry, args, kwargs)


def help(
    repo_info: str,
    entry: str,
    git_host: str = DEFAULT_GIT_HOST,
    use_cache: bool = True,
    commit: Optional[str] = None,
    protocol: str = DEFAULT_PROTOCOL,
) -> Any:
    """The docstring of the entrypoint `entry`; the rest as in list()."""
    asked = _front_end.ask_for(repo_info, git_host, use_cache, commit, protocol)
    return _front_end.documentation_of(asked, entry, False)


def _init_hub(
    repo_info: str,
    git_host: str,
    use_cache: bool = True,
    commit: Optional[str] = None,
    protocol: str = DEFAULT_PROTOCOL,
) -> ModuleType:
    """Imports a repo's hubconf.py into this process; the rest as in list()."""
    asked = _front_end.ask_for(repo_info, git_host, use_cache, commit, protocol)
    return _front_end.import_hubconf(asked)


@functools.wraps(_init_hub)
def import_module(*args: Any, **kwargs: Any) -> ModuleType:
    return _init_hub(*args, **kwargs)


def load_serialized_obj_from_url(
    url: str, model_dir: Optional[typing.Union[str, os.PathLike[str]]] = None
) -> Any:
    """Loads a pickled object, which is shown in `model_dir`.

    model_dir: default `$MGE_HOME/serialized`. The file's name is the URL's last
    part behind six digits of the URL's SHA-256.
    """
    return _front_end.load_object(url, model_dir)


class pretrained:  # noqa: N801
    """Decorates a function that makes a model: `pretrained=True` fills it.

    The weights come from load_serialized_obj_from_url(url).
    """

    def __init__(self, url: str) -> None:
        self.url = url

    def __call__(self, func: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(func)
        def pretrained_model_func(pretrained: bool = False, **kwargs: Any) -> Any:
            model = func(**kwargs)
            if pretrained:
                model.load_state_dict(load_serialized_obj_from_url(self.url))
            return model

        return pretrained_model_func


# What code in the wild reaches for.


def _get_megengine_home() -> str:
    return _front_end.home()


def _get_repo(
    git_host: str,
    repo_info: str,
    use_cache: bool = False,
    commit: Optional[str] = None,
    protocol: str = DEFAULT_PROTOCOL,
) -> str:
    asked = _front_end.ask_for(repo_info, git_host, use_cache, commit, protocol)
    return _front_end.directory_of(asked)


def download_from_url(url: str, dst: str) -> str:
    """Writes what a URL has to the file `dst`; its MD5 in hex."""
    return _front_end.write(url, dst)


class GitHTTPSFetcher:
    """Fetches a repo into the current directory."""

    _protocol = "HTTPS"

    @classmethod
    def fetch(
        cls,
        git_host: str,
        repo_info: str,
        use_cache: bool = False,
        commit: Optional[str] = None,
        silent: bool = True,
    ) -> str:
        """The name of the directory, which shows the repo."""
        del silent
        asked = _front_end.ask_for(
            repo_info, git_host, use_cache, commit, cls._protocol, os.getcwd()
        )
        return os.path.basename(_front_end.directory_of(asked))


class GitSSHFetcher(GitHTTPSFetcher):
    """The same over SSH."""

    _protocol = "SSH"
