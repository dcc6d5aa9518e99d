package preset

// cms lists the systems that manage content.
func cms() []Preset {
	return []Preset{
		{
			Name: "drupal", Title: "Drupal 8 to 11",
			Source:  "drupal/core: modules/user/src/Entity/User.php, modules/user/config/schema",
			Engines: []string{"mysql", "postgres", "sqlite"},
			Table:   "users",
			Columns: Columns{
				ID: "uid", Username: "d.name", Email: "d.mail", Password: "d.pass",
				CreatedAt: "d.created", LastLoginAt: "d.login", Disabled: "!d.status",
			},
			Profile: Profile{Locale: "d.preferred_langcode", Roles: "r.roles_target_id"},
			Joins: []Join{
				// A translated account has a row for each language.
				{Table: "users_field_data", As: "d", On: on("uid", "uid"), Where: []Condition{is("default_langcode", "1")}},
				{Table: "user__roles", As: "r", On: on("uid", "entity_id"), Where: []Condition{is("deleted", "0")}},
			},
			Where:  []Condition{over("uid", "0")}, // uid 0 is the anonymous visitor
			Scheme: "drupal",
		},
		{
			Name: "drupal7", Title: "Drupal 7, with what Drupal 6 left",
			Source:  "drupal/drupal 7.x: modules/user/user.install",
			Engines: []string{"mysql", "postgres", "sqlite"},
			Table:   "users",
			Columns: Columns{
				ID: "uid", Username: "name", Email: "mail", Password: "pass",
				CreatedAt: "created", LastLoginAt: "login", Disabled: "!status",
			},
			Profile: Profile{Locale: "language", Roles: "r.name"},
			Joins: []Join{
				{Table: "users_roles", As: "ur", On: on("uid", "uid")},
				{Table: "role", As: "r", On: on("ur.rid", "rid")},
			},
			Where:  []Condition{over("uid", "0")}, // uid 0 is the anonymous visitor
			Scheme: "drupal",
			Write:  &Write{Scheme: "drupal7", Username: never, Insert: never, Delete: never},
		},
		{
			Name: "joomla", Title: "Joomla 1.6 to 6",
			Source:  "joomla/joomla-cms: installation/sql/mysql/base.sql",
			Engines: []string{"mysql", "postgres"},
			Prefix:  "jos_", Table: "users",
			Columns: Columns{
				ID: "id", Username: "username", Email: "email", Password: "password",
				CreatedAt: "registerDate", LastLoginAt: "lastvisitDate", Disabled: "block",
			},
			Profile: Profile{DisplayName: "name", Groups: "g.title"},
			Joins: []Join{
				{Table: "user_usergroup_map", As: "m", On: on("id", "user_id")},
				{Table: "usergroups", As: "g", On: on("m.group_id", "id")},
			},
			Scheme: "joomla",
			Write: &Write{
				Scheme: "joomla", Insert: never,
				Delete: "DELETE FROM {table} WHERE id = :id AND password = :old_password; DELETE FROM {prefix}user_usergroup_map WHERE user_id = :id",
			},
			Needs: []Need{{Key: "prefix", Always: true, Why: "the installer draws it at random: $dbprefix in configuration.php"}},
			Notes: []string{"Second factors are sealed with the site's secret and stay behind."},
		},
		{
			Name: "mediawiki", Title: "MediaWiki 1.29 to 1.44",
			Source:  "wikimedia/mediawiki: sql/tables.json, sql/mysql/tables-generated.sql",
			Engines: []string{"mysql"},
			Table:   "user",
			Columns: Columns{ID: "user_id", Username: "user_name", Email: "user_email", Password: "user_password"},
			Profile: Profile{DisplayName: "user_real_name", EmailVerified: "user_email_authenticated", Groups: "g.ug_group"},
			Joins: []Join{
				{Table: "user_groups", As: "g", On: on("user_id", "ug_user"), Where: []Condition{null("ug_expiry")}},
			},
			Scheme: "mediawiki",
			Notes: []string{
				"MediaWiki writes a name's first letter large and compares bytes: \"anna\" finds nobody where \"Anna\" is stored.",
				"Times are fourteen digits (20240102030405), which no source reads as a time yet, so the day of registration stays behind.",
				"On SQLite MediaWiki keeps text in columns that it declares as bytes, where a source finds nobody.",
				"A block stops people from editing, not from logging in, so nobody is disabled.",
				"Several people may have one e-mail address; such an address is contested.",
			},
		},
		{
			Name: "moodle", Title: "Moodle 2.5 to 5",
			Source:  "moodle/moodle: lib/db/install.xml, lib/moodlelib.php",
			Engines: []string{"mysql", "postgres", "sqlserver"},
			Prefix:  "mdl_", Table: "user",
			Columns: Columns{
				ID: "id", Username: "username", Email: "email", Password: "password",
				CreatedAt: "timecreated", LastLoginAt: "currentlogin", Disabled: "suspended",
			},
			Profile: Profile{DisplayName: "firstname,lastname", Locale: "lang", EmailVerified: "confirmed"},
			Extra:   []string{"auth", "idnumber"},
			// A deleted person's row stays, with the e-mail address hashed into another column.
			Where:        []Condition{is("deleted", "0"), not("username", "guest")},
			DisabledWhen: []Condition{is("auth", "nologin"), is("confirmed", "0")},
			Scheme:       "auto", // password_hash, and since 4.3 sha512crypt of 10,000 rounds
			Notes: []string{
				"Who logs in through LDAP, OAuth or another plug-in has \"not cached\" for a password: that is neither right nor wrong here.",
				"A pepper ($CFG->passwordpeppers, 4.3 and later) is not supported.",
			},
		},
		{
			Name: "wordpress", Title: "WordPress, one site",
			Source:  "WordPress/WordPress: wp-admin/includes/schema.php",
			Engines: []string{"mysql"},
			Prefix:  "wp_", Table: "users",
			Columns: wordpressColumns(),
			Profile: Profile{DisplayName: "display_name"},
			Scheme:  "wordpress",
			Write:   wordpressWrite(),
			Notes:   []string{"WordPress has no switch that disables somebody.", "Roles are serialised PHP in usermeta and stay behind."},
		},
		{
			Name: "wordpress-multisite", Title: "WordPress, a network of sites",
			Source:  "WordPress/WordPress: wp-admin/includes/schema.php, $users_multi_table",
			Engines: []string{"mysql"},
			Prefix:  "wp_", Table: "users",
			Columns: wordpressColumns(),
			Profile: Profile{DisplayName: "display_name"},
			// wp_authenticate_spam_check refuses the one, and deleting marks before it removes.
			Where:        []Condition{is("deleted", "0")},
			DisabledWhen: []Condition{is("spam", "1")},
			Scheme:       "wordpress",
			Write:        &Write{Scheme: "phpass", Username: never, Disabled: never, Insert: never},
			Notes:        []string{"Roles are serialised PHP in usermeta and stay behind."},
		},
	}
}

func wordpressColumns() Columns {
	return Columns{
		ID: "ID", Username: "user_login", Email: "user_email", Password: "user_pass", CreatedAt: "user_registered",
	}
}

// wordpressWrite makes phpass, which every release reads; 6.8 makes it anew at the next login there. The name in an author's
// address is made of the user's name as sanitize_title does of the characters that such a name may have.
func wordpressWrite() *Write {
	return &Write{
		Scheme: "phpass", Username: never,
		Insert: "INSERT INTO {table} (user_login, user_pass, user_nicename, user_email, user_registered, display_name) VALUES " +
			"(:username, :password, SUBSTR(LOWER(REPLACE(REPLACE(REPLACE(REPLACE(:username, '@', ''), '*', ''), '.', '-'), ' ', '-')), 1, 50), COALESCE(:email, ''), " +
			"CURRENT_TIMESTAMP, COALESCE(NULLIF(:display_name, ''), :username)); " +
			"INSERT INTO {prefix}usermeta (user_id, meta_key, meta_value) SELECT ID, '{prefix}capabilities', 'a:1:{s:10:\"subscriber\";b:1;}' FROM {table} WHERE user_login = :username; " +
			"INSERT INTO {prefix}usermeta (user_id, meta_key, meta_value) SELECT ID, '{prefix}user_level', '0' FROM {table} WHERE user_login = :username",
		Delete: "DELETE FROM {table} WHERE ID = :id AND user_pass = :old_password; DELETE FROM {prefix}usermeta WHERE user_id = :id",
	}
}
