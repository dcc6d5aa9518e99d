-- preset: moodle
-- definition: Moodle 4.5, lib/db/install.xml
-- dialect: mysql
-- vectors: v00041 v00000
-- find: anna; anna@example.org
-- id: 7
-- username: anna
-- email: anna@example.org
-- name: Anna Berg
-- locale: pt-br
-- verified: true
-- created: 2020-01-02T03:04:05Z
-- last login: 2024-05-06T07:08:09Z
-- disabled: dora; nina; mail
-- cannot tell: lena
-- absent: gone; gone@example.org; guest

CREATE TABLE `mdl_user` (
  `id` bigint(10) NOT NULL AUTO_INCREMENT,
  `auth` varchar(20) NOT NULL DEFAULT 'manual',
  `confirmed` tinyint(1) NOT NULL DEFAULT 0,
  `policyagreed` tinyint(1) NOT NULL DEFAULT 0,
  `deleted` tinyint(1) NOT NULL DEFAULT 0,
  `suspended` tinyint(1) NOT NULL DEFAULT 0,
  `mnethostid` bigint(10) NOT NULL DEFAULT 0,
  `username` varchar(100) NOT NULL DEFAULT '',
  `password` varchar(255) NOT NULL DEFAULT '',
  `idnumber` varchar(255) NOT NULL DEFAULT '',
  `firstname` varchar(100) NOT NULL DEFAULT '',
  `lastname` varchar(100) NOT NULL DEFAULT '',
  `email` varchar(100) NOT NULL DEFAULT '',
  `emailstop` tinyint(1) NOT NULL DEFAULT 0,
  `phone1` varchar(20) NOT NULL DEFAULT '',
  `phone2` varchar(20) NOT NULL DEFAULT '',
  `institution` varchar(255) NOT NULL DEFAULT '',
  `department` varchar(255) NOT NULL DEFAULT '',
  `address` varchar(255) NOT NULL DEFAULT '',
  `city` varchar(120) NOT NULL DEFAULT '',
  `country` varchar(2) NOT NULL DEFAULT '',
  `lang` varchar(30) NOT NULL DEFAULT 'en',
  `calendartype` varchar(30) NOT NULL DEFAULT 'gregorian',
  `theme` varchar(50) NOT NULL DEFAULT '',
  `timezone` varchar(100) NOT NULL DEFAULT '99',
  `firstaccess` bigint(10) NOT NULL DEFAULT 0,
  `lastaccess` bigint(10) NOT NULL DEFAULT 0,
  `lastlogin` bigint(10) NOT NULL DEFAULT 0,
  `currentlogin` bigint(10) NOT NULL DEFAULT 0,
  `lastip` varchar(45) NOT NULL DEFAULT '',
  `secret` varchar(15) NOT NULL DEFAULT '',
  `picture` bigint(10) NOT NULL DEFAULT 0,
  `description` longtext,
  `descriptionformat` tinyint(2) NOT NULL DEFAULT 1,
  `mailformat` tinyint(1) NOT NULL DEFAULT 1,
  `maildigest` tinyint(1) NOT NULL DEFAULT 0,
  `maildisplay` tinyint(2) NOT NULL DEFAULT 2,
  `autosubscribe` tinyint(1) NOT NULL DEFAULT 1,
  `trackforums` tinyint(1) NOT NULL DEFAULT 0,
  `timecreated` bigint(10) NOT NULL DEFAULT 0,
  `timemodified` bigint(10) NOT NULL DEFAULT 0,
  `trustbitmask` bigint(10) NOT NULL DEFAULT 0,
  `imagealt` varchar(255) DEFAULT NULL,
  `lastnamephonetic` varchar(255) DEFAULT NULL,
  `firstnamephonetic` varchar(255) DEFAULT NULL,
  `middlename` varchar(255) DEFAULT NULL,
  `alternatename` varchar(255) DEFAULT NULL,
  `moodlenetprofile` varchar(255) DEFAULT NULL,
  PRIMARY KEY (`id`)
);
INSERT INTO `mdl_user` (`id`, `auth`, `confirmed`, `deleted`, `suspended`, `mnethostid`, `username`, `password`, `firstname`, `lastname`, `email`, `lang`, `currentlogin`, `timecreated`) VALUES
  (1, 'manual', 1, 0, 0, 1, 'guest', '{{hash}}', 'Guest user', '', 'root@localhost', 'en', 0, 0),
  (7, 'manual', 1, 0, 0, 1, 'anna', '{{hash}}', 'Anna', 'Berg', 'anna@example.org', 'pt_br', 1714979289, 1577934245),
  (12, 'ldap', 1, 0, 0, 1, 'lena', 'not cached', 'Lena', '', 'lena@example.org', 'en', 0, 1577934245),
  (8, 'manual', 1, 0, 1, 1, 'dora', '{{hash}}', 'Dora', '', 'dora@example.org', 'en', 0, 1577934245),
  (9, 'nologin', 1, 0, 0, 1, 'nina', '{{hash}}', 'Nina', '', 'nina@example.org', 'en', 0, 1577934245),
  (10, 'email', 0, 0, 0, 1, 'mail', '{{hash}}', 'Unconfirmed', '', 'mail@example.org', 'en', 0, 1577934245),
  (11, 'manual', 1, 1, 0, 1, 'gone', '{{hash}}', 'Gone', '', 'gone@example.org', 'en', 0, 1577934245);
