// Programs of the differential test, as text: see README.md.
#pragma once

#include <istream>
#include <map>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

namespace differential {

struct Operation;
using Block = std::vector<Operation>;

struct Operation {
  std::string name;
  std::vector<std::string> arguments;
  bool has_block = false;
  Block first;
  Block second;
  std::string joined_by;  // the word between the two blocks
};

struct Declaration {
  std::string kind;
  int parameter = 0;
};

struct Program {
  std::vector<Declaration> objects;
  std::map<std::string, Block> bodies;
};

class Parser {
 public:
  explicit Parser(std::istream& in) : in_(in) {}

  /// False at the end of the input.
  bool next(Program& program) {
    while (read()) {
      if (words_.front() == "run") return true;
      if (words_.front() == "body") {
        const std::string name = words_.at(1);
        program.bodies[name] = block();
      } else {
        program.objects.push_back({words_.front(), words_.size() > 1 ? std::stoi(words_[1]) : 0});
      }
    }
    return false;
  }

 private:
  bool read() {
    std::string line;
    while (std::getline(in_, line)) {
      words_.clear();
      std::istringstream split(line);
      for (std::string word; split >> word;) words_.push_back(word);
      if (!words_.empty()) return true;
    }
    return false;
  }

  /// Up to the closing brace, whose line stays in words_.
  Block block() {
    Block operations;
    while (read()) {
      if (words_.front() == "}") return operations;
      Operation& operation = operations.emplace_back();
      operation.name = words_.front();
      operation.has_block = words_.back() == "{";
      operation.arguments.assign(words_.begin() + 1, words_.end() - (operation.has_block ? 1 : 0));
      if (!operation.has_block) continue;
      operation.first = block();
      if (words_.size() < 2) continue;
      operation.joined_by = words_[1];
      operation.second = block();
    }
    throw std::runtime_error("a block has no end");
  }

  std::istream& in_;
  std::vector<std::string> words_;
};

}  // namespace differential
