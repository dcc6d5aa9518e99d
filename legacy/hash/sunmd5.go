package hash

import (
	"crypto/md5"
	"strconv"
	"strings"

	"rekey/legacy"
)

// SunMD5 is Solaris 9's crypt(3) by Alec Muffett: $md5,rounds=N$salt$$digest, where the password decides in which
// rounds a long text is hashed as well.

const (
	sunMD5Least = 4096 // rounds that are always made; N come on top
	// sunMD5Cost is what a round costs in plain digests: every second one hashes the text of 24 blocks.
	sunMD5Cost = 13
)

// openSunMD5 reads $md5$ or $md5,rounds=N$, the salt, "$" or "$$", 22 characters. All before the last "$" is hashed,
// the first of two included: strings with and without it both occur.
func openSunMD5(e *env, s legacy.Stored) (*Hash, error) {
	setting, text, ok := cutLast(s.Hash, "$")
	if !ok {
		return nil, malformed("want $md5$salt$$digest")
	}
	var rounds int64
	body, ok := strings.CutPrefix(setting, "$md5$")
	if number, found := strings.CutPrefix(setting, "$md5,rounds="); found {
		number, body, ok = strings.Cut(number, "$")
		if rounds, found = decimal(number); !found {
			return nil, malformed("rounds must be a whole number")
		}
	}
	if salt := strings.TrimSuffix(body, "$"); !ok || salt == "" || !cryptSalt(salt) {
		return nil, malformed("want $md5$salt$$digest")
	}
	want, ok := decodeCrypt64(text, md5.Size)
	if !ok {
		return nil, malformed("digest is not 22 characters of crypt's base64")
	}
	if err := within("SunMD5 rounds", rounds, 0, max(0, e.bounds.DigestIterations/sunMD5Cost-sunMD5Least)); err != nil {
		return nil, err
	}
	return &Hash{
		compute: func(password []byte) []byte {
			if hasNUL(password) {
				return nil
			}
			return sunMD5(password, []byte(setting), int(rounds)+sunMD5Least)
		},
		want:   want,
		masked: withHash(s, setting+"$"+zeroCrypt64(md5.Size)),
	}, nil
}

// sunMD5 returns the digest in the order in which it is written.
func sunMD5(password, setting []byte, rounds int) []byte {
	sum, h := hashMD5.sum(password, setting), md5.New()
	for round := range rounds {
		heads := sunMD5Coin(sum, round)
		h.Reset()
		h.Write(sum)
		if heads {
			h.Write([]byte(sunMD5Text + "\x00"))
		}
		h.Write(strconv.AppendInt(nil, int64(round), 10))
		sum = h.Sum(sum[:0])
	}
	return reorder(sum, md5cryptOrder[:])
}

// sunMD5Coin draws a bit from the digest: two of its bits, at places that other bits of it choose, put together.
func sunMD5Coin(sum []byte, round int) bool {
	bit := func(n int) int { return int(sum[n>>3&15]) >> (n & 7) & 1 }
	draw := func(at int) int { // eight bits of a place
		place := 0
		for i := range 8 {
			a, b := int(sum[(at+i)&15]), int(sum[(at+i+3)&15])
			v := int(sum[a>>(b%5)&15]) >> (b >> (a & 7) & 1)
			place |= bit(v&127) << i
		}
		return place
	}
	x, y := draw(0)>>bit(round), draw(8)>>bit(round+64)
	return bit(x&127)^bit(y&127) == 1
}

// sunMD5Text is from Hamlet, act III, in the spelling of Project Gutenberg. The NUL behind it is hashed too.
const sunMD5Text = `To be, or not to be,--that is the question:--
Whether 'tis nobler in the mind to suffer
The slings and arrows of outrageous fortune
Or to take arms against a sea of troubles,
And by opposing end them?--To die,--to sleep,--
No more; and by a sleep to say we end
The heartache, and the thousand natural shocks
That flesh is heir to,--'tis a consummation
Devoutly to be wish'd. To die,--to sleep;--
To sleep! perchance to dream:--ay, there's the rub;
For in that sleep of death what dreams may come,
When we have shuffled off this mortal coil,
Must give us pause: there's the respect
That makes calamity of so long life;
For who would bear the whips and scorns of time,
The oppressor's wrong, the proud man's contumely,
The pangs of despis'd love, the law's delay,
The insolence of office, and the spurns
That patient merit of the unworthy takes,
When he himself might his quietus make
With a bare bodkin? who would these fardels bear,
To grunt and sweat under a weary life,
But that the dread of something after death,--
The undiscover'd country, from whose bourn
No traveller returns,--puzzles the will,
And makes us rather bear those ills we have
Than fly to others that we know not of?
Thus conscience does make cowards of us all;
And thus the native hue of resolution
Is sicklied o'er with the pale cast of thought;
And enterprises of great pith and moment,
With this regard, their currents turn awry,
And lose the name of action.--Soft you now!
The fair Ophelia!--Nymph, in thy orisons
Be all my sins remember'd.
`
