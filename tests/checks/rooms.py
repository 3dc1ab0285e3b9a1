"""Talks to the example with rooms: what is said in one is heard there, by the others.

    rooms.py PROGRAM
"""

import sys

from example_server import Client, check


def talk(address, page):
    assert "<h1>tea &amp; cake</h1>" in page, page
    ann, bob, eve = (Client(address, "/chat") for _ in range(3))
    for client, room in ((ann, "tea"), (bob, "tea"), (eve, "coffee")):
        client.send(f'42/chat,1["join","{room}"]')
        client.expect("43/chat,1[true]")
    ann.send('42/chat,2["nickname","Ann"]')
    for client in (ann, bob, eve):
        client.expect('42/chat,["announcement","Ann has connected"]')
    ann.expect('43/chat,2[true,"Ann"]')
    ann.send('42/chat,["user message","milk?"]')
    bob.expect('42/chat,["msg_to_room","Ann","milk?"]')
    ann.send("41/chat,")
    for client in (bob, eve):  # neither Ann nor the other room has heard it
        client.expect('42/chat,["announcement","Ann has left"]')


check(sys.argv[1], "rooms/tea%20&%20cake", talk)
