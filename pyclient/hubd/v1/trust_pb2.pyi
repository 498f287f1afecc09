from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Iterable as _Iterable, Mapping as _Mapping, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class AddTrustRequest(_message.Message):
    __slots__ = ["hub_dir", "repo"]
    HUB_DIR_FIELD_NUMBER: _ClassVar[int]
    REPO_FIELD_NUMBER: _ClassVar[int]
    hub_dir: str
    repo: str
    def __init__(self, repo: _Optional[str] = ..., hub_dir: _Optional[str] = ...) -> None: ...

class AddTrustResponse(_message.Message):
    __slots__ = ["added", "entry"]
    ADDED_FIELD_NUMBER: _ClassVar[int]
    ENTRY_FIELD_NUMBER: _ClassVar[int]
    added: bool
    entry: TrustEntry
    def __init__(self, entry: _Optional[_Union[TrustEntry, _Mapping]] = ..., added: bool = ...) -> None: ...

class CheckTrustRequest(_message.Message):
    __slots__ = ["hub_dir", "repo"]
    HUB_DIR_FIELD_NUMBER: _ClassVar[int]
    REPO_FIELD_NUMBER: _ClassVar[int]
    hub_dir: str
    repo: str
    def __init__(self, repo: _Optional[str] = ..., hub_dir: _Optional[str] = ...) -> None: ...

class CheckTrustResponse(_message.Message):
    __slots__ = ["repo", "trusted", "trusted_here"]
    REPO_FIELD_NUMBER: _ClassVar[int]
    TRUSTED_FIELD_NUMBER: _ClassVar[int]
    TRUSTED_HERE_FIELD_NUMBER: _ClassVar[int]
    repo: str
    trusted: bool
    trusted_here: bool
    def __init__(self, repo: _Optional[str] = ..., trusted: bool = ..., trusted_here: bool = ...) -> None: ...

class ListTrustRequest(_message.Message):
    __slots__ = ["hub_dir", "page_size", "page_token"]
    HUB_DIR_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    hub_dir: str
    page_size: int
    page_token: str
    def __init__(self, hub_dir: _Optional[str] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListTrustResponse(_message.Message):
    __slots__ = ["entries", "next_page_token"]
    ENTRIES_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    entries: _containers.RepeatedCompositeFieldContainer[TrustEntry]
    next_page_token: str
    def __init__(self, entries: _Optional[_Iterable[_Union[TrustEntry, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class RemoveTrustRequest(_message.Message):
    __slots__ = ["everywhere", "hub_dir", "repo"]
    EVERYWHERE_FIELD_NUMBER: _ClassVar[int]
    HUB_DIR_FIELD_NUMBER: _ClassVar[int]
    REPO_FIELD_NUMBER: _ClassVar[int]
    everywhere: bool
    hub_dir: str
    repo: str
    def __init__(self, repo: _Optional[str] = ..., hub_dir: _Optional[str] = ..., everywhere: bool = ...) -> None: ...

class RemoveTrustResponse(_message.Message):
    __slots__ = ["removed"]
    REMOVED_FIELD_NUMBER: _ClassVar[int]
    removed: int
    def __init__(self, removed: _Optional[int] = ...) -> None: ...

class TrustEntry(_message.Message):
    __slots__ = ["created_at", "hub_dir", "repo"]
    CREATED_AT_FIELD_NUMBER: _ClassVar[int]
    HUB_DIR_FIELD_NUMBER: _ClassVar[int]
    REPO_FIELD_NUMBER: _ClassVar[int]
    created_at: int
    hub_dir: str
    repo: str
    def __init__(self, repo: _Optional[str] = ..., hub_dir: _Optional[str] = ..., created_at: _Optional[int] = ...) -> None: ...
