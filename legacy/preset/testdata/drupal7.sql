-- preset: drupal7
-- definition: Drupal 7.103, modules/user/user.install
-- dialect: mysql
-- vectors: v01189 v01678 php-35
-- find: Anna; anna@example.org
-- id: 7
-- username: Anna
-- email: anna@example.org
-- locale: de
-- roles: editor
-- created: 2020-01-02T03:04:05Z
-- last login: 2024-05-06T07:08:09Z
-- disabled: dora
-- listed: 7 8

CREATE TABLE `users` (
  `uid` int(10) unsigned NOT NULL DEFAULT 0,
  `name` varchar(60) NOT NULL DEFAULT '',
  `pass` varchar(128) NOT NULL DEFAULT '',
  `mail` varchar(254) DEFAULT '',
  `theme` varchar(255) NOT NULL DEFAULT '',
  `signature` varchar(255) NOT NULL DEFAULT '',
  `signature_format` varchar(255) DEFAULT NULL,
  `created` int(11) NOT NULL DEFAULT 0,
  `changed` int(11) NOT NULL DEFAULT 0,
  `access` int(11) NOT NULL DEFAULT 0,
  `login` int(11) NOT NULL DEFAULT 0,
  `status` tinyint(4) NOT NULL DEFAULT 0,
  `timezone` varchar(32) DEFAULT NULL,
  `language` varchar(12) NOT NULL DEFAULT '',
  `picture` int(11) NOT NULL DEFAULT 0,
  `init` varchar(254) DEFAULT '',
  `data` longblob,
  PRIMARY KEY (`uid`)
);
CREATE TABLE `users_roles` (
  `uid` int(10) unsigned NOT NULL DEFAULT 0,
  `rid` int(10) unsigned NOT NULL DEFAULT 0,
  PRIMARY KEY (`uid`, `rid`)
);
CREATE TABLE `role` (
  `rid` int(10) unsigned NOT NULL auto_increment,
  `name` varchar(64) NOT NULL DEFAULT '',
  `weight` int(11) NOT NULL DEFAULT 0,
  PRIMARY KEY (`rid`)
);
INSERT INTO `users` (`uid`, `name`, `pass`, `mail`, `created`, `login`, `status`, `language`) VALUES
  (0, '', '', '', 0, 0, 0, ''),
  (7, 'Anna', '{{hash}}', 'anna@example.org', 1577934245, 1714979289, 1, 'de'),
  (8, 'dora', '{{hash}}', 'dora@example.org', 1577934245, 0, 0, '');
INSERT INTO `role` (`rid`, `name`) VALUES (3, 'administrator'), (4, 'editor');
INSERT INTO `users_roles` (`uid`, `rid`) VALUES (7, 4);
