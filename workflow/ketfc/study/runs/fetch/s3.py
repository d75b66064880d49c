"""List and fetch objects of public S3 buckets, each checked against its listed checksum.

The client is a thin layer on botocore: openneuro-py knows neither the derivatives nor another
server, and Snakemake's storage plugin does not resume a broken download. What is fetched must have
the size and the ETag of the listing, so that a run is never read from a half-written image.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from ketfc.base.errors import Problem, StudyError
from ketfc.study.runs.listing import StoredObject

FIELD = "study.openneuro"
"""Key of the config that every problem here names."""

_REGION = "us-east-1"
"""Of OpenNeuro's buckets: `datacenter=US` in the remote.log of its git-annex repositories."""

_CHUNK = 1 << 20
_TRIES = 5
"""Times that a download may break off in a row without having got any further."""

_EXTRA = "ketfc[openneuro]"


class Bucket:
    """A bucket that anybody may read.

    The environment variables ``AWS_ENDPOINT_URL_S3`` and ``AWS_ENDPOINT_URL`` name another server
    than Amazon's; ``HTTPS_PROXY`` and ``AWS_CA_BUNDLE`` count too, and no credentials are used.

    Parameters
    ----------
    name : str
        Its name.

    Raises
    ------
    StudyError
        If botocore, which comes with the extra ``openneuro``, is not installed.
    """

    def __init__(self, name: str) -> None:
        try:
            from botocore import UNSIGNED
            from botocore.config import Config
            from botocore.exceptions import BotoCoreError
        except ImportError:
            message = f"needs botocore, which is not installed: pip install '{_EXTRA}'"
            raise _error(message) from None
        settings = Config(
            signature_version=UNSIGNED,
            # the bucket openneuro.org has a dot in its name, which no certificate covers
            s3={"addressing_style": "path"},
            retries={"mode": "standard", "max_attempts": 3},
            connect_timeout=10,
            read_timeout=60,
            max_pool_connections=16,
        )
        self.name = name
        try:
            self._client = _session().create_client("s3", region_name=_REGION, config=settings)
        except (BotoCoreError, ValueError) as error:
            raise _error(f"cannot be reached: {error}") from None

    def list(self, prefix: str, *, deep: bool = True) -> tuple[list[StoredObject], list[str]]:
        """Return the objects whose keys begin with a prefix.

        Parameters
        ----------
        prefix : str
            What the keys begin with.
        deep : bool
            False for only those without a further slash.

        Returns
        -------
        objects : list of StoredObject
            Sorted by key.
        folders : list of str
            The prefixes up to the next slash, if not `deep`.

        Raises
        ------
        StudyError
            If the bucket cannot be read.
        """
        from botocore.exceptions import BotoCoreError, ClientError

        objects, folders = [], []
        pages = self._client.get_paginator("list_objects_v2").paginate(
            Bucket=self.name, Prefix=prefix, **({} if deep else {"Delimiter": "/"})
        )
        try:
            for page in pages:
                objects += [
                    StoredObject(each["Key"], int(each["Size"]), each["ETag"].strip('"'))
                    for each in page.get("Contents", [])
                ]
                folders += [each["Prefix"] for each in page.get("CommonPrefixes", [])]
        except (BotoCoreError, ClientError) as error:
            raise self._explained(error) from None
        return objects, folders

    def fetch(
        self, stored: StoredObject, path: Path, *, tell: Callable[[int], None] | None = None
    ) -> None:
        """Fetch an object, going on where an earlier attempt ended.

        What has come so far stays in a hidden file beside `path`, which appears when it is whole
        and has the checksum that was listed.

        Parameters
        ----------
        stored : StoredObject
            As it was listed; the server is asked for just this version of it.
        path : pathlib.Path
            Where it goes.
        tell : callable or None
            Called with the number of bytes that are here, as they come.

        Raises
        ------
        StudyError
            If the object has changed or gone, or comes without the listed checksum twice.
        """
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_name(f".part-{path.name}")
        # a first attempt may go on with what a crash, or another version of the object, left
        for _ in range(2):
            self._complete(stored, part, tell or (lambda _: None))
            if self.matches(stored, part):
                part.replace(path)
                return
            part.unlink()
        message = (
            f"arrived twice without the checksum that was listed ({stored.etag}); nothing was "
            "kept. Try again later, or leave the run out with quality.exclusions"
        )
        raise _error(message, self._place(stored.key))

    def matches(self, stored: StoredObject, path: Path) -> bool:
        """Return True if a file has the size and the checksum that were listed for an object."""
        if path.stat().st_size != stored.size:
            return False
        if "-" not in stored.etag:
            return _md5(path, stored.size + 1)[0].hex() == stored.etag
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            first = self._client.head_object(Bucket=self.name, Key=stored.key, PartNumber=1)
        except (BotoCoreError, ClientError) as error:
            raise self._explained(error, stored.key) from None
        parts = _md5(path, max(first["ContentLength"], 1))
        # Amazon's rule for objects that were uploaded in parts
        whole = hashlib.md5(b"".join(parts), usedforsecurity=False).hexdigest()
        return f"{whole}-{len(parts)}" == stored.etag

    def _complete(self, stored: StoredObject, part: Path, tell: Callable[[int], None]) -> None:
        """Append to a partial file until it has the size of the object."""
        from botocore.exceptions import BotoCoreError, ClientError

        tries = 0
        while True:
            have = part.stat().st_size if part.exists() else 0
            if have > stored.size:
                part.unlink()
                continue
            if have == stored.size and part.exists():
                return
            try:
                self._append(stored, part, have, tell)
            except ClientError as error:
                raise self._explained(error, stored.key) from None
            except BotoCoreError as error:
                further = part.exists() and part.stat().st_size > have
                tries = 1 if further else tries + 1
                if tries == _TRIES:
                    raise self._explained(error, stored.key) from None
                time.sleep(0.2 * 2**tries)

    def _append(
        self, stored: StoredObject, part: Path, have: int, tell: Callable[[int], None]
    ) -> None:
        rest = {"Range": f"bytes={have}-"} if have else {}
        answer = self._client.get_object(
            Bucket=self.name, Key=stored.key, IfMatch=f'"{stored.etag}"', **rest
        )
        # a server that does not know ranges sends everything again
        resumed = answer["ResponseMetadata"]["HTTPStatusCode"] == 206
        with part.open("ab" if resumed else "wb") as file:
            for chunk in answer["Body"].iter_chunks(_CHUNK):
                file.write(chunk)
                tell(file.tell())

    def _place(self, key: str) -> str:
        return f"s3://{self.name}/{key}"

    def _explained(self, error: Exception, key: str = "") -> StudyError:
        """Return an error that explains a failure to the owner of a study."""
        answer = getattr(error, "response", {})
        status = answer.get("ResponseMetadata", {}).get("HTTPStatusCode")
        reason = " ".join(str(error).split())
        if status == 412:
            message = "has changed on OpenNeuro since it was listed; see docs/openneuro.md"
        elif status == 404:
            message = "is not on OpenNeuro (any more)"
        elif status is not None:
            message = f"is refused by OpenNeuro's server: {reason}"
        else:
            message = f"cannot be fetched, since OpenNeuro's server cannot be reached: {reason}"
        return _error(message, self._place(key))


@cache
def _session() -> Any:
    """Return botocore's session, which takes a third of a second to learn what S3 is."""
    import botocore.session

    return botocore.session.get_session()


def _error(message: str, place: str | None = None) -> StudyError:
    return StudyError([Problem("error", message, file=place, field=FIELD)])


def _md5(path: Path, part_size: int) -> list[bytes]:
    """Return the MD5 of each part of a file; of an empty file, that of nothing."""
    digests: list[bytes] = []
    with path.open("rb") as file:
        while True:
            digest, left = hashlib.md5(usedforsecurity=False), part_size
            while left and (chunk := file.read(min(_CHUNK, left))):
                digest.update(chunk)
                left -= len(chunk)
            if left < part_size or not digests:
                digests.append(digest.digest())
            if left:
                return digests
