-- preset: vbulletin
-- definition: vBulletin 4.2, table user as discourse/discourse script/import_scripts/vbulletin.rb reads it
-- dialect: mysql
-- hash: 10046db1e9c5dfeeb9b8c3f97bccfe07
-- salt: k7Qw)3;xZ@p9!Lm2&vT5^dR8(nB4*c
-- made by: php 8.2, md5(md5('password').$salt)
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
  `password` char(32) NOT NULL default '',
  `passworddate` date NOT NULL default '1000-01-01',
  `email` char(100) NOT NULL default '',
  `languageid` smallint unsigned NOT NULL default '0',
  `joindate` int unsigned NOT NULL default '0',
  `lastvisit` int unsigned NOT NULL default '0',
  `lastactivity` int unsigned NOT NULL default '0',
  `salt` char(30) NOT NULL default '',
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
INSERT INTO `user` (`userid`, `usergroupid`, `username`, `password`, `email`, `joindate`, `lastvisit`, `salt`) VALUES
  (7, 2, 'anna', '{{hash}}', 'anna@example.org', 1577934245, 1714979289, '{{salt}}'),
  (8, 8, 'dora', '{{hash}}', 'dora@example.org', 1577934245, 0, '{{salt}}'),
  (9, 20, 'bert', '{{hash}}', 'bert@example.org', 1577934245, 0, '{{salt}}');
INSERT INTO `userban` (`userid`, `usergroupid`, `liftdate`) VALUES (9, 2, 0);
