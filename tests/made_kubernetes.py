"""A Kubernetes of one machine: an API that runs every job in an empty folder, as a container would.

It knows what snakemake-executor-plugin-kubernetes asks for. A job has the environment of a fresh
container and what its secret holds; the folder of who started it is hidden from it where the kernel
lets one mount.
"""

from __future__ import annotations

import base64
import json
import os
import re
import shlex
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

_KIND = re.compile(r"/(?:api|apis/batch)/v1/namespaces/default/(secrets|jobs|pods)(?:/([^/]+))?")
_MEMORY = re.compile(r"[0-9]+M")


class Cluster:
    """Jobs that were asked for, and their processes.

    `image` is the folder that ketfc is in where jobs run, `hidden` a folder that they do not see.
    """

    def __init__(self, nodes: Path, image: Path, hidden: Path) -> None:
        self.nodes, self.image, self.hidden = nodes, image, hidden
        self.requested: list[dict[str, Any]] = []
        self.secrets: dict[str, dict[str, str]] = {}
        self._pods: dict[str, subprocess.Popen[bytes]] = {}
        allowed = subprocess.run(["unshare", "-rm", "true"], capture_output=True, check=False)
        self._hides = allowed.returncode == 0

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Any:
        length = int(environ.get("CONTENT_LENGTH") or 0)
        content = environ["wsgi.input"].read(length)
        answer = self._answer(
            environ["REQUEST_METHOD"],
            environ["PATH_INFO"],
            environ.get("QUERY_STRING", ""),
            json.loads(content) if content else {},
        )
        text = isinstance(answer, str)
        start_response("200 OK", [("Content-Type", "text/plain" if text else "application/json")])
        return [(answer if text else json.dumps(answer)).encode()]

    def _answer(self, method: str, path: str, query: str, body: dict[str, Any]) -> Any:
        matched = _KIND.match(path)
        assert matched, path
        kind, name = matched.groups()
        if path.endswith("/log"):
            return (self.nodes / f"{name}.log").read_text(encoding="utf-8")
        if method == "POST":
            {"secrets": self._keep, "jobs": self._run}[kind](body)
            return body
        if method == "GET" and kind == "jobs":
            code = self._pods[name].poll()
            status = {} if code is None else {"failed" if code else "succeeded": 1}
            return {"metadata": {"name": name}, "status": status}
        if method == "GET":
            return {"items": [self._pod(query.rpartition("%3D")[2])]}
        if method == "DELETE" and kind == "secrets":
            del self.secrets[name]
        return {"status": "Success"} if kind != "pods" else {"metadata": {"name": name}}

    def _keep(self, secret: dict[str, Any]) -> None:
        values = {key: base64.b64decode(value) for key, value in secret["data"].items()}
        self.secrets[secret["metadata"]["name"]] = {
            key: value.decode() for key, value in values.items()
        }

    def _run(self, job: dict[str, Any]) -> None:
        (container,) = job["spec"]["template"]["spec"]["containers"]
        self.requested.append(container)
        # a cluster takes no other
        assert _MEMORY.fullmatch(container["resources"]["requests"]["memory"])
        assert container["workingDir"] == "/workdir"
        name = job["metadata"]["name"]
        folder = self.nodes / name
        folder.mkdir(parents=True)
        references = {each["name"]: each["valueFrom"]["secretKeyRef"] for each in container["env"]}
        told = {key: self.secrets[it["name"]][it["key"]] for key, it in references.items()}
        environment = {
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}/usr/bin{os.pathsep}/bin",
            "HOME": str(folder.with_name(f"{name}.home")),
            "PYTHONPATH": str(self.image),
            "PYTHONDONTWRITEBYTECODE": "1",
        }
        # OpenBLAS chooses by the processor, or by these, how it computes: the last digits
        environment |= {key: it for key, it in os.environ.items() if key.startswith("OPENBLAS_C")}
        command = [*container["command"], *container["args"]]
        if self._hides:
            hide = f"mount -t tmpfs none {shlex.quote(str(self.hidden))}"
            command = ["unshare", "-rm", "sh", "-c", f"{hide} && {shlex.join(command)}"]
        with folder.with_name(f"{name}.log").open("w", encoding="utf-8") as log:
            self._pods[name] = subprocess.Popen(
                command, cwd=folder, env=environment | told, stdout=log, stderr=subprocess.STDOUT
            )

    def _pod(self, name: str) -> dict[str, Any]:
        code = self._pods[name].poll()
        state = {"running": {}} if code is None else {"terminated": {"exitCode": code}}
        about = {"image": "ketfc", "imageID": "", "ready": True, "restartCount": 0}
        status = {"containerStatuses": [about | {"name": "snakemake", "state": state}]}
        return {"metadata": {"name": name}, "status": status}

    def stop(self) -> None:
        """End what is still running."""
        for process in self._pods.values():
            if process.poll() is None:
                process.kill()
            process.wait()


@contextmanager
def running(folder: Path, image: Path, hidden: Path) -> Iterator[Cluster]:
    """Run a cluster on loopback whose address is in ``folder/kubeconfig``."""
    from werkzeug.serving import make_server

    cluster = Cluster(folder / "nodes", image, hidden)
    server = make_server("127.0.0.1", 0, cluster, threaded=True)
    named = {"name": "here", "cluster": {"server": f"http://127.0.0.1:{server.server_port}"}}
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [named],
        "users": [{"name": "me", "user": {}}],
        "contexts": [{"name": "here", "context": {"cluster": "here", "user": "me"}}],
        "current-context": "here",
    }
    (folder / "kubeconfig").write_text(yaml.safe_dump(config), encoding="utf-8")
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield cluster
    finally:
        server.shutdown()
        thread.join()
        cluster.stop()
