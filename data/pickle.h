// Python pickles as data: the subset that files of tensors need. Nothing is ever imported or called: a class
// or function is kept as its name, a call as the name and its arguments, and a name that is not on the
// caller's list is refused. Opcodes of protocols 2 to 5, as CPython's Lib/pickletools.py describes them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace dg {

struct PickleValue {
  enum class Kind : std::uint8_t {
    none,
    boolean,      // integer: 0 or 1
    integer,      // integer
    big_integer,  // text: its bytes, least significant first, two's complement
    real,         // real
    text,         // text; also Python 2's and Python 3's bytes
    list,         // items
    tuple,        // items
    dict,         // items: key, value, key, value, ...; collections.OrderedDict too
    global,       // text: "module.name"
    call,         // text: "module.name"; items: the arguments
    persistent,   // items: the tuple that stands for an object outside of the pickle
  };

  Kind kind = Kind::none;
  std::int64_t integer = 0;
  double real = 0.0;
  std::string text;
  std::vector<const PickleValue*> items;  // into the same Pickle; may lead back to this value
};

const char* name_of(PickleValue::Kind kind);  // for messages: "a list"

// The value behind a text key of a dict, the last one if there are several; null if there is none.
const PickleValue* find_key(const PickleValue& dict, std::string_view key);

// One pickle and its values. Pickles are treated as hostile: the constructor throws Error, beginning with
// `where`, for a truncated or malformed stream, unknown opcodes, names that are not allowed, and more than a
// million values. It does not recurse. Values may form cycles: whoever walks them limits the depth.
class Pickle {
 public:
  static constexpr std::size_t kMaxBytes = std::size_t{16} << 20U;  // 100,000 tensors
  static constexpr std::size_t kMaxValues = 1'000'000;

  // `bytes` may go on behind the pickle. `allowed` has names as "torch.FloatStorage".
  Pickle(std::span<const std::byte> bytes, std::span<const std::string_view> allowed,
         const std::string& where);

  const PickleValue& root() const { return *root_; }
  const std::deque<PickleValue>& values() const { return values_; }  // all, in the order of their creation
  std::size_t size() const { return size_; }                         // bytes up to and with the last opcode

 private:
  friend class PickleReader;

  std::deque<PickleValue> values_;
  const PickleValue* root_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace dg
