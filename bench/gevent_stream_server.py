"""An echo server on gevent's StreamServer, as stream_server.cpp is on ours. For scripts/bench-net."""
import argparse
import socket

from gevent.server import StreamServer


def echo(connection, _address):
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    while data := connection.recv(2048):
        connection.sendall(data)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    StreamServer(("127.0.0.1", parser.parse_args().port), echo, backlog=1024).serve_forever()


if __name__ == "__main__":
    main()
