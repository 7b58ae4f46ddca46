"""Plots about daily life and small wonders: wishes, swaps, noises, letters, soup, winter stores. Data only; see plots_feelings.py for the form."""

PLOTS = {}

PLOTS["wish"] = {
    "rows": [dict(giver=g, wish=w, bad=b, real=r) for g, w, b, r in [
        ("a tiny fairy", "to be as tall as a tree", "{he} could not fit through the door", "that {he} was just the right size"), ("a golden fish", "to have all the toys in the world", "there was no room left to sleep", "that one good toy is enough"),
        ("a falling star", "that it would always be summer", "the flowers grew dry and the river was almost empty", "that every season is good for something"), ("an old lamp", "to be the strongest of all", "everything {he} touched broke", "that gentle hands are better than strong ones"),
        ("a magic stone", "to fly like a bird", "{he} could not come down again", "that {his} own feet were good feet"), ("a kind witch", "that nobody would ever tell {him} what to do", "nobody talked to {him} at all", "that the others cared for {him}"),
        ("a silver bird", "to have everything made of gold", "the bread was too hard to eat", "that bread is better than gold"), ("a little wizard", "to be invisible", "nobody could see {him}, and nobody said hello", "that it is good to be seen"),
        ("a snow spirit", "that every day would be {his} birthday", "{he} was tired of cake", "that special days are special because they are few")]],
    "title": ["be careful what you wish for", "{hero} and {giver}", "one wish"],
    "prompt": ["a_ {kind} who gets a wish", "a_ {kind} and {giver}", "a_ {kind} who makes a wish", "a magic wish", "a_ {kind} who meets {giver}"],
    "summary": "{hero} the {kind} met {giver}, made a wish, and learned {real}.",
    "steps": [
        ["one {weather} {time}, {hero} met {giver} {near}. \"you may have one wish,\" said a soft voice.", "one {time}, {hero} helped {giver}, who was [in trouble|stuck in a bush]. \"thank you,\" said a tiny voice. \"now you may make a wish.\""],
        ["{hero} did not think for long. {he} wished {wish}.", "\"a wish!\" cried {hero}. {he} jumped up and down. then {he} wished {wish}."],
        ["[puff!|there was a flash of light.|there was a sound like bells.] the wish came true. at first it was wonderful.", "and in the blink of an eye, it was so. {hero} laughed and ran to show it to {friend} the {fkind}."],
        ["but soon {bad}. \"this is not what I wanted,\" said {hero}.", "but after a day, {bad}. {hero} sat down and sighed."],
        ["\"what is wrong?\" asked {friend} the {fkind}. {hero} told {fhim} everything. \"then wish it back,\" said {friend}.", "{friend}, a_ {ftrait} {fkind}, came to see {him}. \"you can still say sorry to {giver_word},\" {fhe} said."],
        ["so {hero} went back to {giver_word}. \"please, make everything as it was before,\" {he} said. and so it was.", "{hero} closed {his} eyes. \"I wish that all was as before,\" {he} whispered. when {he} opened {his} eyes, the magic was gone."],
        ["{hero} now knew {real}.", "\"I have learned {real},\" thought {hero}, and {he} went home for {treat}."],
    ],
    "qa": [("what did {hero} wish?", "{hero} wished {wish}."), ("who gave {hero} a wish?", "{giver} gave {hero} a wish."), ("what went wrong with the wish?", "the problem was that {bad}."), ("what did {hero} learn?", "{hero} learned {real}.")],
    "moral": ["be careful what you wish for.", "be happy with what you have."],
}

PLOTS["swap"] = {
    "rows": [dict(one=a, two=b, three=c, four=d) for a, b, c, d in [
        ("a feather", "a pencil", "a lamp", "a warm coat"), ("a shiny button", "a ball of wool", "a fishing rod", "a big fish"), ("a red apple", "a loaf of bread", "a clay pot", "a little stove"), ("a bent nail", "a hammer", "a chair", "a soft bed"),
        ("a walnut", "a bag of seeds", "a bunch of flowers", "a painted vase"), ("a round stone", "a marble", "a mirror", "a violin"), ("an empty bottle", "a jar of jam", "a basket of eggs", "a yellow chick"), ("a piece of chalk", "a storybook", "a bicycle bell", "a bicycle"),
        ("a dry leaf", "a paper crown", "a wooden sword", "a toy castle")]],
    "title": ["{hero} swaps", "from {one} to {four}", "a good trade"],
    "prompt": ["a_ {kind} who trades things", "a_ {kind} who swaps {one} for something better", "a_ {kind} at the market", "a_ {kind} with {one}"],
    "summary": "{hero} the {kind} traded {one} for {two}, then for {three}, and in the end got {four}.",
    "steps": [
        ["one {weather} {time}, {hero} found {one}. \"what can I do with it?\" {he} wondered.", "all that {hero} had was {one}. but {he} dreamed of {four}."],
        ["on the road {he} met a_ {xkind}. \"I need {one},\" said the {xkind}. \"I will give you {two} for it.\" \"all right,\" said {hero}.", "{he} took it to the market. a_ {xkind} looked at it. \"I will trade you {two} for {one},\" said the {xkind}, and {hero} agreed."],
        ["then {he} met {friend} the {fkind}. \"how nice!\" said {friend}. \"I always wanted {two}. will you take {three}?\" {hero} said yes.", "a little later {he} saw {friend}, a_ {ftrait} {fkind}. {friend} had {three}, but {fhe} needed the {two_word}. so they traded."],
        ["{hero} walked on with the {three_word}. soon an old {ykind} called from a window. \"is that {three}? I have been looking for one for years!\"", "at the end of the road lived an old {ykind}, who had no {three_word}. \"what a pity,\" said the {ykind}. \"I would give {four} for it.\""],
        ["and so {hero} got {four}! {he} could not believe it.", "\"then it is yours,\" said {hero}. and the {ykind} gave {him} {four}."],
        ["{he} ran home. \"look what I have!\" {he} called. \"where did you get it?\" asked {his} {elder}. \"it all began with {one},\" said {hero}.", "that evening {he} invited {friend} and the others, and they ate {treat}."],
    ],
    "qa": [("what did {hero} have at the beginning?", "at the beginning, {hero} had {one}."), ("what did {hero} have at the end?", "at the end, {hero} had {four}."), ("what did {hero} get from {friend}?", "{hero} got {three} from {friend}."), ("what did {hero} get for {one}?", "{hero} got {two} for {one}.")],
    "moral": ["small things can become big things.", "what one does not need, another is looking for."],
}

PLOTS["noise"] = {
    "rows": [dict(noise=n, guess=g, truth=t) for n, g, t in [
        ("tap, tap, tap", "a ghost", "a woodpecker who was building a home"), ("scratch, scratch", "a monster", "a kitten who wanted to come in"), ("drip, drip, drip", "a thief", "the rain that came through the roof"), ("hoo, hoo", "a dragon", "a young owl who was calling for his mother"),
        ("crunch, crunch", "a giant", "a hedgehog who was eating an apple"), ("bang, bang", "an angry bear", "a window that was open in the wind"), ("ring, ring", "a robber with a bell", "a goat with a bell around its neck"), ("squeak, squeak", "a hundred rats", "an old wheel"),
        ("snore, snore", "a lion", "grandfather, who was asleep under the table"), ("splash, splash", "a sea monster", "a fish that jumped for joy")]],
    "title": ["{noise}", "the strange noise", "who is there?"],
    "prompt": ["a_ {kind} who hears a strange noise", "a strange noise in the night", "a_ {kind} and a mystery", "a_ {kind} who hears something in the dark"],
    "summary": "{hero} the {kind} heard a strange noise, but it was only {truth}.",
    "steps": [
        ["one night, {hero} heard a strange noise. \"{noise}!\" {he} sat up in bed.", "it was a quiet {time}. suddenly there was a noise. \"{noise}!\" \"what was that?\" asked {hero}."],
        ["\"maybe it is {guess},\" {he} thought, and {his} knees began to shake.", "\"it must be {guess}!\" {he} said, and {he} hid under the blanket."],
        ["{he} ran to {friend} the {fkind}. \"there is {guess} at my {home}!\" {he} cried. {friend} took a lantern. \"we will see,\" {fhe} said.", "{friend} the {fkind} was staying with {him}. \"did you hear that?\" whispered {hero}. \"yes,\" said {friend}. \"let us look.\""],
        ["step by step they went [through the dark|to the door|around the corner]. \"{noise}!\" it was louder now.", "they held hands and walked very slowly. \"{noise}!\" it came from outside."],
        ["{friend} held up the light. and what did they see? it was {truth}!", "{hero} counted to three and opened the door. it was only {truth}."],
        ["they looked at each other and began to laugh. \"so much fear for nothing,\" said {hero}.", "\"hello,\" said {hero}, and {he} was not afraid any more. \"I thought that it was {guess}!\""],
        ["after that, {hero} slept like a stone.", "and when {he} heard a noise again, {he} went to look first."],
    ],
    "qa": [("what did {hero} hear?", "{hero} heard a strange noise: \"{noise}!\""), ("what was the noise?", "it was {truth}."), ("what did {hero} think it was?", "{hero} thought that it was {guess}."), ("who went with {hero}?", "{friend} the {fkind} went with {hero}.")],
    "moral": ["look first, then be afraid.", "the dark makes small things big."],
}

PLOTS["letter"] = {
    "rows": [dict(message=m, danger=d, way=w) for m, d, w in [
        ("a letter for the queen", "a wide river", "built a raft"), ("medicine for the old miller", "deep snow", "tied two boards to {his} feet"), ("an invitation to the ball", "a thick fog", "followed the sound of the church bell"), ("a key for the lighthouse", "a strong wind", "walked close to the ground"),
        ("a basket for grandmother", "a fallen tree", "crawled under it"), ("the news from the hill", "a herd of cows", "asked them politely to step aside"), ("a song for the sick king", "a steep mountain", "took one small step after another"), ("a map for the captain", "a locked gate", "found a hole in the fence"),
        ("a birthday card", "heavy rain", "carried it under a big leaf")]],
    "title": ["{message}", "{hero} the messenger", "a long way to go"],
    "prompt": ["a_ {kind} who has to bring {message}", "a_ {kind} who goes on a journey", "a_ {kind} who brings {message}", "a long journey", "a_ {trait} {kind} with an important job"],
    "summary": "{hero} the {kind} had to bring {message}; there was {danger}, but {he} {way} and got there.",
    "steps": [
        ["one {weather} {time}, {hero} got an important job. {he} had to bring {message} to the other side of {place}.", "\"who can bring {message}?\" asked {his} {elder}. \"I can!\" said {hero}. \"it is a long way,\" said {his} {elder}. \"be careful.\""],
        ["{he} packed [some bread|a bottle of water|two apples] and set out [at once|before the sun was up].", "{he} put it in {his} bag and started to walk. left, right, left, right."],
        ["soon {he} met {friend} the {fkind}. \"where are you going?\" asked {fhe}. \"I have to bring {message},\" said {hero}. \"may I come along?\" asked {friend}.", "on the way {he} saw a_ {ftrait} {fkind} named {friend}, who looked bored. \"come with me,\" said {hero}. and they went on together."],
        ["everything went well, until they came to {danger}. \"we must turn back,\" said {friend}.", "but then there was {danger}. \"what now?\" asked {friend}."],
        ["\"no,\" said {hero}. \"I gave my word.\" {he} thought for a while. then {he} {way}.", "{hero} did not turn back. {he} {way}, and {friend} did the same."],
        ["when the stars came out, they were there. \"you are just in time,\" said an old {xkind}, and took it with a smile.", "tired and hungry, they knocked at the door. \"at last!\" said an old {xkind}. \"everyone was waiting for this.\""],
        ["they got {treat} and a warm place to sleep.", "\"you can always trust {hero},\" the others said after that.", "\"it was easy,\" said {hero}. \"I had a friend with me.\""],
    ],
    "qa": [("what did {hero} have to bring?", "{hero} had to bring {message}."), ("what was in the way?", "there was {danger}."), ("what did {hero} do about it?", "{hero} {way}."), ("who came along?", "{friend} the {fkind} came along.")],
    "moral": ["keep your word.", "one step after another, you can go very far."],
}

PLOTS["soup"] = {
    "rows": [dict(dish=d, base=b, missing=m, last=l) for d, b, m, l in [
        ("soup", "water and a stone", "salt", "carrots and onions"), ("pancakes", "flour and milk", "eggs", "sugar"), ("apple pie", "apples and butter", "flour", "cinnamon"), ("jam", "a pot of plums", "sugar", "a lemon"), ("stew", "beans and corn", "pepper", "potatoes"),
        ("bread", "flour and water", "yeast", "seeds"), ("salad", "lettuce and radishes", "oil", "nuts"), ("pudding", "milk and rice", "honey", "raisins"), ("noodles", "water and noodles", "cheese", "tomatoes")]],
    "title": ["a pot for everyone", "{hero} cooks {dish}", "the best {dish}"],
    "prompt": ["a_ {kind} who cooks {dish}", "a_ {kind} who makes {dish} for friends", "friends who cook together", "a_ {kind} who wants to cook {dish}"],
    "summary": "{hero} the {kind} made {dish} together with friends, and everyone brought something.",
    "steps": [
        ["one {weather} {time}, {hero} wanted to make {dish}. but in the kitchen there was only {base}.", "{hero} was hungry and wanted {dish}. {he} looked in the cupboard and found {base}, and nothing more."],
        ["{friend} the {fkind} put {fhis} nose through the door. \"what are you making?\" asked {friend}. \"{dish},\" said {hero}. \"but I have no {missing}.\"", "\"it would be better with {missing},\" said {hero}. just then {friend}, a_ {ftrait} {fkind}, came by."],
        ["\"I have {missing} at home!\" said {friend}, and {fhe} ran to get it.", "{friend} smiled. \"you can have my {missing}, if I may eat with you,\" {fhe} said."],
        ["then came a_ {xkind} with {last}. \"may I join you?\" asked the {xkind}. \"of course,\" said {hero}.", "the smell went out of the window and down the street. a_ {xkind} followed it and brought {last}."],
        ["they [washed and cut|stirred and tasted], and sang while they cooked. \"careful, it is hot!\" said {hero}.", "{hero} stirred, {friend} tasted, and the {xkind} set the table with [blue plates|wooden bowls]."],
        ["at last the {dish} was ready. it was the best {dish} that they had ever eaten.", "when it was done, there was enough for the whole street. everyone wanted a second plate."],
        ["\"alone I had almost nothing,\" said {hero}. \"together we had a feast.\"", "and when the plates were empty, they washed them together."],
    ],
    "qa": [("what did {hero} make?", "{hero} made {dish}."), ("what did {hero} have at first?", "at first, {hero} had only {base}."), ("what did {friend} bring?", "{friend} brought {missing}."), ("who brought {last}?", "the {xkind} brought {last}.")],
    "moral": ["when everyone gives a little, there is enough for all.", "food tastes best with friends."],
}

PLOTS["winter"] = {
    "rows": [dict(play=p, store=s, excuse=e) for p, s, e in [
        ("slept in the sun", "nuts", "winter is far away"), ("danced in the meadow", "wood", "I will do it tomorrow"), ("swam in the lake", "hay", "it is too hot to work"), ("played the flute", "seeds", "music is more important"),
        ("chased butterflies", "mushrooms", "there is still time"), ("lay in the grass and looked at the clouds", "apples", "my back hurts"), ("built castles of sand", "roots", "I am busy"), ("told jokes all day", "dry leaves", "work is no fun")]],
    "title": ["before the winter", "{hero} and {friend}", "I will do it tomorrow"],
    "prompt": ["a lazy {kind}", "a_ {kind} who does not get ready for winter", "a_ {kind} and a busy {fkind}", "a_ {kind} who always says \"tomorrow\""],
    "summary": "{hero} the {kind} did not get ready for winter, but {friend} the {fkind} shared with {him}.",
    "steps": [
        ["all summer long, {hero} {play}.", "it was a warm summer, and {hero} {play} day after day."],
        ["{his} neighbour {friend} the {fkind} was different. {fhe} gathered {store} from morning to evening.", "every day {friend}, a_ {ftrait} {fkind}, walked past with a bag of {store}."],
        ["\"you should gather {store}, too,\" said {friend}. \"{excuse},\" answered {hero}.", "\"come and play!\" called {hero}. \"I must gather {store} for the winter,\" said {friend}. \"{excuse},\" said {hero}, and laughed."],
        ["then autumn came. the wind blew, and the leaves fell. {hero} began to worry.", "but the days grew short, and one {time} the first snow fell."],
        ["in the winter {hero} had no {store}. {he} was cold and hungry. at last {he} knocked at {friend}'s door.", "{hero} looked into {his} {home}. it was empty. {his} teeth chattered. so {he} went to {friend}."],
        ["\"you were right,\" {he} said in a small voice. {friend} opened the door wide. \"come in,\" {fhe} said. \"there is enough for two.\"", "{friend} could have said no. but {fhe} put a blanket around {him} and gave {him} {treat}."],
        ["the next summer, {hero} was the first to gather {store}. and {he} still had time to play.", "in spring {hero} said, \"this year I will help you.\" and {he} did."],
    ],
    "qa": [("what did {hero} do all summer?", "all summer, {hero} {play}."), ("what did {friend} gather?", "{friend} gathered {store}."), ("what did {hero} say?", "{hero} said, \"{excuse}.\""), ("who let {hero} in?", "{friend} the {fkind} let {hero} in.")],
    "moral": ["first the work, then the play.", "think of winter while it is summer."],
}

PLOTS["baby"] = {
    "rows": [dict(found=f, sign=s, parent=p) for f, s, p in [
        ("an egg", "blue spots", "a thrush"), ("a tiny chick", "yellow down", "a hen"), ("a baby bat", "big ears", "a bat"), ("a little seal", "white fur", "a seal"), ("a lost lamb", "a bell on a string", "a sheep"), ("a baby swan", "grey feathers", "a swan"),
        ("a little goose", "wet feet", "a goose"), ("a baby elephant", "a long trunk", "an elephant"), ("a small crab", "one big claw", "a crab"), ("a young crow", "a broken feather", "a crow"), ("a baby camel", "a soft hump", "a camel")]],
    "title": ["{hero} and {found}", "who do you belong to?", "the little one"],
    "prompt": ["a_ {kind} who finds {found}", "a_ {kind} who takes care of {found}", "a_ {kind} who helps {found} find its mother", "{found} that is lost"],
    "summary": "{hero} the {kind} found {found} and brought it back to its mother, {parent}.",
    "steps": [
        ["one {weather} {time}, {hero} found {found} {near}. it had {sign}, and it was all alone.", "when {hero} was on {his} way home, {he} almost stepped on something small. it was {found} with {sign}."],
        ["\"you poor little thing,\" said {hero}. {he} wrapped it in {his} scarf.", "{he} looked around, but there was no mother. \"I will take care of you,\" {he} said."],
        ["{he} took it to {friend} the {fkind}. \"do you know where it belongs?\" {he} asked. {friend} looked at it from all sides. \"it has {sign},\" {fhe} said. \"let us ask around.\"", "{friend}, a_ {ftrait} {fkind}, had an idea. \"we will look for its mother,\" {fhe} said."],
        ["\"is it yours?\" they asked the {xkind}. \"no,\" said the {xkind}. \"mine look different.\" \"is it yours?\" they asked the {ykind}. \"no, not mine.\"", "first they asked a_ {xkind}. then they asked a_ {ykind}. both shook their heads."],
        ["that night {hero} kept it warm and sang to it. it slept in {his} arms.", "{hero} fed it with [warm milk|small crumbs] and did not leave it alone for a minute."],
        ["then they heard a call. it was {parent}, who was looking everywhere. \"my baby!\" she cried.", "the next {time} they saw {parent}, who was crying. \"have you lost something?\" asked {friend}. \"my little one!\" she said."],
        ["{hero} was a little sad to say goodbye. but {he} was happy for the two of them.", "\"thank you,\" said the mother. \"you have a big heart.\" and every year they came to visit {hero}."],
    ],
    "qa": [("what did {hero} find?", "{hero} found {found}."), ("what did it have?", "it had {sign}."), ("who was the mother?", "the mother was {parent}."), ("who helped {hero}?", "{friend} the {fkind} helped {hero}.")],
    "moral": ["take care of those who are small.", "everyone belongs to somebody."],
}

PLOTS["boast"] = {
    "rows": [dict(boast=b, test=t, result=r) for b, t, r in [
        ("can jump over the house", "the low fence", "fell right into the mud"), ("am not afraid of anything", "a spider on a thread", "ran away screaming"), ("know every path in the world", "the little wood", "walked in a circle for three hours"), ("can eat a hundred dumplings", "the tenth dumpling", "had to lie down"),
        ("can sing better than the nightingale", "the first high note", "only croaked"), ("never get tired", "the second hill", "fell asleep on the road"), ("can lift a rock with one hand", "a small rock", "could not move it at all"), ("can stay awake all night", "the clock at nine", "was already snoring")]],
    "title": ["{hero} the great", "big words", "I am the best"],
    "prompt": ["a_ {kind} who boasts", "a proud {kind}", "a_ {kind} who says that {he} can do everything", "a_ {kind} with big words"],
    "summary": "{hero} the {kind} boasted, failed, and learned to be modest.",
    "steps": [
        ["{hero} liked big words. \"I {boast}!\" {he} told everyone.", "\"listen, all of you,\" said {hero} one {time}. \"I {boast}!\""],
        ["\"really?\" asked {friend} the {fkind}. \"[we would like to see that|show us].\" \"[any time|of course],\" said {hero}.", "{friend}, a_ {ftrait} {fkind}, looked at {him} for a long time. \"then show us tomorrow,\" {fhe} said."],
        ["the next day everybody came: the {xkind}, the {ykind} and the old {zkind}. {hero} felt a bit strange in {his} tummy.", "the news went around quickly. soon a crowd stood {near}, and {hero} could not go back."],
        ["then came {test}. {hero} tried, but {he} {result}.", "\"watch me!\" called {hero}. but at {test}, {he} {result}."],
        ["some giggled. {hero} turned red and wished that the ground would open.", "it was very quiet. then somebody laughed. {hero} hid {his} face."],
        ["{friend} did not laugh. {fhe} helped {him} up. \"we like you as you are,\" said {friend}. \"you do not need big words.\"", "\"it does not matter,\" said {friend}. \"you tell the funniest stories of us all. that is better.\""],
        ["after that, {hero} used smaller words, and {his} friends liked {him} even more.", "\"I was silly,\" said {hero}. and then {he} laughed, too."],
    ],
    "qa": [("what did {hero} say?", "{hero} said, \"I {boast}!\""), ("what happened?", "{hero} {result}."), ("who was kind to {hero}?", "{friend} the {fkind} was kind to {hero}.")],
    "moral": ["big words do not make you big.", "be yourself, and you will have friends."],
}

PLOTS["picnic"] = {
    "rows": [dict(event=e, spoil=s, instead=i) for e, s, i in [
        ("a picnic", "it began to rain", "sat under the table and ate there"), ("a concert", "the drum had a hole", "clapped and stamped the rhythm"), ("a theatre play", "the curtain fell down", "played without a curtain"), ("a trip to the beach", "the cart lost a wheel", "made a beach beside the road"),
        ("a garden party", "the wind took all the lamps", "danced by the light of the moon"), ("a treasure hunt", "the map fell into the water", "looked for the most beautiful stone"), ("a football game", "the ball rolled into the river", "played with an old cabbage"), ("a parade", "a puddle blocked the street", "jumped into it, one by one"),
        ("a puppet show", "the puppets were too wet", "used their socks as puppets")]],
    "title": ["the day of {event}", "{event}", "it turned out well"],
    "prompt": ["a_ {kind} who plans {event}", "{event} that goes wrong", "a_ {kind} and {event}", "friends at {event}"],
    "summary": "{hero} the {kind} planned {event}; {spoil}, so they {instead}.",
    "steps": [
        ["{hero} had a plan for {a_day}: {event}! {he} invited everyone.", "for weeks, {hero} had looked forward to {event}. now the day was here."],
        ["{friend} the {fkind} helped {him} to carry [the baskets|the chairs|everything]. {he} made {treat}, too.", "{he} wrote a long list, and {friend}, a_ {ftrait} {fkind}, checked every line."],
        ["the guests came: a_ {xkind}, two {yplural} and a sleepy {zkind}.", "soon they were all there. the {xkind} wore a {colour} hat, and the {ykind} brought a flag."],
        ["but just as it was about to start, {spoil}! \"[oh no|everything is ruined]!\" cried {hero}.", "then {spoil}. everybody looked at {hero}. {he} felt like crying."],
        ["\"wait,\" said {friend}. \"who says that it has to be perfect?\"", "the sleepy {zkind} began to laugh. it laughed so much that the others laughed, too."],
        ["so they {instead}. it was even more fun than the plan.", "\"I have an idea!\" said {hero}. they {instead}, and nobody wanted to go home."],
        ["\"this was the best day of the year,\" said the {xkind}.", "\"next time we will do it just like this,\" said {hero}."],
    ],
    "qa": [("what did {hero} plan?", "{hero} planned {event}."), ("what went wrong?", "{spoil}."), ("what did they do instead?", "they {instead}."), ("who helped {hero}?", "{friend} the {fkind} helped {hero}.")],
    "moral": ["it does not have to be perfect to be fun.", "a bad start can have a good end."],
}

PLOTS["sick"] = {
    "rows": [dict(ill=i, cheer=c, made=m) for i, c, m in [
        ("a cold", "told {fhim} a story about pirates", "hot lemon tea"), ("a fever", "read {fhim} a book about the stars", "cool water with mint"), ("a sore throat", "made shadow animals on the wall", "milk with honey"), ("a broken leg", "painted a flower on the bandage", "chicken soup"),
        ("a toothache", "sang very softly", "camomile tea"), ("a bad cough", "did a puppet show", "onion syrup"), ("a headache", "sat beside {fhim} in the quiet", "a cold cloth"), ("red spots all over", "painted spots on {himself}, too", "a cool bath")]],
    "title": ["get well soon, {friend}", "{hero} the doctor", "a visit"],
    "prompt": ["a_ {kind} whose friend is sick", "a_ {kind} who visits a sick {fkind}", "a_ {fkind} who has {ill}", "a_ {kind} who plays doctor"],
    "summary": "{friend} the {fkind} was sick with {ill}, and {hero} the {kind} took care of {fhim}.",
    "steps": [
        ["every day {hero} played with {friend} the {fkind}. but one {time}, {friend} did not come.", "{hero} waited at the [gate|corner] for {his} friend {friend}, a_ {ftrait} {fkind}. {he} waited and waited."],
        ["{hero} went to {fhis} {fhome} and knocked. \"come in,\" said a weak voice. {friend} was in bed. {fhe} had {ill}.", "\"{friend} is sick,\" said the {xkind} from next door. \"{fhe} has {ill}.\""],
        ["\"do not come too near,\" said {friend}. \"then I will wave from here,\" said {hero}. but {he} wanted to do more.", "{hero} thought of all the games that they would miss. then {he} thought of {friend}. \"I must help {fhim},\" {he} said."],
        ["{he} ran home and made {made}. {his} {elder} showed {him} how.", "\"what helps against that?\" {he} asked {his} {elder}. \"{made},\" said {his} {elder}. so they made some together."],
        ["then {he} {cheer}. {friend} smiled for the first time that day.", "\"and now something for the heart,\" said {hero}. {he} {cheer}."],
        ["day by day {friend} got better. on {a_day} {fhe} could get up again.", "after a week {friend} was well. \"you are the best doctor,\" {fhe} said."],
        ["and when {hero} was sick the next month, guess who came to visit {him}?", "that afternoon they played until it was dark."],
    ],
    "qa": [("who was sick?", "{friend} the {fkind} was sick."), ("what did {friend} have?", "{friend} had {ill}."), ("what did {hero} make?", "{hero} made {made}."), ("what did {hero} do to cheer {friend} up?", "{hero} {cheer}.")],
    "moral": ["a friend is the best medicine.", "when you are kind, kindness comes back."],
}
