"""Objects of a store on this machine, fetched whatever happens on the way."""

from __future__ import annotations

import builtins
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from made_store import RAW, Store, serving

from ketfc.base.errors import StudyError
from ketfc.study.runs.fetch import s3
from ketfc.study.runs.fetch.s3 import Bucket
from ketfc.study.runs.listing import StoredObject

KEY = "ds000001/sub-01_bold.nii.gz"
NAME = f"{RAW}/{KEY}"
CONTENT = np.random.default_rng(1).bytes(3_000_000)


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    with serving() as store:
        monkeypatch.setenv("AWS_ENDPOINT_URL_S3", store.url)
        monkeypatch.setattr(s3.time, "sleep", lambda _: None)
        store.put(RAW, KEY, CONTENT)
        yield store


def listed(key: str = KEY) -> StoredObject:
    (found,) = Bucket(RAW).list(key)[0]
    return found


def ranges(store: Store) -> list[str]:
    return [wanted for method, name, wanted in store.asked if (method, name) == ("GET", NAME)]


def said(call: Any, *arguments: Any) -> str:
    with pytest.raises(StudyError) as caught:
        call(*arguments)
    return str(caught.value)


def test_objects_are_listed_page_by_page_and_by_folder(store: Store) -> None:
    for i in range(1005):
        store.put(RAW, f"ds000002/sub-{i:04d}/x.tsv", b"")
    store.put(RAW, "ds000002/participants.tsv", b"x")
    bucket = Bucket(RAW)
    everything, none = bucket.list("ds000002/")
    assert (len(everything), none) == (1006, [])
    top, folders = bucket.list("ds000002/", deep=False)
    assert [(each.key, each.size) for each in top] == [("ds000002/participants.tsv", 1)]
    assert folders == [f"ds000002/sub-{i:04d}/" for i in range(1005)]


def test_an_object_is_fetched_whole_in_one_request(store: Store, tmp_path: Path) -> None:
    told: list[int] = []
    Bucket(RAW).fetch(listed(), tmp_path / "a/b.nii.gz", tell=told.append)
    assert (tmp_path / "a/b.nii.gz").read_bytes() == CONTENT
    assert ranges(store) == [""]
    assert told == sorted(told)
    assert told[-1] == len(CONTENT)
    assert [path.name for path in (tmp_path / "a").iterdir()] == ["b.nii.gz"]


def test_a_download_that_breaks_off_goes_on_where_it_ended(store: Store, tmp_path: Path) -> None:
    store.cut[NAME] = 1_234_567
    Bucket(RAW).fetch(listed(), tmp_path / "b.nii.gz")
    assert (tmp_path / "b.nii.gz").read_bytes() == CONTENT
    assert ranges(store) == ["", "bytes=1234567-"]


def test_what_an_earlier_session_left_is_used(store: Store, tmp_path: Path) -> None:
    (tmp_path / ".part-b.nii.gz").write_bytes(CONTENT[:2_000_000])
    Bucket(RAW).fetch(listed(), tmp_path / "b.nii.gz")
    assert (tmp_path / "b.nii.gz").read_bytes() == CONTENT
    assert ranges(store) == ["bytes=2000000-"]


@pytest.mark.parametrize("left", [b"\0" * 2_000_000, b"\0" * 4_000_000], ids=["other", "longer"])
def test_what_an_earlier_session_left_wrong_is_fetched_anew(
    store: Store, tmp_path: Path, left: bytes
) -> None:
    (tmp_path / ".part-b.nii.gz").write_bytes(left)
    Bucket(RAW).fetch(listed(), tmp_path / "b.nii.gz")
    assert (tmp_path / "b.nii.gz").read_bytes() == CONTENT
    assert ranges(store)[-1] == ""


def test_content_without_the_listed_checksum_is_refused(store: Store, tmp_path: Path) -> None:
    store.spoilt.add(NAME)
    message = said(Bucket(RAW).fetch, listed(), tmp_path / "b.nii.gz")
    assert f"s3://{NAME}" in message
    assert "without the checksum that was listed" in message
    assert ranges(store) == ["", ""]
    assert list(tmp_path.iterdir()) == []


def test_an_object_that_was_replaced_since_is_refused(store: Store, tmp_path: Path) -> None:
    before = listed()
    store.put(RAW, KEY, CONTENT[::-1])
    message = said(Bucket(RAW).fetch, before, tmp_path / "b.nii.gz")
    assert "has changed on OpenNeuro since it was listed" in message
    assert list(tmp_path.iterdir()) == []


def test_an_object_that_is_gone_is_named(store: Store, tmp_path: Path) -> None:
    before = listed()
    store.delete(RAW, KEY)
    message = said(Bucket(RAW).fetch, before, tmp_path / "b.nii.gz")
    assert f"s3://{NAME}: study.openneuro: is not on OpenNeuro (any more)" in message


def test_objects_uploaded_in_parts_are_checked_by_their_parts(store: Store, tmp_path: Path) -> None:
    parts = [CONTENT[:1] * (5 << 20), CONTENT[1:2] * (5 << 20), b"the end"]
    store.put_in_parts(RAW, "ds000001/large", parts)
    stored = listed("ds000001/large")
    assert stored.etag.endswith("-3")
    bucket, path = Bucket(RAW), tmp_path / "large"
    bucket.fetch(stored, path)
    assert path.read_bytes() == b"".join(parts)
    assert bucket.matches(stored, path)
    path.write_bytes(path.read_bytes()[:-1] + b"!")
    assert not bucket.matches(stored, path)


def test_an_empty_object_is_a_file_too(store: Store, tmp_path: Path) -> None:
    store.put(RAW, "ds000001/empty", b"")
    Bucket(RAW).fetch(listed("ds000001/empty"), tmp_path / "empty")
    assert (tmp_path / "empty").read_bytes() == b""


def test_a_server_that_cannot_be_reached_is_one_sentence(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    # nothing listens on the port of the discard service
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:9")
    message = said(Bucket(RAW).list, "ds000001/")
    assert "OpenNeuro's server cannot be reached" in message
    assert len(message.splitlines()) == 1


def test_without_the_client_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without(name: str, *arguments: Any, **options: Any) -> Any:
        if name.startswith("botocore"):
            raise ImportError(name)
        return real(name, *arguments, **options)

    for name in [name for name in sys.modules if name.startswith("botocore")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setattr(builtins, "__import__", without)
    assert "pip install 'ketfc[openneuro]'" in said(Bucket, RAW)
