package phase

import (
	"fmt"
	"strconv"
	"strings"
)

// A Percent is a share of the accounts, in hundredths of a percent: 1250 is 12.5 %.
type Percent uint16

// All is every account.
const All Percent = 100_00

// ParsePercent reads "12", "12.5" or "12.50", with or without a percent sign. It takes no sign, no exponent and no more
// than two decimals: what cannot be kept is refused, not rounded.
func ParsePercent(text string) (Percent, error) {
	whole, decimals, point := strings.Cut(strings.TrimSuffix(text, "%"), ".")
	if !digits(whole, 1, 3) || point && !digits(decimals, 1, 2) || len(whole) > 1 && whole[0] == '0' {
		return 0, percentError(text)
	}
	n, err := strconv.ParseUint(whole+(decimals + "00")[:2], 10, 32)
	if err != nil || n > uint64(All) {
		return 0, percentError(text)
	}
	return Percent(n), nil
}

func percentError(text string) error {
	return fmt.Errorf("percent %.40q: want 0 to 100 with at most two decimals", text)
}

// digits tells whether text is low to high decimal digits and nothing else.
func digits(text string, low, high int) bool {
	return low <= len(text) && len(text) <= high && strings.Trim(text, "0123456789") == ""
}

// String returns p as ParsePercent reads it, without a percent sign: "12.5".
func (p Percent) String() string {
	text := fmt.Sprintf("%d.%02d", p/100, p%100)
	return strings.TrimSuffix(strings.TrimRight(text, "0"), ".")
}

// MarshalJSON writes p as a number of percent.
func (p Percent) MarshalJSON() ([]byte, error) { return []byte(p.String()), nil }

// UnmarshalJSON reads a number of percent.
func (p *Percent) UnmarshalJSON(data []byte) (err error) {
	if strings.HasSuffix(string(data), "%") {
		return percentError(string(data))
	}
	*p, err = ParsePercent(string(data))
	return err
}
