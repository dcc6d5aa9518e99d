-- preset: flask-security
-- definition: Flask-Security 5.4, flask_security/models/fsqla.py and fsqla_v2.py, as SQLAlchemy makes it
-- dialect: postgres
-- vectors: v00000 v00124 v01253
-- find: anna; anna@example.org
-- id: 7
-- username: anna
-- email: anna@example.org
-- verified: true
-- roles: admin
-- created: 2020-01-02T03:04:05Z
-- last login: 2024-05-06T07:08:09Z
-- disabled: dora

CREATE TABLE "user" (
  id integer NOT NULL,
  email varchar(255) NOT NULL,
  username varchar(255),
  password varchar(255) NOT NULL,
  active boolean NOT NULL,
  fs_uniquifier varchar(64) NOT NULL,
  confirmed_at timestamp without time zone,
  last_login_at timestamp without time zone,
  current_login_at timestamp without time zone,
  last_login_ip varchar(64),
  current_login_ip varchar(64),
  login_count integer,
  tf_primary_method varchar(64),
  tf_totp_secret varchar(255),
  tf_phone_number varchar(128),
  create_datetime timestamp without time zone NOT NULL DEFAULT CURRENT_TIMESTAMP,
  update_datetime timestamp without time zone NOT NULL DEFAULT CURRENT_TIMESTAMP,
  us_totp_secrets text,
  us_phone_number varchar(128),
  PRIMARY KEY (id)
);
CREATE TABLE role (
  id integer NOT NULL,
  name varchar(80) NOT NULL,
  description varchar(255),
  permissions text,
  update_datetime timestamp without time zone NOT NULL DEFAULT CURRENT_TIMESTAMP,
  PRIMARY KEY (id)
);
CREATE TABLE roles_users (
  user_id integer,
  role_id integer
);
INSERT INTO "user" (id, email, username, password, active, fs_uniquifier, confirmed_at, current_login_at, create_datetime) VALUES
  (7, 'anna@example.org', 'anna', '{{hash}}', true, 'a', '2020-01-03 00:00:00', '2024-05-06 07:08:09', '2020-01-02 03:04:05'),
  (8, 'dora@example.org', 'dora', '{{hash}}', false, 'd', NULL, NULL, '2020-01-02 03:04:05');
INSERT INTO role (id, name) VALUES (1, 'admin');
INSERT INTO roles_users (user_id, role_id) VALUES (7, 1);
