"""Plots about doing: learning, building, rescuing, finding, racing, growing. Data only; see plots_feelings.py for the form."""

PLOTS = {}

PLOTS["learn"] = {
    "rows": [dict(skill=s, fail=f, tip=t, done=d) for s, f, t, d in [
        ("swim", "swallowed a lot of water", "kick with your legs", "swam across the pond"), ("climb a tree", "slipped and landed in the grass", "hold on with both hands", "sat on the highest branch"),
        ("sing", "only made a squeak", "breathe in deep first", "sang a whole song"), ("whistle", "only made a puff of air", "make your mouth small and round", "whistled like a bird"),
        ("read", "mixed up all the letters", "look at one letter at a time", "read a whole page"), ("dance", "fell over {his} own feet", "count one, two, three", "danced all evening"),
        ("bake bread", "burned the bread", "wait until it is golden", "baked a perfect loaf of bread"), ("skate on the ice", "fell down with a bump", "bend your knees a little", "skated in a big circle"),
        ("paint", "made one big brown spot", "use one colour at a time", "painted a picture of the sea"), ("fish", "caught only an old boot", "sit still and wait", "caught three big fish"),
        ("ride a bike", "fell into a bush", "look ahead and not at your feet", "rode all the way to the village"), ("tie a knot", "got the string stuck on {his} nose", "make a loop first", "tied a perfect knot"),
        ("jump over the stream", "landed in the water", "run fast before you jump", "jumped right over the stream")]],
    "title": ["{hero} learns to {skill}", "{hero} tries again", "try again, {hero}"],
    "prompt": ["a_ {kind} who wants to learn to {skill}", "a_ {kind} who cannot {skill}", "a_ {trait} {kind} who learns to {skill}", "a_ {kind} who never gives up"],
    "summary": "{hero} the {kind} wanted to learn to {skill}, and after many tries {he} could do it.",
    "steps": [
        ["more than anything, {hero} wanted to learn to {skill}.", "{hero} had a wish. {he} wanted to learn to {skill}.", "all the others could {skill}, but {hero} could not. \"I want to {skill}, too,\" {he} said."],
        ["one {weather} {time}, {he} tried. but {he} {fail}. [everybody laughed.|\"ouch,\" said {hero}.|it was not easy.]", "{he} tried on {a_day}, and {he} {fail}. {he} tried again the next day, and again {he} {fail}."],
        ["\"I will never learn it,\" said {hero}, and [a tear ran down {his} face|{he} kicked a stone].", "{hero} sat down [in the grass|on a stone]. \"it is too hard,\" {he} said. {he} wanted to give up."],
        ["{friend} the {fkind} sat down beside {him}. \"nobody can do it the first time,\" {fhe} said. \"{tip}.\"", "then {an_old} {fkind} named {friend} came along. \"I fell many times when I was young,\" said {friend}. \"here is a secret: {tip}.\"",
         "\"do not give up,\" said {his} friend {friend}, a_ {ftrait} {fkind}. \"I will show you. {tip}.\""],
        ["{hero} listened and tried again. it was a little better. {he} tried [every day|all week], in the [sun|wind] and in the rain.", "so {hero} tried again and again. each time it went a little better."],
        ["and then, one {time}, it happened. {hero} {done}! \"I can {skill}!\" {he} [shouted|cried].", "at last, {he} {done}. {friend} [clapped|cheered]. \"you did it!\" {fhe} called."],
        ["that evening, {hero} ate {treat} and told {his} {elder} all about it.", "now {hero} helps the little ones who want to learn to {skill}.", "{hero} was very proud, and so was {friend}."],
    ],
    "qa": [("what did {hero} want to learn?", "{hero} wanted to learn to {skill}."), ("what happened the first time?", "the first time, {hero} {fail}."), ("what did {friend} say?", "{friend} said, \"{tip}.\""),
           ("who helped {hero}?", "{friend} the {fkind} helped {hero}."), ("can {hero} {skill} now?", "yes, {hero} can {skill} now.")],
    "moral": ["never give up.", "we learn when we try again.", "nobody can do it the first time."],
}

PLOTS["build"] = {
    "rows": [dict(thing=t, part1=a, part2=b, trouble=x, use=u) for t, a, b, x, u in [
        ("boat", "wood", "a big leaf for a sail", "it had a hole", "sailed across the lake"), ("kite", "paper", "a long string", "it would not fly", "flew it over the hill"),
        ("house", "stones", "straw for the roof", "the roof fell in", "had room for everyone"), ("swing", "rope", "a piece of wood", "the rope was too short", "took turns until the sun went down"),
        ("bridge", "long branches", "strong rope", "it was too weak", "walked over the stream with dry feet"), ("cart", "wood", "four round wheels", "a wheel came off", "rode down the hill"),
        ("snowman", "snow", "a carrot for a nose", "the head rolled away", "put a hat on it"), ("tree house", "boards", "a ladder", "the ladder broke", "looked out over the trees"),
        ("big cake", "flour", "six eggs", "it fell flat", "ate it all up"), ("birdhouse", "wood", "red paint", "the door was too small", "watched the birds move in"),
        ("raft", "logs", "strong rope", "it came apart", "floated down the river"), ("sandcastle", "sand", "shells for the windows", "a wave washed it away", "made it the home of a little crab")]],
    "title": ["{hero} builds a {thing}", "the {colour} {thing}", "{hero}'s {thing}"],
    "prompt": ["a_ {kind} who builds a {thing}", "a_ {kind} who wants to make a {thing}", "a_ {kind} and a_ {fkind} who make a {thing}", "how a_ {kind} made a {thing}"],
    "summary": "{hero} the {kind} and {friend} the {fkind} made a {thing} together.",
    "steps": [
        ["one {weather} {time}, {hero} had an idea. \"I will make a {thing}!\" {he} said.", "{hero} wanted to make a {thing}. it should be the best {thing} in the world."],
        ["{he} needed {part1} and {part2}. {he} [looked|searched] everywhere until {he} had it all.", "first {he} found {part1}. then {he} went to {friend} the {fkind}, who gave {him} {part2}."],
        ["{he} worked all {time}. but [oh no|oh dear], {trouble}! {hero} [sat down and sighed|was very sad].", "{he} worked and worked. but when {he} was done, {trouble}. \"all that work for nothing!\" cried {hero}."],
        ["{friend} the {fkind} looked at it. \"[may I help you?|let me see,]\" {fhe} said. \"we can do it [better|again], you and I.\"", "\"do not be sad,\" said {friend}, a_ {ftrait} {fkind}. \"two can do more than one.\""],
        ["so they worked together. {hero} held [it|everything] still, and {friend} did the rest.", "{friend} knew just what to do. together they made it [stronger|better] than before.", "they started again. {hero} brought more {part1}, and {friend} had a good idea."],
        ["at last the {thing} was ready. \"it is beautiful!\" said {hero}. they {use}.", "when it was done, they called all their friends. everyone cheered, and they {use}."],
        ["\"thank you, {friend},\" said {hero}. \"without you I could not have done it.\"", "in the evening they were tired but happy.", "and {hero} already had the next idea."],
    ],
    "qa": [("what did {hero} make?", "{hero} made a {thing}."), ("what did {hero} need for the {thing}?", "{hero} needed {part1} and {part2}."), ("what went wrong?", "{trouble}."),
           ("who helped {hero}?", "{friend} the {fkind} helped {hero}.")],
    "moral": ["two can do more than one.", "if it breaks, build it better.", "good work needs time."],
}

PLOTS["rescue"] = {
    "rows": [dict(stuck=s, try1=a, tool=t, how=h) for s, a, t, h in [
        ("stuck in the mud", "pulled, but {his} feet slipped", "a long branch", "{friend} held on to the branch, and {hero} pulled"), ("in a deep hole", "reached down, but {his} arms were too short", "a rope", "{friend} climbed up the rope"),
        ("on a rock in the river", "called, but the water was too loud", "a log", "{friend} walked over the log"), ("up in a tall tree", "jumped, but {he} could not reach", "a ladder", "{friend} climbed down the ladder"),
        ("under a fallen tree", "pushed, but the tree was too heavy", "a strong stick", "{hero} lifted the tree with the stick, and {friend} crawled out"), ("caught in a net", "pulled, but the net was too strong", "sharp teeth and a stone", "{hero} cut the net"),
        ("on the thin ice", "took one step, but the ice cracked", "a long ladder", "{friend} crawled along the ladder"), ("in a thorn bush", "reached in, but the thorns hurt", "a thick coat", "{hero} put the coat over the thorns, and {friend} climbed out"),
        ("in a dark well", "called down, but it was too deep", "a bucket on a rope", "{friend} sat in the bucket, and {hero} pulled {fhim} up"), ("locked in the barn", "pushed the door, but it was shut", "an old key", "{hero} opened the door with the key")]],
    "title": ["{hero} to the rescue", "{hero} helps {friend}", "help for {friend}"],
    "prompt": ["a_ {kind} who saves a_ {fkind}", "a_ {kind} who helps a friend who is {stuck}", "a_ {kind} who rescues a_ {fkind}", "a_ {fkind} who is {stuck}"],
    "summary": "{hero} the {kind} saved {friend} the {fkind}, who was {stuck}.",
    "steps": [
        ["one {weather} {time}, {hero} went for a walk {near}. suddenly {he} heard a voice. \"help! help!\"", "one {time}, {hero} was looking for {food}, when {he} heard somebody cry."],
        ["it was {friend} the {fkind}. {fhe} was {stuck}!", "{he} ran as fast as {he} could. there was a_ {fkind} named {friend}, {stuck}.", "\"please help me!\" called {friend}, a little {fkind}. {fhe} was {stuck}."],
        ["\"do not worry, I will help you,\" said {hero}. {he} {try1}.", "{hero} {try1}. \"[it does not work|what now]?\" asked {friend}. \"wait,\" said {hero}. \"let me think.\""],
        ["then {hero} had an idea. {he} ran home and came back with {tool}.", "{hero} looked around. there {he} saw {tool}. \"that is it!\" {he} cried.", "\"I know!\" said {hero}. \"we need {tool}.\" soon {he} found what {he} needed."],
        ["{how}. [slowly, slowly|one, two, three], and {friend} was free!", "it was not easy, but {hero} did not give up. {how}. at last {friend} was safe."],
        ["\"you saved me!\" said {friend}. \"[how can I thank you?|I will never forget it.]\" \"[that is what friends do|you would do the same for me],\" said {hero}.", "{friend} hugged {hero}. \"you are so brave,\" {fhe} said."],
        ["they walked home together and ate {treat}.", "from that day on, {hero} and {friend} were the best of friends.", "that evening everyone {near} talked about {hero} the {kind}."],
    ],
    "qa": [("who needed help?", "{friend} the {fkind} needed help."), ("where was {friend}?", "{friend} was {stuck}."), ("what did {hero} use?", "{hero} used {tool}."), ("who saved {friend}?", "{hero} the {kind} saved {friend}.")],
    "moral": ["that is what friends are for.", "a good idea is stronger than big arms.", "when somebody calls for help, go."],
}

PLOTS["treasure"] = {
    "rows": [dict(clue=c, inside=i, spot=s) for c, i, s in [
        ("an old map", "gold coins", "under the oak tree"), ("a small key", "a silver flute", "in the old mill"), ("a letter in a bottle", "shells of every colour", "on the beach"),
        ("a strange footprint", "a nest with three eggs", "behind the waterfall"), ("a trail of crumbs", "a whole pie", "on top of the hill"), ("a blue feather", "a sleeping bird", "in the tall grass"),
        ("a shiny stone", "a cave full of shiny stones", "behind the big rock"), ("a song in the wind", "an old music box", "in the empty house"), ("a red thread", "a warm red coat", "in a hollow tree"),
        ("a painted arrow", "a box of paint", "under the bridge"), ("a dusty book", "seeds of wonderful flowers", "in the old garden")]],
    "title": ["{hero} finds {clue}", "the treasure", "the secret {spot}"],
    "prompt": ["a_ {kind} who finds {clue}", "a_ {kind} who looks for treasure", "a_ {kind} and {clue}", "a_ {trait} {kind} who finds a treasure"],
    "summary": "{hero} the {kind} found {clue}, and {spot} {he} found {inside}.",
    "steps": [
        ["one {weather} {time}, {hero} found {clue} {near}. \"what is this?\" {he} wondered.", "one {time}, {hero} saw something on the path. it was {clue}!"],
        ["{he} showed it to {friend} the {fkind}. \"[it will lead us to a treasure|I think it is a secret]!\" said {friend}. \"let us find out!\"", "\"come and see!\" {he} called to {his} friend {friend}, a_ {ftrait} {fkind}. {friend} looked at it with big eyes."],
        ["they walked over the [hill|fields] and through the [woods|tall grass]. the way was long, and the sun was hot.", "they went past the [mill|barn] and across the [stream|bridge]. \"are we there yet?\" asked {friend}. \"not yet,\" said {hero}."],
        ["on the way they met a [grumpy goat|big cow|sly crow]. \"you may not pass,\" it said, \"until you tell me [a joke|a secret|a riddle].\" {hero} told it [one|a good one], and it laughed and let them go.",
         "then it began to rain, and they got very wet. {friend} wanted to go home. \"just a little more,\" said {hero}.", "soon they came to a place where the path split in two. {hero} went left, because {he} heard [a bird sing|water] there."],
        ["and there, {spot}, they found {inside}!", "at last they stood {spot}. they looked, and there it was: {inside}!"],
        ["\"we are rich!\" [laughed|cried] {friend}. but {hero} had an idea. \"let us share it with everyone,\" {he} said.", "\"it is the most beautiful thing I have ever seen,\" said {hero}.", "{hero} gave half of it to {friend}, because they had found it together."],
        ["they went home with happy hearts.", "but the best part was the adventure with a good friend.", "and they told the story again and again."],
    ],
    "qa": [("what did {hero} find first?", "first, {hero} found {clue}."), ("what was the treasure?", "the treasure was {inside}."), ("where was the treasure?", "the treasure was {spot}."),
           ("who went with {hero}?", "{friend} the {fkind} went with {hero}."), ("what did the {kind} find?", "the {kind} found {inside}.")],
    "moral": ["the best treasure is a good friend.", "look closely, and you will find wonders."],
}

PLOTS["race"] = {
    "rows": [dict(contest=c, prize=p, fall=f) for c, p, f in [
        ("a race to the old tree", "a golden cup", "fell into a ditch"), ("a swimming race", "a silver fish", "got a cramp in {fhis} leg"), ("a boat race", "a blue flag", "lost {fhis} oar"),
        ("a singing contest", "a red ribbon", "lost {fhis} voice"), ("a cooking contest", "a big spoon", "dropped {fhis} pot"), ("a jumping contest", "a green medal", "hurt {fhis} foot"),
        ("a kite contest", "a basket of sweets", "tore {fhis} kite"), ("a sled race", "a warm scarf", "crashed into a bush"), ("a treasure hunt", "a box of gold", "lost {fhis} way"), ("a dance contest", "a pair of red shoes", "tripped and fell")]],
    "title": ["{contest}", "{hero} and {contest}", "the winner"],
    "prompt": ["a_ {kind} who wants to win {contest}", "a_ {kind} in {contest}", "a_ {kind} who helps {his} rival", "{contest}"],
    "summary": "{hero} the {kind} wanted to win {prize}, but {he} stopped to help {friend}.",
    "steps": [
        ["every {season} there was {contest} {near}. the prize was {prize}, and {hero} wanted to win it.", "one {weather} {time}, everyone came to see {contest}. \"I want to win {prize},\" said {hero}."],
        ["{he} [trained|practised] every day, from morning to evening.", "\"I will try my best,\" {he} told {his} {elder}.", "but there was one who was just as good: {friend} the {fkind}."],
        ["\"[one, two, three, go!|ready, steady, go!]\" called {an_old} {xkind}. it began! {hero} was [very good|in front]. {friend} the {fkind} was right behind {him}.", "the contest began. {hero} and a_ {ftrait} {fkind} named {friend} were the best of all."],
        ["but then {friend} {fall}. \"ouch!\" {fhe} cried. [all the others went on.|nobody stopped.]", "suddenly {friend} {fall}. {fhe} looked very sad."],
        ["{hero} could see the prize. but {he} [stopped|turned around]. \"I will help you,\" {he} said to {friend}.", "\"now I can win,\" thought {hero}. then {he} looked at {friend}, and {he} went back to help {fhim}."],
        ["they [finished together|came last, hand in hand]. [somebody else|a fast {xkind}] won {prize}.", "when they were done, everyone clapped, even though a_ {xkind} had won {prize}."],
        ["\"you did not win,\" said {his} {elder}, \"but I am so proud of you.\"", "but {friend} gave {hero} something better: {fhe} became {his} friend.", "then the {xkind} came and said, \"you should have {prize}, because you have the biggest heart.\""],
    ],
    "qa": [("what was the prize?", "the prize was {prize}."), ("why did {hero} stop?", "{hero} stopped because {friend} {fall}."), ("who did {hero} help?", "{hero} helped {friend} the {fkind}."), ("what did {hero} want to win?", "{hero} wanted to win {prize}.")],
    "moral": ["a good heart is better than a prize.", "a friend is worth more than winning."],
}

PLOTS["garden"] = {
    "rows": [dict(plant=p, grew=g, harm=h, fix=f) for p, g, h, f in [
        ("sunflower", "a sunflower as tall as a house", "the sun was too hot", "gave it water every morning"), ("pumpkin", "the biggest pumpkin of all", "a snail ate the leaves", "asked the snail to eat grass"), ("apple tree", "a tree with sweet red apples", "the wind was too strong", "tied it to a stick"),
        ("carrot", "a carrot as long as a leg", "weeds grew all around it", "pulled out the weeds"), ("rose", "a rose that smelled sweet", "the night was too cold", "put a warm cloth over it"), ("bean", "a bean plant up to the roof", "it fell over", "gave it a long pole"),
        ("strawberry", "a bowl full of strawberries", "the birds came to eat", "made a funny straw man"), ("tomato", "ten red tomatoes", "it got no sun", "moved it to the sunny side"), ("tulip", "a tulip with two colours", "the rain made a lake around it", "dug a little river for the water")]],
    "title": ["{hero} and the {plant}", "the little seed", "{hero}'s garden"],
    "prompt": ["a_ {kind} who plants a_ {plant}", "a_ {kind} who grows a_ {plant}", "a_ {kind} with a garden", "a_ {kind} and a small seed"],
    "summary": "{hero} the {kind} planted a seed, took care of it, and got {grew}.",
    "steps": [
        ["one {time} in spring, {hero} got a small seed from {his} {elder}. \"it will be a_ {plant},\" {ehe} said.", "{hero} found a tiny seed. \"what will it be?\" {he} asked. \"plant it and see,\" said {his} {elder}."],
        ["{he} dug a hole, put the seed in, and gave it some water.", "{hero} planted it beside {his} {home}. every day {he} looked at the earth."],
        ["one day passed, then two, then three. nothing happened. \"it is not growing,\" said {hero}. \"wait,\" said {friend} the {fkind}. \"good things need time.\"", "{hero} waited and waited. {his} friend {friend}, a_ {ftrait} {fkind}, waited with {him}."],
        ["then a small green leaf came up! {hero} [danced|jumped] around it. \"hello, little {plant},\" {he} said.", "and one {weather} {time}, there was a tiny green tip. \"look, {friend}!\" cried {hero}."],
        ["but {harm}, and the plant looked weak. so {hero} {fix}.", "soon there was a problem: {harm}. \"we must help it,\" said {friend}. and {hero} {fix}."],
        ["when summer came, {hero} had {grew}.", "week by week it grew. in the end it was {grew}!"],
        ["{he} [showed it to everyone|shared it with {friend}], and {he} kept one seed for the next spring.", "\"you took good care of it,\" said {his} {elder}. {hero} smiled."],
    ],
    "qa": [("what did {hero} plant?", "{hero} planted a_ {plant}."), ("what was the problem?", "the problem was that {harm}."), ("what did {hero} do for the plant?", "{hero} {fix}."), ("who waited with {hero}?", "{friend} the {fkind} waited with {hero}.")],
    "moral": ["good things need time.", "what you care for will grow."],
}

PLOTS["way_home"] = {
    "rows": [dict(after=a, sign=s) for a, s in [
        ("a yellow butterfly", "the smoke of {his} chimney"), ("a red leaf in the wind", "the tall pine tree"), ("a shiny beetle", "the sound of the bell"), ("a trail of berries", "the light in the window"), ("a rainbow", "the old bridge"),
        ("a rolling ball", "the smell of soup"), ("a singing bird", "the river"), ("a white cloud", "the star above the hill"), ("a little frog", "the big grey rock"), ("a funny smell", "the sound of the mill")]],
    "title": ["{hero} is lost", "the way home", "{hero} finds the way"],
    "prompt": ["a_ {kind} who gets lost", "a_ {kind} who cannot find the way home", "a_ lost {kind}", "a_ {kind} who follows {after}"],
    "summary": "{hero} the {kind} got lost, and {friend} the {fkind} brought {him} home.",
    "steps": [
        ["one {weather} {time}, {hero} followed {after}. {he} followed it [over the hill and through the trees|farther and farther].", "\"do not go too far,\" said {his} {elder}. but {hero} saw {after} and ran after it."],
        ["when {he} stopped, {he} did not know where {he} was. every tree looked the same.", "suddenly everything looked strange. \"where am I?\" asked {hero}. nobody answered."],
        ["the sun went down, and it grew [cold|dark]. {hero} sat down and cried.", "{he} walked to the left. {he} walked to the right. but {he} could not find the path."],
        ["then {he} heard steps. it was {friend} the {fkind}. \"are you lost?\" {fhe} asked. \"yes,\" said {hero}. \"I want to go home.\"", "a_ {ftrait} {fkind} came out of the [grass|trees]. \"I am {friend},\" {fhe} said. \"why are you crying?\" \"I am lost,\" said {hero}."],
        ["\"what can you see from your {home}?\" asked {friend}. {hero} thought. \"{sign},\" {he} said. \"I know where that is!\" said {friend}.", "\"do not be afraid,\" said {friend}. \"tell me something about your home.\" \"near my {home} there is {sign},\" said {hero}."],
        ["they walked side by side, until {hero} knew where {he} was: there was {sign}! \"I am almost home!\" {he} cried.", "{friend} showed {him} the way. and soon {he} found {sign}. {hero} began to run."],
        ["{his} {elder} stood at the door and took {him} in {e_his} arms. \"I was so worried,\" {ehe} said. \"come in, both of you.\" and they all ate {treat}.", "\"there you are!\" said {his} {elder}. {hero} promised never to go so far again. {friend} stayed for the night."],
    ],
    "qa": [("what did {hero} follow?", "{hero} followed {after}."), ("who found {hero}?", "{friend} the {fkind} found {hero}."), ("what was near {hero}'s {home}?", "near the {home} there was {sign}."), ("who stood at the door?", "{hero}'s {elder} stood at the door.")],
    "moral": ["do not go too far alone.", "when you are lost, a kind word shows the way."],
}

PLOTS["gift"] = {
    "rows": [dict(gift=g, made=m, who_likes=w) for g, m, w in [
        ("a paper star", "folded and cut", "stars"), ("a wooden spoon", "cut from a branch", "soup"), ("a flower crown", "tied with grass", "flowers"), ("a song", "made up line by line", "music"), ("a warm hat", "made from wool", "warm things"), ("a little book", "drawn page by page", "stories"),
        ("a jar of jam", "cooked from berries", "sweet things"), ("a string of shells", "found by the water", "the sea"), ("a picture", "painted with berry juice", "pictures"), ("a small boat", "cut from bark", "boats")]],
    "title": ["a gift for {friend}", "{friend}'s birthday", "the best gift"],
    "prompt": ["a_ {kind} who makes a gift", "a_ {kind} who has no money for a gift", "a birthday", "a_ {kind} who gives {gift} to a friend"],
    "summary": "{hero} the {kind} had no money, so {he} made {gift} for {friend}.",
    "steps": [
        ["it was almost the birthday of {friend} the {fkind}. {hero} wanted to give {fhim} something special.", "\"tomorrow is {friend}'s birthday,\" said {hero}'s {elder}. {friend}, a_ {ftrait} {fkind}, was {hero}'s best friend."],
        ["but {hero} had no money. {he} looked into {his} pocket and found only [a button|an old nut|a bit of string].", "{hero} went to the shop. everything was nice, but everything cost too much."],
        ["{he} walked home with {his} head down. \"I have nothing to give,\" {he} said.", "\"what can I do?\" {he} asked {his} {elder}. \"the best gifts come from the heart,\" {ehe} said."],
        ["then {hero} remembered that {friend} loved {who_likes}. \"I will make {gift}!\" {he} said.", "{he} thought of what {friend} loved most. {friend} loved {who_likes}! so {hero} would make {gift}."],
        ["{he} worked until late. it was {made}, and it was not perfect, but it was made with love.", "all {time} {hero} worked. {gift}, {made}. that was the gift."],
        ["at the party, the others gave big gifts in shiny paper. {hero} was shy. \"this is for you,\" {he} said.", "the next day there was a big party. {hero} came with {gift} in {his} hands."],
        ["{friend}'s eyes grew wide. \"you made it for me?\" {fhe} asked. \"it is the best gift of all!\"", "\"{gift}!\" cried {friend}. \"I love {who_likes}. thank you, {hero}!\" and they ate {treat}."],
    ],
    "qa": [("what did {hero} make?", "{hero} made {gift}."), ("whose birthday was it?", "it was the birthday of {friend} the {fkind}."), ("what did {friend} love?", "{friend} loved {who_likes}."), ("did {hero} have money?", "no, {hero} had no money.")],
    "moral": ["the best gifts come from the heart.", "a gift does not have to be big."],
}

PLOTS["too_much"] = {
    "rows": [dict(eat=e, where=w, cure=c) for e, w, c in [
        ("berries", "behind the hill", "warm tea"), ("honey", "in the hollow tree", "a long sleep"), ("cookies", "on the table", "a glass of water"), ("apples", "under the big tree", "a warm blanket"), ("cherries", "in the neighbour's garden", "mint leaves"),
        ("pancakes", "in the kitchen", "a slow walk"), ("nuts", "in a hole in the wall", "warm milk"), ("jam", "on the shelf", "hot soup"), ("pie", "on the window", "a long nap"), ("sweets", "in the jar", "a cup of tea")]],
    "title": ["too many {eat}", "{hero} eats too much", "just one more"],
    "prompt": ["a_ {kind} who eats too much", "a greedy {kind}", "a_ {kind} who eats too many {eat}", "a_ {kind} who loves {eat}"],
    "summary": "{hero} the {kind} ate too many {eat} and got a tummy ache.",
    "steps": [
        ["there was nothing that {hero} liked more than {eat}.", "{hero} loved {eat}. {he} could eat {eat} in the morning, at noon and in the evening."],
        ["one {weather} {time}, {he} found a lot of {eat} {where}. \"all for me!\" {he} said.", "one {time}, {he} saw some {eat} {where}. {his} mouth began to water."],
        ["{friend} the {fkind} came by. \"do not eat them all at once,\" {fhe} said. \"[you will be sick|leave some for tomorrow].\" but {hero} did not listen.", "\"just one,\" said {hero}. then {he} said, \"just one more.\" {friend} the {fkind} shook {fhis} head."],
        ["{he} ate and ate, until {he} could not eat any more.", "one, two, three, four, five. {hero} ate until nothing was left."],
        ["then {his} tummy began to hurt. \"oh, oh, oh,\" cried {hero}. {he} had to lie down.", "when {he} wanted to get up, {he} could not. {his} tummy was as round as a ball, and it hurt."],
        ["{friend} did not say \"I told you so\". {fhe} brought {hero} {cure}, and sat with {him}.", "{his} {elder} put {him} to bed and gave {him} {cure}. {friend} came to visit."],
        ["the next day {hero} felt better. \"from now on, I will stop when I am full,\" {he} said.", "after that, {hero} always left some {eat} for the others. they taste better with friends, anyway."],
    ],
    "qa": [("what did {hero} eat?", "{hero} ate too many {eat}."), ("where were the {eat}?", "the {eat} were {where}."), ("what helped {hero}?", "{cure} helped {hero}."), ("who warned {hero}?", "{friend} the {fkind} warned {hero}.")],
    "moral": ["stop when you are full.", "enough is better than too much."],
}

PLOTS["storm"] = {
    "rows": [dict(storm=s, lost=x, new=n) for s, x, n in [
        ("a big storm", "the roof was gone", "a new roof of straw"), ("a flood", "the door was washed away", "a strong new door"), ("heavy snow", "the wall fell in", "a wall of stones"), ("a strong wind", "the whole nest blew away", "a bigger nest"),
        ("a long rain", "everything inside was wet", "a dry warm bed"), ("a falling tree", "the {home} was broken", "a new {home} with two windows"), ("a fire", "the garden was black", "a garden full of flowers"), ("hail", "all the windows were broken", "new windows")]],
    "title": ["after the storm", "{hero}'s new home", "{storm}"],
    "prompt": ["a_ {kind} who loses {his} home", "a_ {kind} in {storm}", "{storm} and a_ {kind}", "friends who help a_ {kind} after {storm}"],
    "summary": "{hero} the {kind} lost {his} home because of {storm}, and {his} friends helped {him}.",
    "steps": [
        ["one {time} in {season}, there was {storm}. {hero} hid [under a table|in a corner] and waited.", "one night {storm} came over {place}. {hero} held {his} blanket tight."],
        ["when it was over, {hero} looked around. {lost}! \"my poor {home},\" {he} said.", "in the morning it was quiet. but {lost}. {hero} began to cry."],
        ["\"where will I sleep now?\" asked {hero}. \"with me,\" said {friend} the {fkind}. \"my {fhome} is small, but there is room for you.\"", "{friend} the {fkind} came running. \"are you hurt?\" {fhe} asked. \"no,\" said {hero}, \"but look at my {home}.\""],
        ["the next day, {friend} called all the friends. \"{hero} needs us,\" {fhe} said. and they all came.", "\"we will fix it together,\" said {friend}. soon the others came, too: a_ {xkind}, a_ {ykind} and even the old {zkind}."],
        ["the {xkind} carried, the {ykind} dug, and {hero} did a little of everything.", "some brought wood, some brought food, and the {zkind} sang a song while they worked."],
        ["in the evening {hero} had {new}. it was even better than before.", "by the end of the week, there was {new}. \"it is wonderful,\" said {hero}."],
        ["\"thank you all,\" said {hero}. \"a home is not only walls. it is friends, too.\"", "{hero} made {treat} for everyone, and they danced until the stars came out."],
    ],
    "qa": [("what happened to {hero}'s {home}?", "there was {storm}, and {lost}."), ("who helped {hero} first?", "{friend} the {fkind} helped {hero} first."), ("what did {hero} get in the end?", "{hero} got {new}.")],
    "moral": ["friends are the best shelter.", "together, all work is light."],
}
