// Charts as inline SVG: axes, points, lines and bars in a rectangle of data. Colours come from the page's
// style.
#pragma once
#include <string>
#include <string_view>
#include <vector>

namespace nibble {

// Text for HTML and SVG: markup escaped, control characters as blanks, what is no UTF-8 as U+FFFD.
std::string html_text(std::string_view text);

struct ChartAxis {
  std::string label;
  double low = 0, high = 1;  // log: both above 0
  bool log = false;
  bool whole = false;  // only whole numbers mean something
};

class SvgChart {
 public:
  // The title is read out where the chart cannot be seen. `names` of rows, where the y axis counts rows from
  // the top.
  SvgChart(std::string_view title, ChartAxis x, ChartAxis y, std::vector<std::string> names = {},
           int height = 320);

  // Series are numbered from 0; the style gives each number a colour. `tip` appears under the pointer.
  void point(double x, double y, int series, std::string_view tip);
  void line(const std::vector<std::pair<double, double>>& points, int series, bool dashed = false);
  void box(double x0, double y0, double x1, double y1, int series, std::string_view tip);  // filled lightly
  // Beside the point, moved where another label or the edge is in the way.
  void label(double x, double y, std::string_view text);
  std::string finish();

  static constexpr int kSeries = 8;  // colours

 private:
  double x_at(double x) const;
  double y_at(double y) const;
  void draw_axes();
  void draw_labels();
  ChartAxis x_, y_;
  std::vector<std::string> names_;
  int height_, left_;
  struct Label {
    double x, y;  // of its point, in pixels
    std::string text;
  };
  std::vector<Label> labels_;
  std::string svg_;
};

// Round numbers to write beside an axis: 1, 2 and 5 times powers of ten; of a log axis only the powers where
// there are many.
std::vector<double> axis_ticks(const ChartAxis& axis);

}  // namespace nibble
