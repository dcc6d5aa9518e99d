package preset

import "strings"

// servers lists what else has people: identity providers, forges, businesses' suites.
func servers() []Preset {
	return []Preset{
		{
			Name: "gitea", Title: "Gitea 1.19 and later, Forgejo",
			Source:  "go-gitea/gitea: models/user/user.go, modules/auth/password/hash",
			Engines: []string{"mysql", "postgres", "sqlite", "sqlserver"},
			Table:   "user",
			Columns: Columns{
				ID: "id", Username: "name,lower_name", Email: "email", Password: "passwd", Salt: "salt",
				CreatedAt: "created_unix", LastLoginAt: "last_login_unix", Disabled: "prohibit_login",
			},
			Profile: Profile{DisplayName: "full_name", Locale: "language"},
			Extra:   []string{"login_type", "is_admin"},
			// Organisations, reserved names and bots are rows of the same table.
			Where:        []Condition{is("type", "0")},
			DisabledWhen: []Condition{is("is_active", "false")},
			Scheme:       "gitea-pbkdf2",
			ParamColumns: map[string]string{"passwd_hash_algo": "passwd_hash_algo"},
			Notes:        []string{"Who logs in through another source (login_type) has no password here.", "Second factors are sealed with SECRET_KEY and stay behind."},
		},
		keycloak("keycloak", "Keycloak 8 and later, on PostgreSQL", "postgres", strings.ToLower),
		// Liquibase writes the names large, and MySQL on Linux keeps tables of other letters apart.
		keycloak("keycloak-mysql", "Keycloak 8 and later, on MySQL and MariaDB", "mysql", strings.ToUpper),
		{
			Name: "odoo", Title: "Odoo 12 and later",
			Source:  "odoo/odoo: odoo/addons/base/models/res_users.py, res_partner.py",
			Engines: []string{"postgres"},
			Table:   "res_users",
			Columns: Columns{
				ID: "id", Username: "login", Email: "p.email", Password: "password",
				CreatedAt: "create_date", LastLoginAt: "l.create_date", Disabled: "!active",
			},
			Profile: Profile{DisplayName: "p.name", Locale: "p.lang"},
			Extra:   []string{"company_id"},
			Joins: []Join{
				{Table: "res_partner", As: "p", On: on("partner_id", "id")},
				{Table: "res_users_log", As: "l", On: on("id", "create_uid")},
			},
			Scheme: "pbkdf2-mcf", // passlib's CryptContext of pbkdf2_sha512
			Notes:  []string{"With the module auth_totp the secret is the column totp_secret; name it in the profile."},
		},
	}
}

// keycloak has people of all realms in one table, and their credentials, each two JSON texts, in another.
func keycloak(name, title, engine string, table func(string) string) Preset {
	return Preset{
		Name: name, Title: title,
		Source:  "keycloak/keycloak: model/jpa/src/main/java/org/keycloak/models/jpa/entities, src/main/resources/META-INF",
		Engines: []string{engine},
		Table:   table("user_entity"),
		Columns: Columns{
			ID: "id", Username: "username", Email: "email", Password: "c.secret_data", Salt: "c.credential_data",
			CreatedAt: "created_timestamp", Disabled: "!enabled",
		},
		Profile: Profile{
			DisplayName: "first_name,last_name", EmailVerified: "email_verified", Roles: "r.name", Groups: "g.name",
		},
		Extra: []string{"realm_id"},
		Joins: []Join{
			{Table: table("credential"), As: "c", On: on("id", "user_id"), Where: []Condition{is("type", "password")}},
			{Table: table("user_role_mapping"), As: "ur", On: on("id", "user_id")},
			{Table: table("keycloak_role"), As: "r", On: on("ur.role_id", "id"), Where: []Condition{is("client_role", "false")}},
			{Table: table("user_group_membership"), As: "ug", On: on("id", "user_id")},
			{Table: table("keycloak_group"), As: "g", On: on("ug.group_id", "id")},
		},
		Where:  []Condition{null("service_account_client_link")}, // those are programs
		Scheme: "keycloak",
		Needs:  []Need{{Key: "where", Why: "realm_id, where the server has more than one realm beside master: the same name may be in each"}},
		Notes: []string{
			"Who comes from a federation (federation_link) may have no password here.",
			"One-time password secrets are the text itself and not base32, and stay behind; an export of the realm has them.",
		},
	}
}
