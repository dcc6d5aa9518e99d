-- preset: fosuser-native
-- definition: FOSUserBundle 2.1, Resources/config/doctrine-mapping/User.orm.xml, as Doctrine makes it
-- dialect: mysql
-- vectors: v00000 v01704 v00124
-- find: Anna; anna; anna@example.org
-- id: 7
-- username: Anna
-- email: Anna@example.org
-- last login: 2024-05-06T07:08:09Z
-- disabled: dora

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
  `confirmation_token` varchar(180) DEFAULT NULL,
  `password_requested_at` datetime DEFAULT NULL,
  `roles` longtext NOT NULL,
  PRIMARY KEY (`id`)
);
INSERT INTO `fos_user` (`id`, `username`, `username_canonical`, `email`, `email_canonical`, `enabled`, `salt`, `password`, `last_login`, `roles`) VALUES
  (7, 'Anna', 'anna', 'Anna@example.org', 'anna@example.org', 1, NULL, '{{hash}}', '2024-05-06 07:08:09', 'a:0:{}'),
  (8, 'Dora', 'dora', 'dora@example.org', 'dora@example.org', 0, NULL, '{{hash}}', NULL, 'a:0:{}');
