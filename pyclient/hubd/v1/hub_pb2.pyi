from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Iterable as _Iterable, Mapping as _Mapping, Optional as _Optional, Union as _Union

DEFAULT_REF_MAIN_ELSE_MASTER: DefaultRef
DEFAULT_REF_MASTER: DefaultRef
DEFAULT_REF_UNSPECIFIED: DefaultRef
DESCRIPTOR: _descriptor.FileDescriptor

class Caller(_message.Message):
    __slots__ = ["gid", "pid", "uid"]
    GID_FIELD_NUMBER: _ClassVar[int]
    PID_FIELD_NUMBER: _ClassVar[int]
    UID_FIELD_NUMBER: _ClassVar[int]
    gid: int
    pid: int
    uid: int
    def __init__(self, uid: _Optional[int] = ..., gid: _Optional[int] = ..., pid: _Optional[int] = ...) -> None: ...

class Checkpoint(_message.Message):
    __slots__ = ["cached", "created_at", "etag", "last_modified", "members", "path", "sha256", "size_bytes", "unpacked_path", "url", "warnings"]
    CACHED_FIELD_NUMBER: _ClassVar[int]
    CREATED_AT_FIELD_NUMBER: _ClassVar[int]
    ETAG_FIELD_NUMBER: _ClassVar[int]
    LAST_MODIFIED_FIELD_NUMBER: _ClassVar[int]
    MEMBERS_FIELD_NUMBER: _ClassVar[int]
    PATH_FIELD_NUMBER: _ClassVar[int]
    SHA256_FIELD_NUMBER: _ClassVar[int]
    SIZE_BYTES_FIELD_NUMBER: _ClassVar[int]
    UNPACKED_PATH_FIELD_NUMBER: _ClassVar[int]
    URL_FIELD_NUMBER: _ClassVar[int]
    WARNINGS_FIELD_NUMBER: _ClassVar[int]
    cached: bool
    created_at: int
    etag: str
    last_modified: str
    members: _containers.RepeatedScalarFieldContainer[str]
    path: str
    sha256: str
    size_bytes: int
    unpacked_path: str
    url: str
    warnings: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, url: _Optional[str] = ..., sha256: _Optional[str] = ..., size_bytes: _Optional[int] = ..., path: _Optional[str] = ..., unpacked_path: _Optional[str] = ..., members: _Optional[_Iterable[str]] = ..., etag: _Optional[str] = ..., last_modified: _Optional[str] = ..., cached: bool = ..., created_at: _Optional[int] = ..., warnings: _Optional[_Iterable[str]] = ...) -> None: ...

class Entrypoint(_message.Message):
    __slots__ = ["name", "summary"]
    NAME_FIELD_NUMBER: _ClassVar[int]
    SUMMARY_FIELD_NUMBER: _ClassVar[int]
    name: str
    summary: str
    def __init__(self, name: _Optional[str] = ..., summary: _Optional[str] = ...) -> None: ...

class FetchStateDictRequest(_message.Message):
    __slots__ = ["environment", "lock", "offline", "refresh", "reject_pages", "sha256_prefix", "unpack", "url"]
    class EnvironmentEntry(_message.Message):
        __slots__ = ["key", "value"]
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: bytes
        def __init__(self, key: _Optional[str] = ..., value: _Optional[bytes] = ...) -> None: ...
    ENVIRONMENT_FIELD_NUMBER: _ClassVar[int]
    LOCK_FIELD_NUMBER: _ClassVar[int]
    OFFLINE_FIELD_NUMBER: _ClassVar[int]
    REFRESH_FIELD_NUMBER: _ClassVar[int]
    REJECT_PAGES_FIELD_NUMBER: _ClassVar[int]
    SHA256_PREFIX_FIELD_NUMBER: _ClassVar[int]
    UNPACK_FIELD_NUMBER: _ClassVar[int]
    URL_FIELD_NUMBER: _ClassVar[int]
    environment: _containers.ScalarMap[str, bytes]
    lock: str
    offline: bool
    refresh: bool
    reject_pages: bool
    sha256_prefix: str
    unpack: bool
    url: str
    def __init__(self, url: _Optional[str] = ..., sha256_prefix: _Optional[str] = ..., refresh: bool = ..., offline: bool = ..., reject_pages: bool = ..., unpack: bool = ..., lock: _Optional[str] = ..., environment: _Optional[_Mapping[str, bytes]] = ...) -> None: ...

class FetchStateDictResponse(_message.Message):
    __slots__ = ["progress", "result"]
    PROGRESS_FIELD_NUMBER: _ClassVar[int]
    RESULT_FIELD_NUMBER: _ClassVar[int]
    progress: Progress
    result: Checkpoint
    def __init__(self, progress: _Optional[_Union[Progress, _Mapping]] = ..., result: _Optional[_Union[Checkpoint, _Mapping]] = ...) -> None: ...

class GetDirRequest(_message.Message):
    __slots__ = []
    def __init__(self) -> None: ...

class GetDirResponse(_message.Message):
    __slots__ = ["root"]
    ROOT_FIELD_NUMBER: _ClassVar[int]
    root: str
    def __init__(self, root: _Optional[str] = ...) -> None: ...

class GetStatusRequest(_message.Message):
    __slots__ = []
    def __init__(self) -> None: ...

class GetStatusResponse(_message.Message):
    __slots__ = ["api_revision", "caller", "jobs", "mode", "pid", "root", "sandbox", "sandbox_reason", "socket", "uptime_seconds", "usage_bytes", "version"]
    API_REVISION_FIELD_NUMBER: _ClassVar[int]
    CALLER_FIELD_NUMBER: _ClassVar[int]
    JOBS_FIELD_NUMBER: _ClassVar[int]
    MODE_FIELD_NUMBER: _ClassVar[int]
    PID_FIELD_NUMBER: _ClassVar[int]
    ROOT_FIELD_NUMBER: _ClassVar[int]
    SANDBOX_FIELD_NUMBER: _ClassVar[int]
    SANDBOX_REASON_FIELD_NUMBER: _ClassVar[int]
    SOCKET_FIELD_NUMBER: _ClassVar[int]
    UPTIME_SECONDS_FIELD_NUMBER: _ClassVar[int]
    USAGE_BYTES_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    api_revision: int
    caller: Caller
    jobs: int
    mode: str
    pid: int
    root: str
    sandbox: str
    sandbox_reason: str
    socket: str
    uptime_seconds: int
    usage_bytes: int
    version: str
    def __init__(self, version: _Optional[str] = ..., api_revision: _Optional[int] = ..., pid: _Optional[int] = ..., root: _Optional[str] = ..., socket: _Optional[str] = ..., sandbox: _Optional[str] = ..., uptime_seconds: _Optional[int] = ..., usage_bytes: _Optional[int] = ..., jobs: _Optional[int] = ..., mode: _Optional[str] = ..., caller: _Optional[_Union[Caller, _Mapping]] = ..., sandbox_reason: _Optional[str] = ...) -> None: ...

class HelpRequest(_message.Message):
    __slots__ = ["entrypoint", "interpreter", "tree"]
    ENTRYPOINT_FIELD_NUMBER: _ClassVar[int]
    INTERPRETER_FIELD_NUMBER: _ClassVar[int]
    TREE_FIELD_NUMBER: _ClassVar[int]
    entrypoint: str
    interpreter: Interpreter
    tree: TreeSelector
    def __init__(self, tree: _Optional[_Union[TreeSelector, _Mapping]] = ..., interpreter: _Optional[_Union[Interpreter, _Mapping]] = ..., entrypoint: _Optional[str] = ...) -> None: ...

class HelpResponse(_message.Message):
    __slots__ = ["progress", "result"]
    PROGRESS_FIELD_NUMBER: _ClassVar[int]
    RESULT_FIELD_NUMBER: _ClassVar[int]
    progress: Progress
    result: HelpResult
    def __init__(self, progress: _Optional[_Union[Progress, _Mapping]] = ..., result: _Optional[_Union[HelpResult, _Mapping]] = ...) -> None: ...

class HelpResult(_message.Message):
    __slots__ = ["cached", "doc", "output", "signature", "tree"]
    CACHED_FIELD_NUMBER: _ClassVar[int]
    DOC_FIELD_NUMBER: _ClassVar[int]
    OUTPUT_FIELD_NUMBER: _ClassVar[int]
    SIGNATURE_FIELD_NUMBER: _ClassVar[int]
    TREE_FIELD_NUMBER: _ClassVar[int]
    cached: bool
    doc: str
    output: str
    signature: str
    tree: Tree
    def __init__(self, tree: _Optional[_Union[Tree, _Mapping]] = ..., doc: _Optional[str] = ..., signature: _Optional[str] = ..., output: _Optional[str] = ..., cached: bool = ...) -> None: ...

class Interpreter(_message.Message):
    __slots__ = ["base_prefix", "executable", "ld_library_path", "prefix", "site_directories"]
    BASE_PREFIX_FIELD_NUMBER: _ClassVar[int]
    EXECUTABLE_FIELD_NUMBER: _ClassVar[int]
    LD_LIBRARY_PATH_FIELD_NUMBER: _ClassVar[int]
    PREFIX_FIELD_NUMBER: _ClassVar[int]
    SITE_DIRECTORIES_FIELD_NUMBER: _ClassVar[int]
    base_prefix: str
    executable: str
    ld_library_path: str
    prefix: str
    site_directories: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, executable: _Optional[str] = ..., prefix: _Optional[str] = ..., base_prefix: _Optional[str] = ..., site_directories: _Optional[_Iterable[str]] = ..., ld_library_path: _Optional[str] = ...) -> None: ...

class ListRequest(_message.Message):
    __slots__ = ["interpreter", "tree"]
    INTERPRETER_FIELD_NUMBER: _ClassVar[int]
    TREE_FIELD_NUMBER: _ClassVar[int]
    interpreter: Interpreter
    tree: TreeSelector
    def __init__(self, tree: _Optional[_Union[TreeSelector, _Mapping]] = ..., interpreter: _Optional[_Union[Interpreter, _Mapping]] = ...) -> None: ...

class ListResponse(_message.Message):
    __slots__ = ["progress", "result"]
    PROGRESS_FIELD_NUMBER: _ClassVar[int]
    RESULT_FIELD_NUMBER: _ClassVar[int]
    progress: Progress
    result: ListResult
    def __init__(self, progress: _Optional[_Union[Progress, _Mapping]] = ..., result: _Optional[_Union[ListResult, _Mapping]] = ...) -> None: ...

class ListResult(_message.Message):
    __slots__ = ["cached", "dependencies", "entrypoints", "output", "tree"]
    CACHED_FIELD_NUMBER: _ClassVar[int]
    DEPENDENCIES_FIELD_NUMBER: _ClassVar[int]
    ENTRYPOINTS_FIELD_NUMBER: _ClassVar[int]
    OUTPUT_FIELD_NUMBER: _ClassVar[int]
    TREE_FIELD_NUMBER: _ClassVar[int]
    cached: bool
    dependencies: _containers.RepeatedScalarFieldContainer[str]
    entrypoints: _containers.RepeatedCompositeFieldContainer[Entrypoint]
    output: str
    tree: Tree
    def __init__(self, tree: _Optional[_Union[Tree, _Mapping]] = ..., entrypoints: _Optional[_Iterable[_Union[Entrypoint, _Mapping]]] = ..., dependencies: _Optional[_Iterable[str]] = ..., output: _Optional[str] = ..., cached: bool = ...) -> None: ...

class LoadRequest(_message.Message):
    __slots__ = ["hub_dir", "require_trust", "tree"]
    HUB_DIR_FIELD_NUMBER: _ClassVar[int]
    REQUIRE_TRUST_FIELD_NUMBER: _ClassVar[int]
    TREE_FIELD_NUMBER: _ClassVar[int]
    hub_dir: str
    require_trust: bool
    tree: TreeSelector
    def __init__(self, tree: _Optional[_Union[TreeSelector, _Mapping]] = ..., require_trust: bool = ..., hub_dir: _Optional[str] = ...) -> None: ...

class LoadResponse(_message.Message):
    __slots__ = ["progress", "result"]
    PROGRESS_FIELD_NUMBER: _ClassVar[int]
    RESULT_FIELD_NUMBER: _ClassVar[int]
    progress: Progress
    result: LoadResult
    def __init__(self, progress: _Optional[_Union[Progress, _Mapping]] = ..., result: _Optional[_Union[LoadResult, _Mapping]] = ...) -> None: ...

class LoadResult(_message.Message):
    __slots__ = ["tree"]
    TREE_FIELD_NUMBER: _ClassVar[int]
    tree: Tree
    def __init__(self, tree: _Optional[_Union[Tree, _Mapping]] = ...) -> None: ...

class Progress(_message.Message):
    __slots__ = ["connections", "done_bytes", "failures", "last_error", "phase", "resume_at", "subject", "total_bytes"]
    class Phase(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = []
    CONNECTING: Progress.Phase
    CONNECTIONS_FIELD_NUMBER: _ClassVar[int]
    DONE_BYTES_FIELD_NUMBER: _ClassVar[int]
    DOWNLOADING: Progress.Phase
    FAILURES_FIELD_NUMBER: _ClassVar[int]
    IMPORTING: Progress.Phase
    LAST_ERROR_FIELD_NUMBER: _ClassVar[int]
    PHASE_FIELD_NUMBER: _ClassVar[int]
    PHASE_UNSPECIFIED: Progress.Phase
    QUEUED: Progress.Phase
    RESOLVING: Progress.Phase
    RESUME_AT_FIELD_NUMBER: _ClassVar[int]
    RUNNING: Progress.Phase
    SUBJECT_FIELD_NUMBER: _ClassVar[int]
    TOTAL_BYTES_FIELD_NUMBER: _ClassVar[int]
    UNPACKING: Progress.Phase
    VERIFYING: Progress.Phase
    WAITING: Progress.Phase
    connections: int
    done_bytes: int
    failures: int
    last_error: str
    phase: Progress.Phase
    resume_at: int
    subject: str
    total_bytes: int
    def __init__(self, phase: _Optional[_Union[Progress.Phase, str]] = ..., subject: _Optional[str] = ..., done_bytes: _Optional[int] = ..., total_bytes: _Optional[int] = ..., connections: _Optional[int] = ..., failures: _Optional[int] = ..., last_error: _Optional[str] = ..., resume_at: _Optional[int] = ...) -> None: ...

class Tree(_message.Message):
    __slots__ = ["ambiguous_ref", "cached", "commit", "created_at", "digest", "path", "ref", "repo", "route", "size_bytes", "stale_for_seconds", "warnings"]
    AMBIGUOUS_REF_FIELD_NUMBER: _ClassVar[int]
    CACHED_FIELD_NUMBER: _ClassVar[int]
    COMMIT_FIELD_NUMBER: _ClassVar[int]
    CREATED_AT_FIELD_NUMBER: _ClassVar[int]
    DIGEST_FIELD_NUMBER: _ClassVar[int]
    PATH_FIELD_NUMBER: _ClassVar[int]
    REF_FIELD_NUMBER: _ClassVar[int]
    REPO_FIELD_NUMBER: _ClassVar[int]
    ROUTE_FIELD_NUMBER: _ClassVar[int]
    SIZE_BYTES_FIELD_NUMBER: _ClassVar[int]
    STALE_FOR_SECONDS_FIELD_NUMBER: _ClassVar[int]
    WARNINGS_FIELD_NUMBER: _ClassVar[int]
    ambiguous_ref: bool
    cached: bool
    commit: str
    created_at: int
    digest: str
    path: str
    ref: str
    repo: str
    route: str
    size_bytes: int
    stale_for_seconds: int
    warnings: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, repo: _Optional[str] = ..., ref: _Optional[str] = ..., commit: _Optional[str] = ..., route: _Optional[str] = ..., path: _Optional[str] = ..., stale_for_seconds: _Optional[int] = ..., cached: bool = ..., size_bytes: _Optional[int] = ..., created_at: _Optional[int] = ..., warnings: _Optional[_Iterable[str]] = ..., digest: _Optional[str] = ..., ambiguous_ref: bool = ...) -> None: ...

class TreeSelector(_message.Message):
    __slots__ = ["commit", "default_ref", "environment", "lock", "offline", "refresh", "repo", "skip_validation"]
    class EnvironmentEntry(_message.Message):
        __slots__ = ["key", "value"]
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: bytes
        def __init__(self, key: _Optional[str] = ..., value: _Optional[bytes] = ...) -> None: ...
    COMMIT_FIELD_NUMBER: _ClassVar[int]
    DEFAULT_REF_FIELD_NUMBER: _ClassVar[int]
    ENVIRONMENT_FIELD_NUMBER: _ClassVar[int]
    LOCK_FIELD_NUMBER: _ClassVar[int]
    OFFLINE_FIELD_NUMBER: _ClassVar[int]
    REFRESH_FIELD_NUMBER: _ClassVar[int]
    REPO_FIELD_NUMBER: _ClassVar[int]
    SKIP_VALIDATION_FIELD_NUMBER: _ClassVar[int]
    commit: str
    default_ref: DefaultRef
    environment: _containers.ScalarMap[str, bytes]
    lock: str
    offline: bool
    refresh: bool
    repo: str
    skip_validation: bool
    def __init__(self, repo: _Optional[str] = ..., default_ref: _Optional[_Union[DefaultRef, str]] = ..., refresh: bool = ..., skip_validation: bool = ..., offline: bool = ..., commit: _Optional[str] = ..., lock: _Optional[str] = ..., environment: _Optional[_Mapping[str, bytes]] = ...) -> None: ...

class DefaultRef(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = []
