// How many tokens to draft: as many as pay at the speed that was measured and the luck that prompt lookup has
// had lately. Whether a prediction would have come true is seen at every token, drafted or not, so being
// wrong costs nothing until the odds are good.
#pragma once
#include <array>

#include "engine/request.h"

namespace nibble {

class DraftPace {
 public:
  // What has been spent, and so how much may be risked: at most kRisk of it is ever lost to drafts.
  void note_prefill(double seconds) { spent_ += seconds; }
  // A pass of one token and `drafted` ones after it; what it gains is told by note_accepted.
  void note_pass(int drafted, double seconds);
  // A drafted token was the one sampled: a pass saved.
  void note_accepted();
  // Whether the token that a match of this length foretold was the one sampled.
  void note_prediction(int match, bool hit);

  // The draft length, 0 to `most`, that makes the most tokens a second after a match of this length.
  int choose(int match, int most) const;

 private:
  static constexpr double kRisk = 0.02;
  static constexpr int kPlainAfter = 64;    // passes with drafts, then one without: what would it take now?
  static constexpr int kForgetAfter = 256;  // passes without drafts, then their times are taken anew
  static constexpr double kColumnCost = 0.25;  // of a pass, for each token more: expected until measured
  static constexpr double kColumnRisk = 0.6;   // feared until measured
  static constexpr double kWorthwhile = 1.05;  // gains smaller than this are noise

  double pass_seconds(int columns) const;
  double feared_seconds(int columns) const;
  static size_t bucket(int match);

  std::array<double, kLongestDraft + 2> seconds_{};  // of a pass, by columns; 0: not known
  // Chance that the next token is the one foretold, by length of the match; where it starts is a guess.
  std::array<double, 6> odds_{0.25, 0.4, 0.5, 0.6, 0.7, 0.8};
  double spent_ = 0, lost_ = 0;  // lost: against passes of one token; negative: won
  int since_plain_ = 0, since_draft_ = 0;
};

}  // namespace nibble
