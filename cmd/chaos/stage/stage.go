// Package stage starts what the chaos harness plays on: rekey as three processes over PostgreSQL, an old WordPress in MariaDB
// and Redis, with a proxy on every line between them. It serves the harness and decides nothing.
package stage

import (
	"context"
	"crypto/rand"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	_ "github.com/go-sql-driver/mysql" // the old store
	"github.com/google/uuid"
	_ "github.com/jackc/pgx/v5/stdlib" // the new one
	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/maintnotifications"

	"rekey/accounts/phase"
)

// Source is what the old store is called.
const Source = "blog"

// Config is what a Stage is made of.
type Config struct {
	Binary                 string // rekey, built with the tag failpoint
	Dir                    string // for what the processes write
	Postgres, MySQL, Redis string // DSNs of servers on which databases may be made
	Gateways               int
	Plan                   phase.Plan
	Phase                  phase.Phase // to begin in; none: the plan's first
	Without                string      // the guard to leave out
	People                 []Person    // of the old store
}

// A Person is a row of the old store.
type Person struct{ Name, Hash string }

// A Stage is everything that runs.
type Stage struct {
	Config   Config
	New      *sql.DB // the new store, past the proxies
	Legacy   *sql.DB // the old one, likewise
	Gateways []*Gateway
	Token    string // of a member of staff who may do everything
	Mailbox  *Mailbox

	redis *redis.Client
	undo  []func() error
}

// Open starts everything and waits until it is ready. Close ends what was started, after an error too.
func Open(ctx context.Context, c Config) (*Stage, error) {
	s := &Stage{Config: c}
	return s, s.open(ctx)
}

func (s *Stage) open(ctx context.Context) error {
	store, err := s.database(ctx, s.Config.Postgres)
	if err != nil {
		return fmt.Errorf("PostgreSQL: %w", err)
	}
	old, err := s.database(ctx, s.Config.MySQL)
	if err != nil {
		return fmt.Errorf("MariaDB: %w", err)
	}
	s.New, s.Legacy = store.db, old.db
	if err := s.wordpress(ctx); err != nil {
		return fmt.Errorf("the old store: %w", err)
	}
	soft, err := url.Parse(s.Config.Redis)
	if err != nil {
		return errors.New("the DSN of Redis is no URL")
	}
	soft.Path = "/" + strconv.Itoa(1+rand8()%15) // the tests have the first; other stages are emptied at other moments
	if err := s.openRedis(soft.String()); err != nil {
		return err
	}
	if err := s.openMailbox(ctx); err != nil {
		return err
	}
	key := make([]byte, 32)
	_, _ = rand.Read(key) // it never fails
	keyFile := filepath.Join(s.Config.Dir, "master.key")
	if err := os.WriteFile(keyFile, []byte(hex.EncodeToString(key)), 0o600); err != nil {
		return err
	}
	for i := range s.Config.Gateways {
		g, err := s.prepare(i, keyFile, map[string]*url.URL{PostgreSQL: store.url, MariaDB: old.url, Redis: soft})
		if err != nil {
			return err
		}
		s.Gateways = append(s.Gateways, g)
	}
	if s.Token, err = s.appoint(ctx); err != nil {
		return err
	}
	if err := s.begin(ctx); err != nil {
		return err
	}
	return s.Start(ctx, 0)
}

// Start starts all processes, with clocks that are wrong by skew, and waits until they are ready.
func (s *Stage) Start(ctx context.Context, skew time.Duration) error {
	for _, g := range s.Gateways {
		if err := g.Start(skew); err != nil {
			return err
		}
	}
	for _, g := range s.Gateways {
		if err := g.Await(ctx); err != nil {
			return err
		}
	}
	return nil
}

// Close ends everything, last started first, and drops the databases.
func (s *Stage) Close() error {
	var errs []error
	for _, undo := range slices.Backward(s.undo) {
		errs = append(errs, undo())
	}
	return errors.Join(errs...)
}

// rand8 is a number below 256. What is of one stage only follows from no seed.
func rand8() int {
	var b [1]byte
	_, _ = rand.Read(b[:]) // it never fails
	return int(b[0])
}

// Flush empties Redis.
func (s *Stage) Flush(ctx context.Context) error { return s.redis.FlushDB(ctx).Err() }

func (s *Stage) openRedis(dsn string) error {
	options, err := redis.ParseURL(dsn)
	if err != nil {
		return errors.New("the DSN of Redis is not one")
	}
	options.MaintNotificationsConfig = &maintnotifications.Config{Mode: maintnotifications.ModeDisabled}
	s.redis = redis.NewClient(options)
	s.undo = append(s.undo, s.redis.Close)
	return nil
}

// A database is one that was made.
type database struct {
	url *url.URL
	db  *sql.DB
}

// database makes a database on a server.
func (s *Stage) database(ctx context.Context, dsn string) (*database, error) {
	server, err := url.Parse(dsn)
	if err != nil || dsn == "" {
		return nil, errors.New("its DSN is no URL; deploy/dev/services run -- starts it")
	}
	admin, err := connect(server)
	if err != nil {
		return nil, err
	}
	name := "chaos_" + strings.ToLower(rand.Text()[:12])
	if _, err := admin.ExecContext(ctx, "CREATE DATABASE "+name); err != nil {
		return nil, err
	}
	made := *server
	made.Path = "/" + name
	db, err := connect(&made)
	if err != nil {
		return nil, err
	}
	s.undo = append(s.undo, func() error {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		drop := "DROP DATABASE " + name
		if server.Scheme == "postgres" {
			drop += " WITH (FORCE)"
		}
		err := db.Close()
		_, dropErr := admin.ExecContext(ctx, drop)
		return errors.Join(err, dropErr, admin.Close())
	})
	return &database{&made, db}, nil
}

func connect(u *url.URL) (*sql.DB, error) {
	if u.Scheme != "mysql" {
		return sql.Open("pgx", u.String())
	}
	password, _ := u.User.Password()
	return sql.Open("mysql", fmt.Sprintf("%s:%s@tcp(%s)/%s", u.User.Username(), password, u.Host, strings.Trim(u.Path, "/")))
}

// wordpress makes the tables of WordPress's own schema, and its people.
func (s *Stage) wordpress(ctx context.Context) error {
	for _, text := range []string{
		`CREATE TABLE wp_users (
			ID bigint(20) unsigned NOT NULL auto_increment,
			user_login varchar(60) NOT NULL default '',
			user_pass varchar(255) NOT NULL default '',
			user_nicename varchar(50) NOT NULL default '',
			user_email varchar(100) NOT NULL default '',
			user_url varchar(100) NOT NULL default '',
			user_registered datetime NOT NULL default '0000-00-00 00:00:00',
			user_activation_key varchar(255) NOT NULL default '',
			user_status int(11) NOT NULL default '0',
			display_name varchar(250) NOT NULL default '',
			PRIMARY KEY (ID), KEY user_login_key (user_login), KEY user_nicename (user_nicename), KEY user_email (user_email)
		) DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_520_ci`,
		`CREATE TABLE wp_usermeta (
			umeta_id bigint(20) unsigned NOT NULL auto_increment,
			user_id bigint(20) unsigned NOT NULL default '0',
			meta_key varchar(255) default NULL,
			meta_value longtext,
			PRIMARY KEY (umeta_id), KEY user_id (user_id), KEY meta_key (meta_key(191))
		) DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_520_ci`,
	} {
		if _, err := s.Legacy.ExecContext(ctx, text); err != nil {
			return err
		}
	}
	for _, p := range s.Config.People {
		_, err := s.Legacy.ExecContext(ctx, `INSERT INTO wp_users (user_login, user_pass, user_email, user_registered) VALUES (?, ?, ?, '2014-05-06 07:08:09')`,
			p.Name, p.Hash, Address(p.Name))
		if err != nil {
			return err
		}
	}
	return nil
}

// appoint makes a member of staff by the command line, which makes the tables too.
func (s *Stage) appoint(ctx context.Context) (string, error) {
	cmd := exec.CommandContext(ctx, s.Config.Binary, "staff", "token", "add", "chaos", "--role", "admin", "--for", "2h", "--reason", "the harness", "--config", s.Gateways[0].config)
	var errs strings.Builder
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("make a staff token: %w\n%s", err, errs.String())
	}
	return strings.TrimSpace(string(out)), nil
}

// begin writes the phase that the installation begins in, if it is not the plan's first.
func (s *Stage) begin(ctx context.Context) error {
	if s.Config.Phase == 0 {
		return nil
	}
	state, err := phase.Initial(s.Config.Plan, rand.Text(), time.Now())
	if err != nil {
		return err
	}
	if state.Phase = s.Config.Phase; state.Phase >= phase.Both {
		state.TrustEpoch = 1
	}
	if state.Phase == phase.Ramp {
		state.Percent = phase.All
	}
	if err := state.Validate(); err != nil {
		return err
	}
	text, err := json.Marshal(state)
	if err != nil {
		return err
	}
	_, err = s.New.ExecContext(ctx, `INSERT INTO phase (id, epoch, state) VALUES (1, 1, $1)`, string(text))
	return err
}

// SubjectFor is the account id of a person of the old store.
func (s *Stage) SubjectFor(ctx context.Context, name string, subject func(source, id string) uuid.UUID) (string, error) {
	var id string
	if err := s.Legacy.QueryRowContext(ctx, `SELECT ID FROM wp_users WHERE user_login = ?`, name).Scan(&id); err != nil {
		return "", err
	}
	return subject(Source, id).String(), nil
}
