#include "glmv/synth/words.h"

#include <algorithm>
#include <array>
#include <string>

namespace glmv::synth {
namespace {

constexpr std::string_view kTrainingWords[] = {
    "apple",  "arm",    "baby",   "back",   "ball",   "band",   "bank",   "bath",   "bear",
    "bed",    "bee",    "bell",   "bird",   "black",  "blue",   "boat",   "body",   "bone",
    "book",   "bowl",   "box",    "boy",    "bread",  "brick",  "bridge", "brown",  "bus",
    "cake",   "camel",  "camp",   "candle", "cap",    "car",    "card",   "cat",    "chair",
    "chalk",  "chess",  "child",  "city",   "clay",   "clock",  "cloud",  "coat",   "coin",
    "cold",   "cook",   "corn",   "cow",    "cream",  "crown",  "cup",    "dark",   "day",
    "deer",   "desk",   "dinner", "dish",   "doctor", "dog",    "doll",   "door",   "dream",
    "dress",  "drum",   "duck",   "dust",   "ear",    "earth",  "east",   "egg",    "elbow",
    "eye",    "face",   "farm",   "fast",   "feet",   "fence",  "field",  "film",   "finger",
    "fire",   "fish",   "five",   "flag",   "flower", "foot",   "forest", "fork",   "four",
    "fox",    "friend", "frog",   "fruit",  "game",   "garden", "gate",   "ghost",  "gift",
    "girl",   "glass",  "globe",  "goat",   "gold",   "grape",  "grass",  "green",  "hair",
    "hammer", "hand",   "hat",    "heart",  "hill",   "home",   "honey",  "horse",  "hot",
    "house",  "ice",    "ink",    "island", "jacket", "jam",    "jar",    "jelly",  "joke",
    "juice",  "jump",   "key",    "king",   "kite",   "knee",   "knife",  "lake",   "lamp",
    "leaf",   "leg",    "letter", "light",  "lion",   "lock",   "lunch",  "map",    "market",
    "mask",   "maze",   "meat",   "milk",   "mirror", "money",  "monkey", "moon",   "mouse",
    "mouth",  "mud",    "music",  "nail",   "name",   "neck",   "needle", "nest",   "night",
    "nine",   "north",  "nose",   "nurse",  "nut",    "oak",    "ocean",  "oil",    "olive",
    "one",    "onion",  "orange", "oven",   "owl",    "page",   "paint",  "pan",    "paper",
    "park",   "party",  "peach",  "pear",   "pen",    "pencil", "pepper", "phone",  "piano",
    "pig",    "pilot",  "pink",   "pizza",  "plane",  "plant",  "plate",  "pocket", "poem",
    "pond",   "pony",   "pool",   "potato", "price",  "prince", "pump",   "puppet", "purple",
    "queen",  "quiet",  "quiz",   "rabbit", "radio",  "rain",   "rat",    "red",    "rice",
    "ring",   "river",  "road",   "robot",  "rock",   "roof",   "room",   "rope",   "rose",
    "round",  "ruler",  "sad",    "sail",   "salt",   "sand",   "school", "sea",    "seed",
    "seven",  "sheep",  "ship",   "shirt",  "shoe",   "shop",   "silver", "six",    "skirt",
    "sky",    "sleep",  "smile",  "smoke",  "snail",  "snake",  "snow",   "soap",   "sofa",
    "song",   "soup",   "spoon",  "spring", "stamp",  "stone",  "storm",  "street", "sugar",
    "summer", "sun",    "table",  "tail",   "tea",    "ten",    "tent",   "tiger",  "toast",
    "tooth",  "town",   "toy",    "train",  "tree",   "truck",  "two",    "uncle",  "van",
    "violin", "voice",  "wagon",  "wall",   "war",    "water",  "wax",    "web",    "west",
    "whale",  "wheat",  "wheel",  "white",  "wind",   "window", "wing",   "winter", "wolf",
    "wood",   "yard",   "year",   "yellow", "young",  "zebra",  "zero",   "zoo"};

constexpr std::string_view kTestWords[] = {
    "actor",  "angel",  "animal", "ant",    "autumn", "bag",    "basket", "beach",  "bottle",
    "branch", "butter", "button", "camera", "carpet", "castle", "cheese", "circus", "comb",
    "copper", "cotton", "cousin", "cradle", "dragon", "eagle",  "engine", "family", "fever",
    "flute",  "fly",    "guitar", "hotel",  "insect", "jungle", "kitten", "ladder", "lemon",
    "magnet", "melon",  "mother", "orchid", "palace", "parrot", "planet", "puzzle", "rocket",
    "saddle", "salad",  "sister", "spider", "squash", "sweet",  "teeth",  "tomato", "turtle",
    "valley", "vase",   "walnut", "wasp",   "yogurt", "zipper"};

constexpr std::string_view kLabels[] = {"OK",   "Cancel", "Save", "Open",  "Help", "Send",
                                        "Yes",  "No",     "Back", "Next",  "Stop", "Play",
                                        "Edit", "Print",  "Menu", "Search"};

}  // namespace

std::span<const std::string_view> training_words() { return kTrainingWords; }
std::span<const std::string_view> test_words() { return kTestWords; }
std::span<const std::string_view> labels() { return kLabels; }

std::string_view random_word(Dice& dice, Split split) {
  if (split == Split::kTest && dice.chance(0.5)) return dice.pick(test_words());
  return dice.pick(training_words());
}

std::string invented_word(Dice& dice) {
  static constexpr std::string_view kConsonants = "bcdfghjklmnpqrstvwxyz";
  static constexpr std::string_view kVowels = "aeiou";
  const auto known = [](std::span<const std::string_view> list, const std::string& word) {
    return std::ranges::find(list, word) != list.end();
  };
  std::string word;
  do {
    word.clear();
    const int length = dice.between(3, 6);
    bool vowel = dice.chance(0.3);
    for (int i = 0; i < length; ++i) {
      word += vowel ? dice.pick(kVowels) : dice.pick(kConsonants);
      vowel = dice.chance(0.85) ? !vowel : vowel;
    }
  } while (known(kTrainingWords, word) || known(kTestWords, word));
  return word;
}

}  // namespace glmv::synth
