#include "glmv/model/kv/block_pool.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>

#include "glmv/base/check.h"
#include "glmv/base/random.h"

namespace glmv::model {
namespace {

BlockKey key_of(uint64_t n) { return Sha256().add_u64(n).digest(); }

TEST(BlockPool, EvictsTheCachedBlockWhoseLastUseIsLongestAgo) {
  BlockPool pool(3);
  for (uint64_t i = 0; i < 3; ++i) {
    const BlockId block = *pool.allocate();
    EXPECT_EQ(block, static_cast<BlockId>(i));
    pool.publish(block, key_of(i));
  }
  EXPECT_EQ(pool.allocate(), std::nullopt);
  for (const BlockId block : {1, 0, 2}) pool.release(block);
  EXPECT_EQ(pool.num_cached(), 3);
  // Found again: used now, and the youngest afterwards.
  EXPECT_EQ(pool.find(key_of(1)), 1);
  EXPECT_EQ(pool.num_used(), 1);
  pool.release(1);
  EXPECT_EQ(pool.allocate(), 0);
  EXPECT_EQ(pool.find(key_of(0)), std::nullopt);
  EXPECT_EQ(pool.allocate(), 2);
  EXPECT_EQ(pool.allocate(), 1);
  EXPECT_EQ(pool.allocate(), std::nullopt);
  pool.check_integrity();
}

TEST(BlockPool, OneBlockToAKey) {
  BlockPool pool(2);
  const BlockId a = *pool.allocate();
  const BlockId b = *pool.allocate();
  pool.publish(a, key_of(7));
  pool.publish(b, key_of(7));  // the same content, computed twice
  pool.check_integrity();
  pool.release(b);
  EXPECT_EQ(pool.num_free(), 1);
  pool.unpublish(a);
  EXPECT_EQ(pool.find(key_of(7)), std::nullopt);
  pool.release(a);
  EXPECT_EQ(pool.num_free(), 2);
  EXPECT_THROW(pool.release(a), InternalError);
  EXPECT_THROW(pool.add_reference(a), InternalError);
}

// Against a model that keeps everything in plain maps.
TEST(BlockPool, RandomOperationsKeepTheInvariants) {
  Random random(23);
  for (int round = 0; round < 20; ++round) {
    const auto capacity = static_cast<int64_t>(random.between(1, 12));
    BlockPool pool(capacity / 2);
    pool.grow(capacity - capacity / 2);
    std::map<BlockId, int> references;
    std::map<uint64_t, BlockId> known;  // key -> block
    std::map<BlockId, int64_t> last_use;
    int64_t now = 0;
    const auto key_name = [&](BlockId block) {
      const auto it = std::ranges::find_if(known, [&](auto& k) { return k.second == block; });
      return it == known.end() ? std::optional<uint64_t>() : it->first;
    };
    const auto any_used = [&]() -> std::optional<BlockId> {
      if (references.empty()) return std::nullopt;
      return std::next(references.begin(), static_cast<int64_t>(random.below(references.size())))
          ->first;
    };
    for (int i = 0; i < 1500; ++i) {
      ++now;
      const uint64_t name = random.below(15);
      switch (random.below(6)) {
        case 0:
        case 1: {
          std::vector<BlockId> cached;
          for (const auto& [key, block] : known) {
            if (!references.contains(block)) cached.push_back(block);
          }
          const auto got = pool.allocate();
          const auto num_used = static_cast<int64_t>(references.size());
          const auto num_cached = static_cast<int64_t>(cached.size());
          ASSERT_EQ(got.has_value(), num_used < capacity);
          if (!got) break;
          ASSERT_FALSE(references.contains(*got));
          if (num_used + num_cached == capacity) {
            const BlockId oldest = *std::ranges::min_element(
                cached, {}, [&](BlockId block) { return last_use[block]; });
            ASSERT_EQ(*got, oldest);
            known.erase(*key_name(oldest));
          }
          references[*got] = 1;
          break;
        }
        case 2:
          if (const auto block = any_used()) {
            pool.add_reference(*block);
            ++references[*block];
          }
          break;
        case 3:
          if (const auto block = any_used()) {
            pool.release(*block);
            last_use[*block] = now;
            if (--references[*block] == 0) references.erase(*block);
          }
          break;
        case 4:
          if (const auto block = any_used(); block && !key_name(*block)) {
            pool.publish(*block, key_of(name));
            known.try_emplace(name, *block);
          } else if (block && random.below(2) == 0) {
            pool.unpublish(*block);
            known.erase(*key_name(*block));
          }
          break;
        case 5: {
          const auto got = pool.find(key_of(name));
          ASSERT_EQ(got.has_value(), known.contains(name));
          if (got) {
            ASSERT_EQ(*got, known[name]);
            ++references[*got];
          }
          break;
        }
      }
      pool.check_integrity();
      ASSERT_EQ(pool.num_used(), static_cast<int64_t>(references.size()));
    }
  }
}

}  // namespace
}  // namespace glmv::model
