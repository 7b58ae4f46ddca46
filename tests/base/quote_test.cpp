#include "base/quote.h"

#include <gtest/gtest.h>

namespace nibble {
namespace {

TEST(Quoted, EscapesAndCuts) {
  EXPECT_EQ(quoted("blk.0.attn_q.weight"), "'blk.0.attn_q.weight'");
  EXPECT_EQ(quoted(std::string_view("a\x1b[2J\0'\\", 8)), "'a\\x1b[2J\\x00\\x27\\x5c'");
  EXPECT_EQ(quoted(std::string(100, 'n'), 3), "'nnn'... (100 bytes)");
  EXPECT_EQ(quoted(""), "''");
}

}  // namespace
}  // namespace nibble
