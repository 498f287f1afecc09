"""Trust, as a user of a drop-in meets it."""

from __future__ import annotations

import os
import warnings

import pytest

from hubd import _trust

_FILES = {"hubconf.py": "def net(): return 1\n"}
_PROMPT = (
    "The repository own_repo does not belong to the list of trusted repositories and "
    "as such cannot be downloaded. Do you trust this repository and wish to add it to "
    "the trusted list of repositories (y/N)?"
)


@pytest.fixture(autouse=True)
def repos(daemon):
    for name in ("own/repo", "own/two_words", "pytorch/vision", "Oneflow-Inc/vision"):
        daemon.add_repo(name, _FILES)
    return daemon


def _list(hub):
    with open(os.path.join(hub.get_dir(), "trusted_list")) as file:
        return file.read()


def _write_list(hub, text):
    os.makedirs(hub.get_dir(), exist_ok=True)
    with open(os.path.join(hub.get_dir(), "trusted_list"), "w") as file:
        file.write(text)


def test_yes_is_recorded_once_and_not_asked_again(torch_hub, daemon, answers):
    answers.say("Y")
    assert torch_hub.load("own/repo", "net") == 1
    assert torch_hub.load("own/repo", "net") == 1
    assert answers.asked == [_PROMPT]
    assert _list(torch_hub) == "own_repo\n"
    assert list(daemon.trusted) == [("github.com/own/repo", torch_hub.get_dir())]
    assert [request.require_trust for request in daemon.named("Load")] == [True, True]


@pytest.mark.parametrize("answer", ["", "n", "NO"])
def test_no_raises_and_remembers_nothing(torch_hub, daemon, answers, answer):
    for _ in range(2):
        answers.say(answer)
        with pytest.raises(Exception) as caught:
            torch_hub.load("own/repo", "net")
        assert type(caught.value) is Exception
        assert str(caught.value) == "Untrusted repository."
    assert len(answers.asked) == 2
    assert _list(torch_hub) == ""
    assert daemon.trusted == {} and daemon.named("Load") == []


def test_another_answer_is_a_value_error(torch_hub, answers):
    answers.say(" y")
    with pytest.raises(ValueError, match=r"^Unrecognized response  y\.$"):
        torch_hub.list("own/repo")


def test_a_closed_stdin_is_an_eof_error(torch_hub, answers):
    with pytest.raises(EOFError):
        torch_hub.help("own/repo", "net")


def test_false_always_asks(torch_hub, answers, capsys):
    answers.say("y", "yes")
    torch_hub.load("own/repo", "net", trust_repo=False)
    torch_hub.load("own/repo", "net", trust_repo=False)
    assert len(answers.asked) == 2
    assert "The repository is already trusted.\n" in capsys.readouterr().out
    assert _list(torch_hub) == "own_repo\n"


def test_true_records_without_a_question_even_if_the_repo_is_gone(
    torch_hub, daemon, answers
):
    with pytest.raises(OSError):
        torch_hub.load("own/gone", "net", trust_repo=True)
    assert answers.asked == []
    assert _list(torch_hub) == "own_gone\n"
    assert ("github.com/own/gone", torch_hub.get_dir()) in daemon.trusted


def test_the_frameworks_own_repos_need_no_question_and_no_line(
    torch_hub, oneflow_hub, daemon, answers
):
    torch_hub.load("pytorch/vision", "net")
    oneflow_hub.load("Oneflow-Inc/vision", "net", trust_repo="check")
    assert answers.asked == []
    assert _list(torch_hub) == _list(oneflow_hub) == ""
    assert daemon.trusted == {}
    assert not any(request.require_trust for request in daemon.named("Load"))


@pytest.mark.parametrize("owner", ["one", "o", "pytorch", "oneflow-inc"])
def test_oneflows_owners_are_matched_whole(oneflow_hub, daemon, answers, owner):
    daemon.add_repo(owner + "/vision", _FILES)
    with pytest.raises(EOFError):
        oneflow_hub.load(owner + "/vision", "net", trust_repo="check")


def test_none_means_check_for_torch(torch_hub, answers):
    with pytest.raises(EOFError):
        torch_hub.load("own/repo", "net", trust_repo=None)
    assert answers.asked == [_PROMPT]


def test_none_warns_for_oneflow_goes_on_and_records_nothing(
    oneflow_hub, daemon, answers
):
    with pytest.warns(UserWarning, match="^You are about to download") as caught:
        assert oneflow_hub.load("own/repo", "net") == 1
    assert len(caught) == 1
    assert _list(oneflow_hub) == "" and daemon.trusted == {}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        oneflow_hub.load("own/repo", "net")
    assert answers.asked == []


@pytest.mark.parametrize("value", [0, 1, "yes", "CHECK", ""])
def test_other_values_are_refused(torch_hub, daemon, value):
    with pytest.raises(ValueError, match="trust_repo"):
        torch_hub.load("own/repo", "net", trust_repo=value)
    assert daemon.named("Load") == [] and daemon.trusted == {}


def test_a_line_that_the_user_adds_counts_and_is_recorded(torch_hub, daemon, answers):
    _write_list(torch_hub, "own_repo\n")
    torch_hub.load("own/repo", "net")
    assert answers.asked == []
    assert ("github.com/own/repo", torch_hub.get_dir()) in daemon.trusted


def test_an_added_line_that_can_mean_two_repos_does_not_count(torch_hub, answers):
    _write_list(torch_hub, "own_two_words\n")
    answers.say("y")
    torch_hub.load("own/two_words", "net")
    assert len(answers.asked) == 1
    assert _list(torch_hub) == "own_two_words\n"
    torch_hub.load("own/two_words", "net")
    assert len(answers.asked) == 1


@pytest.mark.parametrize("repo", ["own/repo", "own/two_words"])
def test_a_line_that_the_user_removes_ends_trust(torch_hub, daemon, answers, repo):
    torch_hub.load(repo, "net", trust_repo=True)
    _write_list(torch_hub, "somebody_else\n")
    for _ in range(2):
        with pytest.raises(EOFError):
            torch_hub.load(repo, "net")
    assert daemon.trusted == {}


def test_general_trust_survives_and_shows_no_line(torch_hub, daemon, answers):
    daemon.trusted[("github.com/own/repo", "")] = 1
    torch_hub.load("own/repo", "net")
    torch_hub.load("own/repo", "net")
    assert answers.asked == [] and _list(torch_hub) == ""
    assert list(daemon.trusted) == [("github.com/own/repo", "")]


def test_without_the_list_what_was_downloaded_stays_trusted(torch_hub, daemon, answers):
    torch_hub.load("own/repo", "net", trust_repo=True)
    os.unlink(os.path.join(torch_hub.get_dir(), "trusted_list"))
    for _ in range(2):
        torch_hub.load("own/repo", "net")
    assert answers.asked == [] and _list(torch_hub) == ""
    assert not daemon.named("Load")[-1].require_trust


def test_a_directory_of_the_original_counts_for_its_owner_only(
    torch_hub, answers, monkeypatch
):
    path = os.path.join(torch_hub.get_dir(), "own_repo_main")
    os.makedirs(path)
    with open(os.path.join(path, "hubconf.py"), "w") as file:
        file.write("def net(): return 'original'\n")
    assert torch_hub.load("own/repo", "net") == "original"
    assert _list(torch_hub) == ""
    monkeypatch.setattr(_trust._view.os, "geteuid", lambda: 12345)
    with pytest.raises(EOFError):
        torch_hub.load("own/repo", "net")


def test_trust_is_per_directory(torch_hub, home, answers):
    torch_hub.load("own/repo", "net", trust_repo=True)
    torch_hub._hub_dir = None
    os.environ["HUBD_HOME"] = os.path.join(home, ".cache", "hubd")
    torch_hub.set_dir(home + "/elsewhere")
    with pytest.raises(EOFError):
        torch_hub.load("own/repo", "net")
