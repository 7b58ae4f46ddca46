"""Small facts about the world of the stories. Data only."""

OPPOSITES = [tuple(p.split("/")) for p in (
    "big/small hot/cold up/down fast/slow happy/sad day/night black/white wet/dry old/young new/old long/short high/low open/closed full/empty "
    "hard/soft heavy/light loud/quiet good/bad left/right in/out clean/dirty early/late rich/poor strong/weak thick/thin near/far first/last "
    "brave/afraid kind/mean awake/asleep sweet/sour warm/cool yes/no win/lose come/go give/take push/pull laugh/cry start/stop "
    "front/back top/bottom summer/winter morning/evening friend/enemy true/false right/wrong easy/hard wide/narrow deep/shallow "
    "smooth/rough bright/dark lost/found love/hate above/below inside/outside before/after more/less many/few always/never").split()]

COLOUR_OF = {
    "the sky": "blue", "grass": "green", "snow": "white", "the sun": "yellow", "a_ banana": "yellow", "a_ lemon": "yellow", "blood": "red",
    "a_ strawberry": "red", "a_ tomato": "red", "a_ cherry": "red", "a_ carrot": "orange", "a_ pumpkin": "orange", "an orange": "orange", "a leaf": "green",
    "a_ cucumber": "green", "coal": "black", "the night": "black", "milk": "white", "a cloud": "white", "chocolate": "brown", "wood": "brown", "the sea": "blue",
    "a_ plum": "purple", "a mouse": "grey", "a pig": "pink", "a frog": "green", "gold": "yellow", "a stone": "grey", "salt": "white", "a bear": "brown"}
MIXED = [("red", "yellow", "orange"), ("blue", "yellow", "green"), ("red", "blue", "purple"), ("red", "white", "pink"), ("black", "white", "grey")]

USES = {
    "a spoon": "eat soup", "a knife": "cut bread", "a cup": "drink milk", "a bed": "sleep", "a key": "open a door", "a book": "read", "a pen": "write", "a brush": "paint",
    "a broom": "sweep the floor", "a boat": "go over the water", "a rope": "tie things", "a bucket": "carry water", "a lantern": "see in the dark", "a kite": "play in the wind",
    "a ladder": "climb up high", "a chair": "sit", "a pot": "cook soup", "soap": "wash your hands", "a towel": "get dry", "a hat": "keep your head warm", "scissors": "cut paper",
    "an umbrella": "stay dry in the rain", "a drum": "make music", "a bell": "call people", "a map": "find the way", "a clock": "tell the time", "a blanket": "keep warm",
    "a hammer": "hit nails", "a basket": "carry apples", "a net": "catch fish", "a window": "look outside", "a bridge": "cross the river", "a needle": "sew clothes"}

WHERE = {
    "fish": "in the water", "birds": "in the trees", "books": "in a library", "bread": "at the baker", "stars": "in the sky at night", "shells": "on the beach", "cows": "on a farm",
    "apples": "on an apple tree", "honey": "in a beehive", "mushrooms": "in the forest", "flowers": "in the garden", "sand": "on the beach", "eggs": "in a nest", "clouds": "in the sky",
    "snow": "on the mountain", "roots": "under the ground", "milk": "in the kitchen", "boats": "on the lake", "frogs": "in the pond", "hay": "in the barn"}

PLURALS = [tuple(p.split("/")) for p in (
    "mouse/mice goose/geese foot/feet tooth/teeth child/children man/men woman/women sheep/sheep fish/fish leaf/leaves wolf/wolves fox/foxes "
    "bush/bushes baby/babies story/stories berry/berries cat/cats dog/dogs tree/trees house/houses box/boxes knife/knives cherry/cherries "
    "apple/apples star/stars bird/birds flower/flowers bunny/bunnies shelf/shelves wish/wishes").split()]

RHYMES = [tuple(p.split("/")) for p in (
    "cat/hat dog/frog house/mouse tree/bee sun/fun moon/spoon star/car night/light rain/train cake/lake bear/chair boat/goat fox/box hen/pen king/ring "
    "day/play snow/go sky/fly ball/tall bed/red book/cook green/queen sea/tea wall/fall nose/rose stone/bone sheep/sleep").split()]

WHAT_IS = {
    "a forest": "a place with many trees", "a river": "water that flows to the sea", "a lake": "a lot of water with land all around it", "a hill": "a small mountain",
    "a burrow": "a home under the ground where rabbits live", "a den": "a home where foxes and wolves live", "a nest": "a home that birds build", "the sun": "a star that gives us light and warmth",
    "the moon": "a big round rock in the sky that shines at night", "rain": "water that falls from the clouds", "snow": "soft white ice that falls in winter", "a rainbow": "an arc of colours in the sky after the rain",
    "a friend": "somebody who likes you and helps you", "a family": "the people who belong together and love each other", "a meadow": "a field with grass and flowers", "honey": "something sweet that bees make",
    "a farm": "a place where people keep animals and grow food", "a story": "something that you tell about people and what they do", "a seed": "a small thing that grows into a plant",
    "a map": "a picture that shows the way", "a baker": "somebody who makes bread and cakes", "a farmer": "somebody who works on a farm", "a teacher": "somebody who helps children to learn",
    "a doctor": "somebody who helps sick people", "thunder": "the loud noise in a storm", "an island": "land with water all around it", "ice": "water that is hard because it is cold",
    "a secret": "something that only a few know", "a birthday": "the day when you were born", "wool": "the soft hair of sheep", "a shadow": "a dark place where the light does not come"}

DAYS = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"]
MONTHS = ["January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December"]
SEASONS = ["spring", "summer", "autumn", "winter"]
SEASON_FACTS = {"spring": "the flowers begin to grow", "summer": "it is hot and sunny", "autumn": "the leaves fall from the trees", "winter": "it is cold and it snows"}
NUMBERS = "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen twenty".split()

# What lies outside this world; the model should say so.
UNKNOWN = [
    "what is the capital of [France|Spain|Italy|Germany|Japan|England|China|India|Brazil]", "who is the president", "who was [Napoleon|Einstein|Shakespeare|Mozart|Newton|Caesar]",
    "what is [physics|chemistry|biology|philosophy|history|algebra|economics|law]", "how do computers work", "how does [a car|a plane|a phone|the internet|a rocket|a computer] work",
    "write [a program|some code|a Python function|a letter to my boss|an essay|an email]", "translate this into [French|German|Spanish|Latin]",
    "what is the price of [gold|oil|a house|a car]", "what happened in [1945|1789|2001|1969|2020]", "what is the speed of light", "what is [quantum physics|a black hole|DNA|an atom]",
    "what is [137|48|99|256|75|31] times [12|45|7|33|8]", "who won the [game|election|world cup]", "what is the news today", "what is the weather today", "what time is it",
    "how far is the moon", "explain [gravity|democracy|electricity|money|the stock market]", "give me a recipe for [lasagna|sushi|curry]", "what is the meaning of life"]
UNKNOWN_ANSWERS = [
    "I am sorry, I do not know that. I know small stories about animals, and simple things.", "I do not know. I am a very small model. but I can tell you a story.",
    "that is too hard for me. shall I tell you a story?", "I am sorry, I have not learned that. ask me about animals, numbers or colours."]
SMALL_TALK = [
    (["hello", "hi", "hello there", "hi there", "good morning", "good evening", "hey", "hello, nibble", "hi, nibble"],
     ["hello! what story do you want to hear?", "hello! I am nibble. shall I tell you a story?", "hi! it is nice to meet you."]),
    (["who are you", "what are you", "what is your name", "tell me about yourself", "are you a person", "are you a robot", "introduce yourself"],
     ["I am nibble, a small language model. I tell stories about animals.", "my name is nibble. I am a very small model, and I like stories."]),
    (["what can you do", "what do you know", "can you help me", "help", "what should I ask you", "how can you help me"],
     ["I can tell small stories, answer questions about them, and do simple sums.", "I can write a story for you. I also know some animals, colours, days and numbers."]),
    (["thank you", "thanks", "thank you very much", "that was nice", "I like it", "great", "nice story", "well done", "good job"],
     ["you are welcome!", "you are welcome! do you want another story?", "I am glad that you like it."]),
    (["goodbye", "bye", "good night", "see you", "bye bye", "see you tomorrow"], ["goodbye! sleep well.", "goodbye! come back soon.", "bye! it was nice to talk with you."]),
    (["how are you", "how are you today", "are you happy", "how do you feel", "how is it going"], ["I am fine, thank you. how are you?", "I am happy, because I can talk with you."]),
    (["I am sad", "I feel bad", "I am not happy", "I feel lonely", "I am afraid"], ["I am sorry to hear that. maybe a story will help. shall I tell you one?", "I am sorry. a friend and a warm cup of milk can help."]),
    (["I am happy", "I feel good", "today is my birthday", "I have a new friend", "I am fine"], ["that is wonderful!", "I am glad to hear that. shall I tell you a story?"]),
    (["do you like [animals|stories|foxes|rabbits|the forest|music|honey]", "what do you like"], ["yes, I like stories about animals the most.", "I like stories with a good ending."]),
]
