"""Receivers of alerts on this machine: a webhook, and a mail server that knows as much SMTP as it takes."""

import json
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import Message
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any


@dataclass
class Receiver:
    """What came in, and whether it is refused.

    Attributes:
        status: what the webhook answers.
        refuses: a command that the mail server answers with an error.
    """

    port: int = 0
    alerts: list[dict[str, Any]] = field(default_factory=list)
    mails: list[Message] = field(default_factory=list)
    commands: list[str] = field(default_factory=list)
    status: int = 200
    refuses: str = ""

    @property
    def url(self) -> str:
        """Of the webhook, with a secret in it as such URLs have."""
        return f"http://127.0.0.1:{self.port}/services/very-secret-path"


@contextmanager
def webhook() -> Iterator[Receiver]:
    """Run a webhook."""
    receiver = Receiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            content = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            if receiver.status == 200:
                receiver.alerts.append(content)
            self.send_response(receiver.status)
            self.send_header("Location", f"{receiver.url}/elsewhere")
            self.end_headers()

        def log_message(self, *args: Any) -> None:
            """Say nothing."""

    with _served(HTTPServer(("127.0.0.1", 0), Handler), receiver):
        yield receiver


@contextmanager
def mail_server() -> Iterator[Receiver]:
    """Run a mail server without encryption."""
    receiver = Receiver()

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            self.wfile.write(b"220 ready\r\n")
            while line := self.rfile.readline():
                command = line.decode().strip()
                receiver.commands.append(command)
                word = command.split(" ")[0].split(":")[0].upper()
                if word == receiver.refuses:
                    self.wfile.write(b"550 no\r\n")
                elif word == "DATA":
                    self.wfile.write(b"354 go on\r\n")
                    lines = []
                    while (line := self.rfile.readline()) != b".\r\n":
                        lines.append(line)
                    receiver.mails.append(message_from_bytes(b"".join(lines)))
                    self.wfile.write(b"250 kept\r\n")
                elif word == "QUIT":
                    self.wfile.write(b"221 bye\r\n")
                    return
                else:
                    self.wfile.write(b"250 fine\r\n")

    with _served(socketserver.TCPServer(("127.0.0.1", 0), Handler), receiver):
        yield receiver


@contextmanager
def _served(server: socketserver.TCPServer, receiver: Receiver) -> Iterator[None]:
    receiver.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
