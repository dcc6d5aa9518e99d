-- preset: mybb
-- definition: MyBB 1.8, install/resources/mysql_db_tables.php; of some eighty columns those that say who somebody is
-- dialect: mysql
-- hash: 6f4240ed8deec574bc168d6bf5d5e60f
-- salt: aB3xY9kZ
-- made by: php 8.2, md5(md5($salt).md5('password'))
-- vectors: v00000
-- find: anna; anna@example.org
-- id: 7
-- username: anna
-- email: anna@example.org
-- created: 2020-01-02T03:04:05Z
-- last login: 2024-05-06T07:08:09Z
-- disabled: dora

CREATE TABLE `mybb_users` (
  `uid` int unsigned NOT NULL auto_increment,
  `username` varchar(120) NOT NULL default '',
  `password` varchar(120) NOT NULL default '',
  `salt` varchar(10) NOT NULL default '',
  `loginkey` varchar(50) NOT NULL default '',
  `email` varchar(220) NOT NULL default '',
  `usergroup` smallint unsigned NOT NULL default '0',
  `additionalgroups` varchar(200) NOT NULL default '',
  `displaygroup` smallint unsigned NOT NULL default '0',
  `regdate` int unsigned NOT NULL default '0',
  `lastactive` int unsigned NOT NULL default '0',
  `lastvisit` int unsigned NOT NULL default '0',
  `language` varchar(50) NOT NULL default '',
  PRIMARY KEY (`uid`)
);
CREATE TABLE `mybb_banned` (
  `uid` int unsigned NOT NULL default '0',
  `gid` int unsigned NOT NULL default '0',
  `oldgroup` int unsigned NOT NULL default '0',
  `oldadditionalgroups` text NOT NULL,
  `olddisplaygroup` int unsigned NOT NULL default '0',
  `admin` int unsigned NOT NULL default '0',
  `dateline` int unsigned NOT NULL default '0',
  `bantime` varchar(50) NOT NULL default '',
  `lifted` int unsigned NOT NULL default '0',
  `reason` varchar(255) NOT NULL default ''
);
INSERT INTO `mybb_users` (`uid`, `username`, `password`, `salt`, `email`, `usergroup`, `regdate`, `lastactive`) VALUES
  (7, 'anna', '{{hash}}', '{{salt}}', 'anna@example.org', 2, 1577934245, 1714979289),
  (8, 'dora', '{{hash}}', '{{salt}}', 'dora@example.org', 7, 1577934245, 0);
INSERT INTO `mybb_banned` (`uid`, `gid`, `oldgroup`, `oldadditionalgroups`, `bantime`) VALUES (8, 7, 2, '', '---');
