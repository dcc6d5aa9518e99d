-- preset: aspnet-membership
-- definition: aspnet_regsql of .NET Framework 4, InstallCommon.sql and InstallMembership.sql
-- dialect: sqlserver
-- vectors: v00467
-- find: Anna; anna; anna@example.org
-- id: 2f1c7e0a-6d1b-4a53-9a0e-0d3c5b7f8e11
-- username: Anna
-- email: anna@example.org
-- created: 2020-01-02T03:04:05Z
-- last login: 2024-05-06T07:08:09Z
-- disabled: dora; lola
-- cannot tell: clara

CREATE TABLE [aspnet_Users] (
  [ApplicationId] uniqueidentifier NOT NULL,
  [UserId] uniqueidentifier NOT NULL PRIMARY KEY,
  [UserName] nvarchar(256) NOT NULL,
  [LoweredUserName] nvarchar(256) NOT NULL,
  [MobileAlias] nvarchar(16) DEFAULT NULL,
  [IsAnonymous] bit NOT NULL DEFAULT 0,
  [LastActivityDate] datetime NOT NULL
);
CREATE TABLE [aspnet_Membership] (
  [ApplicationId] uniqueidentifier NOT NULL,
  [UserId] uniqueidentifier NOT NULL PRIMARY KEY,
  [Password] nvarchar(128) NOT NULL,
  [PasswordFormat] int NOT NULL DEFAULT 0,
  [PasswordSalt] nvarchar(128) NOT NULL,
  [MobilePIN] nvarchar(16),
  [Email] nvarchar(256),
  [LoweredEmail] nvarchar(256),
  [PasswordQuestion] nvarchar(256),
  [PasswordAnswer] nvarchar(128),
  [IsApproved] bit NOT NULL,
  [IsLockedOut] bit NOT NULL,
  [CreateDate] datetime NOT NULL,
  [LastLoginDate] datetime NOT NULL,
  [LastPasswordChangedDate] datetime NOT NULL,
  [LastLockoutDate] datetime NOT NULL,
  [FailedPasswordAttemptCount] int NOT NULL,
  [FailedPasswordAttemptWindowStart] datetime NOT NULL,
  [FailedPasswordAnswerAttemptCount] int NOT NULL,
  [FailedPasswordAnswerAttemptWindowStart] datetime NOT NULL,
  [Comment] ntext
);
INSERT INTO [aspnet_Users] ([ApplicationId], [UserId], [UserName], [LoweredUserName], [LastActivityDate]) VALUES
  ('app', '2f1c7e0a-6d1b-4a53-9a0e-0d3c5b7f8e11', 'Anna', 'anna', '2024-05-06 07:08:09'),
  ('app', '2f1c7e0a-6d1b-4a53-9a0e-0d3c5b7f8e12', 'dora', 'dora', '2024-05-06 07:08:09'),
  ('app', '2f1c7e0a-6d1b-4a53-9a0e-0d3c5b7f8e13', 'lola', 'lola', '2024-05-06 07:08:09'),
  ('app', '2f1c7e0a-6d1b-4a53-9a0e-0d3c5b7f8e14', 'clara', 'clara', '2024-05-06 07:08:09');
INSERT INTO [aspnet_Membership] ([ApplicationId], [UserId], [Password], [PasswordFormat], [PasswordSalt], [Email], [LoweredEmail], [IsApproved], [IsLockedOut], [CreateDate], [LastLoginDate], [LastPasswordChangedDate], [LastLockoutDate], [FailedPasswordAttemptCount], [FailedPasswordAttemptWindowStart], [FailedPasswordAnswerAttemptCount], [FailedPasswordAnswerAttemptWindowStart]) VALUES
  ('app', '2f1c7e0a-6d1b-4a53-9a0e-0d3c5b7f8e11', '{{hash}}', 1, '{{salt}}', 'anna@example.org', 'anna@example.org', 1, 0, '2020-01-02 03:04:05', '2024-05-06 07:08:09', '2020-01-02 03:04:05', '1754-01-01', 0, '1754-01-01', 0, '1754-01-01'),
  ('app', '2f1c7e0a-6d1b-4a53-9a0e-0d3c5b7f8e12', '{{hash}}', 1, '{{salt}}', 'dora@example.org', 'dora@example.org', 0, 0, '2020-01-02 03:04:05', '2024-05-06 07:08:09', '2020-01-02 03:04:05', '1754-01-01', 0, '1754-01-01', 0, '1754-01-01'),
  ('app', '2f1c7e0a-6d1b-4a53-9a0e-0d3c5b7f8e13', '{{hash}}', 1, '{{salt}}', 'lola@example.org', 'lola@example.org', 1, 1, '2020-01-02 03:04:05', '2024-05-06 07:08:09', '2020-01-02 03:04:05', '1754-01-01', 0, '1754-01-01', 0, '1754-01-01'),
  ('app', '2f1c7e0a-6d1b-4a53-9a0e-0d3c5b7f8e14', 'in the clear', 0, '{{salt}}', 'clara@example.org', 'clara@example.org', 1, 0, '2020-01-02 03:04:05', '2024-05-06 07:08:09', '2020-01-02 03:04:05', '1754-01-01', 0, '1754-01-01', 0, '1754-01-01');
