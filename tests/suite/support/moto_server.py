"""moto's S3 server, one request at a time.

moto looks whether If-Match or If-None-Match holds, and stores the object later, with nothing in between
that keeps another thread out: now and then two of many writers are both told that they created one key,
which no S3 ever does. It sets an object's headers after the object is there, too. So one request is
answered after the other; bodies are taken in before, or whoever is slow to send one would keep all others
waiting.

It takes a free port of the loopback interface, and says which on standard output. Each request that was
answered is a line there before its answer leaves: the method, the path with its query, and the status.

Two requests are for tests alone, and are no line: `/-/objects/BUCKET` is answered with every object, each as the lengths
of its key and of its content, and both; `/-/copy/BUCKET/OTHER` makes another bucket with the same objects. Each takes as
long as one request of S3, where a test would need one for each object.
"""

import copy
import io
import logging
import threading

from moto.core import DEFAULT_ACCOUNT_ID
from moto.moto_server.werkzeug_app import (
    DomainDispatcherApplication,
    MotoRequestHandler,
    create_backend_app,
)
from moto.s3.models import s3_backends
from werkzeug.serving import make_server

application = DomainDispatcherApplication(create_backend_app)
turn = threading.Lock()


def for_tests(path):
    _, _, what, name, *rest = path.split("/")
    buckets = s3_backends[DEFAULT_ACCOUNT_ID]["aws"].buckets
    bucket = buckets[name]
    if what == "objects":
        objects = [(key.encode(), object.value) for key, object in bucket.keys.items()]
        parts = [b"%d %d\n%s%s" % (len(key), len(value), key, value) for key, value in objects]
        return b"".join(parts)
    [other] = rest
    twin = copy.deepcopy(bucket)
    twin.name = other
    for key in twin.keys.values():
        key.bucket_name = other
    s3_backends.bucket_accounts[other] = s3_backends.bucket_accounts[name]
    buckets[other] = twin
    return b""


def one_at_a_time(environ, start_response):
    if environ["PATH_INFO"].startswith("/-/"):
        with turn:
            body = for_tests(environ["PATH_INFO"])
        start_response("200 OK", [("Content-Length", str(len(body)))])
        return [body]
    # Where a client went away the rest is missing, and moto refuses what is shorter than was said.
    length = int(environ.get("CONTENT_LENGTH") or 0)
    environ["wsgi.input"] = io.BytesIO(environ["wsgi.input"].read(length))
    said = []

    def start(status, headers, exc_info=None):
        said.append(status.split(" ")[0])
        return start_response(status, headers, exc_info)

    with turn:
        answer = application(environ, start)
        try:
            body = list(answer)
        finally:
            if hasattr(answer, "close"):
                answer.close()
        print(environ["REQUEST_METHOD"], environ["RAW_URI"], said[-1], flush=True)
    return body


# Its own lines are said above.
logging.getLogger("werkzeug").setLevel(logging.ERROR)
server = make_server(
    "127.0.0.1", 0, one_at_a_time, threaded=True, request_handler=MotoRequestHandler
)
print(f"listening on 127.0.0.1:{server.port}", flush=True)
server.serve_forever()
