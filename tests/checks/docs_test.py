"""scripts/check-docs refuses what it should, shown on small trees made for it."""

import subprocess
import tempfile
import unittest
from pathlib import Path

CHECK = Path(__file__).resolve().parents[2] / "scripts" / "check-docs"
GOOD = {
    "README.md": "# x\n[map](docs/architecture.md#top) [out](https://example.invalid/x)\n\n"
                 "<!-- snippet: examples/a.cpp main -->\n```cpp\nint main() {\n  run();\n}\n```\n\n```sh\nmake\n```\n",
    "docs/architecture.md": "| `docs/` | `examples/` | `src/` | `base/` | `include/` | `include/verdin/` |\n",
    "examples/a.cpp": "void run();\n// [main]\nint main() {\n  run();\n}\n// [/main]\n",
    "src/base/a.cpp": "// [f]\n",
    "include/verdin/base/a.hpp": "// a\n",
}


class DocsTest(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)

    def check(self, changes, *options):
        for name, text in (GOOD | changes).items():
            path = Path(self.folder.name, name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        return subprocess.run([CHECK, *options, self.folder.name], capture_output=True, text=True, check=False)

    def refuses(self, changes, reason):
        result = self.check(changes)
        self.assertEqual(result.returncode, 1, result.stdout + result.stderr)
        self.assertIn(reason, result.stdout)

    def test_accepts_true_documentation(self):
        result = self.check({})
        self.assertEqual(result.returncode, 0, result.stdout + result.stderr)

    def test_refuses_a_snippet_that_differs(self):
        self.refuses({"examples/a.cpp": GOOD["examples/a.cpp"].replace("  run", "  walk")}, "README.md:4: differs from")

    def test_writes_the_snippet(self):
        source = "  // [main]\n  int main() {\n    walk();\n  }\n  // [/main]\n"
        self.assertEqual(self.check({"examples/a.cpp": source}, "--write").returncode, 0)
        text = Path(self.folder.name, "README.md").read_text(encoding="utf-8")
        self.assertEqual(text, GOOD["README.md"].replace("  run", "  walk"))

    def test_joins_the_pieces_of_a_snippet(self):
        source = "// [main]\n#include <a>\n// [/main]\n\nvoid run();\n" + GOOD["examples/a.cpp"]
        self.refuses({"examples/a.cpp": source}, "README.md:4: differs from")
        self.assertEqual(self.check({"examples/a.cpp": source}, "--write").returncode, 0)
        text = Path(self.folder.name, "README.md").read_text(encoding="utf-8")
        self.assertEqual(text, GOOD["README.md"].replace("int main()", "#include <a>\n\nint main()"))

    def test_refuses_code_that_nothing_compiles(self):
        self.refuses({"docs/b.md": "x\n```cpp\nint x;\n```\n"}, "docs/b.md:2: C++ that is not a snippet")

    def test_refuses_unknown_snippets(self):
        self.refuses({"docs/b.md": "<!-- snippet: examples/none.cpp x -->\n```cpp\n```\n"}, "there is no examples/none.cpp")
        self.refuses({"docs/b.md": "<!-- snippet: examples/a.cpp x -->\n```cpp\n```\n"}, "no snippet called x")

    def test_refuses_dead_links(self):
        self.refuses({"docs/b.md": "[a](architecture.md)\n[b](gone.md)\n"}, "docs/b.md:2: the link leads nowhere: gone.md")
        self.refuses({"docs/b.md": "![b](gone.png)\n"}, "gone.png")

    def test_refuses_a_folder_off_the_map(self):
        self.refuses({"src/loop/a.cpp": ""}, "does not name `loop/`")
        self.refuses({"apps/chat/a.cpp": ""}, "does not name `apps/chat/`")

    def test_refuses_options_without_their_default(self):
        limits = "struct Limits {\n  std::uint32_t head = 16 * 1024;  // x; y = 2\n  int lines = 100;\n};\n"
        header = ("struct Options {\n  http1::Limits limits{1 << 20};\n  std::size_t most = 1'000'000;\n"
                  "  std::chrono::milliseconds wait{\n      10'000};\n  bool quick = true;\n  std::string name{};\n"
                  "  std::chrono::seconds age = std::chrono::hours(24 * 14);\n  Site site = Site::lax;\n};\n")
        page = ("`http::Options`: `quick` (on: x), `name` (none), `age` (14 days), `site` (`lax`).\n\n| x | default |\n"
                "| --- | --- |\n| `limits.head`, `lines` | 1 MiB, 100 | x |\n| `most`, `wait` | 1 MB, 10 s | x |\n")
        files = {"include/verdin/http/a.hpp": header, "include/verdin/protocol/http1/b.hpp": limits, "docs/options.md": page,
                 "docs/architecture.md": GOOD["docs/architecture.md"] + "`http/` `protocol/`\n"}
        result = self.check(files)
        self.assertEqual(result.returncode, 0, result.stdout + result.stderr)
        for right, wrong, reason in [
                ("1 MiB", "2 MiB", "docs/options.md:5: `limits.head` of http::Options is 1,048,576 or 1,024 KiB or 1 MiB"),
                ("1 MiB", "1 MiBs", "`limits.head`"), ("100 |", "1,000 |", "`limits.lines`"), ("1 MB", "1,000,0001", "`most`"),
                ("10 s", "100 s", "`wait`"), ("10 s", "10.5 s", "`wait`"), ("(on:", "(off:", "`quick`"), ("(none)", "(`x`)", "`name`"),
                ("14 days", "15 days", "`age`"), ("`lax`", "`none`", "`site`"), ("`quick` (on: x), ", "", "default of `quick`"),
                ("| `most`, `wait`", "| `wait`", "default of `most`"), ("`name` (", "`gone` (5), `name` (", "http::Options has no `gone`")]:
            self.refuses(files | {"docs/options.md": page.replace(right, wrong)}, reason)
        for right, wrong, reason in [("1 << 20", "1 << 21", "`limits.head`"), ("= true", "= false", "`quick`"),
                                     ("10'000", "1'000", "`wait`"), ("std::string name{}", 'std::string name = "y"', "`name`"),
                                     ("24 * 14", "24 * 15", "`age`"), ("<< 20}", "<< 20, 90}", "`limits.lines`")]:
            self.refuses(files | {"include/verdin/http/a.hpp": header.replace(right, wrong)}, reason)
        self.refuses(files | {"include/verdin/protocol/http1/b.hpp": limits.replace("100", "90")}, "`limits.lines`")

    def test_refuses_lock_files_with_hosts(self):
        self.refuses({"examples/package-lock.json": '{"resolved": "x"}'}, "names the host")


if __name__ == "__main__":
    unittest.main()
