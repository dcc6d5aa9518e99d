package mapping

import "rekey/legacy"

// as returns the source with exactly these powers.
func (s *mapped) as(p powers) legacy.Source {
	g, v, l, w, c := withGet{s}, withVerify{s}, withList{s}, withWrite{s}, withWatch{s}
	switch p {
	case canGet:
		return struct {
			*mapped
			withGet
		}{s, g}
	case canVerify:
		return struct {
			*mapped
			withVerify
		}{s, v}
	case canGet | canVerify:
		return struct {
			*mapped
			withGet
			withVerify
		}{s, g, v}
	case canList:
		return struct {
			*mapped
			withList
		}{s, l}
	case canGet | canList:
		return struct {
			*mapped
			withGet
			withList
		}{s, g, l}
	case canVerify | canList:
		return struct {
			*mapped
			withVerify
			withList
		}{s, v, l}
	case canGet | canVerify | canList:
		return struct {
			*mapped
			withGet
			withVerify
			withList
		}{s, g, v, l}
	case canWrite:
		return struct {
			*mapped
			withWrite
		}{s, w}
	case canGet | canWrite:
		return struct {
			*mapped
			withGet
			withWrite
		}{s, g, w}
	case canVerify | canWrite:
		return struct {
			*mapped
			withVerify
			withWrite
		}{s, v, w}
	case canGet | canVerify | canWrite:
		return struct {
			*mapped
			withGet
			withVerify
			withWrite
		}{s, g, v, w}
	case canList | canWrite:
		return struct {
			*mapped
			withList
			withWrite
		}{s, l, w}
	case canGet | canList | canWrite:
		return struct {
			*mapped
			withGet
			withList
			withWrite
		}{s, g, l, w}
	case canVerify | canList | canWrite:
		return struct {
			*mapped
			withVerify
			withList
			withWrite
		}{s, v, l, w}
	case canGet | canVerify | canList | canWrite:
		return struct {
			*mapped
			withGet
			withVerify
			withList
			withWrite
		}{s, g, v, l, w}
	case canWatch:
		return struct {
			*mapped
			withWatch
		}{s, c}
	case canGet | canWatch:
		return struct {
			*mapped
			withGet
			withWatch
		}{s, g, c}
	case canVerify | canWatch:
		return struct {
			*mapped
			withVerify
			withWatch
		}{s, v, c}
	case canGet | canVerify | canWatch:
		return struct {
			*mapped
			withGet
			withVerify
			withWatch
		}{s, g, v, c}
	case canList | canWatch:
		return struct {
			*mapped
			withList
			withWatch
		}{s, l, c}
	case canGet | canList | canWatch:
		return struct {
			*mapped
			withGet
			withList
			withWatch
		}{s, g, l, c}
	case canVerify | canList | canWatch:
		return struct {
			*mapped
			withVerify
			withList
			withWatch
		}{s, v, l, c}
	case canGet | canVerify | canList | canWatch:
		return struct {
			*mapped
			withGet
			withVerify
			withList
			withWatch
		}{s, g, v, l, c}
	case canWrite | canWatch:
		return struct {
			*mapped
			withWrite
			withWatch
		}{s, w, c}
	case canGet | canWrite | canWatch:
		return struct {
			*mapped
			withGet
			withWrite
			withWatch
		}{s, g, w, c}
	case canVerify | canWrite | canWatch:
		return struct {
			*mapped
			withVerify
			withWrite
			withWatch
		}{s, v, w, c}
	case canGet | canVerify | canWrite | canWatch:
		return struct {
			*mapped
			withGet
			withVerify
			withWrite
			withWatch
		}{s, g, v, w, c}
	case canList | canWrite | canWatch:
		return struct {
			*mapped
			withList
			withWrite
			withWatch
		}{s, l, w, c}
	case canGet | canList | canWrite | canWatch:
		return struct {
			*mapped
			withGet
			withList
			withWrite
			withWatch
		}{s, g, l, w, c}
	case canVerify | canList | canWrite | canWatch:
		return struct {
			*mapped
			withVerify
			withList
			withWrite
			withWatch
		}{s, v, l, w, c}
	case canGet | canVerify | canList | canWrite | canWatch:
		return struct {
			*mapped
			withGet
			withVerify
			withList
			withWrite
			withWatch
		}{s, g, v, l, w, c}
	default:
		return s
	}
}
