package demo

import (
	"fmt"
	"math/rand/v2"
	"sync"
)

// A source is one of the old systems.
type source struct {
	name   string
	share  int // of all people, in percent
	scheme string
	makers []maker
	table  string // CREATE TABLE
	insert string // ?1 id, ?2 username, ?3 email, ?4 hash, ?5 salt
	yaml   string // its entry in the configuration, without name and dsn
}

// sources are four old systems that a company of some age has: each with a table and a habit of its own.
func sources() []source {
	return []source{
		{
			name: "blog", share: 40, scheme: "wordpress", makers: wordpressMakers(),
			table: `CREATE TABLE wp_users (ID INTEGER PRIMARY KEY, user_login TEXT, user_email TEXT, user_pass TEXT, user_registered TEXT, display_name TEXT);
				CREATE INDEX wp_login ON wp_users (user_login); CREATE INDEX wp_email ON wp_users (user_email)`,
			insert: `INSERT INTO wp_users VALUES (?1, ?2, ?3, ?4, '2011-04-01 08:00:00', ?2)`,
			yaml:   "preset: wordpress",
		},
		{
			name: "portal", share: 30, scheme: "django", makers: djangoMakers(),
			table: `CREATE TABLE auth_user (id INTEGER PRIMARY KEY, username TEXT, email TEXT, password TEXT, is_active INTEGER, date_joined TEXT, last_login TEXT,
				first_name TEXT DEFAULT '', last_name TEXT DEFAULT '', is_staff INTEGER DEFAULT 0, is_superuser INTEGER DEFAULT 0);
				CREATE TABLE auth_group (id INTEGER PRIMARY KEY, name TEXT);
				CREATE TABLE auth_user_groups (id INTEGER PRIMARY KEY, user_id INTEGER, group_id INTEGER);
				CREATE INDEX auth_groups ON auth_user_groups (user_id);
				CREATE INDEX auth_name ON auth_user (username); CREATE INDEX auth_email ON auth_user (email)`,
			insert: `INSERT INTO auth_user (id, username, email, password, is_active, date_joined) VALUES (?1, ?2, ?3, ?4, 1, '2016-09-12 10:30:00')`,
			yaml:   "preset: django\n    scheme: django", // md5$ and sha1$ are written by others too, with another meaning
		},
		{
			name: "shop", share: 20, scheme: shopRecipe, makers: shopMakers(),
			table: `CREATE TABLE customers (customer_id INTEGER PRIMARY KEY, login TEXT, mail TEXT, pass TEXT, salt TEXT);
				CREATE INDEX shop_login ON customers (login); CREATE INDEX shop_mail ON customers (mail)`,
			insert: `INSERT INTO customers VALUES (?1, ?2, ?3, ?4, ?5)`,
			yaml:   "table: customers\n    columns: {id: customer_id, username: login, email: mail, password: pass, salt: salt}\n    scheme: " + shopRecipe,
		},
		{
			name: "intranet", share: 10, scheme: "auto", makers: directoryMakers(),
			table: `CREATE TABLE people (uid INTEGER PRIMARY KEY, cn TEXT, mail TEXT, userpassword TEXT);
				CREATE INDEX people_cn ON people (cn); CREATE INDEX people_mail ON people (mail)`,
			insert: `INSERT INTO people VALUES (?1, ?2, ?3, ?4)`,
			yaml:   "table: people\n    columns: {id: uid, username: cn, email: mail, password: userpassword}\n    scheme: auto",
		},
	}
}

// A person is somebody of an old system, with the password that they would type.
type person struct {
	id              int
	username, email string
	password        string
	source          *source
	maker           *maker
	stored, salt    string // filled by hashPeople
}

// invent makes up n people. They are the same ones each time, so that a demo can be told about; only salts differ.
func invent(n int) []*person {
	r := rand.New(rand.NewPCG(1977, 1021)) //nolint:gosec // made-up people; their salts are from crypto/rand
	all := sources()
	people := make([]*person, n)
	for i := range people {
		s := &all[sourceOf(all, i)]
		first, last := pick(r, firstNames), pick(r, lastNames)
		username := fmt.Sprintf("%s.%s%d", first, last, i+1)
		people[i] = &person{
			id: i + 1, username: username, email: username + "@example.org",
			password: fmt.Sprintf("%s-%s-%d", pick(r, words), pick(r, words), 10+r.IntN(90)),
			source:   s, maker: &s.makers[i%len(s.makers)],
		}
	}
	return people
}

// sourceOf deals people out by share, in steps that are prime to a hundred, so that any beginning of the list is mixed.
func sourceOf(all []source, i int) int {
	at := i * 37 % 100
	for j, s := range all {
		if at -= s.share; at < 0 {
			return j
		}
	}
	return len(all) - 1
}

func pick(r *rand.Rand, from []string) string { return from[r.IntN(len(from))] }

// poolSize is how many hashes are made in each costly scheme.
const poolSize = 6

// hashPeople makes everybody's stored password and calls step for each person. People of a costly scheme share a few
// passwords with their hashes.
func hashPeople(people []*person, step func()) {
	type pooled struct{ password, stored, salt string }
	pools := map[string][]pooled{}
	var wg sync.WaitGroup
	var mu sync.Mutex
	for _, s := range sources() {
		for _, m := range s.makers {
			if !m.costly {
				continue
			}
			wg.Go(func() {
				pool := make([]pooled, poolSize)
				for i := range pool {
					pool[i].password = fmt.Sprintf("%s-%s-%d", words[i], words[len(words)-1-i], 10+i)
					pool[i].stored, pool[i].salt = m.make(pool[i].password)
				}
				mu.Lock()
				defer mu.Unlock()
				pools[m.scheme] = pool
			})
		}
	}
	wg.Wait()
	for i, p := range people {
		if pool := pools[p.maker.scheme]; pool != nil {
			one := pool[i/7%poolSize]
			p.password, p.stored, p.salt = one.password, one.stored, one.salt
		} else {
			p.stored, p.salt = p.maker.make(p.password)
		}
		step()
	}
}
