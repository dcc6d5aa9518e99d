-- The old store of compose.yaml, run once by the MariaDB image: WordPress's users table (wp-admin/includes/schema.php, 6.8)
-- with one person in it. The image has made the account rekey; it may read this one table and nothing else.

CREATE TABLE wp_users (
	ID bigint(20) unsigned NOT NULL auto_increment,
	user_login varchar(60) NOT NULL default '',
	user_pass varchar(255) NOT NULL default '',
	user_nicename varchar(50) NOT NULL default '',
	user_email varchar(100) NOT NULL default '',
	user_url varchar(100) NOT NULL default '',
	user_registered datetime NOT NULL default '0000-00-00 00:00:00',
	user_activation_key varchar(255) NOT NULL default '',
	user_status int(11) NOT NULL default '0',
	display_name varchar(250) NOT NULL default '',
	PRIMARY KEY (ID),
	KEY user_login_key (user_login),
	KEY user_nicename (user_nicename),
	KEY user_email (user_email)
) DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_520_ci;

-- "correct horse battery staple", hashed by PHP 8.2 as WordPress 6.8 does:
-- '$wp' . password_hash(base64_encode(hash_hmac('sha384', $password, 'wp-sha384', true)), PASSWORD_BCRYPT)
INSERT INTO wp_users (user_login, user_pass, user_nicename, user_email, user_registered, display_name) VALUES
	('ada', '$wp$2y$10$vm0unUUMPukJtJvvnkWsxOjTuRTRwPKqCaWzxlP/YBCd4LIwu2jiO', 'ada', 'ada@example.org',
	 '2015-12-10 09:00:00', 'Ada');

REVOKE ALL PRIVILEGES, GRANT OPTION FROM rekey@'%';
GRANT SELECT ON wordpress.wp_users TO rekey@'%';
