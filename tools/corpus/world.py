"""The world of the stories: who lives there, where, and what things are like. Data only."""

# kind: (home, food, sound, legs, colour, size 1..9, what it can do, young)
ANIMALS = {
    "fox": ("den", "berries", "yip", 4, "orange", 4, "run", "cub"),
    "rabbit": ("burrow", "carrots", "squeak", 4, "grey", 3, "hop", "bunny"),
    "bear": ("cave", "honey", "growl", 4, "brown", 8, "climb", "cub"),
    "mouse": ("hole", "cheese", "squeak", 4, "grey", 1, "run", "pup"),
    "owl": ("tree", "mice", "hoot", 2, "brown", 3, "fly", "owlet"),
    "duck": ("nest", "bread", "quack", 2, "white", 3, "swim", "duckling"),
    "frog": ("pond", "flies", "croak", 4, "green", 1, "jump", "tadpole"),
    "hedgehog": ("nest", "beetles", "snuffle", 4, "brown", 2, "curl up", "hoglet"),
    "squirrel": ("tree", "nuts", "chatter", 4, "red", 2, "climb", "kit"),
    "cat": ("house", "fish", "meow", 4, "black", 3, "climb", "kitten"),
    "dog": ("house", "bones", "bark", 4, "brown", 5, "run", "puppy"),
    "turtle": ("pond", "leaves", "hiss", 4, "green", 3, "swim", "hatchling"),
    "pig": ("barn", "corn", "oink", 4, "pink", 6, "roll", "piglet"),
    "goat": ("barn", "grass", "bleat", 4, "white", 6, "climb", "kid"),
    "sheep": ("field", "grass", "baa", 4, "white", 6, "run", "lamb"),
    "horse": ("stable", "hay", "neigh", 4, "brown", 9, "run", "foal"),
    "cow": ("barn", "grass", "moo", 4, "white", 9, "walk", "calf"),
    "hen": ("barn", "seeds", "cluck", 2, "red", 3, "run", "chick"),
    "beaver": ("lodge", "bark", "slap", 4, "brown", 4, "swim", "kit"),
    "otter": ("den", "fish", "whistle", 4, "brown", 4, "swim", "pup"),
    "badger": ("den", "roots", "grunt", 4, "black", 4, "dig", "cub"),
    "mole": ("tunnel", "worms", "squeak", 4, "black", 2, "dig", "pup"),
    "deer": ("forest", "leaves", "snort", 4, "brown", 8, "run", "fawn"),
    "wolf": ("den", "meat", "howl", 4, "grey", 7, "run", "pup"),
    "robin": ("nest", "worms", "chirp", 2, "red", 1, "fly", "chick"),
    "snail": ("shell", "lettuce", "none", 0, "brown", 1, "crawl", "snail"),
}

# Kinds that a hero may be; the farm giants and the snail are left to facts and bystanders.
HERO_KINDS = ["fox", "rabbit", "bear", "mouse", "owl", "duck", "frog", "hedgehog", "squirrel", "cat", "dog", "turtle",
              "pig", "goat", "sheep", "hen", "beaver", "otter", "badger", "mole", "deer", "wolf", "robin", "girl", "boy"]

GIRLS = ["Lily", "Mia", "Ruby", "Daisy", "Poppy", "Rosie", "Luna", "Nora", "Ella", "Bella", "Hazel", "Ivy", "Molly", "Tilly",
         "Penny", "Willow", "Clara", "Maya", "Lucy", "Anna", "Olive", "Fern", "Pearl", "Sunny", "Dot", "Wren"]
BOYS = ["Max", "Ben", "Tom", "Sam", "Leo", "Finn", "Oscar", "Jack", "Toby", "Hugo", "Milo", "Otto", "Pip", "Rusty",
        "Teddy", "Benny", "Felix", "Jasper", "Billy", "Charlie", "Henry", "Nico", "Alfie", "Bruno", "Rolo", "Barney"]

TRAITS = ["brave", "shy", "kind", "curious", "clever", "cheerful", "gentle", "playful", "quiet", "busy", "friendly",
          "proud", "sleepy", "silly", "careful", "stubborn", "hungry", "lonely", "merry", "patient"]

# What a trait makes somebody do, so that the trait is more than a word.
TRAIT_LINES = {
    "brave": ["{he} was not scared of much", "{he} always went first"],
    "shy": ["{he} often hid when [others|strangers] came near", "{he} spoke in a very soft voice"],
    "kind": ["{he} liked to help [everyone|others]", "{he} always shared what {he} had"],
    "curious": ["{he} asked questions all day long", "{he} wanted to know how everything worked"],
    "clever": ["{he} could solve any puzzle", "{he} always had a good idea"],
    "cheerful": ["{he} sang every morning", "{he} smiled at everyone {he} met"],
    "gentle": ["{he} never hurt even a fly", "{he} was careful with small things"],
    "playful": ["{he} turned everything into a game", "{he} loved to play tricks"],
    "quiet": ["{he} liked to sit and listen to the wind", "{he} did not talk much"],
    "busy": ["{he} never sat still", "{he} always had something to do"],
    "friendly": ["{he} said hello to everyone", "{he} had many friends"],
    "proud": ["{he} thought {he} was the best at everything", "{he} did not like to ask for help"],
    "sleepy": ["{he} could fall asleep anywhere", "{he} took three naps every day"],
    "silly": ["{he} made funny faces all day", "{he} wore a leaf as a hat"],
    "careful": ["{he} always looked twice before {he} jumped", "{he} never hurried"],
    "stubborn": ["{he} never gave up", "{he} did not like to change {his} mind"],
    "hungry": ["{he} thought about {food} all day", "{he} was always looking for {food}"],
    "lonely": ["{he} had nobody to play with", "{he} wished for a friend"],
    "merry": ["{he} laughed more than anyone", "{he} danced on the way home"],
    "patient": ["{he} could wait for a long time", "{he} never got angry"],
}

PLACES = ["the forest", "the meadow", "the farm", "the village", "the river", "the hill", "the lake", "the valley",
          "the garden", "the sea", "the mountain", "the old mill"]
NEAR = {"the forest": "[in|at the edge of] the forest", "the meadow": "in [the|a green] meadow", "the farm": "on [the|a small] farm",
        "the village": "in [the|a quiet] village", "the river": "[by|near] the river", "the hill": "on [the|a green] hill",
        "the lake": "[by|near] the lake", "the valley": "in [the|a warm] valley", "the garden": "in [the|a big] garden",
        "the sea": "[by|near] the sea", "the mountain": "at the foot of the mountain", "the old mill": "[near|behind] the old mill"}

WEATHER = ["sunny", "windy", "cold", "warm", "rainy", "cloudy", "bright", "foggy"]
TIMES = ["morning", "afternoon", "evening", "day"]
SEASONS = ["spring", "summer", "autumn", "winter"]

COLOURS = ["red", "blue", "green", "yellow", "orange", "purple", "pink", "white", "black", "brown", "grey", "gold"]
TOYS = ["ball", "kite", "drum", "bell", "hat", "scarf", "cup", "boat", "book", "ribbon", "whistle", "basket", "lantern",
        "button", "blanket", "spoon", "flute", "marble", "coat", "shell"]

HIDING = ["under a bush", "behind a big rock", "in a hollow log", "under the bridge", "in the tall grass", "at the bottom of the pond",
          "in a pile of leaves", "behind the barn", "under the bed", "in the old oak tree", "beside the well", "inside a boot"]
SEARCH = ["under the bed", "behind the door", "in the garden", "near the stream", "under the old tree", "on the path", "behind the fence",
          "in the kitchen", "between the roots", "under a stone", "behind the curtain", "in the hay"]

ELDERS = ["mother", "father", "grandmother", "grandfather", "aunt", "uncle", "big sister", "big brother"]
ELDER_HE = {"mother": "she", "father": "he", "grandmother": "she", "grandfather": "he", "aunt": "she", "uncle": "he",
            "big sister": "she", "big brother": "he"}

TREATS = ["a warm apple pie", "a honey cake", "a big bowl of soup", "sweet berries", "warm bread with honey", "a plate of cookies",
          "a cup of warm milk", "nut cake", "a pot of porridge", "pancakes"]

PLURAL = {"sheep": "sheep", "mouse": "mice", "wolf": "wolves", "fox": "foxes", "deer": "deer"}
