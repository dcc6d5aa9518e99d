-- preset: phpbb
-- definition: phpBB 3.3, schema of phpbb/db/migration/data; of some eighty columns those that say who somebody is
-- dialect: mysql
-- vectors: php-27 v01188 v00124
-- find: Änna; änna; anna@example.org
-- id: 7
-- username: Änna
-- email: anna@example.org
-- locale: de
-- groups: ADMINISTRATORS REGISTERED
-- created: 2020-01-02T03:04:05Z
-- last login: 2024-05-06T07:08:09Z
-- disabled: dora; bert
-- absent: robot

CREATE TABLE `phpbb_users` (
  `user_id` int(10) unsigned NOT NULL AUTO_INCREMENT,
  `user_type` tinyint(2) NOT NULL DEFAULT 0,
  `group_id` mediumint(8) unsigned NOT NULL DEFAULT 3,
  `user_permissions` mediumtext NOT NULL,
  `user_perm_from` mediumint(8) unsigned NOT NULL DEFAULT 0,
  `user_ip` varchar(40) NOT NULL DEFAULT '',
  `user_regdate` int(11) unsigned NOT NULL DEFAULT 0,
  `username` varchar(255) COLLATE utf8mb4_bin NOT NULL DEFAULT '',
  `username_clean` varchar(255) COLLATE utf8mb4_bin NOT NULL DEFAULT '',
  `user_password` varchar(255) COLLATE utf8mb4_bin NOT NULL DEFAULT '',
  `user_passchg` int(11) unsigned NOT NULL DEFAULT 0,
  `user_email` varchar(100) COLLATE utf8mb4_bin NOT NULL DEFAULT '',
  `user_birthday` varchar(10) NOT NULL DEFAULT '',
  `user_lastvisit` int(11) unsigned NOT NULL DEFAULT 0,
  `user_last_active` int(11) unsigned NOT NULL DEFAULT 0,
  `user_inactive_reason` tinyint(2) NOT NULL DEFAULT 0,
  `user_inactive_time` int(11) unsigned NOT NULL DEFAULT 0,
  `user_lang` varchar(30) NOT NULL DEFAULT '',
  PRIMARY KEY (`user_id`)
);
CREATE TABLE `phpbb_user_group` (
  `group_id` mediumint(8) unsigned NOT NULL DEFAULT 0,
  `user_id` int(10) unsigned NOT NULL DEFAULT 0,
  `group_leader` tinyint(1) unsigned NOT NULL DEFAULT 0,
  `user_pending` tinyint(1) unsigned NOT NULL DEFAULT 1
);
CREATE TABLE `phpbb_groups` (
  `group_id` mediumint(8) unsigned NOT NULL AUTO_INCREMENT,
  `group_type` tinyint(4) NOT NULL DEFAULT 1,
  `group_name` varchar(255) NOT NULL DEFAULT '',
  PRIMARY KEY (`group_id`)
);
CREATE TABLE `phpbb_banlist` (
  `ban_id` int(10) unsigned NOT NULL AUTO_INCREMENT,
  `ban_userid` int(10) unsigned NOT NULL DEFAULT 0,
  `ban_ip` varchar(40) NOT NULL DEFAULT '',
  `ban_email` varchar(100) NOT NULL DEFAULT '',
  `ban_start` int(11) unsigned NOT NULL DEFAULT 0,
  `ban_end` int(11) unsigned NOT NULL DEFAULT 0,
  `ban_exclude` tinyint(1) unsigned NOT NULL DEFAULT 0,
  `ban_reason` varchar(255) NOT NULL DEFAULT '',
  `ban_give_reason` varchar(255) NOT NULL DEFAULT '',
  PRIMARY KEY (`ban_id`)
);
INSERT INTO `phpbb_users` (`user_id`, `user_type`, `user_permissions`, `user_regdate`, `username`, `username_clean`, `user_password`, `user_email`, `user_lastvisit`, `user_lang`) VALUES
  (7, 3, '', 1577934245, 'Änna', 'änna', '{{hash}}', 'anna@example.org', 1714979289, 'de'),
  (8, 1, '', 1577934245, 'Dora', 'dora', '{{hash}}', 'dora@example.org', 0, 'en'),
  (9, 2, '', 1577934245, 'Robot', 'robot', '', '', 0, 'en'),
  (10, 0, '', 1577934245, 'Bert', 'bert', '{{hash}}', 'bert@example.org', 0, 'en');
INSERT INTO `phpbb_groups` (`group_id`, `group_name`) VALUES (2, 'REGISTERED'), (5, 'ADMINISTRATORS'), (6, 'WISHES');
INSERT INTO `phpbb_user_group` (`group_id`, `user_id`, `user_pending`) VALUES (2, 7, 0), (5, 7, 0), (6, 7, 1), (2, 8, 0), (2, 10, 0);
INSERT INTO `phpbb_banlist` (`ban_id`, `ban_userid`, `ban_end`, `ban_exclude`) VALUES (1, 10, 0, 0), (2, 7, 1600000000, 0), (3, 7, 0, 1);
