from hubd.v1 import hub_pb2 as _hub_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Iterable as _Iterable, Mapping as _Mapping, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class CancelJobRequest(_message.Message):
    __slots__ = ["id"]
    ID_FIELD_NUMBER: _ClassVar[int]
    id: int
    def __init__(self, id: _Optional[int] = ...) -> None: ...

class CancelJobResponse(_message.Message):
    __slots__ = ["job"]
    JOB_FIELD_NUMBER: _ClassVar[int]
    job: Job
    def __init__(self, job: _Optional[_Union[Job, _Mapping]] = ...) -> None: ...

class Damage(_message.Message):
    __slots__ = ["actual", "expected", "kind", "name", "path", "problem", "removed", "repaired", "unrepaired"]
    ACTUAL_FIELD_NUMBER: _ClassVar[int]
    EXPECTED_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    PATH_FIELD_NUMBER: _ClassVar[int]
    PROBLEM_FIELD_NUMBER: _ClassVar[int]
    REMOVED_FIELD_NUMBER: _ClassVar[int]
    REPAIRED_FIELD_NUMBER: _ClassVar[int]
    UNREPAIRED_FIELD_NUMBER: _ClassVar[int]
    actual: str
    expected: str
    kind: str
    name: str
    path: str
    problem: str
    removed: bool
    repaired: bool
    unrepaired: str
    def __init__(self, kind: _Optional[str] = ..., name: _Optional[str] = ..., path: _Optional[str] = ..., expected: _Optional[str] = ..., actual: _Optional[str] = ..., problem: _Optional[str] = ..., removed: bool = ..., repaired: bool = ..., unrepaired: _Optional[str] = ...) -> None: ...

class ImportEntry(_message.Message):
    __slots__ = ["how", "kind", "name", "path", "problem", "size_bytes"]
    HOW_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    PATH_FIELD_NUMBER: _ClassVar[int]
    PROBLEM_FIELD_NUMBER: _ClassVar[int]
    SIZE_BYTES_FIELD_NUMBER: _ClassVar[int]
    how: str
    kind: str
    name: str
    path: str
    problem: str
    size_bytes: int
    def __init__(self, path: _Optional[str] = ..., kind: _Optional[str] = ..., name: _Optional[str] = ..., size_bytes: _Optional[int] = ..., how: _Optional[str] = ..., problem: _Optional[str] = ...) -> None: ...

class ImportRequest(_message.Message):
    __slots__ = ["directory", "repos"]
    DIRECTORY_FIELD_NUMBER: _ClassVar[int]
    REPOS_FIELD_NUMBER: _ClassVar[int]
    directory: str
    repos: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, directory: _Optional[str] = ..., repos: _Optional[_Iterable[str]] = ...) -> None: ...

class ImportResponse(_message.Message):
    __slots__ = ["progress", "result"]
    PROGRESS_FIELD_NUMBER: _ClassVar[int]
    RESULT_FIELD_NUMBER: _ClassVar[int]
    progress: _hub_pb2.Progress
    result: ImportResult
    def __init__(self, progress: _Optional[_Union[_hub_pb2.Progress, _Mapping]] = ..., result: _Optional[_Union[ImportResult, _Mapping]] = ...) -> None: ...

class ImportResult(_message.Message):
    __slots__ = ["checkpoints", "complete", "entries", "size_bytes", "skipped", "trees", "trusted"]
    CHECKPOINTS_FIELD_NUMBER: _ClassVar[int]
    COMPLETE_FIELD_NUMBER: _ClassVar[int]
    ENTRIES_FIELD_NUMBER: _ClassVar[int]
    SIZE_BYTES_FIELD_NUMBER: _ClassVar[int]
    SKIPPED_FIELD_NUMBER: _ClassVar[int]
    TREES_FIELD_NUMBER: _ClassVar[int]
    TRUSTED_FIELD_NUMBER: _ClassVar[int]
    checkpoints: int
    complete: bool
    entries: _containers.RepeatedCompositeFieldContainer[ImportEntry]
    size_bytes: int
    skipped: int
    trees: int
    trusted: int
    def __init__(self, trees: _Optional[int] = ..., checkpoints: _Optional[int] = ..., trusted: _Optional[int] = ..., skipped: _Optional[int] = ..., size_bytes: _Optional[int] = ..., entries: _Optional[_Iterable[_Union[ImportEntry, _Mapping]]] = ..., complete: bool = ...) -> None: ...

class Job(_message.Message):
    __slots__ = ["bytes_per_second", "callers", "host", "id", "kind", "limit", "progress", "seconds_left", "started_at", "subject", "uids"]
    BYTES_PER_SECOND_FIELD_NUMBER: _ClassVar[int]
    CALLERS_FIELD_NUMBER: _ClassVar[int]
    HOST_FIELD_NUMBER: _ClassVar[int]
    ID_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    PROGRESS_FIELD_NUMBER: _ClassVar[int]
    SECONDS_LEFT_FIELD_NUMBER: _ClassVar[int]
    STARTED_AT_FIELD_NUMBER: _ClassVar[int]
    SUBJECT_FIELD_NUMBER: _ClassVar[int]
    UIDS_FIELD_NUMBER: _ClassVar[int]
    bytes_per_second: int
    callers: int
    host: str
    id: int
    kind: str
    limit: int
    progress: _hub_pb2.Progress
    seconds_left: int
    started_at: int
    subject: str
    uids: _containers.RepeatedScalarFieldContainer[int]
    def __init__(self, id: _Optional[int] = ..., kind: _Optional[str] = ..., subject: _Optional[str] = ..., host: _Optional[str] = ..., callers: _Optional[int] = ..., uids: _Optional[_Iterable[int]] = ..., progress: _Optional[_Union[_hub_pb2.Progress, _Mapping]] = ..., bytes_per_second: _Optional[int] = ..., seconds_left: _Optional[int] = ..., started_at: _Optional[int] = ..., limit: _Optional[int] = ...) -> None: ...

class ListCheckpointsRequest(_message.Message):
    __slots__ = ["page_size", "page_token"]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    page_size: int
    page_token: str
    def __init__(self, page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListCheckpointsResponse(_message.Message):
    __slots__ = ["checkpoints", "next_page_token"]
    CHECKPOINTS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    checkpoints: _containers.RepeatedCompositeFieldContainer[_hub_pb2.Checkpoint]
    next_page_token: str
    def __init__(self, checkpoints: _Optional[_Iterable[_Union[_hub_pb2.Checkpoint, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class ListJobsRequest(_message.Message):
    __slots__ = []
    def __init__(self) -> None: ...

class ListJobsResponse(_message.Message):
    __slots__ = ["complete", "host_limits", "jobs", "limit"]
    class HostLimitsEntry(_message.Message):
        __slots__ = ["key", "value"]
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: int
        def __init__(self, key: _Optional[str] = ..., value: _Optional[int] = ...) -> None: ...
    COMPLETE_FIELD_NUMBER: _ClassVar[int]
    HOST_LIMITS_FIELD_NUMBER: _ClassVar[int]
    JOBS_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    complete: bool
    host_limits: _containers.ScalarMap[str, int]
    jobs: _containers.RepeatedCompositeFieldContainer[Job]
    limit: int
    def __init__(self, jobs: _Optional[_Iterable[_Union[Job, _Mapping]]] = ..., complete: bool = ..., limit: _Optional[int] = ..., host_limits: _Optional[_Mapping[str, int]] = ...) -> None: ...

class ListTreesRequest(_message.Message):
    __slots__ = ["page_size", "page_token"]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    page_size: int
    page_token: str
    def __init__(self, page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListTreesResponse(_message.Message):
    __slots__ = ["next_page_token", "trees"]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    TREES_FIELD_NUMBER: _ClassVar[int]
    next_page_token: str
    trees: _containers.RepeatedCompositeFieldContainer[_hub_pb2.Tree]
    def __init__(self, trees: _Optional[_Iterable[_Union[_hub_pb2.Tree, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class PruneRequest(_message.Message):
    __slots__ = ["partials"]
    PARTIALS_FIELD_NUMBER: _ClassVar[int]
    partials: bool
    def __init__(self, partials: bool = ...) -> None: ...

class PruneResponse(_message.Message):
    __slots__ = ["in_use", "in_use_bytes", "removed", "removed_bytes"]
    IN_USE_BYTES_FIELD_NUMBER: _ClassVar[int]
    IN_USE_FIELD_NUMBER: _ClassVar[int]
    REMOVED_BYTES_FIELD_NUMBER: _ClassVar[int]
    REMOVED_FIELD_NUMBER: _ClassVar[int]
    in_use: int
    in_use_bytes: int
    removed: int
    removed_bytes: int
    def __init__(self, removed: _Optional[int] = ..., removed_bytes: _Optional[int] = ..., in_use: _Optional[int] = ..., in_use_bytes: _Optional[int] = ...) -> None: ...

class RepairRequest(_message.Message):
    __slots__ = ["environment", "offline", "verify"]
    class EnvironmentEntry(_message.Message):
        __slots__ = ["key", "value"]
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: bytes
        def __init__(self, key: _Optional[str] = ..., value: _Optional[bytes] = ...) -> None: ...
    ENVIRONMENT_FIELD_NUMBER: _ClassVar[int]
    OFFLINE_FIELD_NUMBER: _ClassVar[int]
    VERIFY_FIELD_NUMBER: _ClassVar[int]
    environment: _containers.ScalarMap[str, bytes]
    offline: bool
    verify: VerifyRequest
    def __init__(self, verify: _Optional[_Union[VerifyRequest, _Mapping]] = ..., offline: bool = ..., environment: _Optional[_Mapping[str, bytes]] = ...) -> None: ...

class RepairResponse(_message.Message):
    __slots__ = ["progress", "result"]
    PROGRESS_FIELD_NUMBER: _ClassVar[int]
    RESULT_FIELD_NUMBER: _ClassVar[int]
    progress: _hub_pb2.Progress
    result: VerifyResult
    def __init__(self, progress: _Optional[_Union[_hub_pb2.Progress, _Mapping]] = ..., result: _Optional[_Union[VerifyResult, _Mapping]] = ...) -> None: ...

class SetLimitRequest(_message.Message):
    __slots__ = ["bytes_per_second", "host", "job"]
    BYTES_PER_SECOND_FIELD_NUMBER: _ClassVar[int]
    HOST_FIELD_NUMBER: _ClassVar[int]
    JOB_FIELD_NUMBER: _ClassVar[int]
    bytes_per_second: int
    host: str
    job: int
    def __init__(self, host: _Optional[str] = ..., job: _Optional[int] = ..., bytes_per_second: _Optional[int] = ...) -> None: ...

class SetLimitResponse(_message.Message):
    __slots__ = []
    def __init__(self) -> None: ...

class VerifyRequest(_message.Message):
    __slots__ = ["quick", "repo"]
    QUICK_FIELD_NUMBER: _ClassVar[int]
    REPO_FIELD_NUMBER: _ClassVar[int]
    quick: bool
    repo: str
    def __init__(self, repo: _Optional[str] = ..., quick: bool = ...) -> None: ...

class VerifyResponse(_message.Message):
    __slots__ = ["progress", "result"]
    PROGRESS_FIELD_NUMBER: _ClassVar[int]
    RESULT_FIELD_NUMBER: _ClassVar[int]
    progress: _hub_pb2.Progress
    result: VerifyResult
    def __init__(self, progress: _Optional[_Union[_hub_pb2.Progress, _Mapping]] = ..., result: _Optional[_Union[VerifyResult, _Mapping]] = ...) -> None: ...

class VerifyResult(_message.Message):
    __slots__ = ["blobs", "bytes", "complete", "damages", "trees", "unchanged"]
    BLOBS_FIELD_NUMBER: _ClassVar[int]
    BYTES_FIELD_NUMBER: _ClassVar[int]
    COMPLETE_FIELD_NUMBER: _ClassVar[int]
    DAMAGES_FIELD_NUMBER: _ClassVar[int]
    TREES_FIELD_NUMBER: _ClassVar[int]
    UNCHANGED_FIELD_NUMBER: _ClassVar[int]
    blobs: int
    bytes: int
    complete: bool
    damages: _containers.RepeatedCompositeFieldContainer[Damage]
    trees: int
    unchanged: int
    def __init__(self, trees: _Optional[int] = ..., blobs: _Optional[int] = ..., bytes: _Optional[int] = ..., damages: _Optional[_Iterable[_Union[Damage, _Mapping]]] = ..., complete: bool = ..., unchanged: _Optional[int] = ...) -> None: ...

class WatchJobsRequest(_message.Message):
    __slots__ = []
    def __init__(self) -> None: ...
