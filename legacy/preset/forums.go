package preset

// forums lists the boards.
func forums() []Preset {
	return []Preset{
		{
			Name: "discourse", Title: "Discourse 3.4 and later",
			Source:  "discourse/discourse: app/models/user.rb, user_email.rb, user_password.rb, user_second_factor.rb",
			Engines: []string{"postgres"},
			Queries: discourseQueries("p.password_hash", "p.password_salt", "p.password_algorithm", `
 LEFT JOIN user_passwords p ON p.user_id = u.id AND p.password_expired_at IS NULL`),
			Scheme: "pbkdf2-phc", // the queries write it: the row's own algorithm, salt and key
			Notes:  discourseNotes(),
		},
		{
			Name: "discourse2", Title: "Discourse before 3.1",
			Source:  "discourse/discourse 2.8: app/models/user.rb, user_email.rb, user_second_factor.rb; config/application.rb",
			Engines: []string{"postgres"},
			Table:   "users",
			Columns: Columns{
				ID: "id", Username: "username,username_lower", Email: "e.email", Password: "password_hash", Salt: "salt",
				CreatedAt: "created_at", LastLoginAt: "last_seen_at", Disabled: "!active",
			},
			Profile: Profile{DisplayName: "name", Locale: "locale", TOTPSecret: "t.data"},
			Joins: []Join{
				{Table: "user_emails", As: "e", On: on("id", "user_id"), Where: []Condition{is("primary", "true")}},
				{Table: "user_second_factors", As: "t", On: on("id", "user_id"), Where: []Condition{is("method", "1"), is("enabled", "true")}},
			},
			Where: []Condition{over("id", "0")}, // the others are the system's own
			// "For ever" is a thousand years.
			DisabledWhen: []Condition{over("suspended_till", "2200-01-01")},
			Scheme:       "pbkdf2-sha256-hex",
			Params:       map[string]string{"iterations": "64000"}, // config.pbkdf2_iterations, the same for everybody
			Notes: []string{
				"E-mail addresses are found as stored, which is in small letters. Discourse's index is of lower(email): one of email makes logins quick.",
				"A suspension that ends is not seen, nor is who waits for approval (approved).",
			},
		},
		{
			Name: "discourse3", Title: "Discourse 3.1 to 3.3",
			Source:  "discourse/discourse 3.2: app/models/user.rb, user_email.rb, user_second_factor.rb",
			Engines: []string{"postgres"},
			Queries: discourseQueries("u.password_hash", "u.salt", "u.password_algorithm", ""),
			Scheme:  "pbkdf2-phc",
			Notes:   discourseNotes(),
		},
		{
			Name: "mybb", Title: "MyBB 1.4 to 1.8",
			Source:  "mybb/mybb: install/resources/mysql_db_tables.php",
			Engines: []string{"mysql", "postgres", "sqlite"},
			Prefix:  "mybb_", Table: "users",
			Columns: Columns{
				ID: "uid", Username: "username", Email: "email", Password: "password", Salt: "salt",
				CreatedAt: "regdate", LastLoginAt: "lastactive",
			},
			Joins:        []Join{{Table: "banned", As: "b", On: on("uid", "uid")}},
			DisabledWhen: []Condition{given("b.uid")}, // a task removes the row when the ban is over
			Scheme:       "ipb-mybb",
			Notes:        []string{"Names are stored as HTML: what contains & < > or a quote is typed otherwise than it is stored."},
		},
		{
			Name: "phpbb", Title: "phpBB 3.0 to 3.3",
			Source:  "phpbb/phpbb: phpBB/phpbb/db/migration/data/v30x/release_3_0_0.php, phpBB/includes/constants.php",
			Engines: []string{"mysql", "postgres", "sqlite", "sqlserver"},
			Prefix:  "phpbb_", Table: "users",
			Columns: Columns{
				ID: "user_id", Username: "username,username_clean", Email: "user_email", Password: "user_password",
				CreatedAt: "user_regdate", LastLoginAt: "user_lastvisit",
			},
			Profile: Profile{Locale: "user_lang", Groups: "g.group_name"},
			Joins: []Join{
				{Table: "user_group", As: "ug", On: on("user_id", "user_id"), Where: []Condition{is("user_pending", "0")}},
				{Table: "groups", As: "g", On: on("ug.group_id", "group_id")},
				{Table: "banlist", As: "b", On: on("user_id", "ban_userid"), Where: []Condition{is("ban_end", "0"), is("ban_exclude", "0")}},
			},
			Where:        []Condition{not("user_type", "2")}, // USER_IGNORE: the guest and the robots
			DisabledWhen: []Condition{is("user_type", "1"), given("b.ban_id")},
			Scheme:       "phpbb",
			Write:        &Write{Username: never, Email: never, Insert: never, Delete: never}, // a name and an address are stored in two forms each
			Notes: []string{
				"A ban that ends is not seen.",
				"Names are stored as HTML: what contains & < > or a quote is typed otherwise than it is stored.",
			},
		},
		{
			Name: "vbulletin", Title: "vBulletin 3 and 4",
			Source:  "vBulletin is not public; discourse/discourse: script/import_scripts/vbulletin.rb reads these columns",
			Engines: []string{"mysql"},
			Table:   "user",
			Columns: Columns{
				ID: "userid", Username: "username", Email: "email", Password: "password", Salt: "salt",
				CreatedAt: "joindate", LastLoginAt: "lastvisit",
			},
			Joins:        vBulletinBans(),
			DisabledWhen: vBulletinBanned(),
			Scheme:       "vbulletin",
			Notes:        vBulletinNotes(),
		},
		{
			Name: "vbulletin5", Title: "vBulletin 5 and 6",
			Source:  "vBulletin is not public; discourse/discourse: script/import_scripts/vbulletin5.rb reads these columns",
			Engines: []string{"mysql"},
			Table:   "user",
			Columns: Columns{
				ID: "userid", Username: "username", Email: "email", Password: "token",
				CreatedAt: "joindate", LastLoginAt: "lastvisit",
			},
			Joins:        vBulletinBans(),
			DisabledWhen: vBulletinBanned(),
			Scheme:       "vbulletin5",
			Notes:        vBulletinNotes(),
		},
	}
}

func vBulletinBans() []Join { return []Join{{Table: "userban", As: "b", On: on("userid", "userid")}} }

// vBulletinBanned: a task removes the row of userban when the ban is over; 8 is the group of the banned.
func vBulletinBanned() []Condition { return []Condition{given("b.userid"), is("usergroupid", "8")} }

func vBulletinNotes() []string {
	return []string{"Names are stored as HTML: what contains & < > or a quote is typed otherwise than it is stored."}
}

// discourseQueries read a person with the primary address, the password and the first authenticator. The password is
// put together as a PHC string: Discourse keeps "$pbkdf2-sha256$i=600000,l=32$", the key in hex and a salt whose text
// is what was hashed. Another algorithm is unknown, and not the same as no password. hash, salt and algorithm are those
// three columns, and passwords joins their table.
func discourseQueries(hash, salt, algorithm, passwords string) Queries {
	people := `SELECT u.id AS id, u.username AS username, e.email AS email, u.name AS display_name, u.locale AS locale,
 u.created_at AS created_at, u.last_seen_at AS last_login_at,
 (NOT u.active OR COALESCE(u.suspended_till > CURRENT_TIMESTAMP, FALSE)) AS disabled,
 COALESCE(substring(` + algorithm + ` from '^[$]pbkdf2-sha(?:256|512)[$]i=[0-9]+'), 'unknown') || '$'
 || rtrim(translate(encode(convert_to(` + salt + `, 'UTF8'), 'base64'), chr(10), ''), '=') || '$'
 || rtrim(translate(encode(decode(` + hash + `, 'hex'), 'base64'), chr(10), ''), '=') AS password,
 (SELECT t.data FROM user_second_factors t WHERE t.user_id = u.id AND t.method = 1 AND t.enabled ORDER BY t.id LIMIT 1) AS totp_secret
 FROM users u
 LEFT JOIN user_emails e ON e.user_id = u.id AND e."primary"` + passwords + `
 WHERE u.id > 0 `
	return Queries{
		// Each table is asked on its own: with an OR across them none of Discourse's indexes would be used.
		Lookup: people + `AND u.id IN (SELECT id FROM users WHERE username_lower IN (:identifier)
 UNION SELECT id FROM users WHERE username IN (:identifier)
 UNION SELECT user_id FROM user_emails WHERE "primary" AND lower(email) IN (:identifier)) ORDER BY u.id LIMIT 20`,
		Get:       people + `AND u.id = :id`,
		List:      people + `ORDER BY u.id LIMIT :limit`,
		ListAfter: people + `AND u.id > :after ORDER BY u.id LIMIT :limit`,
	}
}

func discourseNotes() []string {
	return []string{
		"Each password's iterations stand in its row, so the SELECTs put salt, key and iterations together; copy-back cannot use them.",
		"Of several authenticators of one person the oldest moves.",
		"Who waits for approval (approved) is not told apart.",
	}
}
