-- preset: django
-- definition: Django 5.1, django/contrib/auth/migrations, as its PostgreSQL backend makes it
-- dialect: postgres
-- vectors: v00596 v00603 v00610 v00617 v00624 v00630 v00637 v00644 v00653 v00486
-- find: anna; anna@example.org
-- id: 7
-- username: anna
-- email: anna@example.org
-- name: Anna Berg
-- groups: editors writers
-- created: 2020-01-02T03:04:05Z
-- last login: 2024-05-06T07:08:09Z
-- disabled: dora

CREATE TABLE auth_user (
  id integer NOT NULL PRIMARY KEY,
  password varchar(128) NOT NULL,
  last_login timestamp with time zone NULL,
  is_superuser boolean NOT NULL,
  username varchar(150) NOT NULL UNIQUE,
  first_name varchar(150) NOT NULL,
  last_name varchar(150) NOT NULL,
  email varchar(254) NOT NULL,
  is_staff boolean NOT NULL,
  is_active boolean NOT NULL,
  date_joined timestamp with time zone NOT NULL
);
CREATE TABLE auth_group (
  id integer NOT NULL PRIMARY KEY,
  name varchar(150) NOT NULL UNIQUE
);
CREATE TABLE auth_user_groups (
  id bigint NOT NULL PRIMARY KEY,
  user_id integer NOT NULL,
  group_id integer NOT NULL
);
INSERT INTO auth_user (id, password, last_login, is_superuser, username, first_name, last_name, email, is_staff, is_active, date_joined) VALUES
  (7, '{{hash}}', '2024-05-06 07:08:09+00', false, 'anna', 'Anna', 'Berg', 'anna@example.org', true, true, '2020-01-02 03:04:05+00'),
  (8, '{{hash}}', NULL, false, 'dora', '', '', 'dora@example.org', false, false, '2020-01-02 03:04:05+00');
INSERT INTO auth_group (id, name) VALUES (1, 'editors'), (2, 'writers');
INSERT INTO auth_user_groups (id, user_id, group_id) VALUES (1, 7, 1), (2, 7, 2);
