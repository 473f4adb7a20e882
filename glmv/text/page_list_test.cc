#include "glmv/text/page_list.h"

#include <gtest/gtest.h>

namespace glmv::text {
namespace {

using Ranges = std::vector<PageRange>;

TEST(PageList, Numbers) {
  EXPECT_EQ(*parse_page_list("3"), (Ranges{{3, 3}}));
  EXPECT_EQ(*parse_page_list("1-3,7"), (Ranges{{1, 3}, {7, 7}}));
  EXPECT_EQ(*parse_page_list(" 9 , 2 - 4 "), (Ranges{{9, 9}, {2, 4}}));
  EXPECT_EQ(*parse_page_list("12-"), (Ranges{{12, 0}}));
  EXPECT_EQ(*parse_page_list("5-5"), (Ranges{{5, 5}}));
}

TEST(PageList, WhatIsNone) {
  for (const char* text : {"", " ", ",", "1,", ",1", "0", "-3", "3-1", "1--2", "a", "1-b", "1.5",
                           "+1", "1-2-3", "99999999999999999999", "10000001", "1;2", "\n"}) {
    const auto list = parse_page_list(text);
    ASSERT_FALSE(list) << text;
    EXPECT_EQ(list.error().code, Code::kInvalidArgument);
  }
  EXPECT_FALSE(parse_page_list(std::string_view("1\0", 2)));
  std::string many = "1";
  for (int i = 0; i < 10'000; ++i) many += ",1";
  EXPECT_FALSE(parse_page_list(many));
}

TEST(PageList, PicksOfADocument) {
  EXPECT_EQ(*pick_pages("", 3, 3), (std::vector<int>{1, 2, 3}));
  EXPECT_EQ(*pick_pages("3,1-2,2", 3, 3), (std::vector<int>{1, 2, 3}));
  EXPECT_EQ(*pick_pages("9-", 10, 3), (std::vector<int>{9, 10}));
  for (const char* list : {"4", "2-4", "4-"}) {
    const auto picked = pick_pages(list, 3, 9);
    ASSERT_FALSE(picked) << list;
    EXPECT_EQ(picked.error().code, Code::kInvalidArgument);
    EXPECT_NE(picked.error().message.find("the document has 3 pages"), std::string::npos);
  }
  EXPECT_EQ(pick_pages("", 10, 9).error().code, Code::kResourceExhausted);
}

}  // namespace
}  // namespace glmv::text
