-- preset: opencart
-- definition: OpenCart 3.0.3, upload/install/opencart.sql
-- dialect: mysql
-- vectors: php-3
-- find: anna@example.org
-- id: 7
-- email: anna@example.org
-- name: Anna Berg
-- created: 2020-01-02T03:04:05Z
-- disabled: dora@example.org

CREATE TABLE `oc_customer` (
  `customer_id` int(11) NOT NULL AUTO_INCREMENT,
  `customer_group_id` int(11) NOT NULL,
  `store_id` int(11) NOT NULL DEFAULT '0',
  `language_id` int(11) NOT NULL,
  `firstname` varchar(32) NOT NULL,
  `lastname` varchar(32) NOT NULL,
  `email` varchar(96) NOT NULL,
  `telephone` varchar(32) NOT NULL,
  `fax` varchar(32) NOT NULL,
  `password` varchar(40) NOT NULL,
  `salt` varchar(9) NOT NULL,
  `cart` text,
  `wishlist` text,
  `newsletter` tinyint(1) NOT NULL DEFAULT '0',
  `address_id` int(11) NOT NULL DEFAULT '0',
  `custom_field` text NOT NULL,
  `ip` varchar(40) NOT NULL,
  `status` tinyint(1) NOT NULL,
  `safe` tinyint(1) NOT NULL,
  `token` text NOT NULL,
  `code` varchar(40) NOT NULL,
  `date_added` datetime NOT NULL,
  PRIMARY KEY (`customer_id`)
);
INSERT INTO `oc_customer` (`customer_id`, `customer_group_id`, `language_id`, `firstname`, `lastname`, `email`, `telephone`, `fax`, `password`, `salt`, `custom_field`, `ip`, `status`, `safe`, `token`, `code`, `date_added`) VALUES
  (7, 1, 1, 'Anna', 'Berg', 'anna@example.org', '123', '', '{{hash}}', '{{salt}}', '', '', 1, 0, '', '', '2020-01-02 03:04:05'),
  (8, 1, 1, 'Dora', '', 'dora@example.org', '123', '', '{{hash}}', '{{salt}}', '', '', 0, 0, '', '', '2020-01-02 03:04:05');
