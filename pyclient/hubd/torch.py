"""Takes the place of torch.hub: `import hubd.torch as hub`.

Signatures, results, messages, streams and exceptions are torch 2.13's. What
differs on purpose stands in the table of pyclient/README.md.
"""

from __future__ import annotations

import os
import sys
import typing
from typing import Any, Dict, Optional
from urllib.parse import urlparse

from hubd import _hub, _imports, _progress, _report
from hubd._imports import MODULE_HUBCONF, VAR_DEPENDENCY
from hubd._profile import Profile
from hubd._weights import HASH_REGEX

__all__ = [
    "download_url_to_file",
    "get_dir",
    "help",
    "list",
    "load",
    "load_state_dict_from_url",
    "set_dir",
]

ENV_GITHUB_TOKEN = "GITHUB_TOKEN"
ENV_TORCH_HOME = "TORCH_HOME"
ENV_XDG_CACHE_HOME = "XDG_CACHE_HOME"
DEFAULT_CACHE_DIR = "~/.cache"
READ_DATA_CHUNK = 128 * 1024
_TRUSTED_REPO_OWNERS = (
    "facebookresearch",
    "facebookincubator",
    "pytorch",
    "fairinternal",
)
_hub_dir: Optional[str] = None

_front_end = _hub.FrontEnd(
    Profile(
        framework="torch",
        home_variable=ENV_TORCH_HOME,
        old_hub_variable="TORCH_HUB",
        old_zoo_variable="TORCH_MODEL_ZOO",
        trusted_owners=_TRUSTED_REPO_OWNERS,
        none_warns=False,
        announce_on="stdout",
        unpacks="old zips",
        explains_no_network=True,
        default_ref="main-else-master",
        hidden_prefix="_",
        called="Torchhub",
        hubconf="hubconf",
        user_agent="torch.hub",
    ),
    sys.modules[__name__],
)


def get_dir() -> str:
    """The directory where users find models and weights: `$TORCH_HOME/hub`.

    $TORCH_HOME defaults to $XDG_CACHE_HOME/torch, that to ~/.cache/torch;
    set_dir() overrides all.
    """
    return _front_end.get_dir()


def set_dir(d: typing.Union[str, os.PathLike[str]]) -> None:
    """Sets the directory that get_dir() gives. `~` is expanded."""
    _front_end.set_dir(d)


def list(
    github: str,
    force_reload: bool = False,
    skip_validation: bool = False,
    trust_repo: typing.Union[bool, str, None] = "check",
    verbose: bool = True,
) -> typing.List[str]:
    """Lists the entrypoints of "owner/name[:ref]", in alphabetical order.

    Its hubconf.py runs in a sandbox. force_reload: ask where the ref points now.
    skip_validation: accept a commit that no ref names. trust_repo: True, False
    (ask), "check" (ask unless trusted). verbose: say when the cache is used.
    """
    return _front_end.list(github, force_reload, skip_validation, trust_repo, verbose)


def help(
    github: str,
    model: str,
    force_reload: bool = False,
    skip_validation: bool = False,
    trust_repo: typing.Union[bool, str, None] = "check",
) -> Any:
    """The docstring of the entrypoint `model`; the rest as in list()."""
    return _front_end.help(github, model, force_reload, skip_validation, trust_repo)


def load(
    repo_or_dir: str,
    model: str,
    *args: Any,
    source: str = "github",
    trust_repo: typing.Union[bool, str, None] = "check",
    force_reload: bool = False,
    verbose: bool = True,
    skip_validation: bool = False,
    **kwargs: Any,
) -> Any:
    """Calls the entrypoint `model` of a repo in this process.

    source: "github", or "local" for a directory with a hubconf.py. All other
    arguments go on to the entrypoint; the rest as in list().
    """
    return _front_end.load(
        repo_or_dir,
        model,
        args,
        kwargs,
        source=source,
        trust_repo=trust_repo,
        force_reload=force_reload,
        verbose=verbose,
        skip_validation=skip_validation,
    )


def download_url_to_file(
    url: str,
    dst: typing.Union[str, os.PathLike[str]],
    hash_prefix: Optional[str] = None,
    progress: bool = True,
) -> None:
    """Writes what a URL has by now to the file `dst`.

    hash_prefix: how the SHA-256 of the bytes must begin.
    """
    _front_end.download(url, dst, hash_prefix, progress)


def load_state_dict_from_url(
    url: str,
    model_dir: Optional[str] = None,
    map_location: Any = None,
    progress: bool = True,
    check_hash: bool = False,
    file_name: Optional[str] = None,
    weights_only: bool = False,
) -> Dict[str, Any]:
    """Loads a checkpoint, which is shown as `model_dir/file_name`.

    model_dir: default get_dir()/checkpoints. file_name: default the URL's last
    part. check_hash: the name holds the first digits of the SHA-256.
    """
    file = _front_end.state_dict_file(
        url,
        model_dir=model_dir,
        progress=progress,
        check_hash=check_hash,
        file_name=file_name,
    )
    import torch

    state: Dict[str, Any] = torch.load(
        file.path, map_location=map_location, weights_only=weights_only
    )
    # Until here `file` holds the leases.
    del file
    return state


# What code in the wild reaches for.


def _get_torch_home() -> str:
    return _front_end.home()


def _git_archive_link(repo_owner: str, repo_name: str, ref: str) -> str:
    return _report.archive_link(repo_owner, repo_name, ref)


def _parse_repo_info(github: str) -> typing.Tuple[str, str, str]:
    return _front_end.parse_repo(github)


def _validate_not_a_forked_repo(repo_owner: str, repo_name: str, ref: str) -> None:
    """hubd looks at refs itself; replaced, it means skip_validation=True."""


def _get_cache_or_reload(
    github: str,
    force_reload: bool,
    trust_repo: typing.Union[bool, str, None],
    verbose: bool = True,
    skip_validation: bool = False,
    calling_fn: Optional[str] = None,
) -> str:
    del calling_fn
    return _front_end.cache_or_reload(
        github, force_reload, trust_repo, verbose, skip_validation
    )


_load_local = _front_end.load_local
_import_module = _imports.import_hubconf
_add_to_sys_path = _imports.on_path
_load_entry_from_hubconf = _imports.load_entry
_load_attr_from_module = _imports.attribute
_check_dependencies = _imports.check_dependencies

_front_end.remember("download_url_to_file")
_front_end.remember("_validate_not_a_forked_repo")


def __getattr__(name: str) -> Any:
    if name == "tqdm":
        return _progress.tqdm_class()
    raise AttributeError(f"module 'hubd.torch' has no attribute '{name}'")
