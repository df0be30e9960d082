"""As much of the Hugging Face hub's HTTP API as its client needs to push and pull small files."""

import base64
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote

COMMIT = "c0ffee" + 34 * "0"
TOKEN = "hf_right"


class FakeHub(ThreadingHTTPServer):
    """Repositories in memory: `files[repository][path]` is bytes. It knows one token."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.files: dict[str, dict[str, bytes]] = {}
        self.asked: list[str] = []  # method and path of each request
        self.broken = 0  # the status with which files are refused, where it is one

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


@contextmanager
def running() -> Iterator[FakeHub]:
    with FakeHub() as hub:
        thread = threading.Thread(target=hub.serve_forever)
        thread.start()
        yield hub
        hub.shutdown()
        thread.join()


class Handler(BaseHTTPRequestHandler):
    server: FakeHub

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def answer(self, value, status=200, headers=()):
        content = value if isinstance(value, bytes) else json.dumps(value).encode()
        self.send_response(status)
        for name, text in (("Content-Length", str(len(content))), *headers):
            self.send_header(name, text)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def refuse(self, status, code):
        self.answer({"error": code}, status, [("X-Error-Code", code)])

    def do_HEAD(self):
        self.do_GET()

    def do_GET(self):
        self.server.asked.append(f"{self.command} {self.path}")
        words = unquote(self.path.partition("?")[0]).strip("/").split("/")
        if words[:2] == ["api", "models"]:
            self.tell_repository("/".join(words[2:4]), words[5:6] or ["main"])
        elif words[2:3] == ["resolve"]:
            self.send_file("/".join(words[:2]), "/".join(words[4:]))
        else:
            self.refuse(404, "EntryNotFound")

    def tell_repository(self, repository, revision):
        if repository not in self.server.files:
            self.refuse(404, "RepoNotFound")
        elif revision[0] not in ("main", COMMIT):
            self.refuse(404, "RevisionNotFound")
        else:
            names = [{"rfilename": name} for name in self.server.files[repository]]
            self.answer({"id": repository, "sha": COMMIT, "siblings": names})

    def send_file(self, repository, name):
        content = self.server.files.get(repository, {}).get(name)
        if self.server.broken:
            return self.refuse(self.server.broken, "Broken")
        if content is None:
            return self.refuse(404, "EntryNotFound")
        return self.answer(
            content, headers=[("X-Repo-Commit", COMMIT), ("ETag", f'"{hash(name)}"')]
        )

    def do_POST(self):
        self.server.asked.append(f"{self.command} {self.path}")
        content = self.rfile.read(int(self.headers["Content-Length"]))
        if self.headers.get("Authorization") != f"Bearer {TOKEN}":
            return self.answer({"error": "Invalid username or password."}, 401)
        words = unquote(self.path).strip("/").split("/")
        if words == ["api", "repos", "create"]:
            told = json.loads(content)
            repository = f"{told['organization']}/{told['name']}"
            self.server.files.setdefault(repository, {})
            return self.answer({"url": f"{self.server.address}/{repository}"})
        if words == ["api", "validate-yaml"]:
            return self.answer({"errors": [], "warnings": []})
        if words[4] == "preupload":
            paths = [each["path"] for each in json.loads(content)["files"]]
            return self.answer({"files": [self.small(path) for path in paths]})
        return self.commit("/".join(words[2:4]), content)

    @staticmethod
    def small(path):
        return {"path": path, "uploadMode": "regular", "shouldIgnore": False}

    def commit(self, repository, content):
        for line in map(json.loads, content.splitlines()):
            if line["key"] == "file":
                value = line["value"]
                self.server.files[repository][value["path"]] = base64.b64decode(value["content"])
        address = f"{self.server.address}/{repository}/commit/{COMMIT}"
        self.answer({"commitUrl": address, "commitOid": COMMIT, "success": True})
