package config

import (
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"rekey/accounts"
	"rekey/accounts/policy"
	"rekey/gateway/limit"
	"rekey/legacy/hash"
)

// A span is what a number or a duration may be, both ends included.
type span[T int64 | float64 | time.Duration] struct {
	key       string
	value     T
	low, high T
}

// check compares the values with what they mean, and derives the defaults that depend on others.
func (l *loader) check() {
	c := l.config
	l.checkListeners()
	l.checkStore()
	l.checkIssuer()
	for _, w := range l.words() {
		if !slices.Contains(w.known, w.value) {
			l.problem(w.key, "unknown value %q%s", w.value, didYouMean(w.value, w.known))
		}
	}
	checkSpans(l, l.durations())
	checkSpans(l, l.numbers())
	if _, set := c.origins["drain"]; !set {
		c.Drain = min(c.Drain, c.Shutdown/2)
	} else if c.Drain >= c.Shutdown {
		l.problem("drain", "must be shorter than shutdown (%s), which it is a part of", c.Shutdown)
	}
	if c.Tokens.RefreshIdle > c.Tokens.RefreshAbsolute {
		l.problem("tokens.refresh_idle", "must not be longer than tokens.refresh_absolute")
	}
	if c.Password.MemoryKiB < 8*c.Password.Lanes {
		l.problem("password.memory_kib", "must be at least 8 for each lane (RFC 9106, section 3.1)")
	}
	if work := c.Password.MemoryKiB * c.Password.Time; work > 1<<20 {
		l.problem("password", "memory_kib times time must be at most 1048576 (1 GiB)")
	} else if work < 19456*2 {
		l.warn("password", "is weaker than OWASP's least (memory_kib 19456, time 2)")
	}
	l.checkGateLimits()
	l.checkRelax()
	l.checkPasswordPolicy()
	if _, sqlite := SQLitePath(c.Store); sqlite && c.Jobs == JobsRiver {
		l.problem("jobs", "river needs a store on PostgreSQL; with SQLite use process")
	}
	for _, p := range c.TrustedProxies {
		if p.Bits() == 0 {
			l.warn("trusted_proxies", "%s trusts everybody: any client can claim any address, which voids the limits per address", p)
		}
	}
	if c.Limits.Off {
		l.warn("limits", "are off: passwords can be guessed as fast as they can be hashed")
	}
	for _, r := range []struct {
		key  string
		rule limit.Rule
	}{{"limits.address", c.Limits.Rules().Address}, {"limits.identifier", c.Limits.Rules().Identifier}} {
		if err := r.rule.Check(); err != nil {
			l.problem(r.key, "%v", err)
		}
	}
	for _, m := range c.Bridge.Config().Mistakes() {
		l.problem("bridge."+m.Product+"."+m.Field, "%s", m.Reason)
	}
	l.checkMail()
	names, registry := map[string]int{}, hash.New(hash.Config{Bounds: c.HashBounds.Bounds()})
	for i := range c.Legacy {
		l.checkLegacy(i, names, registry)
	}
	l.checkRequired(registry)
	l.checkSweeper()
	if len(c.Legacy) == 0 {
		l.warn("legacy", "no legacy source: only accounts that have been moved already can log in")
	}
	slices.SortStableFunc(l.problems, func(a, b Problem) int { return a.At.Line - b.At.Line })
	l.checkFileMode()
}

// A word is a value from a closed list.
type word struct {
	key   string
	value string
	known []string
}

func (l *loader) words() []word {
	c := l.config
	return []word{
		{"plan", c.Plan, []string{"lazy", "dual-write"}},
		{"collisions", c.Collisions, []string{
			string(accounts.CollisionsQuarantine), string(accounts.CollisionsPreferOrder), string(accounts.CollisionsLink),
		}},
		{"password.kernel", c.Password.Kernel, []string{KernelAuto, "avx512", "avx2", "generic"}},
		{"jobs", c.Jobs, []string{JobsProcess, JobsRiver}},
		{"tokens.algorithm", c.Tokens.Algorithm, []string{"EdDSA", "ES256", "RS256"}},
		{"log.level", c.Log.Level, []string{"debug", "info", "warn", "error"}},
		{"log.format", c.Log.Format, []string{"json", "text"}},
	}
}

func (l *loader) durations() []span[time.Duration] {
	c := l.config
	spans := []span[time.Duration]{
		{"tokens.access_life", c.Tokens.AccessLife, 10 * time.Second, time.Hour}, // a revoked session's token lives that long elsewhere
		{"tokens.refresh_idle", c.Tokens.RefreshIdle, time.Minute, 5 * 365 * 24 * time.Hour},
		{"tokens.refresh_absolute", c.Tokens.RefreshAbsolute, time.Minute, 5 * 365 * 24 * time.Hour},
		{"tokens.rotate_keys_every", c.Tokens.RotateKeysEvery, 0, 5 * 365 * 24 * time.Hour},
		{"password.queue", c.Password.Queue, 10 * time.Millisecond, 30 * time.Second},
		{"password_policy.hibp_timeout", c.PasswordPolicy.HIBPTimeout, 10 * time.Millisecond, 10 * time.Second},
		{"login.floor", c.Login.Floor, 0, time.Second}, // longer, and the wait itself becomes the load
		{"drain", c.Drain, 0, 5 * time.Minute},
		{"shutdown", c.Shutdown, time.Second, 10 * time.Minute},
		{"limits.address.per", c.Limits.Address.Per, 0, 24 * time.Hour},
		{"limits.identifier.per", c.Limits.Identifier.Per, 0, 24 * time.Hour},
	}
	for i, s := range c.Legacy {
		at := fmt.Sprintf("legacy[%d].", i)
		spans = append(spans, []span[time.Duration]{
			{at + "timeout", s.Timeout, 10 * time.Millisecond, 30 * time.Second},
			{at + "watch.every", s.Watch.Every, 0, 24 * time.Hour},
			{at + "watch.overlap", s.Watch.Overlap, 0, time.Hour},
			{at + "reconcile.every", s.Reconcile.Every, 0, 90 * 24 * time.Hour},
		}...)
	}
	return spans
}

func (l *loader) numbers() []span[int64] {
	c := l.config
	b := c.HashBounds
	spans := []span[int64]{
		{"password.memory_kib", c.Password.MemoryKiB, 8, 256 << 10},
		{"password.time", c.Password.Time, 1, 20},
		{"password.lanes", c.Password.Lanes, 1, 16},
		{"password.permits", c.Password.Permits, 0, 1024},
		{"sweeper.workers", c.Sweeper.Workers, 0, 256},
		{"password_policy.min_length", c.PasswordPolicy.MinLength, 8, policy.MaxLength},
		{"password_policy.min_length_with_factor", c.PasswordPolicy.MinLengthWithFactor, 8, policy.MaxLength},
		{"limits.address.burst", c.Limits.Address.Burst, 0, 1e6},
		{"limits.address.count", c.Limits.Address.Count, 0, 1e6},
		{"limits.identifier.burst", c.Limits.Identifier.Burst, 0, 1e6},
		{"limits.identifier.count", c.Limits.Identifier.Count, 0, 1e6},
		{"hash_bounds.bcrypt_cost", b.BcryptCost, 0, 20}, // a minute a guess
		{"hash_bounds.argon2_memory_kib", b.Argon2MemoryKiB, 0, 4 << 20},
		{"hash_bounds.argon2_time", b.Argon2Time, 0, 1000},
		{"hash_bounds.argon2_lanes", b.Argon2Lanes, 0, 255},
		{"hash_bounds.argon2_work_kib", b.Argon2Work, 0, 64 << 20},
		{"hash_bounds.scrypt_memory_bytes", b.ScryptMemory, 0, 4 << 30},
		{"hash_bounds.scrypt_parallel", b.ScryptParallel, 0, 1024},
		{"hash_bounds.pbkdf2_iterations", b.PBKDF2Iterations, 0, 100_000_000},
		{"hash_bounds.sha_crypt_rounds", b.SHACryptRounds, 0, 999_999_999},
		{"hash_bounds.phpass_log2", b.PHPassLog2, 0, 30},
		{"hash_bounds.digest_iterations", b.DigestIterations, 0, 100_000_000},
		{"hash_bounds.salt_bytes", b.Salt, 0, 8 << 10},
	}
	for i, s := range c.Legacy {
		at := fmt.Sprintf("legacy[%d].", i)
		spans = append(spans, []span[int64]{
			{at + "max_conns", s.MaxConns, 1, 256},
			{at + "reconcile.per_second", s.Reconcile.PerSecond, 1, 10_000},
			{at + "reconcile.most_changed", s.Reconcile.MostChanged, 1, 100},
		}...)
	}
	return spans
}

func checkSpans[T int64 | float64 | time.Duration](l *loader, spans []span[T]) {
	for _, s := range spans {
		if s.value < s.low || s.value > s.high {
			l.problem(s.key, "must be %v to %v", s.low, s.high)
		}
	}
}

func (l *loader) checkListeners() {
	c := l.config
	public, err := parseListen(c.Listen)
	if err != nil {
		l.problem("listen", "%v", err)
	}
	if c.Admin.Listen == "off" {
		return
	}
	admin, err := parseListen(c.Admin.Listen)
	switch {
	case err != nil:
		l.problem("admin.listen", "%v, or off", err)
	case admin == public && admin.Port() != 0:
		l.problem("admin.listen", "is the address of the public listener; staff have one of their own")
	case !admin.Addr().IsLoopback():
		l.warn("admin.listen", "can be reached from other machines; keep it behind a firewall or a VPN")
	}
}

// parseListen reads an address and a port. A host name is left to the system, and is no problem here.
func parseListen(s string) (netip.AddrPort, error) {
	host, port, err := net.SplitHostPort(s)
	n, portErr := strconv.ParseUint(port, 10, 16)
	if err != nil || portErr != nil {
		return netip.AddrPort{}, fmt.Errorf("want address:port, such as 127.0.0.1:8080")
	}
	addr, err := netip.ParseAddr(host)
	switch {
	case host == "":
		addr = netip.IPv6Unspecified()
	case host == "localhost":
		addr = netip.AddrFrom4([4]byte{127, 0, 0, 1})
	case err != nil:
		return netip.AddrPort{}, fmt.Errorf("want address:port, such as 127.0.0.1:8080")
	}
	return netip.AddrPortFrom(addr, uint16(n)), nil
}

func (l *loader) checkStore() {
	c := l.config
	switch c.Store.Scheme() {
	case "sqlite":
		path, ok := SQLitePath(c.Store)
		if !ok || !filepath.IsAbs(path) || strings.HasSuffix(path, "/") {
			l.problem("store", "want an absolute path: sqlite:///var/lib/rekey/rekey.db")
		} else if c.MasterKeyFile == "" {
			c.MasterKeyFile = path + ".key"
		}
	case "postgres", "postgresql":
		l.checkURL("store", c.Store)
		if c.MasterKeyFile == "" {
			l.problem("master_key_file", "is required with PostgreSQL: every replica needs the same key; make it with `openssl rand -hex 32`, mode 0600")
		}
	default:
		if c.Store.IsZero() {
			l.problem("store", "is missing: sqlite:///var/lib/rekey/rekey.db or postgres://user:password@host/database")
			return
		}
		l.problem("store", "want sqlite:///path or postgres://…")
	}
	if c.Redis.IsZero() {
		return
	}
	if s := c.Redis.Scheme(); s != "redis" && s != "rediss" {
		l.problem("redis", "want redis://host:port/number, or rediss:// for TLS")
		return
	}
	l.checkURL("redis", c.Redis)
}

// checkURL refuses an address that will not parse. The parser's own error would quote the password.
func (l *loader) checkURL(key string, u URL) {
	parsed, err := url.Parse(u.Reveal())
	switch {
	case err != nil:
		l.problem(key, "is not an address; characters such as @ / # %% in a password must be written as %%40 %%2F %%23 %%25")
	case parsed.Host == "" && parsed.Query().Get("host") == "":
		l.problem(key, "names no host")
	}
}

func (l *loader) checkIssuer() {
	c := l.config
	for _, name := range []struct{ key, value string }{{"audience", c.Audience}, {"tokens.client_id", c.Tokens.ClientID}} {
		if name.value == "" || len(name.value) > 255 {
			l.problem(name.key, "want 1 to 255 characters")
		}
	}
	if c.Issuer == "" {
		c.Issuer = "http://" + c.Listen
		l.warn("issuer", "is not set and defaults to %s; set it to the address that clients use", c.Issuer)
		return
	}
	u, err := url.Parse(c.Issuer)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" || strings.HasSuffix(c.Issuer, "/") {
		l.problem("issuer", "want an http(s) address without query, fragment, or slash at the end (RFC 8414, section 2)")
	}
}

// checkFileMode warns about secrets in a file that others can read.
func (l *loader) checkFileMode() {
	info, err := os.Stat(l.options.Path)
	if l.options.Path == "" || err != nil || info.Mode().Perm()&0o077 == 0 {
		return
	}
	for _, key := range sortedKeys(l.config.origins) {
		if at := l.config.origins[key]; at.From == FromFile && l.secretInFile(key) {
			l.warn(key, "a secret stands in a file that others can read (mode %#o); chmod 600 it, or use %s_file", info.Mode().Perm(), lastKey(key))
		}
	}
}

// secretInFile reports whether a key's value itself, not the path of a file, holds a secret.
func (l *loader) secretInFile(key string) bool {
	at := l.config.origins[key]
	if strings.Contains(at.excerpt, "_file: ") {
		return false
	}
	for _, v := range l.config.Values() {
		if v.Key == key {
			return v.secret
		}
	}
	return false
}
