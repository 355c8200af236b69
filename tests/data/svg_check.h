// Whether a text is well-formed XML, as far as our writers use it: elements, attributes in double quotes, text, the five
// entities. No comments, no CDATA.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "kernels/check.h"

namespace dg::test {

// Throws Error where `xml` is not.
inline void check_xml(std::string_view xml) {
  std::vector<std::string> open;
  bool root_seen = false;
  std::size_t at = xml.starts_with("<?xml ") ? xml.find("?>") + 2 : 0;
  const auto check_entity = [&](std::size_t where) {
    for (const std::string_view entity : {"&amp;", "&lt;", "&gt;", "&quot;", "&apos;"}) {
      if (xml.substr(where).starts_with(entity)) return;
    }
    fail("xml: a bare & at ", where);
  };
  while (at < xml.size()) {
    if (xml[at] != '<') {
      const bool blank = xml[at] == '\n' || xml[at] == ' ';
      check(!open.empty() || blank, "xml: text outside of the root at ", at);
      if (xml[at] == '&') check_entity(at);
      ++at;
      continue;
    }
    const std::size_t end = xml.find('>', at);
    check(end != std::string_view::npos, "xml: an open tag at ", at);
    const std::string_view tag = xml.substr(at + 1, end - at - 1);
    const std::string name(tag.substr(0, tag.find_first_of(" /", 1)));
    if (tag.starts_with('/')) {
      check(!open.empty() && "/" + open.back() == tag, "xml: <", tag, "> closes nothing");
      open.pop_back();
    } else {
      check(!open.empty() || !root_seen, "xml: a second root <", tag, ">");
      root_seen = true;
      // Attributes: name="value", apart from each other.
      std::string_view rest = tag.substr(name.size());
      if (rest.ends_with('/')) rest.remove_suffix(1);
      while (!rest.empty()) {
        const std::size_t equals = rest.find("=\"");
        const std::size_t close = equals == std::string_view::npos ? equals : rest.find('"', equals + 2);
        check(rest.front() == ' ' && close != std::string_view::npos, "xml: the attributes of <", tag, ">");
        check(rest.substr(0, close).find('<') == std::string_view::npos, "xml: < in an attribute of <", tag,
              ">");
        rest.remove_prefix(close + 1);
      }
      if (!tag.ends_with('/')) open.push_back(name);
    }
    at = end + 1;
  }
  check(root_seen && open.empty(), "xml: ", open.empty() ? "no root" : "<" + open.back() + "> is not closed");
}

}  // namespace dg::test
