"""A store like OpenNeuro's on this machine: moto's S3 server, which remembers what it was asked."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest

RAW, DERIVATIVES = "openneuro.org", "openneuro-derivatives"
ACCESSION = "ds000001"
PREFIX = f"fmriprep/{ACCESSION}-fmriprep/"


class Store:
    """A server, and what may be done to it.

    `asked` lists method, bucket/key (or bucket and prefix of a listing) and range; objects in
    `cut` break off once after so many bytes; those in `spoilt` come with their first byte changed.
    """

    def __init__(self, app: Any, backend: Any) -> None:
        self._app, self.backend = app, backend
        self.url = ""
        self.asked: list[tuple[str, str, str]] = []
        self.cut: dict[str, int] = {}
        self.spoilt: set[str] = set()

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Any:
        path = unquote(environ["PATH_INFO"]).lstrip("/")
        query = unquote(environ.get("QUERY_STRING", ""))
        listed = [part for part in query.split("&") if part.startswith("prefix=")]
        name = "?".join([path, *listed])
        self.asked.append((environ["REQUEST_METHOD"], name, environ.get("HTTP_RANGE", "")))
        answer = self._app(environ, start_response)
        if environ["REQUEST_METHOD"] != "GET" or not {path} & ({*self.cut} | self.spoilt):
            return answer
        body = b"".join(answer)
        if path in self.spoilt:
            return [bytes([body[0] ^ 1]), body[1:]]
        return [body[: self.cut.pop(path)]]

    @property
    def got(self) -> list[str]:
        """The objects whose content was asked for, in order."""
        return [name for method, name, _ in self.asked if method == "GET" and "?" not in name]

    def put(self, bucket: str, key: str, content: bytes) -> None:
        """Store an object that anybody may read, without asking the server for it."""
        from moto.s3.models import get_canned_acl

        self.backend.put_object(bucket, key, content).set_acl(get_canned_acl("public-read"))

    def put_in_parts(self, bucket: str, key: str, parts: list[bytes]) -> None:
        """Upload an object in parts, of which all but the last have 5 MiB at least."""
        client = _client(self.url)
        begun = client.create_multipart_upload(Bucket=bucket, Key=key, ACL="public-read")
        place = {"Bucket": bucket, "Key": key, "UploadId": begun["UploadId"]}
        tags = [
            client.upload_part(**place, PartNumber=n, Body=part)["ETag"]
            for n, part in enumerate(parts, start=1)
        ]
        listed = [{"ETag": tag, "PartNumber": n} for n, tag in enumerate(tags, start=1)]
        client.complete_multipart_upload(**place, MultipartUpload={"Parts": listed})

    def delete(self, bucket: str, key: str) -> None:
        self.backend.delete_object(bucket, key)

    def put_dataset(self, raw: dict[str, bytes], derivatives: dict[str, bytes]) -> None:
        """Store files by their paths within a dataset and within its derivatives."""
        for path, content in raw.items():
            self.put(RAW, f"{ACCESSION}/{path}", content)
        for path, content in derivatives.items():
            self.put(DERIVATIVES, PREFIX + path, content)

    def put_folder(self, folder: Path) -> None:
        """Store the derivatives that are in a folder."""
        self.put_dataset(
            {},
            {
                path.relative_to(folder).as_posix(): path.read_bytes()
                for path in sorted(folder.rglob("*"))
                if path.is_file()
            },
        )


def about(version: str | None) -> tuple[bytes, bytes]:
    """Return the descriptions of a dataset and of derivatives made from it."""
    doi = f"10.18112/openneuro.{ACCESSION}.v{version}"
    raw = f'{{"Name": "tiny", "BIDSVersion": "1.6.0", "DatasetDOI": "doi:{doi}"}}'
    derived = f'{{"DatasetType": "derivative", "SourceDatasets": [{{"DOI": "{doi}"}}]}}'
    return (raw.encode(), derived.encode()) if version else (b'{"Name": "tiny"}', b"{}")


@contextmanager
def serving() -> Iterator[Store]:
    """Run a store on loopback; skip the test where moto is missing."""
    pytest.importorskip("botocore", reason="botocore (the extra openneuro) is not installed")
    pytest.importorskip("flask", reason="flask, for moto's server, is not installed")
    werkzeug_app = pytest.importorskip(
        "moto.moto_server.werkzeug_app", reason="moto is not installed"
    )
    from moto.core import DEFAULT_ACCOUNT_ID
    from moto.s3.models import s3_backends
    from werkzeug.serving import make_server

    backend = s3_backends[DEFAULT_ACCOUNT_ID]["aws"]
    for name in (RAW, DERIVATIVES):
        backend.create_bucket(name, "us-east-1")
    app = werkzeug_app.DomainDispatcherApplication(werkzeug_app.create_backend_app)
    store = Store(app, backend)
    server = make_server("127.0.0.1", 0, store, threaded=True)
    store.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield store
    finally:
        server.shutdown()
        thread.join()
        # moto keeps what it holds for the whole process
        backend.reset()


def _client(url: str) -> Any:
    import botocore.session
    from botocore.config import Config

    return botocore.session.get_session().create_client(
        "s3",
        endpoint_url=url,
        region_name="us-east-1",
        aws_access_key_id="a",
        aws_secret_access_key="b",
        config=Config(s3={"addressing_style": "path"}),
    )
