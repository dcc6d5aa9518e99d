package preset

// dotnet lists what ASP.NET has kept people in.
func dotnet() []Preset {
	return []Preset{
		{
			Name: "aspnet-identity", Title: "ASP.NET Core Identity",
			Source:  "dotnet/aspnetcore: src/Identity/EntityFrameworkCore/src/IdentityUserContext.cs",
			Engines: []string{"sqlserver", "postgres", "mysql", "sqlite"},
			Prefix:  "AspNet", Table: "Users",
			Columns: Columns{ID: "Id", Username: "UserName", Email: "Email", Password: "PasswordHash"},
			Profile: Profile{EmailVerified: "EmailConfirmed", Roles: "r.Name"},
			Joins:   identityRoles(),
			// DateTimeOffset.MaxValue is how people are disabled; a lock-out that ends is none of ours.
			DisabledWhen: []Condition{over("LockoutEnd", "2200-01-01")},
			Scheme:       "aspnet-identity",
			Notes: []string{
				"Authenticator keys stand beside whether they are in use in another table, and stay behind.",
				"PostgreSQL compares letters' case: somebody is found as they spelled their name.",
			},
		},
		{
			Name: "aspnet-identity2", Title: "ASP.NET Identity 2",
			Source:  "aspnet/AspNetIdentity: src/Microsoft.AspNet.Identity.EntityFramework/IdentityDbContext.cs",
			Engines: []string{"sqlserver", "postgres", "mysql"},
			Prefix:  "AspNet", Table: "Users",
			Columns:      Columns{ID: "Id", Username: "UserName", Email: "Email", Password: "PasswordHash"},
			Profile:      Profile{EmailVerified: "EmailConfirmed", Roles: "r.Name"},
			Joins:        identityRoles(),
			DisabledWhen: []Condition{over("LockoutEndDateUtc", "2200-01-01")},
			Scheme:       "aspnet-identity",
		},
		{
			Name: "aspnet-membership", Title: "ASP.NET Membership (SqlMembershipProvider, hashed)",
			Source:  "aspnet_regsql: InstallCommon.sql, InstallMembership.sql",
			Engines: []string{"sqlserver"},
			Prefix:  "aspnet_", Table: "Membership",
			Columns: Columns{
				ID: "UserId", Username: "u.UserName,u.LoweredUserName", Email: "Email", Password: "Password", Salt: "PasswordSalt",
				CreatedAt: "CreateDate", LastLoginAt: "LastLoginDate", Disabled: "!IsApproved",
			},
			Joins:        []Join{{Table: "Users", As: "u", On: on("UserId", "UserId")}},
			DisabledWhen: []Condition{is("IsLockedOut", "1")}, // for ever, until somebody unlocks
			Scheme:       "aspnet-membership",
			Needs: []Need{
				{Key: "scheme", Why: "aspnet-membership-sha256 where machineKey or membership says hashAlgorithmType=\"SHA256\""},
				{Key: "where", Why: "ApplicationId, where several applications share the tables"},
			},
			Notes: []string{"Passwords that are encrypted or clear (PasswordFormat 2 and 0) cannot be told right or wrong here."},
		},
	}
}

func identityRoles() []Join {
	return []Join{
		{Table: "UserRoles", As: "ur", On: on("Id", "UserId")},
		{Table: "Roles", As: "r", On: on("ur.RoleId", "Id")},
	}
}
