"""What the checks of the example servers share: starting one, and a client that has only long-polling."""

import json
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request


def fetch(address, body=None):
    with urllib.request.urlopen(address, body, timeout=20) as answer:
        return answer.read().decode()


class Client:
    """A client of one namespace."""

    def __init__(self, address, namespace):
        self.address = f"{address}socket.io/?EIO=4&transport=polling"
        opened = fetch(self.address)
        assert opened[0] == "0", opened
        self.address += "&sid=" + json.loads(opened[1:])["sid"]
        self.waiting = []
        self.send(f"40{namespace},")
        self.expect(f"40{namespace},")

    def send(self, packet):
        assert fetch(self.address, packet.encode()) == "ok"

    def expect(self, start):
        """The next packet, which must start so."""
        while not self.waiting:
            self.waiting = [packet for packet in fetch(self.address).split("\x1e") if packet != "2"]
        packet = self.waiting.pop(0)
        assert packet.startswith(start), packet


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def check(program, path, talk):
    """Starts `program PORT`, waits for the page at `path`, calls talk(address, page); SIGINT must end it cleanly."""
    port = free_port()
    address = f"http://127.0.0.1:{port}/"
    server = subprocess.Popen([program, str(port)], stdin=subprocess.DEVNULL)
    try:
        page = None
        for _ in range(400):  # until it listens
            try:
                page = fetch(address + path)
                break
            except urllib.error.URLError:
                assert server.poll() is None, "the server has ended"
                time.sleep(0.05)
        assert page, "no page"
        talk(address, page)
        server.send_signal(signal.SIGINT)
        assert server.wait(timeout=20) == 0, server.returncode
    finally:
        if server.poll() is None:
            server.kill()
            server.wait()
