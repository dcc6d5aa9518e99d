-- preset: vbulletin5
-- definition: vBulletin 5.6, table user as discourse/discourse script/import_scripts/vbulletin5.rb reads it
-- dialect: mysql
-- vectors: php-13 v01787 v01789
-- find: anna; anna@example.org
-- id: 7
-- username: anna
-- email: anna@example.org
-- created: 2020-01-02T03:04:05Z
-- last login: 2024-05-06T07:08:09Z
-- disabled: dora; bert

CREATE TABLE `user` (
  `userid` int unsigned NOT NULL auto_increment,
  `usergroupid` smallint unsigned NOT NULL default '0',
  `membergroupids` char(250) NOT NULL default '',
  `displaygroupid` smallint unsigned NOT NULL default '0',
  `username` varchar(100) NOT NULL default '',
  `token` varchar(255) NOT NULL default '',
  `scheme` varchar(100) NOT NULL default '',
  `secret` varchar(255) NOT NULL default '',
  `passworddate` date NOT NULL default '1000-01-01',
  `email` char(100) NOT NULL default '',
  `languageid` smallint unsigned NOT NULL default '0',
  `joindate` int unsigned NOT NULL default '0',
  `lastvisit` int unsigned NOT NULL default '0',
  `lastactivity` int unsigned NOT NULL default '0',
  PRIMARY KEY (`userid`)
);
CREATE TABLE `userban` (
  `userid` int unsigned NOT NULL default '0',
  `usergroupid` smallint unsigned NOT NULL default '0',
  `displaygroupid` smallint unsigned NOT NULL default '0',
  `adminid` int unsigned NOT NULL default '0',
  `bandate` int unsigned NOT NULL default '0',
  `liftdate` int unsigned NOT NULL default '0',
  `reason` varchar(255) NOT NULL default '',
  PRIMARY KEY (`userid`)
);
INSERT INTO `user` (`userid`, `usergroupid`, `username`, `token`, `scheme`, `email`, `joindate`, `lastvisit`) VALUES
  (7, 2, 'anna', '{{hash}}', 'blowfish:10', 'anna@example.org', 1577934245, 1714979289),
  (8, 8, 'dora', '{{hash}}', 'blowfish:10', 'dora@example.org', 1577934245, 0),
  (9, 20, 'bert', '{{hash}}', 'blowfish:10', 'bert@example.org', 1577934245, 0);
INSERT INTO `userban` (`userid`, `usergroupid`, `liftdate`) VALUES (9, 2, 0);
