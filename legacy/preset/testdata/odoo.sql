-- preset: odoo
-- definition: Odoo 16, odoo/addons/base/models/res_users.py and res_partner.py; of res_partner what says who somebody is
-- dialect: postgres
-- vectors: v01253
-- find: anna; anna@example.org
-- id: 7
-- username: anna
-- email: anna@example.org
-- name: Anna Berg
-- locale: pt-BR
-- created: 2020-01-02T03:04:05Z
-- last login: 2024-05-06T07:08:09Z
-- disabled: dora

CREATE TABLE res_users (
  id integer NOT NULL PRIMARY KEY,
  company_id integer NOT NULL,
  partner_id integer NOT NULL,
  active boolean DEFAULT true,
  create_date timestamp without time zone,
  login character varying NOT NULL,
  password character varying,
  action_id integer,
  create_uid integer,
  write_uid integer,
  signature text,
  share boolean,
  write_date timestamp without time zone,
  notification_type character varying NOT NULL
);
CREATE TABLE res_partner (
  id integer NOT NULL PRIMARY KEY,
  company_id integer,
  create_date timestamp without time zone,
  name character varying,
  display_name character varying,
  lang character varying,
  tz character varying,
  email character varying,
  phone character varying,
  active boolean,
  is_company boolean
);
CREATE TABLE res_users_log (
  id integer NOT NULL PRIMARY KEY,
  create_uid integer,
  create_date timestamp without time zone,
  write_uid integer,
  write_date timestamp without time zone
);
INSERT INTO res_users (id, company_id, partner_id, active, create_date, login, password, notification_type) VALUES
  (7, 1, 70, true, '2020-01-02 03:04:05', 'anna', '{{hash}}', 'email'),
  (8, 1, 80, false, '2020-01-02 03:04:05', 'dora', '{{hash}}', 'email');
INSERT INTO res_partner (id, name, lang, email) VALUES (70, 'Anna Berg', 'pt_BR', 'anna@example.org'), (80, 'Dora', 'en_US', 'dora@example.org');
INSERT INTO res_users_log (id, create_uid, create_date) VALUES (1, 7, '2023-05-06 07:08:09'), (2, 7, '2024-05-06 07:08:09');
