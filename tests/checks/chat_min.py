"""Talks to the smallest chat server.

    chat_min.py PROGRAM
"""

import sys

from example_server import Client, check


def talk(address, page):
    assert "chat_min" in page
    ann = Client(address, "/chat")
    ann.send('42/chat,7["nickname","Ann"]')
    ann.expect('42/chat,["announcement","Ann has connected"]')
    ann.expect('43/chat,7[true,"Ann"]')
    bob = Client(address, "/chat")
    bob.send('42/chat,["message","h\u00e9llo"]')
    ann.expect('42/chat,["message","somebody","h\u00e9llo"]')
    bob.expect('42/chat,["message","somebody","h\u00e9llo"]')
    bob.send("41/chat,")
    ann.expect('42/chat,["announcement","somebody has left"]')


check(sys.argv[1], "", talk)
