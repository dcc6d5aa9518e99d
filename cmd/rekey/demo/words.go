package demo

// Words that people and passwords are made of; ASCII, so that they can be typed anywhere.
var (
	firstNames = []string{
		"ada", "alan", "anita", "barbara", "carol", "claude", "dana", "dennis", "donald", "edsger", "elena", "emil",
		"frances", "grace", "hedy", "ida", "ivan", "jean", "joan", "john", "karen", "ken", "kurt", "leslie", "linus",
		"lynn", "margaret", "maria", "niklaus", "olga", "peter", "radia", "rosa", "shafi", "sofia", "tim", "vera", "yuri",
	}
	lastNames = []string{
		"adler", "baker", "becker", "carver", "dietz", "ebner", "fischer", "garcia", "hansen", "ito", "jensen", "keller",
		"kim", "lang", "lopez", "meyer", "moreau", "nagy", "novak", "olsen", "park", "quinn", "rossi", "sato", "schmidt",
		"silva", "tanaka", "urban", "vogel", "weber", "xu", "young", "ziegler",
	}
	words = []string{
		"amber", "anchor", "apple", "barley", "basil", "beacon", "birch", "bridge", "candle", "canyon", "cedar", "clover",
		"copper", "coral", "cotton", "crane", "dahlia", "desert", "ember", "falcon", "fern", "garnet", "ginger", "harbor",
		"hazel", "heron", "indigo", "island", "ivory", "jasper", "juniper", "kettle", "lantern", "lemon", "linen", "maple",
		"marble", "meadow", "mirror", "nutmeg", "oak", "olive", "onyx", "orchid", "otter", "paper", "pebble", "pepper",
		"pine", "plum", "poppy", "prairie", "quartz", "raven", "river", "saffron", "sage", "sparrow", "spruce", "thistle",
		"timber", "tulip", "umber", "velvet", "violet", "walnut", "willow", "winter", "yarrow", "zephyr",
	}
)
