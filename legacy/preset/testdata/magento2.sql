-- preset: magento2
-- definition: Magento 2.4, app/code/Magento/Customer/etc/db_schema.xml
-- dialect: mysql
-- vectors: v00493 v01098 v01099 v01101 v01103
-- find: anna@example.org
-- id: 7
-- email: anna@example.org
-- name: Anna Berg
-- groups: Wholesale
-- created: 2020-01-02T03:04:05Z
-- last login: 2024-05-06T07:08:09Z
-- disabled: dora@example.org

CREATE TABLE `customer_entity` (
  `entity_id` int(10) unsigned NOT NULL AUTO_INCREMENT,
  `website_id` smallint(5) unsigned DEFAULT NULL,
  `email` varchar(255) DEFAULT NULL,
  `group_id` smallint(5) unsigned NOT NULL DEFAULT 0,
  `increment_id` varchar(50) DEFAULT NULL,
  `store_id` smallint(5) unsigned DEFAULT 0,
  `created_at` timestamp NOT NULL DEFAULT CURRENT_TIMESTAMP,
  `updated_at` timestamp NOT NULL DEFAULT CURRENT_TIMESTAMP,
  `is_active` smallint(5) unsigned NOT NULL DEFAULT 1,
  `disable_auto_group_change` smallint(5) unsigned NOT NULL DEFAULT 0,
  `created_in` varchar(255) DEFAULT NULL,
  `prefix` varchar(40) DEFAULT NULL,
  `firstname` varchar(255) DEFAULT NULL,
  `middlename` varchar(255) DEFAULT NULL,
  `lastname` varchar(255) DEFAULT NULL,
  `suffix` varchar(40) DEFAULT NULL,
  `dob` date DEFAULT NULL,
  `password_hash` varchar(128) DEFAULT NULL,
  `rp_token` varchar(128) DEFAULT NULL,
  `rp_token_created_at` datetime DEFAULT NULL,
  `default_billing` int(10) unsigned DEFAULT NULL,
  `default_shipping` int(10) unsigned DEFAULT NULL,
  `taxvat` varchar(50) DEFAULT NULL,
  `confirmation` varchar(64) DEFAULT NULL,
  `gender` smallint(5) unsigned DEFAULT NULL,
  `failures_num` smallint(6) DEFAULT 0,
  `first_failure` timestamp NULL DEFAULT NULL,
  `lock_expires` timestamp NULL DEFAULT NULL,
  PRIMARY KEY (`entity_id`)
);
CREATE TABLE `customer_log` (
  `log_id` int(11) NOT NULL AUTO_INCREMENT,
  `customer_id` int(11) NOT NULL,
  `last_login_at` timestamp NULL DEFAULT NULL,
  `last_logout_at` timestamp NULL DEFAULT NULL,
  PRIMARY KEY (`log_id`)
);
CREATE TABLE `customer_group` (
  `customer_group_id` int(10) unsigned NOT NULL AUTO_INCREMENT,
  `customer_group_code` varchar(32) NOT NULL,
  `tax_class_id` int(10) unsigned NOT NULL DEFAULT 0,
  PRIMARY KEY (`customer_group_id`)
);
INSERT INTO `customer_entity` (`entity_id`, `website_id`, `email`, `group_id`, `store_id`, `created_at`, `is_active`, `firstname`, `lastname`, `password_hash`) VALUES
  (7, 1, 'anna@example.org', 2, 1, '2020-01-02 03:04:05', 1, 'Anna', 'Berg', '{{hash}}'),
  (8, 1, 'dora@example.org', 1, 1, '2020-01-02 03:04:05', 0, 'Dora', '', '{{hash}}');
INSERT INTO `customer_log` (`log_id`, `customer_id`, `last_login_at`) VALUES (1, 7, '2024-05-06 07:08:09');
INSERT INTO `customer_group` (`customer_group_id`, `customer_group_code`) VALUES (1, 'General'), (2, 'Wholesale');
