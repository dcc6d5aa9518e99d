// Package preset knows the tables in which well-known applications keep their people. It is data for whoever sets up
// a source; it opens nothing and imports nothing of this repository.
package preset

// Columns names the columns of a table of people; an empty name is a column that is not there. Disabled may begin
// with "!" where the column says that somebody is active.
type Columns struct {
	ID          string
	Username    string
	Email       string
	Phone       string
	Password    string
	Salt        string
	CreatedAt   string
	LastLoginAt string
	Disabled    string
}

// A Preset is one application's table.
type Preset struct {
	Name    string // as in configuration
	Title   string // for people
	Prefix  string // what the application puts before its tables by default
	Table   string // without the prefix
	Columns Columns
	Scheme  string // see package hash
}

// TableWith returns the table's name behind a prefix; an empty prefix means the default.
func (p Preset) TableWith(prefix string) string {
	if prefix == "" {
		prefix = p.Prefix
	}
	return prefix + p.Table
}

// All returns the presets in the order of their names.
func All() []Preset {
	return []Preset{
		{ // contrib/auth/models.py, AbstractUser
			Name: "django", Title: "Django (contrib.auth)",
			Prefix: "auth_", Table: "user",
			Columns: Columns{
				ID: "id", Username: "username", Email: "email", Password: "password",
				CreatedAt: "date_joined", LastLoginAt: "last_login", Disabled: "!is_active",
			},
			Scheme: "django", // all its hashers, the unsalted ones of old times too
		},
		{ // modules/user/user.install. uid 0 is the anonymous visitor, who has no name and no password
			Name: "drupal7", Title: "Drupal 7",
			Table: "users",
			Columns: Columns{
				ID: "uid", Username: "name", Email: "mail", Password: "pass",
				CreatedAt: "created", LastLoginAt: "login", Disabled: "!status",
			},
			Scheme: "drupal",
		},
		{ // installation/sql/mysql/base.sql. The prefix is drawn at random by the installer
			Name: "joomla", Title: "Joomla",
			Prefix: "jos_", Table: "users",
			Columns: Columns{
				ID: "id", Username: "username", Email: "email", Password: "password",
				CreatedAt: "registerDate", LastLoginAt: "lastvisitDate", Disabled: "block",
			},
			Scheme: "joomla",
		},
		{ // database/migrations/0001_01_01_000000_create_users_table.php
			Name: "laravel", Title: "Laravel",
			Table: "users",
			Columns: Columns{
				ID: "id", Email: "email", Password: "password", CreatedAt: "created_at",
			},
			Scheme: "laravel",
		},
		{ // wp-admin/includes/schema.php. WordPress has no switch that disables somebody
			Name: "wordpress", Title: "WordPress",
			Prefix: "wp_", Table: "users",
			Columns: Columns{
				ID: "ID", Username: "user_login", Email: "user_email", Password: "user_pass",
				CreatedAt: "user_registered",
			},
			Scheme: "wordpress",
		},
	}
}

// Names returns the presets' names.
func Names() []string {
	var names []string
	for _, p := range All() {
		names = append(names, p.Name)
	}
	return names
}

// Named returns the preset of that name, and whether there is one.
func Named(name string) (Preset, bool) {
	for _, p := range All() {
		if p.Name == name {
			return p, true
		}
	}
	return Preset{}, false
}
