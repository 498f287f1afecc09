from __future__ import annotations

import os
import warnings

from hubd import _view, _warn


def test_a_warning_names_the_innermost_line_outside_the_package(home):
    os.makedirs(home + "/store/blobs")
    for name in ("a", "b"):
        open(f"{home}/store/blobs/{name}", "w").close()
    _view.place_checkpoint(home + "/w", home + "/store/blobs/a", "u")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        _view.place_checkpoint(home + "/w", home + "/store/blobs/b", "u")
    assert [warning.filename for warning in caught] == [__file__]


def test_a_warning_has_the_category_that_is_asked_for():
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        _warn.warn("old", FutureWarning)
        _warn.warn("plain")
    assert [warning.category for warning in caught] == [FutureWarning, UserWarning]
