"""What attacks have in common: a server, honest clients who note how long they wait, and a table."""

import contextlib
import multiprocessing
import os
import resource
import socket
import subprocess
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
HEXREG = os.environ["HEXREG"]

# In seconds: how long an honest client waits at most.
LONGEST = 1.0


def allow_files(count=8000):
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    if hard != resource.RLIM_INFINITY and hard < count:
        raise SystemExit(f"{count} open files are needed, and `ulimit -Hn` is {hard}")
    resource.setrlimit(resource.RLIMIT_NOFILE, (count, hard))


def hexreg(*arguments, **options):
    return subprocess.run([HEXREG, *arguments], check=True, capture_output=True, text=True, **options).stdout


@contextlib.contextmanager
def repository():
    """A folder with a registry in `public`, readers in `readers`, and a token of one of them."""
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        (folder / "public" / "tarballs").mkdir(parents=True)
        for tarball in (ROOT / "fixtures/samples/tarballs").glob("*.tar"):
            (folder / "public" / "tarballs" / tarball.name).write_bytes(tarball.read_bytes())
        hexreg("key", "new", str(folder / "key.pem"))
        hexreg("build", str(folder / "public"), "--name=attacked", "--no-cache", "--quiet",
               f"--private-key={folder / 'key.pem'}")
        token = hexreg("auth", "add", str(folder / "readers"), "honest").strip()
        yield folder, token


class Served:
    """A running server: its port, and its process's number."""

    def __init__(self, process, port, metrics_port):
        self.process, self.port, self.metrics_port = process, port, metrics_port

    def peak_mebibytes(self):
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        line = next(line for line in status.splitlines() if line.startswith("VmHWM:"))
        return int(line.split()[1]) / 1024

    def metrics(self):
        return ask(self.metrics_port, "/metrics", patience=20)[1].decode()


@contextlib.contextmanager
def serve(folder, *arguments):
    log = open(folder / "serve.log", "ab")
    process = subprocess.Popen(
        [HEXREG, "serve", str(folder / "public"), "--listen=127.0.0.1:0", "--metrics-listen=127.0.0.1:0",
         *arguments],
        stdout=subprocess.PIPE, stderr=log, text=True)
    try:
        said = ""
        while not said.endswith("Ctrl-C ends it\n"):
            line = process.stdout.readline()
            if not line:
                raise SystemExit(f"it does not serve: {said}{(folder / 'serve.log').read_text()}")
            said += line
        ports = [part.split("\n")[0].split("/")[0] for part in said.split("http://127.0.0.1:")]
        yield Served(process, int(ports[1]), int(ports[-1]))
    finally:
        process.kill()
        process.wait()


def ask(port, path, source="127.0.0.1", headers=(), patience=30.0):
    """The status and the body of one request on a connection of its own; status 0 where there is no answer."""
    lines = "".join(f"{line}\r\n" for line in headers)
    request = f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{lines}\r\n"
    answer = b""
    try:
        with socket.create_connection(("127.0.0.1", port), patience, (source, 0)) as connection:
            connection.sendall(request.encode())
            while piece := connection.recv(65536):
                answer += piece
    except OSError:
        pass
    head, _, body = answer.partition(b"\r\n\r\n")
    return (int(head.split(b" ")[1]) if head.startswith(b"HTTP/1.1 ") else 0), body


def honest(port, path, source, headers, until, results):
    """Asks again and again, as one that has been refused does, and notes how long each answer took in all."""
    waits, refused = [], 0
    while time.monotonic() < until:
        began = time.monotonic()
        while ask(port, path, source, headers)[0] != 200:
            refused += 1
            if time.monotonic() > until + 30:
                break
            time.sleep(0.05)
        waits.append(time.monotonic() - began)
        time.sleep(0.1)
    results.put((source, path, waits, refused))


def watch(port, clients, seconds):
    """Has honest clients ask while an attack goes on: for each, its longest and its middle wait."""
    results, until = multiprocessing.Queue(), time.monotonic() + seconds
    processes = [
        multiprocessing.Process(target=honest, args=(port, path, source, headers, until, results))
        for source, path, headers in clients]
    for process in processes:
        process.start()
    found = [results.get() for _ in processes]
    for process in processes:
        process.join()
    return {(source, path): (max(waits), sorted(waits)[len(waits) // 2], len(waits), refused)
            for source, path, waits, refused in found}
