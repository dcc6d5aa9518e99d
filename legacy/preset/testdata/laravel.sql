-- preset: laravel
-- definition: Laravel 11, database/migrations/0001_01_01_000000_create_users_table.php
-- dialect: mysql
-- vectors: php-25 v00000
-- find: anna@example.org
-- id: 7
-- email: anna@example.org
-- name: Anna Berg
-- verified: true
-- created: 2020-01-02T03:04:05Z

CREATE TABLE `users` (
  `id` bigint unsigned NOT NULL AUTO_INCREMENT,
  `name` varchar(255) NOT NULL,
  `email` varchar(255) NOT NULL,
  `email_verified_at` timestamp NULL DEFAULT NULL,
  `password` varchar(255) NOT NULL,
  `remember_token` varchar(100) DEFAULT NULL,
  `created_at` timestamp NULL DEFAULT NULL,
  `updated_at` timestamp NULL DEFAULT NULL,
  PRIMARY KEY (`id`)
);
INSERT INTO `users` (`id`, `name`, `email`, `email_verified_at`, `password`, `created_at`) VALUES
  (7, 'Anna Berg', 'anna@example.org', '2020-01-03 00:00:00', '{{hash}}', '2020-01-02 03:04:05');
