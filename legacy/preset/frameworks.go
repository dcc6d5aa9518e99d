package preset

// frameworks lists what the frameworks of Python, Ruby, Java and JavaScript make when they are asked for users.
func frameworks() []Preset {
	return []Preset{
		{
			Name: "devise", Title: "Ruby on Rails with Devise",
			Source:  "heartcombo/devise: lib/generators/active_record/templates/migration.rb, lib/devise/encryptor.rb",
			Engines: []string{"mysql", "postgres", "sqlite"},
			Table:   "users",
			Columns: Columns{ID: "id", Email: "email", Password: "encrypted_password", CreatedAt: "created_at"},
			Scheme:  "devise",
			Write: &Write{
				Scheme: "devise",
				Insert: "INSERT INTO {table} (email, encrypted_password, created_at, updated_at) VALUES (:email, :password, CURRENT_TIMESTAMP, CURRENT_TIMESTAMP)",
			},
			Needs: []Need{
				{Key: "pepper", Why: "config.pepper of config/initializers/devise.rb, where it is set: without it no password is right"},
				{Key: "columns", Why: "what the model's modules add: last_login_at: current_sign_in_at (trackable), disabled: locked_at (lockable)"},
			},
		},
		{
			Name: "django", Title: "Django (contrib.auth)",
			Source:  "django/django: django/contrib/auth/models.py",
			Engines: []string{"mysql", "postgres", "sqlite"},
			Prefix:  "auth_", Table: "user",
			Columns: Columns{
				ID: "id", Username: "username", Email: "email", Password: "password",
				CreatedAt: "date_joined", LastLoginAt: "last_login", Disabled: "!is_active",
			},
			Profile: Profile{DisplayName: "first_name,last_name", Groups: "g.name"},
			Extra:   []string{"is_staff", "is_superuser"},
			Joins: []Join{
				{Table: "user_groups", As: "ug", On: on("id", "user_id")},
				{Table: "group", As: "g", On: on("ug.group_id", "id")},
			},
			Scheme: "django", // all its hashers, the unsalted ones of old times too
			Write: &Write{
				Scheme: "django", DisplayName: never, Delete: never, // much refers to a user
				Insert: "INSERT INTO {table} (password, is_superuser, username, first_name, last_name, email, is_staff, is_active, date_joined) VALUES " +
					"(:password, FALSE, :username, '', '', COALESCE(:email, ''), FALSE, TRUE, CURRENT_TIMESTAMP)",
			},
		},
		{
			Name: "flask-security", Title: "Flask-Security, SECURITY_PASSWORD_SINGLE_HASH",
			Source:  "pallets-eco/flask-security: flask_security/models/fsqla.py, fsqla_v2.py",
			Engines: []string{"mysql", "postgres", "sqlite"},
			Table:   "user",
			Columns: Columns{
				ID: "id", Username: "username", Email: "email", Password: "password",
				CreatedAt: "create_datetime", LastLoginAt: "current_login_at", Disabled: "!active",
			},
			Profile: Profile{EmailVerified: "confirmed_at", Roles: "r.name"},
			Joins: []Join{
				{Table: "roles_users", As: "ru", On: on("id", "user_id")},
				{Table: "role", As: "r", On: on("ru.role_id", "id")},
			},
			Scheme: "auto", // whatever passlib was told to write
			Needs: []Need{{
				Key: "scheme", Why: "flask-security, with SECURITY_PASSWORD_SALT as pepper, unless the application sets SECURITY_PASSWORD_SINGLE_HASH",
			}},
			Notes: []string{
				"By default Flask-Security hashes an HMAC of the password under SECURITY_PASSWORD_SALT. Such hashes look like others, and every password would be wrong: set scheme to flask-security, and pepper to that salt.",
				"One-time password secrets are sealed with the application's keys and stay behind.",
			},
		},
		{
			Name: "meteor", Title: "Meteor (accounts-password), as an export",
			Source:  "meteor/meteor: packages/accounts-password/password_server.js",
			Engines: []string{"mongodb"},
			File: File{
				Format: "csv",
				Columns: map[string]string{
					"id": "_id", "username": "username", "email": "emails.0.address", "email_verified": "emails.0.verified",
					"password": "services.password.bcrypt", "created_at": "createdAt",
				},
				Command: "mongoexport --uri=… --collection=users --type=csv --fields=_id,username,emails.0.address,emails.0.verified,services.password.bcrypt,createdAt --out=users.csv",
			},
			Scheme: "meteor",
			Notes: []string{
				"People are in MongoDB, which no source asks: who registers or changes a password there after the export is not seen.",
				"Of several e-mail addresses the first moves.",
				"Passwords that Meteor 3 hashes with argon2 (services.password.argon2) are not read.",
			},
		},
		{
			Name: "spring-security", Title: "Spring Security (JdbcDaoImpl)",
			Source:  "spring-projects/spring-security: core/src/main/resources/org/springframework/security/core/userdetails/jdbc/users.ddl",
			Engines: []string{"mysql", "postgres", "sqlserver"},
			Table:   "users",
			Columns: Columns{ID: "username", Username: "username", Password: "password", Disabled: "!enabled"},
			Profile: Profile{Roles: "a.authority"},
			Joins:   []Join{{Table: "authorities", As: "a", On: on("username", "username")}},
			Scheme:  "spring",
			Write:   &Write{Insert: never, Delete: never},
			Needs:   []Need{{Key: "scheme", Why: "where the application has one PasswordEncoder and no DelegatingPasswordEncoder, so that hashes do not begin with {id}"}},
			Notes:   []string{"The name is the key: somebody who is renamed there is another person here."},
		},
	}
}
