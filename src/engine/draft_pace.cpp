#include "engine/draft_pace.h"

#include <algorithm>
#include <bit>

namespace nibble {

void DraftPace::note_pass(int drafted, double seconds) {
  spent_ += seconds;
  // Interruptions only ever add time: go down at once, up slowly.
  double& known = seconds_[size_t(drafted + 1)];
  if (known == 0)
    known = seconds;
  else
    known += (seconds - known) * (seconds < known ? 0.5 : 0.125);
  if (drafted > 0) {
    lost_ += seconds - seconds_[1];
    since_draft_ = 0;
    ++since_plain_;
  } else {
    since_plain_ = 0;
    if (++since_draft_ == kForgetAfter) std::fill(seconds_.begin() + 2, seconds_.end(), 0.0);
  }
}

// What was won long ago is no reason to go on losing.
void DraftPace::note_accepted() { lost_ = std::max(lost_ - seconds_[1], -kLongestDraft * seconds_[1]); }

size_t DraftPace::bucket(int match) {  // 3, 4-5, 6-7, 8-15, 16-31, 32
  return match < 4   ? 0
         : match < 6 ? 1
         : match < 8 ? 2
                     : std::min(size_t(std::bit_width(unsigned(match))) - 1, size_t(5));
}

void DraftPace::note_prediction(int match, bool hit) {
  double& odds = odds_[bucket(match)];
  odds += ((hit ? 1.0 : 0.0) - odds) / 16;
}

// Known, or on the line through the nearest known ones.
double DraftPace::pass_seconds(int columns) const {
  if (seconds_[size_t(columns)] > 0) return seconds_[size_t(columns)];
  int below = columns - 1, above = columns + 1;
  while (below > 1 && seconds_[size_t(below)] == 0) --below;
  while (above < int(seconds_.size()) && seconds_[size_t(above)] == 0) ++above;
  const double low = seconds_[size_t(below)];
  double slope = kColumnCost * seconds_[1];
  if (above < int(seconds_.size()))
    slope = (seconds_[size_t(above)] - low) / (above - below);
  else if (below > 1)
    slope = (low - seconds_[1]) / (below - 1);
  return low + std::max(slope, 0.0) * (columns - below);
}

double DraftPace::feared_seconds(int columns) const {
  const double known = seconds_[size_t(columns)];
  return known > 0 ? known : std::max(pass_seconds(columns), seconds_[1] * (1 + kColumnRisk * (columns - 1)));
}

int DraftPace::choose(int match, int most) const {
  if (match == 0 || seconds_[1] == 0 || since_plain_ >= kPlainAfter) return 0;
  const double may_lose = kRisk * spent_ - lost_;
  int best = 0;
  double best_rate = kWorthwhile / seconds_[1], chance = 1, tokens = 1;
  for (int drafted = 1; drafted <= std::min(most, kLongestDraft); ++drafted) {
    chance *= odds_[bucket(match + drafted - 1)];
    tokens += chance;
    const double seconds = pass_seconds(drafted + 1);
    if (feared_seconds(drafted + 1) - seconds_[1] > may_lose) break;
    if (tokens / seconds > best_rate) {
      best_rate = tokens / seconds;
      best = drafted;
    }
  }
  return best;
}

}  // namespace nibble
