-- preset: keycloak
-- definition: Keycloak 24, model/jpa/src/main/resources/META-INF/jpa-changelog-*.xml, as Liquibase makes it
-- dialect: postgres
-- vectors: v00887
-- find: anna; anna@example.org
-- id: 2f1c7e0a-6d1b-4a53-9a0e-0d3c5b7f8e11
-- username: anna
-- email: anna@example.org
-- name: Anna Berg
-- verified: true
-- roles: editor writer
-- groups: north south
-- created: 2020-01-02T03:04:05Z
-- disabled: dora
-- absent: service-account-shop

CREATE TABLE user_entity (
  id character varying(36) NOT NULL,
  email character varying(255),
  email_constraint character varying(255),
  email_verified boolean NOT NULL,
  enabled boolean NOT NULL,
  federation_link character varying(255),
  first_name character varying(255),
  last_name character varying(255),
  realm_id character varying(255),
  username character varying(255),
  created_timestamp bigint,
  service_account_client_link character varying(255),
  not_before integer DEFAULT 0 NOT NULL,
  PRIMARY KEY (id)
);
CREATE TABLE credential (
  id character varying(36) NOT NULL,
  salt bytea,
  type character varying(255),
  user_id character varying(36),
  created_date bigint,
  user_label character varying(255),
  secret_data text,
  credential_data text,
  priority integer,
  PRIMARY KEY (id)
);
CREATE TABLE keycloak_role (
  id character varying(36) NOT NULL,
  client_realm_constraint character varying(255),
  client_role boolean NOT NULL,
  description character varying(255),
  name character varying(255),
  realm_id character varying(255),
  client character varying(36),
  realm character varying(36),
  PRIMARY KEY (id)
);
CREATE TABLE user_role_mapping (
  role_id character varying(255) NOT NULL,
  user_id character varying(36) NOT NULL,
  PRIMARY KEY (role_id, user_id)
);
CREATE TABLE keycloak_group (
  id character varying(36) NOT NULL,
  name character varying(255),
  parent_group character varying(36) NOT NULL,
  realm_id character varying(36),
  PRIMARY KEY (id)
);
CREATE TABLE user_group_membership (
  group_id character varying(36) NOT NULL,
  user_id character varying(36) NOT NULL,
  PRIMARY KEY (group_id, user_id)
);
INSERT INTO user_entity (id, email, email_constraint, email_verified, enabled, first_name, last_name, realm_id, username, created_timestamp, service_account_client_link) VALUES
  ('2f1c7e0a-6d1b-4a53-9a0e-0d3c5b7f8e11', 'anna@example.org', 'anna@example.org', true, true, 'Anna', 'Berg', 'shop', 'anna', 1577934245000, NULL),
  ('2f1c7e0a-6d1b-4a53-9a0e-0d3c5b7f8e12', 'dora@example.org', 'dora@example.org', false, false, 'Dora', NULL, 'shop', 'dora', 1577934245000, NULL),
  ('2f1c7e0a-6d1b-4a53-9a0e-0d3c5b7f8e13', NULL, 'x', false, true, NULL, NULL, 'shop', 'service-account-shop', 1577934245000, 'client');
INSERT INTO credential (id, type, user_id, secret_data, credential_data, priority) VALUES
  ('c1', 'password', '2f1c7e0a-6d1b-4a53-9a0e-0d3c5b7f8e11', '{{hash.secretData}}', '{{hash.credentialData}}', 10),
  ('c2', 'otp', '2f1c7e0a-6d1b-4a53-9a0e-0d3c5b7f8e11', '{"value":"secret"}', '{"subType":"totp"}', 20),
  ('c3', 'password', '2f1c7e0a-6d1b-4a53-9a0e-0d3c5b7f8e12', '{{hash.secretData}}', '{{hash.credentialData}}', 10);
INSERT INTO keycloak_role (id, client_role, name, realm_id) VALUES
  ('r1', false, 'editor', 'shop'), ('r2', false, 'writer', 'shop'), ('r3', true, 'manage-account', 'shop');
INSERT INTO user_role_mapping (role_id, user_id) VALUES
  ('r1', '2f1c7e0a-6d1b-4a53-9a0e-0d3c5b7f8e11'), ('r2', '2f1c7e0a-6d1b-4a53-9a0e-0d3c5b7f8e11'), ('r3', '2f1c7e0a-6d1b-4a53-9a0e-0d3c5b7f8e11');
INSERT INTO keycloak_group (id, name, parent_group, realm_id) VALUES ('g1', 'north', ' ', 'shop'), ('g2', 'south', ' ', 'shop');
INSERT INTO user_group_membership (group_id, user_id) VALUES
  ('g1', '2f1c7e0a-6d1b-4a53-9a0e-0d3c5b7f8e11'), ('g2', '2f1c7e0a-6d1b-4a53-9a0e-0d3c5b7f8e11');
