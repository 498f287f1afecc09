"""hubd: one cache of hub repos and checkpoints for all who ask.

    import hubd.torch as hub          # in place of: import torch.hub as hub
    import hubd.oneflow as hub        # in place of: import oneflow.hub as hub
    import hubd.megengine as hub      # in place of: import megengine.hub as hub
    hubd.install()                    # the same for code that names the originals
    hubd.Client()                     # the typed client

Importing this package or a front-end imports neither gRPC nor a framework.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from hubd._errors import (
    DaemonUnreachable,
    DeadlineExceeded,
    HubconfError,
    HubdError,
    IntegrityError,
    InvalidArgument,
    NotFound,
    NotTrusted,
    OfflineMiss,
    RateLimited,
    Refused,
    ResourceExhausted,
    SandboxError,
    UpstreamError,
    UpstreamForbidden,
)
from hubd._options import options

if TYPE_CHECKING:
    from hubd._client import Client
    from hubd._install import install, uninstall

__version__ = "0.1.0"

__all__ = [
    "Client",
    "DaemonUnreachable",
    "DeadlineExceeded",
    "HubconfError",
    "HubdError",
    "IntegrityError",
    "InvalidArgument",
    "NotFound",
    "NotTrusted",
    "OfflineMiss",
    "RateLimited",
    "Refused",
    "ResourceExhausted",
    "SandboxError",
    "UpstreamError",
    "UpstreamForbidden",
    "install",
    "options",
    "uninstall",
]


def __getattr__(name: str) -> object:
    if name == "Client":
        from hubd._client import Client

        return Client
    if name in ("install", "uninstall"):
        from hubd import _install

        return getattr(_install, name)
    raise AttributeError(f"module 'hubd' has no attribute '{name}'")
