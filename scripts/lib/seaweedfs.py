"""SeaweedFS with one bucket on this machine, and a way to it that takes a while for each answer."""

import asyncio
import contextlib
import json
import os
import pathlib
import socket
import subprocess
import threading
import time
import urllib.error
import urllib.request

from lib.measure import ROOT

TOOLS = pathlib.Path(os.environ.get("HEXREG_TEST_TOOLS_DIR", ROOT / "target/tools"))
BUCKET = "registry"
ENVIRONMENT = {"AWS_ACCESS_KEY_ID": "owner", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_REGION": "us-east-1"}
RIGHTS = ["Admin", "Read", "Write", "List"]
IDENTITIES = {"identities": [
    {"name": "owner", "credentials": [{"accessKey": "owner", "secretKey": "secret"}], "actions": RIGHTS},
    {"name": "anonymous", "actions": RIGHTS}]}


def free_ports(number):
    """Ports that were free a moment ago."""
    sockets = [socket.socket() for _ in range(number)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


class SeaweedFs:
    """A server with an empty bucket, which everyone on this machine may write to."""

    def __init__(self, work):
        folder = work / "seaweedfs"
        folder.mkdir()
        (folder / "identities.json").write_text(json.dumps(IDENTITIES))
        command = [TOOLS / "seaweedfs/bin/weed", "server", "-ip=127.0.0.1", "-ip.bind=127.0.0.1", "-filer", "-s3",
                   "-s3.port.iceberg=0", "-s3.port.lance=0", "-metricsPort=0", "-volume.max=20",
                   "-master.volumeSizeLimitMB=64", "-volume.preStopSeconds=0", f"-dir={folder}",
                   f"-s3.config={folder / 'identities.json'}"]
        services = ["master", "volume", "filer", "s3"]
        ports = free_ports(2 * len(services))
        for service, port, grpc in zip(services, ports[::2], ports[1::2]):
            command += [f"-{service}.port={port}", f"-{service}.port.grpc={grpc}"]
        with open(folder / "log", "w") as log:
            self.process = subprocess.Popen(list(map(str, command)), cwd=folder, stdout=log, stderr=log)
        self.port = ports[-2]
        self.url = f"http://127.0.0.1:{self.port}"
        for _ in range(600):
            try:
                self.put("", b"")
                self.put("/waiting", b"x")
                return
            except (urllib.error.URLError, OSError):
                time.sleep(0.1)
        raise SystemExit(f"SeaweedFS does not start: see {folder / 'log'}")

    def put(self, path, data):
        request = urllib.request.Request(f"{self.url}/{BUCKET}{path}", data, method="PUT")
        urllib.request.urlopen(request, timeout=10).close()

    def end(self):
        self.process.terminate()
        self.process.wait()


class SlowWay:
    """Listens on a port, and passes on what comes; each answer is sent that many seconds later."""

    def __init__(self, port, delay):
        self.to, self.delay = port, delay
        self.loop = asyncio.new_event_loop()
        threading.Thread(target=self.loop.run_forever, daemon=True).start()
        serving = asyncio.start_server(self.pass_on, "127.0.0.1", 0)
        server = asyncio.run_coroutine_threadsafe(serving, self.loop).result()
        self.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"

    async def pass_on(self, reader, writer):
        try:
            to_reader, to_writer = await asyncio.open_connection("127.0.0.1", self.to)
        except OSError:
            writer.close()
            return
        answers = asyncio.Queue()
        await asyncio.gather(self.copy(reader, to_writer), self.receive(to_reader, answers),
                             self.send(answers, writer), return_exceptions=True)
        writer.close()
        to_writer.close()

    async def copy(self, reader, writer):
        with contextlib.suppress(ConnectionError):
            while data := await reader.read(1 << 16):
                writer.write(data)
                await writer.drain()
        writer.close()

    async def receive(self, reader, answers):
        while data := await reader.read(1 << 16):
            answers.put_nowait((self.loop.time() + self.delay, data))
        answers.put_nowait((0, b""))

    async def send(self, answers, writer):
        while True:
            due, data = await answers.get()
            if not data:
                return
            await asyncio.sleep(max(0, due - self.loop.time()))
            writer.write(data)
            # The client may be gone.
            with contextlib.suppress(ConnectionError):
                await writer.drain()
