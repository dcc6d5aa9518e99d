-- preset: wordpress
-- definition: WordPress 6.8, wp-admin/includes/schema.php
-- dialect: mysql
-- vectors: v01656 v01188 v00544
-- find: anna; anna@example.org
-- id: 7
-- username: anna
-- email: anna@example.org
-- name: Anna Berg
-- created: 2020-01-02T03:04:05Z

CREATE TABLE `wp_users` (
  `ID` bigint(20) unsigned NOT NULL auto_increment,
  `user_login` varchar(60) NOT NULL default '',
  `user_pass` varchar(255) NOT NULL default '',
  `user_nicename` varchar(50) NOT NULL default '',
  `user_email` varchar(100) NOT NULL default '',
  `user_url` varchar(100) NOT NULL default '',
  `user_registered` datetime NOT NULL default '0000-00-00 00:00:00',
  `user_activation_key` varchar(255) NOT NULL default '',
  `user_status` int(11) NOT NULL default '0',
  `display_name` varchar(250) NOT NULL default '',
  PRIMARY KEY (`ID`)
);
INSERT INTO `wp_users` (`ID`, `user_login`, `user_pass`, `user_nicename`, `user_email`, `user_registered`, `display_name`) VALUES
  (7, 'anna', '{{hash}}', 'anna', 'anna@example.org', '2020-01-02 03:04:05', 'Anna Berg');
CREATE TABLE `wp_usermeta` (
  `umeta_id` bigint(20) unsigned NOT NULL auto_increment,
  `user_id` bigint(20) unsigned NOT NULL default '0',
  `meta_key` varchar(255) default NULL,
  `meta_value` longtext,
  PRIMARY KEY (`umeta_id`)
);
