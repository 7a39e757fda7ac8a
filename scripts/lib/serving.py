"""Servers on loopback, for the scripts that measure."""

import contextlib
import socket
import subprocess
import time

NGINX = """
daemon off;
worker_processes auto;
pid {work}/nginx.pid;
error_log {work}/nginx.log;
events {{ worker_connections 4096; }}
http {{
    access_log off;
    sendfile on;
    tcp_nopush on;
    keepalive_requests 100000000;
    default_type application/octet-stream;
    client_body_temp_path {work}/body;
    proxy_temp_path {work}/proxy;
    fastcgi_temp_path {work}/fastcgi;
    uwsgi_temp_path {work}/uwsgi;
    scgi_temp_path {work}/scgi;
    server {{ listen {listen}; root {public}; }}
}}
"""


def free_address():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{one.getsockname()[1]}"


@contextlib.contextmanager
def serving(listen, *command):
    server = subprocess.Popen(list(map(str, command)), stdout=subprocess.DEVNULL)
    try:
        host, port = listen.split(":")
        for _ in range(100):
            with contextlib.suppress(OSError), socket.create_connection((host, int(port))):
                break
            time.sleep(0.05)
        yield f"http://{listen}"
    finally:
        server.terminate()
        server.wait()
