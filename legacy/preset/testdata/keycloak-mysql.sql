-- preset: keycloak-mysql
-- definition: Keycloak 24, model/jpa/src/main/resources/META-INF/jpa-changelog-*.xml, as Liquibase makes it
-- dialect: mysql
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

CREATE TABLE USER_ENTITY (
  ID varchar(36) NOT NULL,
  EMAIL varchar(255),
  EMAIL_CONSTRAINT varchar(255),
  EMAIL_VERIFIED bit(1) NOT NULL,
  ENABLED bit(1) NOT NULL,
  FEDERATION_LINK varchar(255),
  FIRST_NAME varchar(255),
  LAST_NAME varchar(255),
  REALM_ID varchar(255),
  USERNAME varchar(255),
  CREATED_TIMESTAMP bigint,
  SERVICE_ACCOUNT_CLIENT_LINK varchar(255),
  NOT_BEFORE integer DEFAULT 0 NOT NULL,
  PRIMARY KEY (id)
);
CREATE TABLE CREDENTIAL (
  ID varchar(36) NOT NULL,
  SALT tinyblob,
  TYPE varchar(255),
  USER_ID varchar(36),
  CREATED_DATE bigint,
  USER_LABEL varchar(255),
  SECRET_DATA longtext,
  CREDENTIAL_DATA longtext,
  PRIORITY integer,
  PRIMARY KEY (id)
);
CREATE TABLE KEYCLOAK_ROLE (
  ID varchar(36) NOT NULL,
  CLIENT_REALM_CONSTRAINT varchar(255),
  CLIENT_ROLE bit(1) NOT NULL,
  DESCRIPTION varchar(255),
  NAME varchar(255),
  REALM_ID varchar(255),
  CLIENT varchar(36),
  REALM varchar(36),
  PRIMARY KEY (id)
);
CREATE TABLE USER_ROLE_MAPPING (
  ROLE_ID varchar(255) NOT NULL,
  USER_ID varchar(36) NOT NULL,
  PRIMARY KEY (role_id, user_id)
);
CREATE TABLE KEYCLOAK_GROUP (
  ID varchar(36) NOT NULL,
  NAME varchar(255),
  PARENT_GROUP varchar(36) NOT NULL,
  REALM_ID varchar(36),
  PRIMARY KEY (id)
);
CREATE TABLE USER_GROUP_MEMBERSHIP (
  GROUP_ID varchar(36) NOT NULL,
  USER_ID varchar(36) NOT NULL,
  PRIMARY KEY (group_id, user_id)
);
INSERT INTO USER_ENTITY (id, email, email_constraint, email_verified, enabled, first_name, last_name, realm_id, username, created_timestamp, service_account_client_link) VALUES
  ('2f1c7e0a-6d1b-4a53-9a0e-0d3c5b7f8e11', 'anna@example.org', 'anna@example.org', 1, 1, 'Anna', 'Berg', 'shop', 'anna', 1577934245000, NULL),
  ('2f1c7e0a-6d1b-4a53-9a0e-0d3c5b7f8e12', 'dora@example.org', 'dora@example.org', 0, 0, 'Dora', NULL, 'shop', 'dora', 1577934245000, NULL),
  ('2f1c7e0a-6d1b-4a53-9a0e-0d3c5b7f8e13', NULL, 'x', 0, 1, NULL, NULL, 'shop', 'service-account-shop', 1577934245000, 'client');
INSERT INTO CREDENTIAL (id, type, user_id, secret_data, credential_data, priority) VALUES
  ('c1', 'password', '2f1c7e0a-6d1b-4a53-9a0e-0d3c5b7f8e11', '{{hash.secretData}}', '{{hash.credentialData}}', 10),
  ('c2', 'otp', '2f1c7e0a-6d1b-4a53-9a0e-0d3c5b7f8e11', '{"value":"secret"}', '{"subType":"totp"}', 20),
  ('c3', 'password', '2f1c7e0a-6d1b-4a53-9a0e-0d3c5b7f8e12', '{{hash.secretData}}', '{{hash.credentialData}}', 10);
INSERT INTO KEYCLOAK_ROLE (id, client_role, name, realm_id) VALUES
  ('r1', 0, 'editor', 'shop'), ('r2', 0, 'writer', 'shop'), ('r3', 1, 'manage-account', 'shop');
INSERT INTO USER_ROLE_MAPPING (role_id, user_id) VALUES
  ('r1', '2f1c7e0a-6d1b-4a53-9a0e-0d3c5b7f8e11'), ('r2', '2f1c7e0a-6d1b-4a53-9a0e-0d3c5b7f8e11'), ('r3', '2f1c7e0a-6d1b-4a53-9a0e-0d3c5b7f8e11');
INSERT INTO KEYCLOAK_GROUP (id, name, parent_group, realm_id) VALUES ('g1', 'north', ' ', 'shop'), ('g2', 'south', ' ', 'shop');
INSERT INTO USER_GROUP_MEMBERSHIP (group_id, user_id) VALUES
  ('g1', '2f1c7e0a-6d1b-4a53-9a0e-0d3c5b7f8e11'), ('g2', '2f1c7e0a-6d1b-4a53-9a0e-0d3c5b7f8e11');
