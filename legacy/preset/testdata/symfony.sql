-- preset: symfony
-- definition: symfony/maker-bundle 1.50, src/Maker/MakeUser.php, as Doctrine makes it
-- dialect: postgres
-- vectors: v00000 v01704 v00124
-- find: anna@example.org
-- id: 7
-- email: anna@example.org
-- roles: ROLE_ADMIN ROLE_USER

CREATE TABLE "user" (
  id int NOT NULL,
  email varchar(180) NOT NULL,
  roles json NOT NULL,
  password varchar(255) NOT NULL,
  PRIMARY KEY (id)
);
INSERT INTO "user" (id, email, roles, password) VALUES
  (7, 'anna@example.org', '["ROLE_ADMIN","ROLE_USER"]', '{{hash}}');
