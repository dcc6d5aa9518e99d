-- preset: magento2-admin
-- definition: Magento 2.4, app/code/Magento/User/etc/db_schema.xml
-- dialect: mysql
-- vectors: v01099 v00493
-- find: anna; anna@example.org
-- id: 7
-- username: anna
-- email: anna@example.org
-- name: Anna Berg
-- created: 2020-01-02T03:04:05Z
-- last login: 2024-05-06T07:08:09Z
-- disabled: dora

CREATE TABLE `admin_user` (
  `user_id` int(10) unsigned NOT NULL AUTO_INCREMENT,
  `firstname` varchar(32) DEFAULT NULL,
  `lastname` varchar(32) DEFAULT NULL,
  `email` varchar(128) DEFAULT NULL,
  `username` varchar(40) DEFAULT NULL,
  `password` varchar(255) NOT NULL,
  `created` timestamp NOT NULL DEFAULT CURRENT_TIMESTAMP,
  `modified` timestamp NOT NULL DEFAULT CURRENT_TIMESTAMP,
  `logdate` timestamp NULL DEFAULT NULL,
  `lognum` smallint(5) unsigned NOT NULL DEFAULT 0,
  `reload_acl_flag` smallint(6) NOT NULL DEFAULT 0,
  `is_active` smallint(6) NOT NULL DEFAULT 1,
  `extra` text,
  `rp_token` text,
  `rp_token_created_at` timestamp NULL DEFAULT NULL,
  `interface_locale` varchar(16) NOT NULL DEFAULT 'en_US',
  `failures_num` smallint(6) DEFAULT 0,
  `first_failure` timestamp NULL DEFAULT NULL,
  `lock_expires` timestamp NULL DEFAULT NULL,
  PRIMARY KEY (`user_id`)
);
INSERT INTO `admin_user` (`user_id`, `firstname`, `lastname`, `email`, `username`, `password`, `created`, `logdate`, `is_active`) VALUES
  (7, 'Anna', 'Berg', 'anna@example.org', 'anna', '{{hash}}', '2020-01-02 03:04:05', '2024-05-06 07:08:09', 1),
  (8, 'Dora', '', 'dora@example.org', 'dora', '{{hash}}', '2020-01-02 03:04:05', NULL, 0);
