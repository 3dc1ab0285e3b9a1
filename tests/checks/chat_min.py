"""Talks to the smallest chat server as a client does that has only long-polling.

    chat_min.py PROGRAM
"""

import json
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Client:
    def __init__(self, address):
        self.address = f"{address}socket.io/?EIO=4&transport=polling"
        opened = self.request()
        assert opened[0] == "0", opened
        self.address += "&sid=" + json.loads(opened[1:])["sid"]
        self.waiting = []
        self.send("40/chat,")
        self.expect("40/chat,")

    def request(self, body=None):
        with urllib.request.urlopen(self.address, body.encode() if body else None, timeout=20) as answer:
            return answer.read().decode()

    def send(self, packet):
        assert self.request(packet) == "ok"

    def expect(self, start):
        """The next packet, which must start so."""
        while not self.waiting:
            self.waiting = [packet for packet in self.request().split("\x1e") if packet != "2"]
        packet = self.waiting.pop(0)
        assert packet.startswith(start), packet


def talk(address):
    ann = Client(address)
    ann.send('42/chat,7["nickname","Ann"]')
    ann.expect('42/chat,["announcement","Ann has connected"]')
    ann.expect('43/chat,7[true,"Ann"]')
    bob = Client(address)
    bob.send('42/chat,["message","h\u00e9llo"]')
    ann.expect('42/chat,["message","somebody","h\u00e9llo"]')
    bob.expect('42/chat,["message","somebody","h\u00e9llo"]')
    bob.send("41/chat,")
    ann.expect('42/chat,["announcement","somebody has left"]')


def main():
    port = free_port()
    address = f"http://127.0.0.1:{port}/"
    server = subprocess.Popen([sys.argv[1], str(port)], stdin=subprocess.DEVNULL)
    try:
        for _ in range(400):  # until it listens
            try:
                with urllib.request.urlopen(address, timeout=20) as answer:
                    assert b"chat_min" in answer.read()
                break
            except urllib.error.URLError:
                assert server.poll() is None, "the server has ended"
                time.sleep(0.05)
        talk(address)
        server.send_signal(signal.SIGINT)
        assert server.wait(timeout=20) == 0, server.returncode
    finally:
        if server.poll() is None:
            server.kill()
            server.wait()


main()
