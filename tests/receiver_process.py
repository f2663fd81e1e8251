"""
A receiver of notifications in its own process: webhooks over HTTP, or mails over SMTP.

    python receiver_process.py http FILE [STATUS,STATUS,...]    # 0: answer nothing until killed
    python receiver_process.py smtp FILE [CERTIFICATE KEY USER PASSWORD]

It prints its port, and appends a line of JSON to FILE for whatever it receives. HTTP answers with the given statuses,
and with 200 after them.
"""

import asyncio
import json
import ssl
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

LOCK = threading.Lock()


def keep(file, record):
    with LOCK, open(file, "a", encoding="utf-8") as stream:  # noqa: PTH123
        stream.write(json.dumps(record) + "\n")


def receive_webhooks(file, statuses):
    queue = list(statuses)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            """Keep the request, and answer with the next status."""
            body = self.rfile.read(int(self.headers["content-length"]))
            with LOCK:
                status = queue.pop(0) if queue else 200
            headers = {name.lower(): value for name, value in self.headers.items()}
            keep(file, {"path": self.path, "headers": headers, "body": body.decode(), "status": status})
            if status == 0:
                threading.Event().wait()
            self.send_response(status)
            if status in {301, 302, 307, 308}:
                self.send_header("Location", "/elsewhere")
            self.send_header("Content-Length", "6")
            self.end_headers()
            self.wfile.write(b"Sorry\n" if status != 200 else b"Taken\n")

        def log_message(self, *_):
            """Print nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    print(server.server_address[1], flush=True)
    server.serve_forever()


async def receive_mails(file, certificate="", key="", user="", password=""):
    from aiosmtpd.smtp import SMTP, AuthResult

    class Handler:
        async def handle_DATA(self, _server, session, envelope):  # noqa: N802 - aiosmtpd calls it
            """Keep the mail."""
            record = {"from": envelope.mail_from, "to": envelope.rcpt_tos, "content": envelope.content.decode()}
            keep(file, record | {"tls": session.ssl is not None, "user": session.auth_data})
            return "250 Taken"

    def authenticate(_server, _session, _envelope, _mechanism, data):
        good = (data.login.decode(), data.password.decode()) == (user, password)
        return AuthResult(success=good, handled=good, auth_data=user)

    options = {"auth_required": bool(certificate)}
    if certificate:
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(certificate, key)
        options |= {"tls_context": tls, "require_starttls": True, "authenticator": authenticate}
    server = await asyncio.get_running_loop().create_server(lambda: SMTP(Handler(), **options), "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    kind, file, *rest = sys.argv[1:]
    if kind == "http":
        receive_webhooks(file, [int(status) for status in rest[0].split(",")] if rest else [])
    else:
        asyncio.run(receive_mails(file, *rest))
