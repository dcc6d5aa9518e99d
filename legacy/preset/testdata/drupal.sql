-- preset: drupal
-- definition: Drupal 10.3, core/modules/user/src/Entity/User.php as its storage installs it
-- dialect: mysql
-- vectors: v01189 v01678 v00000 v00124
-- find: Anna; anna@example.org
-- id: 7
-- username: Anna
-- email: anna@example.org
-- locale: pt-br
-- roles: administrator content_editor
-- created: 2020-01-02T03:04:05Z
-- last login: 2024-05-06T07:08:09Z
-- disabled: dora
-- listed: 7 8

CREATE TABLE `users` (
  `uid` int(10) unsigned NOT NULL AUTO_INCREMENT,
  `uuid` varchar(128) NOT NULL,
  `langcode` varchar(12) NOT NULL,
  PRIMARY KEY (`uid`)
);
CREATE TABLE `users_field_data` (
  `uid` int(10) unsigned NOT NULL,
  `langcode` varchar(12) NOT NULL,
  `preferred_langcode` varchar(12) DEFAULT NULL,
  `preferred_admin_langcode` varchar(12) DEFAULT NULL,
  `name` varchar(60) NOT NULL,
  `pass` varchar(255) DEFAULT NULL,
  `mail` varchar(254) DEFAULT NULL,
  `timezone` varchar(32) DEFAULT NULL,
  `status` tinyint(4) DEFAULT NULL,
  `created` int(11) NOT NULL,
  `changed` int(11) DEFAULT NULL,
  `access` int(11) NOT NULL,
  `login` int(11) DEFAULT NULL,
  `init` varchar(254) DEFAULT NULL,
  `default_langcode` tinyint(4) NOT NULL,
  PRIMARY KEY (`uid`, `langcode`)
);
CREATE TABLE `user__roles` (
  `bundle` varchar(128) NOT NULL DEFAULT '',
  `deleted` tinyint(4) NOT NULL DEFAULT 0,
  `entity_id` int(10) unsigned NOT NULL,
  `revision_id` int(10) unsigned NOT NULL,
  `langcode` varchar(32) NOT NULL DEFAULT '',
  `delta` int(10) unsigned NOT NULL,
  `roles_target_id` varchar(255) NOT NULL,
  PRIMARY KEY (`entity_id`, `deleted`, `delta`, `langcode`)
);
INSERT INTO `users` (`uid`, `uuid`, `langcode`) VALUES (9, 'a', 'en'), (7, 'b', 'en'), (8, 'c', 'en');
UPDATE `users` SET `uid` = 0 WHERE `uid` = 9;
INSERT INTO `users_field_data` (`uid`, `langcode`, `preferred_langcode`, `name`, `pass`, `mail`, `status`, `created`, `access`, `login`, `default_langcode`) VALUES
  (0, 'en', NULL, '', NULL, NULL, 0, 1577934245, 0, 0, 1),
  (7, 'en', 'pt-br', 'Anna', '{{hash}}', 'anna@example.org', 1, 1577934245, 1714979289, 1714979289, 1),
  (7, 'de', 'de', 'Anna', '{{hash}}', 'anna@example.org', 1, 1577934245, 1714979289, 1714979289, 0),
  (8, 'en', 'en', 'dora', '{{hash}}', 'dora@example.org', 0, 1577934245, 0, 0, 1);
INSERT INTO `user__roles` (`bundle`, `deleted`, `entity_id`, `revision_id`, `langcode`, `delta`, `roles_target_id`) VALUES
  ('user', 0, 7, 7, 'en', 0, 'administrator'),
  ('user', 0, 7, 7, 'en', 1, 'content_editor'),
  ('user', 1, 7, 7, 'en', 2, 'taken_away');
