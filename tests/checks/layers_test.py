"""scripts/check-layers refuses what it should, shown on small trees made for it."""

import subprocess
import tempfile
import unittest
from pathlib import Path

CHECK = Path(__file__).resolve().parents[2] / "scripts" / "check-layers"
GOOD = {
    "include/verdin/base/bytes.hpp": "// Bytes.\n#include <vector>\n",
    "include/verdin/loop/loop.hpp": "// A loop.\n#include <sys/socket.h>\n#include <verdin/base/bytes.hpp>\n",
    "include/verdin/http/app.hpp": "// An app.\n#include <verdin/loop/loop.hpp>\n",
    "include/verdin/protocol/json.hpp": "// JSON.\n#include <verdin/base/bytes.hpp>\n",
    "include/verdin/verdin.hpp": "// All of it.\n#include <verdin/http/app.hpp>\n",
    "src/loop/ev_loop.hpp": "#include <ev.h>\n",
    "src/loop/ev_loop.cpp": '#include <verdin/loop/loop.hpp>\n#include "loop/ev_loop.hpp"\n#include "ev_loop.hpp"\n',
    "apps/chat/main.cpp": '#include <verdin/verdin.hpp>\n#include <sqlite3.h>\n#include "rooms.hpp"\n',
    "apps/chat/rooms.hpp": "#include <string>\n",
    "cmake/layers.cmake": "verdin_layer(base)\nverdin_layer(http USES net protocol)\nverdin_layer(loop USES base LINKS ev)\n",
}


class LayersTest(unittest.TestCase):
    def check(self, changes):
        with tempfile.TemporaryDirectory() as folder:
            for name, text in (GOOD | changes).items():
                path = Path(folder, name)
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text, encoding="utf-8")
            return subprocess.run([CHECK, folder], capture_output=True, text=True, check=False)

    def refuses(self, changes, reason):
        result = self.check(changes)
        self.assertEqual(result.returncode, 1, result.stdout + result.stderr)
        self.assertIn(reason, result.stdout)

    def test_accepts_a_tree_in_order(self):
        result = self.check({})
        self.assertEqual(result.returncode, 0, result.stdout + result.stderr)

    def test_refuses_an_empty_tree(self):
        with tempfile.TemporaryDirectory() as folder:
            self.assertEqual(subprocess.run([CHECK, folder], capture_output=True, check=False).returncode, 1)

    def test_refuses_a_header_that_uses_a_layer_above(self):
        self.refuses({"include/verdin/loop/bad.hpp": "// x\n#include <verdin/http/app.hpp>\n"},
                     "include/verdin/loop/bad.hpp:2: loop may not use http")

    def test_refuses_a_source_that_uses_a_layer_above(self):
        self.refuses({"src/base/bad.cpp": "# include  <verdin/loop/loop.hpp>\n"}, "base may not use loop")

    def test_refuses_io_in_protocol(self):
        self.refuses({"src/protocol/bad.cpp": "#include <verdin/loop/loop.hpp>\n"}, "protocol may not use loop")

    def test_refuses_the_umbrella_header_inside(self):
        self.refuses({"src/http/bad.cpp": "#include <verdin/verdin.hpp>\n"}, "umbrella")

    def test_refuses_private_headers_of_a_layer_above(self):
        self.refuses({"src/base/bad.cpp": '#include "loop/ev_loop.hpp"\n'}, "base may not use loop")
        self.refuses({"src/base/bad.cpp": '#include "../loop/ev_loop.hpp"\n'}, "base may not use loop")
        self.refuses({"src/base/bad.cpp": '#include "../../apps/chat/rooms.hpp"\n'}, "is not in src/")

    def test_refuses_third_parties_in_public_headers(self):
        for name in ["ev.h", "simdjson.h", "boost/context/fiber.hpp", "openssl/ssl.h", "zlib.h"]:
            self.refuses({"include/verdin/http/bad.hpp": f"// x\n#include <{name}>\n"}, f"may not include {name}")

    def test_refuses_private_headers_in_public_ones(self):
        self.refuses({"include/verdin/loop/bad.hpp": '// x\n#include "loop/ev_loop.hpp"\n'}, "may not include")

    def test_refuses_programs_that_reach_into_the_library(self):
        self.refuses({"apps/chat/bad.cpp": '#include "../../src/loop/ev_loop.hpp"\n'}, "not a file of this program")
        self.refuses({"examples/bad.cpp": '#include "loop/ev_loop.hpp"\n'}, "not a file of this program")
        self.refuses({"bench/bad.cpp": "#include <verdin/loop/ev_loop.hpp>\n"}, "no public header")

    def test_refuses_unknown_layers(self):
        self.refuses({"src/misc/bad.cpp": "int x;\n"}, "misc is not a layer")
        self.refuses({"include/verdin/bad.hpp": "// x\n"}, "bad.hpp is not a layer")

    def test_refuses_a_header_that_the_umbrella_does_not_name(self):
        self.refuses({"include/verdin/http/lost.hpp": "// x\n"}, "http/lost.hpp:1: verdin.hpp does not lead to it")
        part = {"include/verdin/http/impl/part.hpp": "// x\n", "include/verdin/loop/part.hpp": "// x\n"}
        self.assertEqual(self.check(part).returncode, 0)

    def test_refuses_a_header_without_prose(self):
        self.refuses({"include/verdin/loop/bad.hpp": "#pragma once\n"}, "opens with prose")

    def test_refuses_long_files(self):
        self.refuses({"src/loop/bad.cpp": "//\n" * 501}, "501 lines")

    def test_refuses_libraries_linked_upwards(self):
        self.refuses({"cmake/layers.cmake": "verdin_layer(base)\nverdin_layer(loop USES base http LINKS ev)\n"},
                     "cmake/layers.cmake:2: loop may not use http")


if __name__ == "__main__":
    unittest.main()
