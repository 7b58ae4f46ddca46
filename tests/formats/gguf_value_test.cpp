#include <gtest/gtest.h>

#include <cmath>

#include "formats/gguf_bytes.h"

namespace nibble {
namespace {

class Values : public testing::Test {
 protected:
  std::string bytes_ = every_value_file();
  GgufFile file_ = *parse_text(bytes_);
  GgufValue value(std::string_view key) {
    const auto found = file_.find(key);
    EXPECT_TRUE(found) << key;
    return found.value_or(GgufValue());
  }
};

TEST_F(Values, IntegersConvertWhenTheyFit) {
  EXPECT_EQ(value("u8").as_uint(), 200u);
  EXPECT_EQ(value("u8").as_int(), 200);
  EXPECT_EQ(value("i8").as_int(), -100);
  EXPECT_EQ(value("i8").as_uint(), std::nullopt);
  EXPECT_EQ(value("u16").as_int(), 60000);
  EXPECT_EQ(value("i16").as_int(), -30000);
  EXPECT_EQ(value("u32").as_uint(), 4294967295u);  // "absent" ids are written so
  EXPECT_EQ(value("i32").as_int(), -2000000000);
  EXPECT_EQ(value("u64").as_uint(), UINT64_MAX);
  EXPECT_EQ(value("u64").as_int(), std::nullopt);
  EXPECT_EQ(value("i64").as_int(), INT64_MIN);
  EXPECT_EQ(value("i64").as_uint(), std::nullopt);
  for (const char* key : {"f32", "f64", "bool", "string", "strings"}) {
    EXPECT_EQ(value(key).as_int(), std::nullopt) << key;
    EXPECT_EQ(value(key).as_uint(), std::nullopt) << key;
  }
}

TEST_F(Values, FloatsConvertWithoutLoss) {
  EXPECT_EQ(value("f32").as_float(), 1.5);
  EXPECT_EQ(value("f64").as_float(), 0.1);
  EXPECT_EQ(value("i16").as_float(), -30000.0);
  EXPECT_EQ(value("i64").as_float(), -std::ldexp(1.0, 63));
  EXPECT_EQ(value("u64").as_float(), std::nullopt);  // 2^64 - 1 is no double
  EXPECT_EQ(value("bool").as_float(), std::nullopt);
  EXPECT_EQ(value("string").as_float(), std::nullopt);
}

TEST_F(Values, TextBoolsAndArrays) {
  EXPECT_EQ(value("string").as_string(), "text");
  EXPECT_EQ(value("bool").as_bool(), true);
  EXPECT_EQ(value("u8").as_bool(), std::nullopt);
  EXPECT_EQ(value("f32").as_string(), std::nullopt);
  EXPECT_EQ(value("strings").as_strings(), (std::vector<std::string_view>{"a", "", "ccc"}));
  EXPECT_EQ(value("strings").as_floats(), std::nullopt);
  EXPECT_EQ(value("bools").at(0).as_bool(), true);
  EXPECT_EQ(value("bools").at(1).as_bool(), false);
  EXPECT_EQ(value("bools").as_uints(), std::nullopt);
  EXPECT_EQ(value("floats").as_floats(), (std::vector<float>{0.25f, -8.0f}));
  EXPECT_EQ(value("floats").as_ints(), std::nullopt);
  EXPECT_EQ(value("floats").as_strings(), std::nullopt);
  EXPECT_EQ(value("empty").size(), 0u);
  EXPECT_EQ(value("empty").as_strings(), std::vector<std::string_view>());
  EXPECT_EQ(value("empty").as_ints(), std::vector<int64_t>());
  const GgufValue nested = value("nested");
  EXPECT_EQ(nested.element_type(), GgufType::kArray);
  EXPECT_EQ(nested.at(0).as_uints(), (std::vector<uint64_t>{1, 2}));
  EXPECT_EQ(nested.at(1).at(0).at(0).as_string(), "deep");
  EXPECT_EQ(nested.as_uints(), std::nullopt);
  EXPECT_EQ(nested.as_strings(), std::nullopt);
  EXPECT_TRUE(nested.at(2).is_array());  // past the end: an empty default
  EXPECT_EQ(nested.at(2).size(), 0u);
}

TEST_F(Values, TypedAccessNamesTheKey) {
  EXPECT_EQ(file_.get_uint("u16").value(), 60000u);
  EXPECT_EQ(file_.get_float("u16").value(), 60000.0);
  EXPECT_EQ(file_.get_uint("absent").value(), std::nullopt);
  EXPECT_EQ(file_.get_string("absent").value(), std::nullopt);
  const auto message = [](const auto& result) { return result ? std::string("ok") : result.error().message; };
  EXPECT_EQ(message(file_.get_uint("i8")), "test.gguf: key 'i8' is int8 -100, wanted an unsigned integer");
  EXPECT_EQ(message(file_.get_uint("string")),
            "test.gguf: key 'string' is string, wanted an unsigned integer");
  EXPECT_EQ(message(file_.get_bool("u8")), "test.gguf: key 'u8' is uint8 200, wanted a bool");
  EXPECT_EQ(message(file_.get_string("nested")), "test.gguf: key 'nested' is array, wanted a string");
  EXPECT_EQ(message(file_.get_float("string")), "test.gguf: key 'string' is string, wanted a number");
}

TEST_F(Values, TensorsAreViewsOfTheFile) {
  ASSERT_EQ(file_.tensors().size(), 2u);
  const TensorView* first = file_.find_tensor("first");
  ASSERT_EQ(first, &file_.tensors()[0]);
  EXPECT_EQ(first->rows(), 3u);
  EXPECT_EQ(first->row_bytes(), 16u);
  EXPECT_EQ(first->bytes.data(), reinterpret_cast<const std::byte*>(bytes_.data() + bytes_.size() - 64 - 64));
  const TensorView* second = file_.find_tensor("second");
  ASSERT_NE(second, nullptr);
  EXPECT_EQ(second->format->id, FormatId::kQ4_0);
  EXPECT_EQ(second->bytes[35], std::byte{35});
  EXPECT_EQ(second->row_bytes(), 18u);
  EXPECT_EQ(file_.find_tensor("third"), nullptr);
}

}  // namespace
}  // namespace nibble
