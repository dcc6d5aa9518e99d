-- preset: prestashop
-- definition: PrestaShop 8.1, install-dev/data/db_structure.sql
-- dialect: mysql
-- vectors: php-1 php-2
-- param pepper: cookiekey123
-- find: anna@example.org
-- id: 7
-- email: anna@example.org
-- name: Anna Berg
-- locale: pt-br
-- created: 2020-01-02T03:04:05Z
-- disabled: dora@example.org
-- absent: gone@example.org; guest@example.org

CREATE TABLE `ps_customer` (
  `id_customer` int(10) unsigned NOT NULL AUTO_INCREMENT,
  `id_shop_group` int(11) unsigned NOT NULL DEFAULT 1,
  `id_shop` int(11) unsigned NOT NULL DEFAULT 1,
  `id_gender` int(10) unsigned NOT NULL,
  `id_default_group` int(10) unsigned NOT NULL DEFAULT 1,
  `id_lang` int(10) unsigned NULL,
  `id_risk` int(10) unsigned NOT NULL DEFAULT 1,
  `company` varchar(255),
  `siret` varchar(14),
  `ape` varchar(6),
  `firstname` varchar(255) NOT NULL,
  `lastname` varchar(255) NOT NULL,
  `email` varchar(255) NOT NULL,
  `passwd` varchar(255) NOT NULL,
  `last_passwd_gen` timestamp NOT NULL DEFAULT CURRENT_TIMESTAMP,
  `birthday` date DEFAULT NULL,
  `newsletter` tinyint(1) unsigned NOT NULL DEFAULT 0,
  `ip_registration_newsletter` varchar(15) DEFAULT NULL,
  `newsletter_date_add` datetime DEFAULT NULL,
  `optin` tinyint(1) unsigned NOT NULL DEFAULT 0,
  `website` varchar(128),
  `outstanding_allow_amount` decimal(20,6) NOT NULL DEFAULT '0.00',
  `show_public_prices` tinyint(1) unsigned NOT NULL DEFAULT 0,
  `max_payment_days` int(10) unsigned NOT NULL DEFAULT 60,
  `secure_key` varchar(32) NOT NULL DEFAULT '-1',
  `note` text,
  `active` tinyint(1) unsigned NOT NULL DEFAULT 0,
  `is_guest` tinyint(1) NOT NULL DEFAULT 0,
  `deleted` tinyint(1) NOT NULL DEFAULT 0,
  `date_add` datetime NOT NULL,
  `date_upd` datetime NOT NULL,
  `reset_password_token` varchar(40) DEFAULT NULL,
  `reset_password_validity` datetime DEFAULT NULL,
  PRIMARY KEY (`id_customer`)
);
CREATE TABLE `ps_lang` (
  `id_lang` int(10) unsigned NOT NULL AUTO_INCREMENT,
  `name` varchar(32) NOT NULL,
  `active` tinyint(1) unsigned NOT NULL DEFAULT 0,
  `iso_code` varchar(2) NOT NULL,
  `language_code` varchar(5) NOT NULL,
  `locale` varchar(5) NOT NULL,
  `date_format_lite` varchar(32) NOT NULL,
  `date_format_full` varchar(32) NOT NULL,
  `is_rtl` tinyint(1) NOT NULL DEFAULT 0,
  PRIMARY KEY (`id_lang`)
);
INSERT INTO `ps_lang` (`id_lang`, `name`, `active`, `iso_code`, `language_code`, `locale`, `date_format_lite`, `date_format_full`) VALUES
  (1, 'English', 1, 'en', 'en-us', 'en-US', 'm/d/Y', 'm/d/Y H:i:s'),
  (2, 'Português', 1, 'br', 'pt-br', 'pt-BR', 'd/m/Y', 'd/m/Y H:i:s');
INSERT INTO `ps_customer` (`id_customer`, `id_gender`, `id_lang`, `firstname`, `lastname`, `email`, `passwd`, `active`, `is_guest`, `deleted`, `date_add`, `date_upd`) VALUES
  (6, 0, 1, 'Anna', 'Guest', 'anna@example.org', '{{hash}}', 1, 1, 0, '2019-01-02 03:04:05', '2019-01-02 03:04:05'),
  (7, 1, 2, 'Anna', 'Berg', 'anna@example.org', '{{hash}}', 1, 0, 0, '2020-01-02 03:04:05', '2020-01-02 03:04:05'),
  (8, 1, 1, 'Dora', '', 'dora@example.org', '{{hash}}', 0, 0, 0, '2020-01-02 03:04:05', '2020-01-02 03:04:05'),
  (9, 1, 1, 'Gone', '', 'gone@example.org', '{{hash}}', 1, 0, 1, '2020-01-02 03:04:05', '2020-01-02 03:04:05'),
  (10, 1, 1, 'Guest', '', 'guest@example.org', '{{hash}}', 1, 1, 0, '2020-01-02 03:04:05', '2020-01-02 03:04:05');
