-- preset: aspnet-identity
-- definition: ASP.NET Core 8, src/Identity/EntityFrameworkCore/src, as Npgsql's migrations make it
-- dialect: postgres
-- vectors: v01173 v01168
-- find: Anna; anna@example.org
-- id: 2f1c7e0a-6d1b-4a53-9a0e-0d3c5b7f8e11
-- username: Anna
-- email: anna@example.org
-- verified: true
-- roles: Admin Editor
-- disabled: Dora

CREATE TABLE "AspNetUsers" (
  "Id" text NOT NULL,
  "UserName" character varying(256),
  "NormalizedUserName" character varying(256),
  "Email" character varying(256),
  "NormalizedEmail" character varying(256),
  "EmailConfirmed" boolean NOT NULL,
  "PasswordHash" text,
  "SecurityStamp" text,
  "ConcurrencyStamp" text,
  "PhoneNumber" text,
  "PhoneNumberConfirmed" boolean NOT NULL,
  "TwoFactorEnabled" boolean NOT NULL,
  "LockoutEnd" timestamp with time zone,
  "LockoutEnabled" boolean NOT NULL,
  "AccessFailedCount" integer NOT NULL,
  PRIMARY KEY ("Id")
);
CREATE TABLE "AspNetRoles" (
  "Id" text NOT NULL,
  "Name" character varying(256),
  "NormalizedName" character varying(256),
  "ConcurrencyStamp" text,
  PRIMARY KEY ("Id")
);
CREATE TABLE "AspNetUserRoles" (
  "UserId" text NOT NULL,
  "RoleId" text NOT NULL,
  PRIMARY KEY ("UserId", "RoleId")
);
INSERT INTO "AspNetUsers" ("Id", "UserName", "NormalizedUserName", "Email", "NormalizedEmail", "EmailConfirmed", "PasswordHash", "PhoneNumberConfirmed", "TwoFactorEnabled", "LockoutEnd", "LockoutEnabled", "AccessFailedCount") VALUES
  ('2f1c7e0a-6d1b-4a53-9a0e-0d3c5b7f8e11', 'Anna', 'ANNA', 'anna@example.org', 'ANNA@EXAMPLE.ORG', true, '{{hash}}', false, false, '2024-05-06 07:08:09+00', true, 0),
  ('2f1c7e0a-6d1b-4a53-9a0e-0d3c5b7f8e12', 'Dora', 'DORA', 'dora@example.org', 'DORA@EXAMPLE.ORG', true, '{{hash}}', false, false, '9999-12-31 23:59:59+00', true, 0);
INSERT INTO "AspNetRoles" ("Id", "Name", "NormalizedName") VALUES ('a', 'Admin', 'ADMIN'), ('e', 'Editor', 'EDITOR');
INSERT INTO "AspNetUserRoles" ("UserId", "RoleId") VALUES
  ('2f1c7e0a-6d1b-4a53-9a0e-0d3c5b7f8e11', 'a'), ('2f1c7e0a-6d1b-4a53-9a0e-0d3c5b7f8e11', 'e');
