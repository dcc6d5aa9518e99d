package survey

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// Foreign is a kind of stored value that no rule reads. It tells the shape and never the value, which may be somebody's
// password in the clear.
type Foreign struct {
	Reason string `json:"reason"`
	Marker string `json:"marker,omitempty"` // a scheme's mark at the beginning, such as $9$ or {X-HASH}
	Shape  string `json:"shape"`            // such as "32 hex digits : text"
	Count  int64  `json:"count"`
	// Candidates are schemes that would read it if one of them were declared.
	Candidates []string `json:"candidates,omitempty"`
}

func (f Foreign) key() string { return f.Reason + "\x00" + f.Marker + "\x00" + f.Shape }

// maxMarker is the longest mark, in bytes with its fence.
const maxMarker = 24

// rareMarker is how many rows must have a mark before it is shown: what a few people have could be theirs.
const rareMarker = 3

// shown returns the kind as it may be printed.
func (f Foreign) shown() Foreign {
	if f.Count < rareMarker && f.Marker != "" {
		f.Marker = f.Marker[:1] + "…" + f.Marker[len(f.Marker)-1:]
	}
	return f
}

// markerOf returns the mark at the beginning of a stored value: $name$ or {NAME}, letters, digits and hyphens.
func markerOf(stored string) string {
	if stored == "" {
		return ""
	}
	closing := map[byte]string{'$': "$", '{': "}"}[stored[0]]
	if closing == "" {
		return ""
	}
	end := strings.Index(stored[1:min(len(stored), maxMarker)], closing)
	if end < 1 || strings.Trim(stored[1:1+end], "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-_") != "" {
		return ""
	}
	return stored[:end+2]
}

// maxParts is how many parts of a value are told apart.
const maxParts = 6

// shapeOf describes a stored value without telling it.
func shapeOf(stored string) (marker, shape string) {
	marker = markerOf(stored)
	rest := stored[len(marker):]
	var parts []string
	for len(parts) < maxParts {
		at := strings.IndexAny(rest, ":$")
		if at < 0 {
			break
		}
		parts = append(parts, classOf(rest[:at]), rest[at:at+1])
		rest = rest[at+1:]
	}
	return marker, strings.TrimSpace(strings.Join(append(parts, classOf(rest)), " "))
}

// Lengths are told of what is long enough to be no password that a person would type.
const (
	tellHex = 16 // digits
	tell64  = 22 // characters: 16 bytes in base64
)

// classOf names what a part is made of.
func classOf(part string) string {
	switch {
	case part == "":
		return ""
	case !utf8.ValidString(part):
		return "bytes"
	case len(part) >= tellHex && strings.Trim(part, "0123456789abcdefABCDEF") == "":
		return fmt.Sprintf("%d hex digits", len(part))
	case len(part) >= tell64 && strings.Trim(strings.TrimRight(part, "="), "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ+/._-") == "" && hasBoth(part):
		return fmt.Sprintf("%d base64 characters", len(part))
	}
	return "text"
}

// hasBoth reports whether a text mixes capitals with others, as base64 does and a sentence does not.
func hasBoth(part string) bool {
	return strings.ContainsAny(part[1:], "ABCDEFGHIJKLMNOPQRSTUVWXYZ") && strings.ContainsAny(part, "0123456789")
}

// maskIdentifier keeps so much of an identifier that its owner would know it, and nobody else.
func maskIdentifier(canonical string) string {
	name, domain, isEmail := strings.Cut(canonical, "@")
	masked := first(name) + "…"
	if !isEmail {
		return masked
	}
	masked += "@" + first(domain) + "…"
	if dot := strings.LastIndexByte(domain, '.'); dot > 0 {
		masked += domain[dot:]
	}
	return masked
}

func first(text string) string {
	_, n := utf8.DecodeRuneInString(text)
	return text[:n]
}
