-- preset: discourse
-- definition: Discourse 3.4, app/models/user.rb, user_email.rb, user_password.rb, user_second_factor.rb
-- dialect: postgres, and no other: the preset is four SELECTs
-- hash: 122761d42987f887ad5e88d0874f111ba036e47ca0d9eb92002840031f731819
-- salt: c2a94f07d1e8536b9d0f7e4a51b3862c
-- made by: python 3.11, hashlib.pbkdf2_hmac('sha256', b'password', salt, 600000, 32).hex()
-- find: Anna; anna; anna@example.org
-- id: 7
-- username: Anna
-- email: Anna@example.org
-- name: Anna Berg
-- locale: pt-BR
-- totp: JBSWY3DPEHPK3PXP
-- created: 2020-01-02T03:04:05Z
-- last login: 2024-05-06T07:08:09Z
-- disabled: dora; sue
-- enabled: back
-- absent: system; discobot
-- cannot tell: odd
-- listed: 7 8 9 10 11

CREATE TABLE users (
  id integer NOT NULL PRIMARY KEY,
  username character varying(60) NOT NULL,
  created_at timestamp without time zone NOT NULL,
  updated_at timestamp without time zone NOT NULL,
  name character varying,
  active boolean DEFAULT false NOT NULL,
  username_lower character varying(60) NOT NULL,
  last_seen_at timestamp without time zone,
  admin boolean DEFAULT false NOT NULL,
  trust_level integer NOT NULL,
  approved boolean DEFAULT false NOT NULL,
  previous_visit_at timestamp without time zone,
  suspended_at timestamp without time zone,
  suspended_till timestamp without time zone,
  moderator boolean DEFAULT false,
  locale character varying(10),
  staged boolean DEFAULT false NOT NULL,
  silenced_till timestamp without time zone
);
CREATE TABLE user_emails (
  id integer NOT NULL PRIMARY KEY,
  user_id integer NOT NULL,
  email character varying(513) NOT NULL,
  "primary" boolean DEFAULT false NOT NULL,
  created_at timestamp without time zone NOT NULL,
  updated_at timestamp without time zone NOT NULL
);
CREATE TABLE user_passwords (
  id integer NOT NULL PRIMARY KEY,
  user_id integer NOT NULL,
  password_hash character varying(64) NOT NULL,
  password_salt character varying(32) NOT NULL,
  password_algorithm character varying(64) NOT NULL,
  password_expired_at timestamp without time zone,
  created_at timestamp without time zone NOT NULL,
  updated_at timestamp without time zone NOT NULL
);
CREATE TABLE user_second_factors (
  id bigint NOT NULL PRIMARY KEY,
  user_id integer NOT NULL,
  method integer NOT NULL,
  data character varying NOT NULL,
  enabled boolean DEFAULT false NOT NULL,
  last_used timestamp without time zone,
  created_at timestamp without time zone NOT NULL,
  updated_at timestamp without time zone NOT NULL,
  name character varying
);
INSERT INTO users (id, username, created_at, updated_at, name, active, username_lower, last_seen_at, trust_level, suspended_till, locale) VALUES
  (-2, 'discobot', '2020-01-01', '2020-01-01', 'discobot', true, 'discobot', NULL, 4, NULL, NULL),
  (-1, 'system', '2020-01-01', '2020-01-01', 'system', true, 'system', NULL, 4, NULL, NULL),
  (7, 'Anna', '2020-01-02 03:04:05', '2020-01-02', 'Anna Berg', true, 'anna', '2024-05-06 07:08:09', 1, NULL, 'pt_BR'),
  (8, 'Dora', '2020-01-02 03:04:05', '2020-01-02', 'Dora', false, 'dora', NULL, 1, NULL, NULL),
  (9, 'Sue', '2020-01-02 03:04:05', '2020-01-02', 'Sue', true, 'sue', NULL, 1, '3020-01-02', NULL),
  (10, 'Back', '2020-01-02 03:04:05', '2020-01-02', 'Back', true, 'back', NULL, 1, '2021-01-02', NULL),
  (11, 'Odd', '2020-01-02 03:04:05', '2020-01-02', 'Odd', true, 'odd', NULL, 1, NULL, NULL);
INSERT INTO user_emails (id, user_id, email, "primary", created_at, updated_at) VALUES
  (1, 7, 'Anna@example.org', true, '2020-01-02', '2020-01-02'),
  (2, 7, 'other@example.org', false, '2020-01-02', '2020-01-02'),
  (3, 8, 'dora@example.org', true, '2020-01-02', '2020-01-02');
INSERT INTO user_passwords (id, user_id, password_hash, password_salt, password_algorithm, password_expired_at, created_at, updated_at) VALUES
  (3, 11, '{{hash}}', '{{salt}}', '$argon2id$', NULL, '2020-01-02', '2020-01-02'),
  (1, 7, '{{hash}}', '{{salt}}', '$pbkdf2-sha256$i=600000,l=32$', NULL, '2020-01-02', '2020-01-02'),
  (2, 7, repeat('0', 64), '{{salt}}', '$pbkdf2-sha256$i=64000,l=32$', '2020-01-02', '2020-01-02', '2020-01-02');
INSERT INTO user_second_factors (id, user_id, method, data, enabled, created_at, updated_at) VALUES
  (1, 7, 1, 'JBSWY3DPEHPK3PXP', true, '2020-01-02', '2020-01-02'),
  (2, 7, 2, '{"code_hash": "x"}', true, '2020-01-02', '2020-01-02'),
  (3, 8, 1, 'JBSWY3DPEHPK3PXQ', false, '2020-01-02', '2020-01-02');
