"""What the front-ends share."""

from __future__ import annotations

import contextlib
import os
import sys
from types import ModuleType
from typing import (
    TYPE_CHECKING,
    Any,
    Callable,
    Dict,
    Iterator,
    List,
    NamedTuple,
    Optional,
    Tuple,
)

from hubd import (
    _imports,
    _lease,
    _options,
    _patch,
    _trust,
    _view,
    _warn,
    _weights,
)
from hubd._errors import HubdError
from hubd._profile import Profile
from hubd._report import Report

if TYPE_CHECKING:
    from hubd._asked import Asked
    from hubd._client import Client
    from hubd._types import Tree

# Where the sandbox cannot answer, the originals' way is open: trust is decided.
_RUN_HERE = ("SANDBOX_UNAVAILABLE", "ENTRYPOINT_FAILED")


class Place(NamedTuple):
    """Where code lies: `run` is imported, `shown` is named to the user."""

    run: str
    shown: str


def split_repo(github: str) -> Tuple[str, str, Optional[str]]:
    """Cuts "owner/name[:ref]" as the originals do; ValueError where they do."""
    ref: Optional[str] = None
    repo = github
    if ":" in github:
        repo, ref = github.split(":")
    owner, name = repo.split("/")
    return owner, name, ref


class FrontEnd:
    """One drop-in module's behaviour.

    `module` is that module: what users replace or set there (`_hub_dir`,
    `download_url_to_file`, `_validate_not_a_forked_repo`) is read when it counts.
    """

    def __init__(self, profile: Profile, module: ModuleType) -> None:
        self._profile = profile
        self._module = module
        self._replacement = _patch.Replacement(profile.framework, module)
        self._weights = _weights.Weights(profile, self.client, self.checkpoint_error)
        self._own: Dict[str, Any] = {}

    def remember(self, name: str) -> None:
        """Notes a function of the module as ours, to see it replaced later."""
        self._own[name] = getattr(self._module, name)

    def _replaced(self, name: str) -> Optional[Callable[..., Any]]:
        ours = self._own[name]
        current: Callable[..., Any] = getattr(self._module, name, ours)
        if current is not ours:
            return current
        users: Optional[Callable[..., Any]] = self._replacement.users_own(name, ours)
        return users

    @property
    def replacement(self) -> _patch.Replacement:
        """What puts this module's functions in the place of the original's."""
        return self._replacement

    # Directories.

    def home(self) -> str:
        """The framework's home."""
        cache = os.getenv("XDG_CACHE_HOME", "~/.cache")
        default = os.path.join(cache, self._profile.framework)
        return os.path.expanduser(os.getenv(self._profile.home_variable, default))

    def get_dir(self) -> str:
        """The hub's directory."""
        old = self._profile.old_hub_variable
        if old and os.getenv(old):
            _warn.warn(
                f"{old} is deprecated, please use env "
                f"{self._profile.home_variable} instead"
            )
        return self._directory()

    def _directory(self) -> str:
        chosen = self._chosen_dir()
        return os.path.join(self.home(), "hub") if chosen is None else chosen

    def set_dir(self, directory: _weights.Path) -> None:
        """Sets the hub's directory; `~` is expanded."""
        for module in (self._module, self._replacement.installed_hub()):
            if module is not None:
                vars(module)["_hub_dir"] = os.path.expanduser(os.fspath(directory))

    def _chosen_dir(self) -> Optional[str]:
        # While install() holds, users may set it in the original.
        for module in (self._replacement.installed_hub(), self._module):
            chosen: Optional[str] = getattr(module, "_hub_dir", None)
            if chosen is not None:
                return chosen
        return None

    def client(self) -> Client:
        """A client of the daemon whose root is where the user wants the bytes."""
        from hubd._client import Client

        user_chose = (
            self._chosen_dir() is not None
            or os.getenv(self._profile.home_variable) is not None
        )
        if os.getenv("HUBD_HOME") or not user_chose:
            return Client()
        return Client(dir=self._directory())

    # Repos.

    def list(
        self,
        github: str,
        force_reload: bool,
        skip_validation: bool,
        trust_repo: object,
        verbose: bool,
    ) -> List[str]:
        asked = self._ask(github, force_reload, skip_validation, trust_repo, "list")
        return self.names_of(asked, verbose)

    def names_of(self, asked: Asked, verbose: bool) -> List[str]:
        """A repo's entrypoints, in alphabetical order."""
        hidden = self._profile.hidden_prefix
        place = self._cached_by_original(asked, verbose)
        if place is None:
            result = self._inspect(
                asked,
                "",
                verbose,
                lambda report: self.client().list(
                    asked.spec, progress=report, **asked.selector()
                ),
            )
            if not isinstance(result, Place):
                found = sorted(item.name for item in result.entrypoints)
                return [name for name in found if not name.startswith(hidden)]
            place = result
        return _imports.names(self.hubconf_of(place), hidden)

    def help(
        self,
        github: str,
        model: str,
        force_reload: bool,
        skip_validation: bool,
        trust_repo: object,
    ) -> Any:
        asked = self._ask(github, force_reload, skip_validation, trust_repo, "help")
        return self.documentation_of(asked, model, True)

    def documentation_of(self, asked: Asked, model: str, verbose: bool) -> Any:
        """The docstring of an entrypoint."""
        place = self._cached_by_original(asked, verbose)
        if place is None:
            _imports.check_name(model)
            result = self._inspect(
                asked,
                model,
                verbose,
                lambda report: self.client().help(
                    asked.spec, model, progress=report, **asked.selector()
                ),
            )
            if not isinstance(result, Place):
                return result.doc
            place = result
        return self.documented_entry(self.hubconf_of(place), model).__doc__

    def hubconf_of(self, place: Place) -> ModuleType:
        """A repo's hubconf.py, imported into this process."""
        with self._replacement.active(), _options.of_hub_code():
            return _imports.hubconf_of(place.run)

    def documented_entry(self, module: ModuleType, model: str) -> Callable[..., Any]:
        """The entrypoint that help() is about."""
        return _imports.load_entry(module, model)

    def load(
        self,
        repo_or_dir: str,
        model: str,
        args: Tuple[Any, ...],
        kwargs: Dict[str, Any],
        *,
        source: str,
        trust_repo: object,
        force_reload: bool,
        verbose: bool,
        skip_validation: bool,
    ) -> Any:
        source = source.lower()
        if source not in ("github", "local"):
            raise ValueError(
                f'Unknown source: "{source}". Allowed values: "github" | "local".'
            )
        if source == "local":
            return self.load_local(repo_or_dir, model, *args, **kwargs)
        asked = self._ask(
            repo_or_dir, force_reload, skip_validation, trust_repo, "load"
        )
        place = self._get(asked, verbose)
        with _options.options(refresh=True if force_reload else None):
            return self.load_local(place.run, model, *args, **kwargs)

    def load_local(self, directory: str, model: str, *args: Any, **kwargs: Any) -> Any:
        """Calls an entrypoint of a directory; its weights come through hubd."""
        if _view.is_ours(directory):
            hubconf = os.path.join(directory, _imports.MODULE_HUBCONF)
            _imports.adopt_tree(os.path.dirname(os.readlink(hubconf)))
        with self._replacement.active(), _options.of_hub_code():
            return _imports.call(directory, model, args, kwargs)

    def cache_or_reload(
        self,
        github: str,
        force_reload: bool,
        trust_repo: object,
        verbose: bool,
        skip_validation: bool,
    ) -> str:
        """The directory in the view that shows a repo."""
        asked = self._ask(github, force_reload, skip_validation, trust_repo, "load")
        return self._get(asked, verbose).shown

    def parse_repo(self, github: str) -> Tuple[str, str, str]:
        """Owner, name and ref; where none is given, the one that it means."""
        owner, name, ref = split_repo(github)
        if ref is None:
            asked = self._asked(github, False, False)
            with self._tree_errors(asked):
                ref = self.client().load(asked.spec, **asked.selector()).ref
        return owner, name, ref

    def _asked(self, github: str, force_reload: bool, skip_validation: bool) -> Asked:
        from hubd._asked import Asked

        owner, name, ref = split_repo(github)
        hub_dir = self.get_dir()
        os.makedirs(hub_dir, exist_ok=True)
        forks_allowed = self._replaced("_validate_not_a_forked_repo") is not None
        return Asked(
            spec=github,
            owner=owner,
            name=name,
            ref=ref,
            hub_dir=hub_dir,
            force_reload=bool(force_reload),
            skip_validation=bool(skip_validation) or forks_allowed,
            default_ref=self._profile.default_ref,
        )

    def _ask(
        self,
        github: str,
        force_reload: bool,
        skip_validation: bool,
        trust_repo: object,
        calling_fn: str,
    ) -> Asked:
        """Understands a request and decides on trust, in the originals' order."""
        asked = self._asked(github, force_reload, skip_validation)
        return self.decide_trust(asked, trust_repo, calling_fn)

    def decide_trust(self, asked: Asked, trust_repo: object, calling_fn: str) -> Asked:
        """The same request, once its code may run."""
        subject = _trust.Subject(
            owner=asked.owner,
            name=asked.name,
            directories=asked.directories(),
            hub_dir=os.path.abspath(asked.hub_dir),
        )
        recorded = _trust.decide(
            self._profile, self.client(), subject, trust_repo, calling_fn
        )
        return asked.requiring_trust(recorded)

    def _get(self, asked: Asked, verbose: bool) -> Place:
        place = self._cached_by_original(asked, verbose)
        return self._fetch(asked, verbose) if place is None else place

    def _cached_by_original(self, asked: Asked, verbose: bool) -> Optional[Place]:
        """A directory that the replaced hub downloaded, as it is.

        Nobody knows of which commit it is.
        """
        if asked.force_reload or _options.decided(asked.spec):
            return None
        for name in asked.directories():
            directory = os.path.join(asked.hub_dir, name)
            if _view.left_by_original(directory):
                if verbose:
                    sys.stderr.write(f"Using cache found in {directory}\n")
                return Place(directory, directory)
        return None

    def _fetch(self, asked: Asked, verbose: bool) -> Place:
        report = Report(self._profile, asked)
        with self._tree_errors(asked):
            tree = self.client().load(
                asked.spec,
                require_trust=asked.require_trust,
                hub_dir=self._trust_dir(asked),
                progress=report,
                **asked.selector(),
            )
        return self._settle(asked, tree, report, verbose)

    def _trust_dir(self, asked: Asked) -> str:
        """Whose decisions count; empty for a hub that has no trust."""
        has_trust = bool(self._profile.trusted_owners)
        return os.path.abspath(asked.hub_dir) if has_trust else ""

    @contextlib.contextmanager
    def _tree_errors(self, asked: Asked) -> Iterator[None]:
        """Gives a repo's errors the originals' types."""
        try:
            yield
        except HubdError as error:
            translated = self.repo_error(asked, error)
            if translated is error:
                raise
            raise translated from error

    def repo_error(self, asked: Asked, error: HubdError) -> HubdError:
        """What the original raises where a repo cannot be had."""
        from hubd import _translate

        return _translate.of_repo(
            error,
            owner=asked.owner,
            name=asked.name,
            ref=asked.ref or error.metadata.get("ref", "main"),
            hub_dir=asked.hub_dir,
            explain=asked.ref is None and self._profile.explains_no_network,
        )

    def checkpoint_error(
        self, error: HubdError, *, url: str, hash_prefix: Optional[str]
    ) -> HubdError:
        """What the original raises where a checkpoint cannot be had."""
        from hubd import _translate

        return _translate.of_checkpoint(error, url=url, hash_prefix=hash_prefix)

    def can_run_here(self, error: HubdError) -> bool:
        """Whether this process may have an answer where the sandbox has none."""
        if error.reason == "MISSING_DEPENDENCY":
            # A path that the sandbox does not show may have what is missing there.
            missing = error.metadata.get("missing", "").split(",")
            return not _imports.missing(missing)
        return error.reason in _RUN_HERE

    def _settle(self, asked: Asked, tree: Tree, report: Report, verbose: bool) -> Place:
        """Makes the view show a tree, and says what the originals say."""
        shown = report.directory(tree)
        # Where the original would download nothing, it has nothing to tell.
        is_hit = tree.cached and _view.is_ours(shown) and not asked.force_reload
        # A lock or a chosen commit passes over what the original left there.
        stays = not asked.force_reload and _view.left_by_original(shown)
        if stays and _options.decided(asked.spec):
            shown = tree.path
        else:
            _view.place_tree(shown, tree.path)
        if not tree.cached:
            report.announce(asked.ref or tree.ref)
        elif verbose:
            sys.stderr.write(f"Using cache found in {shown}\n")
        for text in _warn.of_tree(tree, asked.ref, self._profile.called, is_hit):
            _warn.warn(text)
        if tree.lease is not None:
            _lease.keep(tree.lease)
        _imports.adopt_tree(tree.path)
        return Place(tree.path, shown)

    def _inspect(
        self,
        asked: Asked,
        model: str,
        verbose: bool,
        call: Callable[[Report], Any],
    ) -> Any:
        """The sandbox's answer, or the place where to find it in this process."""
        report = Report(self._profile, asked)
        try:
            with self._tree_errors(asked):
                result = call(report)
        except HubdError as error:
            if not self.can_run_here(error):
                from hubd import _translate

                raise _translate.of_hubconf(
                    error,
                    model=model,
                    directory=os.path.join(asked.hub_dir, asked.directories()[0]),
                    hubconf=self._profile.hubconf,
                ) from error
            return self._fetch(asked, verbose and not report.announced)
        self._settle(asked, result.tree, report, verbose)
        for line in result.output.splitlines():
            sys.stderr.write(f"[{asked.owner}/{asked.name}] {line}\n")
        return result

    # Checkpoints.

    def state_dict_file(
        self,
        url: str,
        *,
        model_dir: Optional[_weights.Path],
        progress: bool,
        check_hash: bool,
        file_name: Optional[str],
    ) -> _weights.StateDictFile:
        """What load_state_dict_from_url() hands to the framework."""
        old = self._profile.old_zoo_variable
        if old and os.getenv(old):
            _warn.warn(
                f"{old} is deprecated, please use env "
                f"{self._profile.home_variable} instead"
            )
        hub_dir = self.get_dir() if model_dir is None else ""
        directory, name = _weights.target(url, model_dir, file_name, hub_dir)
        return self._weights.present(
            url,
            directory,
            name,
            hash_prefix=_weights.hash_in(name) if check_hash else None,
            progress=progress,
            replaced_download=self._replaced("download_url_to_file"),
        )

    def download(
        self, url: str, dst: _weights.Path, hash_prefix: Optional[str], progress: bool
    ) -> None:
        self._weights.download(url, dst, hash_prefix, progress)
