-- preset: devise
-- definition: Devise 4.9, lib/generators/active_record/templates/migration.rb, as Rails makes it
-- dialect: postgres
-- vectors: v01646
-- param pepper: pepper-secret
-- find: anna@example.org
-- id: 7
-- email: anna@example.org
-- created: 2020-01-02T03:04:05Z

CREATE TABLE users (
  id bigint NOT NULL PRIMARY KEY,
  email character varying DEFAULT '' NOT NULL,
  encrypted_password character varying DEFAULT '' NOT NULL,
  reset_password_token character varying,
  reset_password_sent_at timestamp(6) without time zone,
  remember_created_at timestamp(6) without time zone,
  created_at timestamp(6) without time zone NOT NULL,
  updated_at timestamp(6) without time zone NOT NULL
);
INSERT INTO users (id, email, encrypted_password, created_at, updated_at) VALUES
  (7, 'anna@example.org', '{{hash}}', '2020-01-02 03:04:05', '2020-01-02 03:04:05');
