-- preset: spring-security
-- definition: Spring Security 6.3, core/src/main/resources/org/springframework/security/core/userdetails/jdbc/users.ddl
-- dialect: postgres
-- vectors: v00662 v00678 v00709 v00774
-- find: anna
-- id: anna
-- username: anna
-- roles: ROLE_ADMIN ROLE_USER
-- disabled: dora

CREATE TABLE users (
  username varchar(50) NOT NULL PRIMARY KEY,
  password varchar(500) NOT NULL,
  enabled boolean NOT NULL
);
CREATE TABLE authorities (
  username varchar(50) NOT NULL,
  authority varchar(50) NOT NULL
);
INSERT INTO users (username, password, enabled) VALUES ('anna', '{{hash}}', true), ('dora', '{{hash}}', false);
INSERT INTO authorities (username, authority) VALUES ('anna', 'ROLE_USER'), ('anna', 'ROLE_ADMIN');
