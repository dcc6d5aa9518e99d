-- preset: mediawiki
-- definition: MediaWiki 1.39, maintenance/tables-generated.sql
-- dialect: mysql
-- vectors: v01880 v01838 v01874 v01886 v01862
-- find: Anna; anna@example.org
-- id: 7
-- username: Anna
-- email: anna@example.org
-- name: Anna Berg
-- verified: true
-- groups: bureaucrat sysop

CREATE TABLE `user` (
  `user_id` int unsigned AUTO_INCREMENT NOT NULL,
  `user_name` varbinary(255) DEFAULT '' NOT NULL,
  `user_real_name` varbinary(255) DEFAULT '' NOT NULL,
  `user_password` tinyblob NOT NULL,
  `user_newpassword` tinyblob NOT NULL,
  `user_newpass_time` binary(14) DEFAULT NULL,
  `user_email` tinytext NOT NULL,
  `user_touched` binary(14) NOT NULL,
  `user_token` binary(32) DEFAULT '' NOT NULL,
  `user_email_authenticated` binary(14) DEFAULT NULL,
  `user_email_token` binary(32) DEFAULT NULL,
  `user_email_token_expires` binary(14) DEFAULT NULL,
  `user_registration` binary(14) DEFAULT NULL,
  `user_editcount` int unsigned DEFAULT NULL,
  `user_password_expires` varbinary(14) DEFAULT NULL,
  PRIMARY KEY (`user_id`)
);
CREATE TABLE `user_groups` (
  `ug_user` int unsigned DEFAULT 0 NOT NULL,
  `ug_group` varbinary(255) DEFAULT '' NOT NULL,
  `ug_expiry` varbinary(14) DEFAULT NULL,
  PRIMARY KEY (`ug_user`, `ug_group`)
);
INSERT INTO `user` (`user_id`, `user_name`, `user_real_name`, `user_password`, `user_newpassword`, `user_email`, `user_touched`, `user_email_authenticated`, `user_registration`) VALUES
  (7, 'Anna', 'Anna Berg', '{{hash}}', '', 'anna@example.org', '20240506070809', '20200103000000', '20200102030405');
INSERT INTO `user_groups` (`ug_user`, `ug_group`, `ug_expiry`) VALUES
  (7, 'sysop', NULL), (7, 'bureaucrat', NULL), (7, 'bot', '20210101000000');
