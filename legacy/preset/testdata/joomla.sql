-- preset: joomla
-- definition: Joomla 5.2, installation/sql/mysql/base.sql
-- dialect: mysql
-- vectors: php-9 v00000 v01188
-- find: anna; anna@example.org
-- id: 7
-- username: anna
-- email: anna@example.org
-- name: Anna Berg
-- groups: Author Registered
-- created: 2020-01-02T03:04:05Z
-- last login: 2024-05-06T07:08:09Z
-- disabled: dora

CREATE TABLE `jos_users` (
  `id` int NOT NULL AUTO_INCREMENT,
  `name` varchar(400) NOT NULL DEFAULT '',
  `username` varchar(150) NOT NULL DEFAULT '',
  `email` varchar(100) NOT NULL DEFAULT '',
  `password` varchar(100) NOT NULL DEFAULT '',
  `block` tinyint NOT NULL DEFAULT 0,
  `sendEmail` tinyint DEFAULT 0,
  `registerDate` datetime NOT NULL,
  `lastvisitDate` datetime,
  `activation` varchar(100) NOT NULL DEFAULT '',
  `params` text NOT NULL,
  `lastResetTime` datetime,
  `resetCount` int NOT NULL DEFAULT 0,
  `otpKey` varchar(1000) NOT NULL DEFAULT '',
  `otep` varchar(1000) NOT NULL DEFAULT '',
  `requireReset` tinyint NOT NULL DEFAULT 0,
  `authProvider` varchar(100) NOT NULL DEFAULT '',
  PRIMARY KEY (`id`)
);
CREATE TABLE `jos_usergroups` (
  `id` int unsigned NOT NULL AUTO_INCREMENT,
  `parent_id` int unsigned NOT NULL DEFAULT 0,
  `lft` int NOT NULL DEFAULT 0,
  `rgt` int NOT NULL DEFAULT 0,
  `title` varchar(100) NOT NULL DEFAULT '',
  PRIMARY KEY (`id`)
);
CREATE TABLE `jos_user_usergroup_map` (
  `user_id` int unsigned NOT NULL DEFAULT 0,
  `group_id` int unsigned NOT NULL DEFAULT 0,
  PRIMARY KEY (`user_id`, `group_id`)
);
INSERT INTO `jos_users` (`id`, `name`, `username`, `email`, `password`, `block`, `registerDate`, `lastvisitDate`, `params`) VALUES
  (7, 'Anna Berg', 'anna', 'anna@example.org', '{{hash}}', 0, '2020-01-02 03:04:05', '2024-05-06 07:08:09', '{}'),
  (8, 'Dora', 'dora', 'dora@example.org', '{{hash}}', 1, '2020-01-02 03:04:05', NULL, '{}');
INSERT INTO `jos_usergroups` (`id`, `title`) VALUES (2, 'Registered'), (3, 'Author');
INSERT INTO `jos_user_usergroup_map` (`user_id`, `group_id`) VALUES (7, 2), (7, 3);
