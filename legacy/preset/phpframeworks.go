package preset

// phpFrameworks lists what the frameworks of PHP make when they are asked for users.
func phpFrameworks() []Preset {
	return []Preset{
		{
			Name: "fosuser", Title: "Symfony with FOSUserBundle 2 and 3, sha512 encoder",
			Source:  "FriendsOfSymfony/FOSUserBundle 2: Resources/config/doctrine-mapping/User.orm.xml",
			Engines: []string{"mysql", "postgres", "sqlite"},
			Table:   "fos_user",
			Columns: fosUserColumns("salt"),
			Scheme:  "fosuser",
			Write:   &Write{Insert: never},
			Needs:   []Need{{Key: "params.iterations", Why: "if security.yaml sets another number than 5000 for the encoder"}},
			Notes:   []string{"Roles are serialised PHP and stay behind.", "With the bcrypt or auto encoder the preset is fosuser-native."},
		},
		{
			Name: "fosuser-native", Title: "Symfony with FOSUserBundle 2 and 3, bcrypt or auto encoder",
			Source:  "FriendsOfSymfony/FOSUserBundle 2: Resources/config/doctrine-mapping/User.orm.xml",
			Engines: []string{"mysql", "postgres", "sqlite"},
			Table:   "fos_user",
			Columns: fosUserColumns(""),
			Scheme:  "symfony-native",
			Write:   &Write{Insert: never},
			Notes:   []string{"Roles are serialised PHP and stay behind."},
		},
		{
			Name: "fosuser1", Title: "Symfony with FOSUserBundle 1, sha512 encoder",
			Source:       "FriendsOfSymfony/FOSUserBundle 1.3: Resources/config/doctrine-mapping/User.orm.xml",
			Engines:      []string{"mysql", "postgres", "sqlite"},
			Table:        "fos_user",
			Columns:      fosUserColumns("salt"),
			DisabledWhen: []Condition{is("locked", "true"), is("expired", "true")},
			Scheme:       "fosuser",
			Write:        &Write{Insert: never},
			Needs:        []Need{{Key: "params.iterations", Why: "if security.yml sets another number than 5000 for the encoder"}},
			Notes:        []string{"Roles are serialised PHP and stay behind."},
		},
		{
			Name: "laravel", Title: "Laravel",
			Source:  "laravel/laravel: database/migrations/0001_01_01_000000_create_users_table.php",
			Engines: []string{"mysql", "postgres", "sqlite", "sqlserver"},
			Table:   "users",
			Columns: Columns{ID: "id", Email: "email", Password: "password", CreatedAt: "created_at"},
			Profile: Profile{DisplayName: "name", EmailVerified: "email_verified_at"},
			Scheme:  "laravel",
			Write: &Write{
				Scheme: "laravel",
				Insert: "INSERT INTO {table} (name, email, password, created_at, updated_at) VALUES " +
					"(COALESCE(NULLIF(:display_name, ''), :email), :email, :password, CURRENT_TIMESTAMP, CURRENT_TIMESTAMP)",
			},
			Needs: []Need{{Key: "where", Why: "a model that deletes softly has the column deleted_at: only who has null there exists"}},
		},
		{
			Name: "symfony", Title: "Symfony (make:user)",
			Source:  "symfony/maker-bundle: src/Maker/MakeUser.php",
			Engines: []string{"mysql", "postgres", "sqlite"},
			Table:   "user",
			Columns: Columns{ID: "id", Email: "email", Password: "password"},
			Profile: Profile{Roles: "roles"},
			Scheme:  "symfony-native",
			Write:   &Write{Scheme: "symfony-native", Insert: never},
			Notes:   []string{"For an entity that is known by a username, name that column and leave email out of its place."},
		},
	}
}

func fosUserColumns(salt string) Columns {
	return Columns{
		ID: "id", Username: "username,username_canonical", Email: "email,email_canonical",
		Password: "password", Salt: salt, LastLoginAt: "last_login", Disabled: "!enabled",
	}
}
