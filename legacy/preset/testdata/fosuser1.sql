-- preset: fosuser1
-- definition: FOSUserBundle 1.3, Resources/config/doctrine-mapping/User.orm.xml, as Doctrine makes it
-- dialect: mysql
-- vectors: v01682
-- find: Anna; anna; anna@example.org
-- id: 7
-- username: Anna
-- email: Anna@example.org
-- last login: 2024-05-06T07:08:09Z
-- disabled: dora; lola; exie

CREATE TABLE `fos_user` (
  `id` int NOT NULL AUTO_INCREMENT,
  `username` varchar(180) NOT NULL,
  `username_canonical` varchar(180) NOT NULL,
  `email` varchar(180) NOT NULL,
  `email_canonical` varchar(180) NOT NULL,
  `enabled` tinyint(1) NOT NULL,
  `salt` varchar(255) DEFAULT NULL,
  `password` varchar(255) NOT NULL,
  `last_login` datetime DEFAULT NULL,
  `locked` tinyint(1) NOT NULL,
  `expired` tinyint(1) NOT NULL,
  `expires_at` datetime DEFAULT NULL,
  `confirmation_token` varchar(180) DEFAULT NULL,
  `password_requested_at` datetime DEFAULT NULL,
  `roles` longtext NOT NULL,
  `credentials_expired` tinyint(1) NOT NULL,
  `credentials_expire_at` datetime DEFAULT NULL,
  PRIMARY KEY (`id`)
);
INSERT INTO `fos_user` (`id`, `username`, `username_canonical`, `email`, `email_canonical`, `enabled`, `salt`, `password`, `last_login`, `locked`, `expired`, `roles`, `credentials_expired`) VALUES
  (7, 'Anna', 'anna', 'Anna@example.org', 'anna@example.org', 1, '{{salt}}', '{{hash}}', '2024-05-06 07:08:09', 0, 0, 'a:0:{}', 0),
  (8, 'Dora', 'dora', 'dora@example.org', 'dora@example.org', 0, '{{salt}}', '{{hash}}', NULL, 0, 0, 'a:0:{}', 0),
  (9, 'Lola', 'lola', 'lola@example.org', 'lola@example.org', 1, '{{salt}}', '{{hash}}', NULL, 1, 0, 'a:0:{}', 0),
  (10, 'Exie', 'exie', 'exie@example.org', 'exie@example.org', 1, '{{salt}}', '{{hash}}', NULL, 0, 1, 'a:0:{}', 0);
