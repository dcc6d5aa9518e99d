-- preset: gitea
-- definition: Gitea 1.22, models/user/user.go, as xorm makes it
-- dialect: mysql
-- vectors: v00465
-- find: Anna; anna; anna@example.org
-- id: 7
-- username: Anna
-- email: anna@example.org
-- name: Anna Berg
-- locale: pt-BR
-- created: 2020-01-02T03:04:05Z
-- last login: 2024-05-06T07:08:09Z
-- disabled: dora; ines
-- absent: makers

CREATE TABLE `user` (
  `id` bigint(20) NOT NULL AUTO_INCREMENT,
  `lower_name` varchar(255) NOT NULL,
  `name` varchar(255) NOT NULL,
  `full_name` varchar(255) NULL,
  `email` varchar(255) NOT NULL,
  `keep_email_private` tinyint(1) NULL,
  `email_notifications_preference` varchar(20) NOT NULL DEFAULT 'enabled',
  `passwd` varchar(255) NOT NULL,
  `passwd_hash_algo` varchar(255) NOT NULL DEFAULT 'argon2',
  `must_change_password` tinyint(1) NOT NULL DEFAULT 0,
  `login_type` int(11) NULL,
  `login_source` bigint(20) NOT NULL DEFAULT 0,
  `login_name` varchar(255) NULL,
  `type` int(11) NULL,
  `location` varchar(255) NULL,
  `website` varchar(255) NULL,
  `rands` varchar(32) NULL,
  `salt` varchar(32) NULL,
  `language` varchar(5) NULL,
  `description` varchar(255) NULL,
  `created_unix` bigint(20) NULL,
  `updated_unix` bigint(20) NULL,
  `last_login_unix` bigint(20) NULL,
  `last_repo_visibility` tinyint(1) NULL,
  `max_repo_creation` int(11) NOT NULL DEFAULT -1,
  `is_active` tinyint(1) NULL,
  `is_admin` tinyint(1) NULL,
  `is_restricted` tinyint(1) NOT NULL DEFAULT 0,
  `allow_git_hook` tinyint(1) NULL,
  `allow_import_local` tinyint(1) NULL,
  `allow_create_organization` tinyint(1) NULL DEFAULT 1,
  `prohibit_login` tinyint(1) NOT NULL DEFAULT 0,
  `avatar` varchar(2048) NOT NULL,
  `avatar_email` varchar(255) NOT NULL,
  `use_custom_avatar` tinyint(1) NULL,
  PRIMARY KEY (`id`)
);
INSERT INTO `user` (`id`, `lower_name`, `name`, `full_name`, `email`, `passwd`, `passwd_hash_algo`, `login_type`, `type`, `salt`, `language`, `created_unix`, `last_login_unix`, `is_active`, `is_admin`, `prohibit_login`, `avatar`, `avatar_email`) VALUES
  (7, 'anna', 'Anna', 'Anna Berg', 'anna@example.org', '{{hash}}', 'pbkdf2$50000$50', 0, 0, '{{salt}}', 'pt-BR', 1577934245, 1714979289, 1, 0, 0, '', ''),
  (8, 'dora', 'Dora', '', 'dora@example.org', '{{hash}}', 'pbkdf2$50000$50', 0, 0, '{{salt}}', '', 1577934245, 0, 1, 0, 1, '', ''),
  (9, 'ines', 'Ines', '', 'ines@example.org', '{{hash}}', 'pbkdf2$50000$50', 0, 0, '{{salt}}', '', 1577934245, 0, 0, 0, 0, '', ''),
  (10, 'makers', 'makers', '', '', '', '', 0, 1, '', '', 1577934245, 0, 1, 0, 0, '', '');
