"""scripts/demo starts the chat, from anywhere and without a terminal, and ends it cleanly. The release build is there already."""

import re
import select
import signal
import socket
import subprocess
import tempfile
import time
import unittest
import urllib.request
from pathlib import Path

DEMO = Path(__file__).resolve().parents[2] / "scripts" / "demo"
PATIENCE = 300  # seconds, for a build that has to be done after all


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class DemoTest(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)

    def start(self, port):
        process = subprocess.Popen(
            [DEMO, "--port", str(port), "--database", f"{self.folder.name}/chat.db", "--no-install"],
            cwd=self.folder.name, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.addCleanup(self.end, process)
        return process

    def end(self, process):
        if process.poll() is None:
            process.kill()
        process.wait()
        process.stdout.close()

    def read_until(self, process, pattern):
        """What the demo has printed up to a match of `pattern`."""
        said, deadline = b"", time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            if select.select([process.stdout], [], [], 1)[0]:
                part = process.stdout.read1()
                if not part:
                    break
                said += part
                if re.search(pattern, said.decode()):
                    return said.decode()
        self.fail(f"no {pattern} in:\n{said.decode()}")

    def test_serves_the_page_and_the_client_and_ends_on_an_interrupt(self):
        port = free_port()
        address = f"http://127.0.0.1:{port}/"
        process = self.start(port)
        self.read_until(process, re.escape(address))
        with urllib.request.urlopen(address, timeout=10) as answer:
            self.assertIn(b"<html", answer.read())
        with urllib.request.urlopen(f"{address}socket.io/socket.io.js", timeout=10) as answer:
            self.assertIn(b"Socket.IO", answer.read())
            self.assertIn("etag", {name.lower() for name in answer.headers})
        process.send_signal(signal.SIGINT)
        self.assertEqual(process.wait(timeout=20), 0, process.stdout.read())

    def test_tells_clients_to_reconnect_on_an_interrupt(self):
        port = free_port()
        process = self.start(port)
        self.read_until(process, rf":{port}/")
        with socket.create_connection(("127.0.0.1", port), timeout=20) as client:
            client.sendall(f"GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nUpgrade: websocket\r\n"
                           "Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n".encode())
            join = b"40/chat,"
            client.sendall(bytes([0x81, 0x80 | len(join), 0, 0, 0, 0]) + join)  # a mask of zeros
            said = b""
            while b'40/chat,{"sid"' not in said:
                said += self.received(client)
            process.send_signal(signal.SIGINT)
            while part := self.received(client, allow_end=True):
                said += part
        # A DISCONNECT packet would tell the client to stay away; 1001, "going away", has it come back.
        self.assertNotIn(b"41/chat", said)
        self.assertRegex(said, re.compile(rb"\x88[\x02-\x7d]\x03\xe9", re.DOTALL))
        self.assertEqual(process.wait(timeout=20), 0)

    def received(self, client, allow_end=False):
        part = client.recv(65536)
        if not part and not allow_end:
            self.fail("the server closed the connection")
        return part

    def test_says_so_when_the_port_is_taken(self):
        with socket.socket() as other:
            other.bind(("127.0.0.1", 0))
            other.listen()
            process = self.start(other.getsockname()[1])
            said, _ = process.communicate(timeout=PATIENCE)
        self.assertNotEqual(process.returncode, 0)
        self.assertTrue(said.strip())

    def test_refuses_unknown_options(self):
        result = subprocess.run([DEMO, "--nothing"], capture_output=True, text=True, check=False)
        self.assertEqual(result.returncode, 1)
        self.assertIn("unknown option --nothing", result.stderr)


if __name__ == "__main__":
    unittest.main()
