"""A relay to a real publisher that delays, drops or rejects the requests that a test chooses."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx2

from running import NO_TLS

# Maps the number of a write (from 1) to the status to reject it with, to 0 to drop the response of the publisher, or to
# None to relay it. May wait.
Decide = Callable[[int], int | None]


@contextmanager
def relaying(url: str, decide: Decide, is_gone: Callable[[], bool] = lambda: False) -> Iterator[str]:
    """Relay to *url*. *decide* chooses the fate of each write; reads fail once *is_gone* returns True."""
    writes, lock = [0], threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def relay(self) -> None:
            number = 0
            if self.command != "GET":
                with lock:
                    writes[0] += 1
                    number = writes[0]
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            status = decide(number) if number else 0 if is_gone() else None
            if status:
                self._send(status, {"Content-Type": "application/json"}, b'{"description": "Refused by a test."}')
                return
            headers = {name: value for name, value in self.headers.items() if name.lower() != "host"}
            answer = httpx2.request(
                self.command, url + self.path, headers=headers, content=body, verify=NO_TLS, timeout=30
            )
            if status == 0:
                self.close_connection = True
                return
            answer_headers = {name: answer.headers[name] for name in ("Content-Type", "ETag") if name in answer.headers}
            self._send(answer.status_code, answer_headers, answer.content)

        def _send(self, status: int, headers: dict[str, str], body: bytes) -> None:
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = do_PUT = do_DELETE = relay  # noqa: N815 - the names that http.server asks for

        def log_message(self, *_: object) -> None:
            """Write nothing among the output of tests."""

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *_: object) -> None:
            """Write nothing of a command that went away."""

    with Server(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()
