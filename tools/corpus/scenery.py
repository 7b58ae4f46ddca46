"""What a place looks like, and small sentences that fit between the steps of any story. Data only."""

SCENES = {
    "the forest": ["the trees there were so tall that they touched the clouds.", "green moss grew on every stone.", "in the evening, the fireflies danced between the trees.", "it smelled of pine needles and mushrooms."],
    "the meadow": ["yellow flowers grew as far as the eye could see.", "bees hummed in the clover from morning to night.", "the grass was so high that you could hide in it.", "every morning the dew shone like pearls."],
    "the farm": ["there was a red barn, a well and a sleepy tractor.", "the rooster crowed every morning at five.", "it always smelled of hay.", "ducks walked across the yard in a long line."],
    "the village": ["the houses had crooked roofs and blue doors.", "there was a baker, a school and a little church.", "everyone knew everyone there.", "in the middle stood a fountain with a stone fish."],
    "the river": ["the water ran fast over the round pebbles.", "dragonflies flew over the reeds.", "on hot days everybody came there to swim.", "a wooden bridge led to the other side."],
    "the hill": ["from the top you could see seven villages.", "the wind was always playing there.", "sheep walked over it like little clouds.", "in winter it was the best place for a sled."],
    "the lake": ["the water was as clear as glass.", "swans slept between the lilies.", "in the morning, white mist lay over it.", "an old rowing boat was tied to a post."],
    "the valley": ["a little stream sang there all day.", "the mountains kept the cold wind away.", "apple trees stood on both sides of the path.", "the echo there answered every call."],
    "the garden": ["roses climbed up the wall.", "there were beans, peas and a row of fat cabbages.", "a stone path led to a small pond.", "butterflies of every colour lived there."],
    "the sea": ["the waves told old stories all night long.", "gulls cried above the rocks.", "after every storm there were new shells on the sand.", "far away you could see the lighthouse."],
    "the mountain": ["there was snow on the top, even in summer.", "eagles flew in wide circles there.", "the air was cold and clean.", "a narrow path went up between the rocks."],
    "the old mill": ["its big wheel had not moved for years.", "swallows lived under the roof.", "flour dust still lay on the floor.", "the children said that it could talk at night."],
}

BETWEEN = [
    "a soft wind was blowing.", "the sun came out from behind a cloud.", "somewhere a bird began to sing.", "far away, a bell was ringing.", "a leaf fell slowly to the ground.", "the clouds went by like ships.",
    "for a moment, it was very quiet.", "{hero}'s heart was beating fast.", "{hero} took a deep breath.", "{friend} looked at {hero} and smiled.", "{hero} scratched {his} ear and thought.",
    "a beetle walked by and stopped to look.", "{friend} put a hand on {his} shoulder.", "the whole world seemed to wait.", "two crows watched them from a branch.", "it smelled of rain and wet earth.",
    "{hero} bit {his} lip.", "\"hmm,\" said {friend}.", "{friend} winked at {hero}.", "a snail crossed the path, as slow as ever.", "{hero} could hardly believe it.", "the shadows grew longer.",
]
