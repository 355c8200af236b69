// A stack machine: each opcode pushes a value, or builds one from the values above the last mark.
#include "data/pickle.h"

#include <algorithm>
#include <bit>
#include <ios>
#include <unordered_map>

#include "data/detail/little_endian.h"
#include "data/detail/safetensors_header.h"
#include "kernels/check.h"

namespace dg {

using Kind = PickleValue::Kind;

namespace {

// pickletools' names. Those of protocols 0 and 1 that later ones do not use are missing, and all that make
// objects of classes (INST, OBJ, NEWOBJ, EXT).
enum Opcode : std::uint8_t {
  kMark = '(',
  kStop = '.',
  kPop = '0',
  kPopMark = '1',
  kDup = '2',
  kBinFloat = 'G',
  kBinInt = 'J',
  kBinInt1 = 'K',
  kBinInt2 = 'M',
  kNone = 'N',
  kBinPersId = 'Q',
  kReduce = 'R',
  kBinString = 'T',
  kShortBinString = 'U',
  kBinUnicode = 'X',
  kBinBytes = 'B',
  kShortBinBytes = 'C',
  kEmptyList = ']',
  kAppend = 'a',
  kBuild = 'b',
  kGlobal = 'c',
  kAppends = 'e',
  kBinGet = 'h',
  kLongBinGet = 'j',
  kBinPut = 'q',
  kLongBinPut = 'r',
  kSetItem = 's',
  kTuple = 't',
  kEmptyTuple = ')',
  kSetItems = 'u',
  kEmptyDict = '}',
  kProto = 0x80,
  kTuple1 = 0x85,
  kTuple2 = 0x86,
  kTuple3 = 0x87,
  kNewTrue = 0x88,
  kNewFalse = 0x89,
  kLong1 = 0x8a,
  kLong4 = 0x8b,
  kShortBinUnicode = 0x8c,
  kBinUnicode8 = 0x8d,
  kBinBytes8 = 0x8e,
  kStackGlobal = 0x93,
  kMemoize = 0x94,
  kFrame = 0x95,
};

// A value may be in many containers: without this limit a few bytes, repeated, could copy a long tuple each
// time.
constexpr std::size_t kMaxItems = 4 * Pickle::kMaxValues;

}  // namespace

class PickleReader {
 public:
  PickleReader(Pickle& result, std::span<const std::byte> bytes, std::span<const std::string_view> allowed,
               const std::string& where)
      : result_(result),
        bytes_(bytes.first(std::min(bytes.size(), Pickle::kMaxBytes))),
        allowed_(allowed),
        where_(where) {}

  void run() {
    while (step(static_cast<std::uint8_t>(number(1)))) {
      check(stack_.size() <= Pickle::kMaxValues && memo_.size() <= Pickle::kMaxValues, where_,
            ": its pickle piles up more than ", Pickle::kMaxValues, " values; this is not a file of weights");
    }
    result_.root_ = pop();
    result_.size_ = position_;
  }

 private:
  // ---- bytes ----

  std::span<const std::byte> take(std::uint64_t count) {
    check(count <= bytes_.size() - position_, where_, ": its pickle breaks off at byte ", bytes_.size(),
          bytes_.size() == Pickle::kMaxBytes ? ", the most that is read; this is not a file of weights"
                                             : "; the file is truncated: copy it again");
    const auto taken = bytes_.subspan(position_, static_cast<std::size_t>(count));
    position_ += taken.size();
    return taken;
  }
  std::uint64_t number(std::size_t count) { return little_endian(take(count)); }
  std::string text(std::uint64_t count) {
    std::string result;
    for (const std::byte byte : take(count)) result += std::to_integer<char>(byte);
    return result;
  }
  std::string line() {
    std::string result;
    for (char c = std::to_integer<char>(take(1)[0]); c != '\n'; c = std::to_integer<char>(take(1)[0]))
      result += c;
    return result;
  }

  // ---- values ----

  PickleValue& create(Kind kind) {
    check(result_.values_.size() < Pickle::kMaxValues, where_, ": its pickle has more than ",
          Pickle::kMaxValues, " values; this is not a file of weights");
    result_.values_.emplace_back().kind = kind;
    return result_.values_.back();
  }
  void push(PickleValue& value) { stack_.push_back(&value); }
  void push_integer(std::int64_t value) {
    PickleValue& created = create(Kind::integer);
    created.integer = value;
    push(created);
  }
  void push_boolean(bool value) {
    PickleValue& created = create(Kind::boolean);
    created.integer = value ? 1 : 0;
    push(created);
  }
  void push_text(Kind kind, std::string value) {
    PickleValue& created = create(kind);
    created.text = std::move(value);
    push(created);
  }
  // Big-endian IEEE 754, unlike all other numbers.
  void push_real() {
    std::uint64_t bits = 0;
    for (const std::byte byte : take(8)) bits = (bits << 8U) | std::to_integer<std::uint64_t>(byte);
    PickleValue& created = create(Kind::real);
    created.real = std::bit_cast<double>(bits);
    push(created);
  }
  // Two's complement of `count` bytes.
  void push_long(std::uint64_t count) {
    if (count > 8) return push_text(Kind::big_integer, text(count));
    std::uint64_t value = number(static_cast<std::size_t>(count));
    const auto unused = static_cast<unsigned>(8 * (8 - count));
    if (count > 0) value <<= unused;
    push_integer(count > 0 ? static_cast<std::int64_t>(value) >> unused : 0);
  }

  // ---- the stack ----

  std::size_t bottom() const { return marks_.empty() ? 0 : marks_.back(); }
  PickleValue& top() {
    check(stack_.size() > bottom(), where_,
          ": its pickle takes a value where there is none; the file is damaged");
    return *stack_.back();
  }
  PickleValue* pop() {
    PickleValue* value = &top();
    stack_.pop_back();
    return value;
  }
  std::vector<const PickleValue*> pop_count(std::size_t count) {
    check(stack_.size() - bottom() >= count, where_,
          ": its pickle takes a value where there is none; the file is damaged");
    std::vector<const PickleValue*> items(stack_.end() - static_cast<std::ptrdiff_t>(count), stack_.end());
    stack_.resize(stack_.size() - count);
    return items;
  }
  std::vector<const PickleValue*> pop_to_mark() {
    check(!marks_.empty(), where_, ": its pickle lacks a mark; the file is damaged");
    std::vector<const PickleValue*> items = pop_count(stack_.size() - marks_.back());
    marks_.pop_back();
    return items;
  }
  void charge(std::size_t items) {
    items_ += items;
    check(items_ <= kMaxItems, where_, ": its pickle has containers of more than ", kMaxItems,
          " items; this is not a file of weights");
  }
  void push_items(Kind kind, std::vector<const PickleValue*> items) {
    charge(items.size());
    PickleValue& created = create(kind);
    created.items = std::move(items);
    push(created);
  }
  // To the list or dict below.
  void add(Kind kind, const std::vector<const PickleValue*>& items) {
    PickleValue& target = top();
    check(target.kind == kind && (kind != Kind::dict || items.size() % 2 == 0), where_, ": its pickle adds ",
          items.size(), " values to ", name_of(target.kind), ", expected ", name_of(kind),
          "; the file is damaged");
    charge(items.size());
    target.items.insert(target.items.end(), items.begin(), items.end());
  }

  // ---- names and calls ----

  void push_global(const std::string& module, const std::string& name) {
    std::string full = module + "." + name;
    check(std::find(allowed_.begin(), allowed_.end(), full) != allowed_.end(), where_,
          ": asks for the Python object ", quote_for_message(full),
          ", which a file of weights does not need; it was not run. Save tensors only, with "
          "torch.save(network.state_dict(), path)");
    push_text(Kind::global, std::move(full));
  }

  void call() {
    PickleValue* arguments = pop();
    const PickleValue* callee = pop();
    check(callee->kind == Kind::global && arguments->kind == Kind::tuple, where_, ": its pickle calls ",
          name_of(callee->kind), " with ", name_of(arguments->kind), "; the file is damaged");
    if (callee->text == "collections.OrderedDict") return push_ordered_dict(*arguments);
    push_items(Kind::call, arguments->items);
    top().text = callee->text;
  }

  // OrderedDict(), or OrderedDict([[key, value], ...]) as Python 2 wrote it.
  void push_ordered_dict(const PickleValue& arguments) {
    PickleValue& dict = create(Kind::dict);
    check(arguments.items.size() <= 1, where_, ": its pickle makes an OrderedDict of ",
          arguments.items.size(), " arguments, expected at most 1; the file is damaged");
    if (!arguments.items.empty()) {
      for (const PickleValue* pair : arguments.items.front()->items) {
        check(pair->items.size() == 2, where_, ": its pickle makes an OrderedDict of ", name_of(pair->kind),
              " of ", pair->items.size(), " items, expected pairs; the file is damaged");
        charge(2);
        dict.items.insert(dict.items.end(), pair->items.begin(), pair->items.end());
      }
    }
    push(dict);
  }

  // An OrderedDict's attributes: PyTorch keeps version numbers of its modules there. Nobody needs them.
  void drop_attributes() {
    const PickleValue* state = pop();
    check(top().kind == Kind::dict && state->kind == Kind::dict, where_, ": its pickle gives ",
          name_of(state->kind), " as attributes to ", name_of(top().kind),
          ", expected dicts; the file is damaged");
  }

  void push_persistent() {
    const PickleValue* id = pop();
    check(id->kind == Kind::tuple, where_, ": its pickle names an outside object by ", name_of(id->kind),
          ", expected a tuple; the file is damaged");
    push_items(Kind::persistent, id->items);
  }

  void check_protocol(std::uint64_t protocol) const {
    check(protocol >= 2 && protocol <= 5, where_, ": is a pickle of protocol ", protocol,
          ", expected 2 to 5; save it with torch.save(..., pickle_protocol=2)");
  }

  void remember(std::uint64_t index) { memo_[index] = &top(); }
  void recall(std::uint64_t index) {
    const auto found = memo_.find(index);
    check(found != memo_.end(), where_, ": its pickle refers to value ", index,
          ", which it has not made; the file is damaged");
    stack_.push_back(found->second);
  }

  bool step(std::uint8_t opcode);

  Pickle& result_;
  std::span<const std::byte> bytes_;
  std::span<const std::string_view> allowed_;
  const std::string& where_;
  std::size_t position_ = 0;
  std::size_t items_ = 0;  // of all containers
  std::vector<PickleValue*> stack_;
  std::vector<std::size_t> marks_;  // sizes of the stack
  std::unordered_map<std::uint64_t, PickleValue*> memo_;
};

// False behind the last opcode.
bool PickleReader::step(std::uint8_t opcode) {
  switch (opcode) {
    case kProto: check_protocol(number(1)); break;
    case kFrame: number(8); break;
    case kStop: return false;

    case kNone: push(create(Kind::none)); break;
    case kNewTrue: push_boolean(true); break;
    case kNewFalse: push_boolean(false); break;
    case kBinInt: push_integer(static_cast<std::int32_t>(number(4))); break;
    case kBinInt1: push_integer(static_cast<std::int64_t>(number(1))); break;
    case kBinInt2: push_integer(static_cast<std::int64_t>(number(2))); break;
    case kLong1: push_long(number(1)); break;
    case kLong4: push_long(number(4)); break;
    case kBinFloat: push_real(); break;
    case kShortBinString:
    case kShortBinBytes:
    case kShortBinUnicode: push_text(Kind::text, text(number(1))); break;
    case kBinString:
    case kBinBytes:
    case kBinUnicode: push_text(Kind::text, text(number(4))); break;
    case kBinUnicode8:
    case kBinBytes8: push_text(Kind::text, text(number(8))); break;

    case kMark: marks_.push_back(stack_.size()); break;
    case kPop: pop(); break;
    case kPopMark: pop_to_mark(); break;
    case kDup: stack_.push_back(&top()); break;
    case kEmptyTuple: push_items(Kind::tuple, {}); break;
    case kTuple1: push_items(Kind::tuple, pop_count(1)); break;
    case kTuple2: push_items(Kind::tuple, pop_count(2)); break;
    case kTuple3: push_items(Kind::tuple, pop_count(3)); break;
    case kTuple: push_items(Kind::tuple, pop_to_mark()); break;
    case kEmptyList: push_items(Kind::list, {}); break;
    case kAppend: add(Kind::list, pop_count(1)); break;
    case kAppends: add(Kind::list, pop_to_mark()); break;
    case kEmptyDict: push_items(Kind::dict, {}); break;
    case kSetItem: add(Kind::dict, pop_count(2)); break;
    case kSetItems: add(Kind::dict, pop_to_mark()); break;

    case kBinPut: remember(number(1)); break;
    case kLongBinPut: remember(number(4)); break;
    case kMemoize: remember(memo_.size()); break;
    case kBinGet: recall(number(1)); break;
    case kLongBinGet: recall(number(4)); break;

    case kGlobal: {
      const std::string module = line();
      push_global(module, line());
      break;
    }
    case kStackGlobal: {
      const PickleValue* name = pop();
      push_global(pop()->text, name->text);
      break;
    }
    case kReduce: call(); break;
    case kBuild: drop_attributes(); break;
    case kBinPersId: push_persistent(); break;
    default:
      fail(where_, ": its pickle has the opcode ", static_cast<int>(opcode), " at byte ", position_ - 1,
           ", which files of weights do not use; the file is damaged, or holds more than tensors: save them "
           "with torch.save(network.state_dict(), path)");
  }
  return true;
}

const char* name_of(Kind kind) {
  switch (kind) {
    case Kind::none: return "None";
    case Kind::boolean: return "a bool";
    case Kind::integer: return "an integer";
    case Kind::big_integer: return "a long integer";
    case Kind::real: return "a float";
    case Kind::text: return "a text";
    case Kind::list: return "a list";
    case Kind::tuple: return "a tuple";
    case Kind::dict: return "a dict";
    case Kind::global: return "a name";
    case Kind::call: return "a call";
    case Kind::persistent: return "a storage";
  }
  fail("pickle: unknown kind of value ", static_cast<int>(kind));
}

const PickleValue* find_key(const PickleValue& dict, std::string_view key) {
  const PickleValue* found = nullptr;
  for (std::size_t i = 0; dict.kind == Kind::dict && i + 1 < dict.items.size(); i += 2) {
    if (dict.items[i]->kind == Kind::text && dict.items[i]->text == key) found = dict.items[i + 1];
  }
  return found;
}

Pickle::Pickle(std::span<const std::byte> bytes, std::span<const std::string_view> allowed,
               const std::string& where) {
  PickleReader(*this, bytes, allowed, where).run();
}

}  // namespace dg
