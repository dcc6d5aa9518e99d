-- preset: aspnet-identity2
-- definition: ASP.NET Identity 2.2, src/Microsoft.AspNet.Identity.EntityFramework/IdentityDbContext.cs, as MySql.Data.Entity makes it
-- dialect: mysql
-- vectors: v01168
-- find: Anna; anna@example.org
-- id: 2f1c7e0a-6d1b-4a53-9a0e-0d3c5b7f8e11
-- username: Anna
-- email: anna@example.org
-- verified: false
-- roles: Admin
-- disabled: Dora

CREATE TABLE `AspNetUsers` (
  `Id` nvarchar(128) NOT NULL,
  `Email` nvarchar(256),
  `EmailConfirmed` bool NOT NULL,
  `PasswordHash` longtext,
  `SecurityStamp` longtext,
  `PhoneNumber` longtext,
  `PhoneNumberConfirmed` bool NOT NULL,
  `TwoFactorEnabled` bool NOT NULL,
  `LockoutEndDateUtc` datetime,
  `LockoutEnabled` bool NOT NULL,
  `AccessFailedCount` int NOT NULL,
  `UserName` nvarchar(256) NOT NULL,
  PRIMARY KEY (`Id`)
);
CREATE TABLE `AspNetRoles` (
  `Id` nvarchar(128) NOT NULL,
  `Name` nvarchar(256) NOT NULL,
  PRIMARY KEY (`Id`)
);
CREATE TABLE `AspNetUserRoles` (
  `UserId` nvarchar(128) NOT NULL,
  `RoleId` nvarchar(128) NOT NULL,
  PRIMARY KEY (`UserId`, `RoleId`)
);
INSERT INTO `AspNetUsers` (`Id`, `Email`, `EmailConfirmed`, `PasswordHash`, `PhoneNumberConfirmed`, `TwoFactorEnabled`, `LockoutEndDateUtc`, `LockoutEnabled`, `AccessFailedCount`, `UserName`) VALUES
  ('2f1c7e0a-6d1b-4a53-9a0e-0d3c5b7f8e11', 'anna@example.org', 0, '{{hash}}', 0, 0, '2024-05-06 07:08:09', 1, 0, 'Anna'),
  ('2f1c7e0a-6d1b-4a53-9a0e-0d3c5b7f8e12', 'dora@example.org', 0, '{{hash}}', 0, 0, '9999-12-31 23:59:59', 1, 0, 'Dora');
INSERT INTO `AspNetRoles` (`Id`, `Name`) VALUES ('a', 'Admin');
INSERT INTO `AspNetUserRoles` (`UserId`, `RoleId`) VALUES ('2f1c7e0a-6d1b-4a53-9a0e-0d3c5b7f8e11', 'a');
