from __future__ import annotations

import inspect
import os
import subprocess
import sys

import pytest

import hubd
from conftest import PYCLIENT


def _python(code, **env):
    return subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": PYCLIENT, **env},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(
    "module", ["hubd", "hubd.torch", "hubd.oneflow", "hubd.megengine"]
)
def test_importing_brings_in_neither_grpc_nor_protobuf_nor_a_framework(module):
    done = _python(
        f"import sys, {module}\n"
        "heavy = {'grpc', 'google.protobuf', 'tqdm', 'numpy', 'torch', 'oneflow'}\n"
        "heavy |= {'megengine', 'megfile', 'requests'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    assert done.stdout == "[]\n"


@pytest.mark.parametrize("module", ["hubd.torch", "hubd.oneflow"])
def test_importing_costs_no_more_than_it_must(module):
    done = _python(
        f"import sys, {module}\n"
        "late = {'hubd._client', 'hashlib', 'socket', 'zipfile', 'tempfile'}\n"
        # Dataclasses cost more than all of the front-end: they import inspect.
        "late |= {'dataclasses', 'inspect', 'shutil', 'urllib.error'}\n"
        "print(sorted(late & set(sys.modules)))"
    )
    assert done.stdout == "[]\n"


def test_all_names_exist():
    for name in hubd.__all__:
        assert getattr(hubd, name) is not None
    with pytest.raises(AttributeError):
        hubd.nonsense


_TORCH = {
    "get_dir": "()",
    "set_dir": "(d)",
    "list": "(github, force_reload=False, skip_validation=False, trust_repo='check', "
    "verbose=True)",
    "help": "(github, model, force_reload=False, skip_validation=False, "
    "trust_repo='check')",
    "load": "(repo_or_dir, model, *args, source='github', trust_repo='check', "
    "force_reload=False, verbose=True, skip_validation=False, **kwargs)",
    "download_url_to_file": "(url, dst, hash_prefix=None, progress=True)",
    "load_state_dict_from_url": "(url, model_dir=None, map_location=None, "
    "progress=True, check_hash=False, file_name=None, weights_only=False)",
}
_ONEFLOW = {
    "get_dir": "()",
    "set_dir": "(d)",
    "list": "(github, force_reload=False, skip_validation=False, trust_repo=None)",
    "help": "(github, model, force_reload=False, skip_validation=False, "
    "trust_repo=None)",
    "load": "(repo_or_dir, model, *args, source='github', trust_repo=None, "
    "force_reload=False, verbose=True, skip_validation=False, **kwargs)",
    "download_url_to_file": "(url, dst, hash_prefix=None, progress=True)",
    "load_state_dict_from_url": "(url, model_dir=None, map_location=None, "
    "progress=True, check_hash=False, file_name=None)",
}


_MEGENGINE = {
    "list": "(repo_info, git_host='github.com', use_cache=True, commit=None, "
    "protocol='HTTPS')",
    "load": "(repo_info, entry, *args, git_host='github.com', use_cache=True, "
    "commit=None, protocol='HTTPS', **kwargs)",
    "help": "(repo_info, entry, git_host='github.com', use_cache=True, commit=None, "
    "protocol='HTTPS')",
    "load_serialized_obj_from_url": "(url, model_dir=None)",
    "pretrained": "(url)",
    "import_module": "(repo_info, git_host, use_cache=True, commit=None, "
    "protocol='HTTPS')",
}


def _bare(function):
    signature = inspect.signature(function)
    parameters = [
        parameter.replace(annotation=inspect.Parameter.empty)
        for parameter in signature.parameters.values()
    ]
    return str(inspect.Signature(parameters))


@pytest.mark.parametrize("name", sorted(_TORCH))
def test_torch_signatures(torch_hub, name):
    assert _bare(getattr(torch_hub, name)) == _TORCH[name]
    assert name in torch_hub.__all__


@pytest.mark.parametrize("name", sorted(_ONEFLOW))
def test_oneflow_signatures(oneflow_hub, name):
    assert _bare(getattr(oneflow_hub, name)) == _ONEFLOW[name]
    assert name in oneflow_hub.__all__


def test_megengine_signatures(megengine_hub):
    assert sorted(megengine_hub.__all__) == sorted(_MEGENGINE)
    for name, signature in _MEGENGINE.items():
        assert _bare(getattr(megengine_hub, name)) == signature


@pytest.mark.parametrize(
    "name",
    [
        "HASH_REGEX",
        "MODULE_HUBCONF",
        "_add_to_sys_path",
        "_check_dependencies",
        "_get_cache_or_reload",
        "_git_archive_link",
        "_hub_dir",
        "_import_module",
        "_load_entry_from_hubconf",
        "_load_local",
        "_parse_repo_info",
        "_validate_not_a_forked_repo",
        "tqdm",
        "urlparse",
    ],
)
def test_both_have_the_private_names_that_code_in_the_wild_uses(
    torch_hub, oneflow_hub, name
):
    assert hasattr(torch_hub, name)
    assert hasattr(oneflow_hub, name)
