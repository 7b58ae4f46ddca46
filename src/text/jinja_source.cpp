#include "text/jinja_source.h"

#include "text/jinja_text.h"

namespace nibble::jinja {
namespace {

class Preparation {
 public:
  explicit Preparation(std::string_view source) : source_(source) {
    if (source_.ends_with('\n')) source_.remove_suffix(1);
    out_.text.reserve(source_.size());
  }

  PreparedSource run() && {
    bool line_start = true;
    while (at_ < source_.size()) {
      if (line_start) skip_blanks_before_tag();
      line_start = false;
      if (take_generation_tag()) continue;
      if (at_ >= source_.size()) break;
      if (source_[at_] == '\n' && ends_tag(at_)) {
        ++at_;
        line_start = true;
        continue;
      }
      line_start = copy_code_point();
    }
    if (out_.segments.empty()) out_.segments.push_back({0, 0});
    return std::move(out_);
  }

 private:
  // lstrip_blocks: blanks between the start of a line and {%, {# (or, oddly but harmlessly, "{-") vanish.
  void skip_blanks_before_tag() {
    size_t end = at_;
    while (end < source_.size() && (source_[end] == ' ' || source_[end] == '\t')) ++end;
    if (end + 1 >= source_.size() || source_[end] != '{') return;
    const char next = source_[end + 1];
    const bool keep = end + 2 < source_.size() && source_[end + 2] == '+';
    if ((next == '%' || next == '#' || next == '-') && !keep) at_ = end;
  }

  // trim_blocks: the line end after %}, #} (or "-}") vanishes, unless +%} asks to keep it.
  bool ends_tag(size_t at) const {
    if (at < 2 || source_[at - 1] != '}') return false;
    const char mark = source_[at - 2];
    if (mark != '%' && mark != '#' && mark != '-') return false;
    return !(at >= 3 && mark != '-' && source_[at - 3] == '+');
  }

  // Returns whether a line end was copied.
  bool copy_code_point() {
    const CodePoint code = code_point_at(source_, at_);
    note_segment();
    out_.text.append(source_.substr(at_, code.length));
    at_ += code.length;
    if (keeping_spaces_ && !is_space(code.value)) keeping_spaces_ = false;
    if (keeping_spaces_) strip_floor_ = out_.text.size();
    return code.value == '\n' || code.value == '\r' || code.value == 0x2028 || code.value == 0x2029;
  }

  void note_segment() {
    const size_t prepared = out_.text.size();
    if (out_.segments.empty() ||
        at_ - prepared != out_.segments.back().original - out_.segments.back().prepared) {
      out_.segments.push_back({prepared, at_});
    }
  }

  // {% generation %} and {% endgeneration %} mark what a trainer scores; for a prompt they only strip.
  bool take_generation_tag() {
    size_t end = at_;
    if (!source_.substr(end).starts_with("{%")) return false;
    end += 2;
    const bool strip_before = skip(end, "-");
    skip_spaces(end);
    skip(end, "end");
    if (!skip(end, "generation")) return false;
    skip_spaces(end);
    const bool strip_after = skip(end, "-");
    if (!skip(end, "%}")) return false;
    if (strip_before) strip_output();
    if (end < source_.size() && source_[end] == '\n') ++end;
    if (strip_after) skip_spaces(end);
    at_ = end;
    keeping_spaces_ = true;
    strip_floor_ = out_.text.size();
    return true;
  }

  bool skip(size_t& at, std::string_view word) const {
    if (!source_.substr(at).starts_with(word)) return false;
    at += word.size();
    return true;
  }

  void skip_spaces(size_t& at) const {
    while (at < source_.size()) {
      const CodePoint code = code_point_at(source_, at);
      if (!is_space(code.value)) return;
      at += code.length;
    }
  }

  void strip_output() {
    const std::string_view kept = strip_right(out_.text);
    out_.text.resize(kept.size() > strip_floor_ ? kept.size() : strip_floor_);
    while (!out_.segments.empty() && out_.segments.back().prepared >= out_.text.size()) {
      out_.segments.pop_back();
    }
  }

  std::string_view source_;
  size_t at_ = 0;
  PreparedSource out_;
  bool keeping_spaces_ = false;  // directly behind a generation tag
  size_t strip_floor_ = 0;       // white space before this belongs to the previous generation tag
};

}  // namespace

PreparedSource prepare_source(std::string_view source) { return Preparation(source).run(); }

}  // namespace nibble::jinja
