package config

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"reflect"
	"strings"
)

const (
	maxFile   = 1 << 20  // bytes of the YAML file: a thousand sources fit
	maxSecret = 64 << 10 // bytes of a file that holds a secret
	maxList   = 64       // elements of a list
)

// Options are what Load reads from.
type Options struct {
	Path    string   // of the YAML file; "" reads the environment alone
	Environ []string // as of os.Environ
}

// Load reads file and environment, and checks them. Its error is Problems, unless the file cannot be read at all.
func Load(o Options) (*Config, error) {
	l := &loader{config: Default(), options: o, secretFiles: map[string]Origin{}}
	if o.Path != "" {
		src, err := readBounded(o.Path, maxFile)
		if err != nil {
			return nil, fmt.Errorf("read configuration: %w", err)
		}
		l.file(o.Path, src)
	}
	l.environment(o.Environ)
	l.readSecretFiles()
	// Checks of values that were refused already would only repeat it.
	if len(l.problems) == 0 {
		l.check()
	}
	if len(l.problems) > 0 {
		return nil, l.problems
	}
	return l.config, nil
}

// A loader fills one Config and collects what is wrong.
type loader struct {
	config   *Config
	options  Options
	problems Problems

	name        string // of the file
	secretFiles map[string]Origin
	pending     []secretFile
}

// A secretFile is a path that some _file key names; which one counts is known when all layers are read.
type secretFile struct {
	key   string
	path  string
	at    Origin
	value reflect.Value
}

// problem notes a mistake at a key, or at the nearest group around it that has a place.
func (l *loader) problem(key, format string, args ...any) {
	l.problems = append(l.problems, Problem{Key: key, Reason: fmt.Sprintf(format, args...), At: l.config.place(key)})
}

func (l *loader) problemAt(at Origin, key, format string, args ...any) {
	l.problems = append(l.problems, Problem{Key: key, Reason: fmt.Sprintf(format, args...), At: at})
}

func (l *loader) warn(key, format string, args ...any) {
	l.config.notes = append(l.config.notes, Problem{Key: key, Reason: fmt.Sprintf(format, args...), At: l.config.place(key)})
}

// place returns where a key, or the nearest group around it, was set.
func (c *Config) place(key string) Origin {
	for key != "" {
		if at, ok := c.origins[key]; ok {
			return at
		}
		key = key[:max(strings.LastIndexAny(key, ".["), 0)]
	}
	return Origin{}
}

// setLeaf sets a value from one layer, and remembers where it came from.
func (l *loader) setLeaf(v reflect.Value, key, text string, at Origin) {
	l.config.origins[key] = at
	if err := setText(v, text); err != nil {
		l.problemAt(at, key, "%v", err)
	}
	if isSecret(v.Type()) {
		l.pending = deletePending(l.pending, key)
	}
}

// setSecretFile remembers that a value is to be read from a file.
func (l *loader) setSecretFile(v reflect.Value, key, path string, at Origin) {
	if before, ok := l.config.origins[key]; ok && before.From == at.From {
		l.problemAt(at, key, "is given twice, as itself and as a file; keep one")
		return
	}
	l.config.origins[key] = at
	l.pending = append(deletePending(l.pending, key), secretFile{key, path, at, v})
}

func deletePending(pending []secretFile, key string) []secretFile {
	kept := pending[:0]
	for _, p := range pending {
		if p.key != key {
			kept = append(kept, p)
		}
	}
	return kept
}

// readSecretFiles reads the secrets that are kept in files. One line break at the end is not part of the secret.
func (l *loader) readSecretFiles() {
	for _, p := range l.pending {
		content, err := readBounded(p.path, maxSecret)
		text := strings.TrimSuffix(strings.TrimSuffix(string(content), "\n"), "\r")
		switch {
		case err != nil:
			l.problemAt(p.at, p.key+"_file", "%v", err)
		case text == "":
			l.problemAt(p.at, p.key+"_file", "the file is empty")
		case strings.ContainsAny(text, "\x00\n"):
			l.problemAt(p.at, p.key+"_file", "the file must hold one line of text")
		default:
			if err := setText(p.value, text); err != nil {
				l.problemAt(p.at, p.key+"_file", "%v", err)
			}
		}
	}
}

// readBounded reads a file of at most limit bytes. Its errors name the file.
func readBounded(path string, limit int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		if pathError, ok := errors.AsType[*fs.PathError](err); ok {
			return nil, fmt.Errorf("%s: %w", path, pathError.Err)
		}
		return nil, err
	}
	defer func() { _ = f.Close() }() // it was only read
	content, err := io.ReadAll(io.LimitReader(f, limit+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("%s: cannot be read", path)
	case int64(len(content)) > limit:
		return nil, fmt.Errorf("%s: is larger than %d KiB", path, limit>>10)
	}
	return content, nil
}
