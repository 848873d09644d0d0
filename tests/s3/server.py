"""An S3 server for tests: moto, with one lock around every request that writes.

Without the lock its conditional puts can have two winners. Usage: server.py PORT
"""
import sys
import threading

from moto.server import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import run_simple

inner = DomainDispatcherApplication(create_backend_app)
lock = threading.Lock()


def application(environment, start_response):
    if environment["REQUEST_METHOD"] in ("PUT", "POST", "DELETE"):
        with lock:
            return list(inner(environment, start_response))
    return inner(environment, start_response)


run_simple("127.0.0.1", int(sys.argv[1]), application, threaded=True)
