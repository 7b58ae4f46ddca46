#include "measure/svg_chart.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "base/error.h"
#include "text/unicode.h"

namespace nibble {
namespace {

constexpr int kWidth = 760, kRight = 16, kTop = 12, kBottom = 44;

// Short and without an exponent where that is readable.
std::string number(double value) {
  char text[32];
  std::snprintf(text, sizeof text, value >= 10'000 && value < 1e9 ? "%.0f" : "%.4g", value);
  return text;
}
std::string pixels(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.1f", value);
  return text;
}

double position(const ChartAxis& axis, double value) {
  if (axis.log) return std::log(std::max(value, axis.low) / axis.low) / std::log(axis.high / axis.low);
  return (value - axis.low) / (axis.high - axis.low);
}

// An axis that has an extent.
ChartAxis usable(ChartAxis axis) {
  if (axis.log) axis.low = std::max(axis.low, 1e-12);
  if (!(axis.high > axis.low)) axis.high = axis.log ? axis.low * 10 : axis.low + 1;
  return axis;
}

uint32_t displayable(const Decoded& decoded) {
  const uint32_t c = decoded.codepoint;
  if (c < 0x20 || c == 0x7F) return ' ';
  const bool character = decoded.valid && !(c >= 0xD800 && c <= 0xDFFF) && c != 0xFFFE && c != 0xFFFF;
  return character ? c : 0xFFFD;
}

}  // namespace

std::string html_text(std::string_view text) {
  std::string out;
  for (size_t at = 0; at < text.size();) {
    const Decoded decoded = decode_utf8(text, at);
    at += std::max<size_t>(decoded.length, 1);
    switch (decoded.codepoint) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      case '\'':
        out += "&#39;";
        break;
      default:
        append_utf8(out, displayable(decoded));
    }
  }
  return out;
}

std::vector<double> axis_ticks(const ChartAxis& axis) {
  std::vector<double> ticks;
  if (axis.log) {
    const double decades = std::log10(axis.high / axis.low);
    for (int power = int(std::floor(std::log10(axis.low))); power <= int(std::ceil(std::log10(axis.high)));
         ++power)
      for (const double factor : {1.0, 2.0, 5.0}) {
        const double tick = factor * std::pow(10, power);
        if ((factor == 1 || decades < 3) && tick >= axis.low * 0.999 && tick <= axis.high * 1.001)
          ticks.push_back(tick);
      }
    return ticks;
  }
  const double rough = (axis.high - axis.low) / 6, power = std::pow(10, std::floor(std::log10(rough)));
  double step = rough / power < 1.5   ? power
                : rough / power < 3.5 ? 2 * power
                : rough / power < 7.5 ? 5 * power
                                      : 10 * power;
  if (axis.whole) step = std::max(step, 1.0);
  constexpr int kMost = 20;
  for (double tick = std::ceil(axis.low / step - 1e-9) * step;
       tick <= axis.high + step * 1e-6 && ticks.size() < kMost; tick += step)
    ticks.push_back(std::fabs(tick) < step * 1e-6 ? 0 : tick);
  return ticks;
}

SvgChart::SvgChart(std::string_view title, ChartAxis x, ChartAxis y, std::vector<std::string> names,
                   int height)
    : x_(usable(std::move(x))),
      y_(usable(std::move(y))),
      names_(std::move(names)),
      height_(height),
      left_(names_.empty() ? 64 : 210) {
  svg_ =
      concat("<svg viewBox=\"0 0 ", kWidth, " ", height_,
             "\" role=\"img\" xmlns=\"http://www.w3.org/2000/svg\"><title>", html_text(title), "</title>\n");
  draw_axes();
}

double SvgChart::x_at(double x) const { return left_ + position(x_, x) * (kWidth - kRight - left_); }
double SvgChart::y_at(double y) const {
  if (!names_.empty()) return kTop + y / double(names_.size()) * (height_ - kTop - kBottom);
  return height_ - kBottom - position(y_, y) * (height_ - kTop - kBottom);
}

void SvgChart::draw_axes() {
  const int bottom = height_ - kBottom, right = kWidth - kRight;
  for (const double tick : axis_ticks(x_)) {
    const std::string x = pixels(x_at(tick));
    svg_ += concat("<path class=\"grid\" d=\"M", x, " ", kTop, "V", bottom, "\"/><text class=\"mid\" x=\"", x,
                   "\" y=\"", bottom + 16, "\">", number(tick), "</text>\n");
  }
  if (names_.empty())
    for (const double tick : axis_ticks(y_)) {
      const std::string y = pixels(y_at(tick));
      svg_ += concat("<path class=\"grid\" d=\"M", left_, " ", y, "H", right, "\"/><text class=\"end\" x=\"",
                     left_ - 6, "\" y=\"", y, "\" dy=\"0.35em\">", number(tick), "</text>\n");
    }
  for (size_t i = 0; i < names_.size(); ++i)
    svg_ += concat("<text class=\"end\" x=\"", left_ - 6, "\" y=\"", pixels(y_at(double(i) + 0.5)),
                   "\" dy=\"0.35em\">", html_text(names_[i]), "</text>\n");
  svg_ += concat("<path class=\"axis\" d=\"M", left_, " ", kTop, "V", bottom, "H", right,
                 "\"/><text class=\"mid\" x=\"", (left_ + right) / 2, "\" y=\"", bottom + 36, "\">",
                 html_text(x_.label), "</text>\n");
  if (names_.empty())
    svg_ += concat("<text class=\"mid\" transform=\"translate(14 ", (kTop + bottom) / 2, ") rotate(-90)\">",
                   html_text(y_.label), "</text>\n");
}

void SvgChart::point(double x, double y, int series, std::string_view tip) {
  svg_ += concat("<circle class=\"s", series % kSeries, "\" cx=\"", pixels(x_at(x)), "\" cy=\"",
                 pixels(y_at(y)), "\" r=\"4\"><title>", html_text(tip), "</title></circle>\n");
}

void SvgChart::line(const std::vector<std::pair<double, double>>& points, int series, bool dashed) {
  if (points.empty()) return;
  std::string path;
  for (const auto& [x, y] : points)
    path += concat(path.empty() ? "M" : "L", pixels(x_at(x)), " ", pixels(y_at(y)));
  svg_ +=
      concat("<path class=\"line s", series % kSeries, dashed ? " dashed" : "", "\" d=\"", path, "\"/>\n");
}

void SvgChart::box(double x0, double y0, double x1, double y1, int series, std::string_view tip) {
  const double left = std::min(x_at(x0), x_at(x1)), top = std::min(y_at(y0), y_at(y1));
  svg_ += concat("<rect class=\"box s", series % kSeries, "\" x=\"", pixels(left), "\" y=\"", pixels(top),
                 "\" width=\"", pixels(std::fabs(x_at(x1) - x_at(x0))), "\" height=\"",
                 pixels(std::fabs(y_at(y1) - y_at(y0))), "\"><title>", html_text(tip), "</title></rect>\n");
}

void SvgChart::label(double x, double y, std::string_view text) {
  labels_.push_back({x_at(x), y_at(y), std::string(text)});
}

// Each goes to the free place nearest above or below its point, or to the point itself where there is none.
void SvgChart::draw_labels() {
  constexpr double kCharacter = 7, kLine = 13, kGap = 6;
  constexpr int kTries = 24;
  struct Place {
    double left, right, y;  // y: the baseline
  };
  std::vector<Place> taken;
  for (const Label& label : labels_) {
    const double width = kCharacter * double(label.text.size());
    const bool fits = label.x + kGap + width < kWidth;
    const double left = fits ? label.x + kGap : std::max(0.0, label.x - kGap - width);
    Place place{left, left + width, label.y - kGap};
    for (int attempt = 0; attempt < kTries; ++attempt) {
      const double y = label.y - kGap + kLine * ((attempt + 1) / 2) * (attempt % 2 ? 1 : -1);
      const auto meets = [&](const Place& other) {
        return place.left < other.right && other.left < place.right && std::fabs(y - other.y) < kLine;
      };
      if (y < kTop || y > height_ - kBottom || std::any_of(taken.begin(), taken.end(), meets)) continue;
      place.y = y;
      break;
    }
    taken.push_back(place);
    svg_ += concat("<text x=\"", pixels(fits ? left : place.right), fits ? "\"" : "\" class=\"end\"", " y=\"",
                   pixels(place.y), "\">", html_text(label.text), "</text>\n");
  }
}

std::string SvgChart::finish() {
  draw_labels();
  return std::move(svg_) + "</svg>\n";
}

}  // namespace nibble
