// range(), raise_exception() and strftime_now().
#include <array>

#include "text/jinja_builtins.h"
#include "text/jinja_convert.h"
#include "text/jinja_interpreter.h"

namespace nibble::jinja {
namespace {

using GlobalFunction = Result<Value> (*)(const CallArguments&, std::chrono::local_seconds now, Budget&);

struct Global final : Callable {
  GlobalFunction function;
  std::chrono::local_seconds now;
  Global(GlobalFunction called, std::chrono::local_seconds time) : function(called), now(time) {}
  Result<Value> call(Interpreter& interpreter, const CallArguments& arguments, Scope&) const override {
    return function(arguments, now, interpreter.budget());
  }
};

Result<Value> raise_exception(const CallArguments& arguments, std::chrono::local_seconds, Budget& budget) {
  BoundedText message(budget);
  if (!arguments.positional.empty()) NIBBLE_CHECK_OK(append_output(message, arguments.positional.front()));
  return fail(ErrorKind::kInvalidArgument, message.text());
}

Result<Value> range(const CallArguments& arguments, std::chrono::local_seconds, Budget& budget) {
  const bool has_start = arguments.positional.size() > 1;
  NIBBLE_TRY(const int64_t start, has_start ? arguments.integer(0, "start", 0) : Result<int64_t>(0));
  NIBBLE_TRY(const int64_t stop, arguments.integer(has_start ? 1 : 0, "stop", 0));
  NIBBLE_TRY(const int64_t step, arguments.integer(2, "step", 1));
  if (step == 0) return fail(ErrorKind::kInvalidArgument, "the step of range() must not be 0");
  List items;
  for (int64_t i = start; step > 0 ? i < stop : i > stop;) {
    if (items.size() >= kMaxRange)
      return fail(ErrorKind::kLimit, "range() of more than ", kMaxRange, " items");
    items.emplace_back(i);
    if (__builtin_add_overflow(i, step, &i)) break;
  }
  NIBBLE_CHECK_OK(budget.spend(items.size()));
  return budget.list(std::move(items));
}

// C's strftime in the C locale, without the C library's: its locale is the process's.
class TimeFormatter {
 public:
  explicit TimeFormatter(std::chrono::local_seconds now)
      : day_(std::chrono::floor<std::chrono::days>(now)), date_(day_), time_(now - day_), weekday_(day_) {}

  // False for a directive that is not known.
  bool append(char directive, std::string& out) const {
    const int year = int{date_.year()};
    const auto month = unsigned{date_.month()}, day = unsigned{date_.day()};
    const auto hour = time_.hours().count(), hour12 = (hour + 11) % 12 + 1;
    const std::string_view month_name = kMonths[month - 1], weekday_name = kWeekdays[weekday_.c_encoding()];
    switch (directive) {
      case 'Y':
        out += concat(year);
        return true;
      case 'y':
        pad(out, year % 100, 2, '0');
        return true;
      case 'm':
        pad(out, month, 2, '0');
        return true;
      case 'd':
        pad(out, day, 2, '0');
        return true;
      case 'e':
        pad(out, day, 2, ' ');
        return true;
      case 'j':
        pad(out, (day_ - std::chrono::local_days(date_.year() / 1 / 1)).count() + 1, 3, '0');
        return true;
      case 'H':
        pad(out, hour, 2, '0');
        return true;
      case 'I':
        pad(out, hour12, 2, '0');
        return true;
      case 'M':
        pad(out, time_.minutes().count(), 2, '0');
        return true;
      case 'S':
        pad(out, time_.seconds().count(), 2, '0');
        return true;
      case 'f':
        out += "000000";
        return true;
      case 'p':
        out += hour < 12 ? "AM" : "PM";
        return true;
      case 'B':
        out += month_name;
        return true;
      case 'b':
      case 'h':
        out += month_name.substr(0, 3);
        return true;
      case 'A':
        out += weekday_name;
        return true;
      case 'a':
        out += weekday_name.substr(0, 3);
        return true;
      case 'u':
        out += concat(weekday_.iso_encoding());
        return true;
      case 'w':
        out += concat(weekday_.c_encoding());
        return true;
      case 'F':
        return append_all("Y-m-d", out);
      case 'T':
        return append_all("H:M:S", out);
      case 'R':
        return append_all("H:M", out);
      case 'D':
      case 'x':
        return append_all("m/d/y", out);
      case 'X':
        return append_all("H:M:S", out);
      case 'c':
        return append_all("a b e H:M:S Y", out);
      case '%':
        out += '%';
        return true;
      default:
        return false;
    }
  }

 private:
  static constexpr std::array<std::string_view, 12> kMonths = {
      "January", "February", "March",     "April",   "May",      "June",
      "July",    "August",   "September", "October", "November", "December"};
  static constexpr std::array<std::string_view, 7> kWeekdays = {"Sunday",   "Monday", "Tuesday", "Wednesday",
                                                                "Thursday", "Friday", "Saturday"};

  static void pad(std::string& out, auto number, size_t width, char filler) {
    const std::string digits = concat(number);
    if (digits.size() < width) out.append(width - digits.size(), filler);
    out += digits;
  }
  // Letters are directives, all else stands for itself.
  bool append_all(std::string_view pattern, std::string& out) const {
    for (char c : pattern) {
      const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
      if (letter)
        append(c, out);
      else
        out += c;
    }
    return true;
  }

  std::chrono::local_days day_;
  std::chrono::year_month_day date_;
  std::chrono::hh_mm_ss<std::chrono::seconds> time_;
  std::chrono::weekday weekday_;
};

Result<Value> strftime_now(const CallArguments& arguments, std::chrono::local_seconds now, Budget& budget) {
  NIBBLE_TRY(const std::string format, arguments.text(0, "format", "%Y-%m-%d"));
  const TimeFormatter formatter(now);
  BoundedText out(budget);
  for (size_t i = 0; i < format.size(); ++i) {
    std::string piece;
    if (format[i] != '%' || i + 1 >= format.size()) {
      piece = format[i];
    } else if (const char directive = format[++i]; !formatter.append(directive, piece)) {
      piece = std::string{'%', directive};
    }
    NIBBLE_CHECK_OK(out.append(piece));
  }
  return out.take();
}

}  // namespace

Value find_global(std::string_view name, std::chrono::local_seconds now) {
  constexpr std::pair<std::string_view, GlobalFunction> kGlobals[] = {
      {"range", range}, {"raise_exception", raise_exception}, {"strftime_now", strftime_now}};
  for (const auto& [known, function] : kGlobals) {
    if (known == name) return Value(std::shared_ptr<const Callable>(std::make_shared<Global>(function, now)));
  }
  return {};
}

}  // namespace nibble::jinja
