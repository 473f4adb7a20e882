// A cache of blocks against plain vectors: what is written comes back, whatever is shared.

#include "glmv/model/kv/kv_cache.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "glmv/base/random.h"

namespace glmv::model {
namespace {

checkpoint::TextConfig small_config() {
  checkpoint::TextConfig config;
  config.num_hidden_layers = 2;
  config.num_key_value_heads = 2;
  config.head_dim = 4;
  return config;
}

std::shared_ptr<KvPool> make_pool(int64_t max_tokens) {
  return std::make_shared<KvPool>(small_config(), at::kFloat, at::kCPU, max_tokens);
}

// Rows that name their token: [n, 2, 4], different for each layer, keys and values.
at::Tensor rows_of(const std::vector<int64_t>& tokens, int64_t layer, int64_t which) {
  const at::Tensor ids = at::tensor(at::ArrayRef<int64_t>(tokens), at::kFloat);
  const at::Tensor element = at::arange(8, at::kFloat).view({1, 2, 4}) / 8;
  return ids.view({-1, 1, 1}) * 4 + static_cast<double>(layer * 2 + which) + element;
}

void append(KvCache& cache, const std::vector<int64_t>& tokens) {
  for (int64_t layer = 0; layer < 2; ++layer) {
    cache.write(layer, cache.length(), rows_of(tokens, layer, 0), rows_of(tokens, layer, 1));
  }
  cache.advance(static_cast<int64_t>(tokens.size()));
}

void expect_holds(const KvCache& cache, const std::vector<int64_t>& tokens) {
  ASSERT_EQ(cache.length(), static_cast<int64_t>(tokens.size()));
  cache.check_integrity();
  if (tokens.empty()) return;
  for (int64_t layer = 0; layer < 2; ++layer) {
    const auto [keys, values] = cache.gather(layer, cache.length());
    ASSERT_TRUE(at::equal(keys, rows_of(tokens, layer, 0).transpose(0, 1)));
    ASSERT_TRUE(at::equal(values, rows_of(tokens, layer, 1).transpose(0, 1)));
  }
}

// Names of the full blocks of `tokens`.
std::vector<BlockKey> keys_of(const std::vector<int64_t>& tokens) {
  std::vector<BlockKey> keys;
  Sha256 hash;
  for (size_t i = 0; i < tokens.size(); ++i) {
    hash.add_u64(static_cast<uint64_t>(tokens[i]));
    if ((i + 1) % kBlockTokens == 0) keys.push_back(hash.digest());
  }
  return keys;
}

std::vector<int64_t> count_up(int64_t first, int64_t n) {
  std::vector<int64_t> tokens(n);
  for (int64_t i = 0; i < n; ++i) tokens[i] = first + i;
  return tokens;
}

TEST(KvCache, AForkCopiesThePartlyFilledBlockWhenItIsWritten) {
  const auto pool = make_pool(5 * kBlockTokens);
  KvCache a(pool);
  ASSERT_TRUE(a.reserve(100));
  auto tokens = count_up(0, 100);
  append(a, tokens);
  KvCache b = a.fork();
  EXPECT_EQ(pool->blocks().num_used(), 2);
  ASSERT_TRUE(b.reserve(1));
  append(b, {7});
  EXPECT_EQ(pool->blocks().num_used(), 3);
  EXPECT_EQ(a.blocks()[0], b.blocks()[0]);
  EXPECT_NE(a.blocks()[1], b.blocks()[1]);
  expect_holds(a, tokens);
  ASSERT_TRUE(a.reserve(1));  // alone by now: nothing is copied
  EXPECT_EQ(pool->blocks().num_used(), 3);
  append(a, {8});
  tokens.push_back(8);
  expect_holds(a, tokens);
  tokens.back() = 7;
  expect_holds(b, tokens);
}

TEST(KvCache, AFullPoolRefusesAndNothingChanges) {
  const auto pool = make_pool(2 * kBlockTokens);
  KvCache a(pool), b(pool);
  ASSERT_TRUE(a.reserve(1));
  append(a, {1});
  EXPECT_FALSE(b.reserve(kBlockTokens + 1));
  EXPECT_EQ(pool->num_available(), 1);
  EXPECT_TRUE(b.reserve(kBlockTokens));
  EXPECT_FALSE(a.reserve(kBlockTokens));
  expect_holds(a, {1});
  b.truncate(0);
  EXPECT_TRUE(a.reserve(kBlockTokens));
}

TEST(KvCache, APublishedBlockIsNotOverwritten) {
  const auto pool = make_pool(4 * kBlockTokens);
  const auto tokens = count_up(0, 64);
  KvCache a(pool);
  ASSERT_TRUE(a.reserve(64));
  append(a, tokens);
  a.publish(keys_of(tokens));
  KvCache b(pool);
  EXPECT_EQ(b.adopt(keys_of(count_up(0, 200))), 64);
  expect_holds(b, tokens);
  // Rejected tokens: the rest of the shared block is about to be written.
  b.truncate(60);
  ASSERT_TRUE(b.reserve(1));
  append(b, {99});
  expect_holds(a, tokens);
  // A's own: nobody may find it once it has changed.
  b.truncate(0);
  a.truncate(60);
  ASSERT_TRUE(a.reserve(1));
  EXPECT_EQ(b.adopt(keys_of(tokens)), 0);
}

TEST(KvCache, Int8RowsAreRoundedToTheirOwnScaleAndShared) {
  const auto pool =
      std::make_shared<KvPool>(small_config(), at::kFloat, at::kCPU, 9 * kBlockTokens, true);
  at::manual_seed(1);
  // Rows of very different size, one of zeros.
  const at::Tensor size = at::pow(10, at::randn({2, 2, 100, 2, 1}));
  const at::Tensor rows = at::randn({2, 2, 100, 2, 4}) * size;
  rows[1][0][64].zero_();
  const at::Tensor bound = rows.abs().amax(-1, true) / 254 * 1.00001;
  KvCache a(pool);
  const auto feed = [&](KvCache& cache, int64_t begin, int64_t end) {
    ASSERT_TRUE(cache.reserve(end - begin));
    for (int64_t layer = 0; layer < 2; ++layer) {
      const auto part = [&](int64_t which) { return rows[layer][which].slice(0, begin, end); };
      cache.write(layer, cache.length(), part(0), part(1));
    }
    cache.advance(end - begin);
  };
  const auto expect_rows = [&](const KvCache& cache) {
    for (int64_t layer = 0; layer < 2; ++layer) {
      const auto [keys, values] = cache.gather(layer, cache.length());
      for (const int64_t which : {0, 1}) {
        const at::Tensor want = rows[layer][which].slice(0, 0, cache.length()).transpose(0, 1);
        const at::Tensor off = ((which == 0 ? keys : values) - want).abs();
        const at::Tensor allowed = bound[layer][which].slice(0, 0, cache.length()).transpose(0, 1);
        EXPECT_TRUE((off <= allowed).all().item<bool>()) << layer << which;
      }
    }
  };
  feed(a, 0, 61);
  feed(a, 61, 70);
  KvCache b = a.fork();
  feed(b, 70, 71);  // into a copy of the last block
  feed(a, 70, 100);
  expect_rows(a);
  expect_rows(b);
  a.check_integrity();
  EXPECT_EQ(pool->blocks().num_used(), 3);
}

TEST(KvCache, Int8DoesNotHideWhatIsNotFinite) {
  const auto pool = std::make_shared<KvPool>(small_config(), at::kBFloat16, at::kCPU, 64, true);
  for (const double bad : {std::nan(""), HUGE_VAL}) {
    at::Tensor rows = at::ones({2, 2, 4}, at::kBFloat16);
    rows[1][0][2] = bad;
    KvCache cache(pool);
    ASSERT_TRUE(cache.reserve(2));
    cache.write(0, cache.length(), rows, rows);
    cache.advance(2);
    const at::Tensor keys = cache.gather(0, 2).first;
    EXPECT_TRUE(keys[0][1].isnan().all().item<bool>());
    EXPECT_TRUE(at::equal(keys[0][0], rows[0][0]));
  }
}

// Random appends, forks, truncations, frees, publications and adoptions of several sequences.
TEST(KvCache, RandomOperationsKeepWhatWasWritten) {
  Random random(5);
  int64_t num_full = 0, num_adopted = 0, num_forks = 0;
  for (int round = 0; round < 12; ++round) {
    const auto pool = make_pool(static_cast<int64_t>(random.between(3, 40)) * kBlockTokens);
    struct Entry {
      KvCache cache;
      std::vector<int64_t> tokens;
    };
    std::vector<Entry> entries;
    for (int i = 0; i < 250; ++i) {
      const auto pick = [&]() -> Entry& { return entries[random.below(entries.size())]; };
      switch (entries.empty() ? 0 : random.below(7)) {
        case 0: {
          if (entries.size() > 6) break;
          Entry entry{KvCache(pool), {}};
          // Few different beginnings, so that some are found.
          const auto beginning =
              count_up(static_cast<int64_t>(random.below(2)) * 1000, random.between(0, 300));
          const int64_t found = entry.cache.adopt(keys_of(beginning));
          entry.tokens.assign(beginning.begin(), beginning.begin() + found);
          num_adopted += found > 0;
          const int64_t rest = static_cast<int64_t>(beginning.size()) - found;
          if (entry.cache.reserve(rest)) {
            const std::vector<int64_t> more(beginning.begin() + found, beginning.end());
            if (!more.empty()) append(entry.cache, more);
            entry.tokens = beginning;
          }
          entries.push_back(std::move(entry));
          break;
        }
        case 1:
        case 2: {
          Entry& entry = pick();
          const int64_t n = random.between(1, 90);
          if (!entry.cache.reserve(n)) {
            ++num_full;
            break;
          }
          const auto more = count_up(static_cast<int64_t>(random.below(5000)), n);
          append(entry.cache, more);
          entry.tokens.insert(entry.tokens.end(), more.begin(), more.end());
          break;
        }
        case 3: {
          if (entries.size() > 6) break;
          const Entry& from = pick();
          Entry copy{from.cache.fork(), from.tokens};
          entries.push_back(std::move(copy));
          ++num_forks;
          break;
        }
        case 4: {
          Entry& entry = pick();
          const auto length = static_cast<int64_t>(random.below(entry.tokens.size() + 1));
          entry.cache.truncate(length);
          entry.tokens.resize(length);
          break;
        }
        case 5: {
          Entry& entry = pick();
          entry.cache.publish(keys_of(entry.tokens));
          break;
        }
        case 6:
          entries.erase(entries.begin() + static_cast<int64_t>(random.below(entries.size())));
          break;
      }
      pool->blocks().check_integrity();
      for (const Entry& entry : entries) expect_holds(entry.cache, entry.tokens);
      if (HasFatalFailure()) return;
    }
    entries.clear();
    EXPECT_EQ(pool->blocks().num_used(), 0);
  }
  EXPECT_GT(num_full, 20);
  EXPECT_GT(num_adopted, 20);
  EXPECT_GT(num_forks, 50);
}

}  // namespace
}  // namespace glmv::model
