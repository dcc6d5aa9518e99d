package sqlsource

import "strings"

// The questions to each catalogue. Bodies are cut at 64 KiB by the database: a name behind that is not found.

// inspectMySQL serves MariaDB and MySQL. information_schema leaves out what the user has no rights on, without a word,
// so each look asks first whether it is shown all.
func inspectMySQL() inspector {
	const (
		mine   = `REPLACE(grantee, '''', '') = CURRENT_USER()`
		global = `SELECT 1 FROM information_schema.user_privileges WHERE ` + mine + ` AND privilege_type = `
		// A right on everything, on the table's schema, or on the table.
		rightOn = ` UNION ALL SELECT 1 FROM information_schema.schema_privileges WHERE ` + mine +
			` AND ? LIKE table_schema AND privilege_type = `
	)
	return inspector{
		schema: `SELECT DATABASE()`, quote: backticks, nameless: true,
		size: look{what: "size", args: []target{schemaName, tableName}, query: `
			SELECT COALESCE(data_length, 0) + COALESCE(index_length, 0), table_rows FROM information_schema.tables
			WHERE table_schema = ? AND table_name = ?`},
		columns: look{what: "columns", args: []target{schemaName, tableName}, query: `
			SELECT column_name, column_type FROM information_schema.columns
			WHERE table_schema = ? AND table_name = ? ORDER BY ordinal_position LIMIT 1000`},
		looks: []look{
			{
				kind: ForeignKey, what: "foreign keys", args: []target{schemaName, tableName},
				query: `SELECT CONCAT(table_schema, '.', table_name, '.', column_name), CONCAT('refers to ', referenced_column_name)
					FROM information_schema.key_column_usage WHERE referenced_table_schema = ? AND referenced_table_name = ?
					ORDER BY 1 LIMIT 501`,
				seen: global + `'SELECT'`, lacked: "SELECT on all schemas",
			},
			{
				kind: View, what: "views", args: []target{},
				query: `SELECT CONCAT(table_schema, '.', table_name), 'reads the table', LEFT(view_definition, 65536)
					FROM information_schema.views WHERE view_definition <> '' ORDER BY 1 LIMIT 20000`,
				seen: global + `'SHOW VIEW'`, lacked: "SHOW VIEW on all schemas",
			},
			{
				kind: Trigger, what: "triggers", args: []target{schemaName, tableName},
				query: `SELECT CONCAT(trigger_schema, '.', trigger_name), CONCAT(LOWER(action_timing), ' ', LOWER(event_manipulation), ' on the table')
					FROM information_schema.triggers WHERE event_object_schema = ? AND event_object_table = ? ORDER BY 1 LIMIT 501`,
				seen: global + `'TRIGGER'` + rightOn + `'TRIGGER'`, lacked: "TRIGGER on the table's schema",
			},
			{
				kind: Trigger, what: "triggers of other tables", args: []target{schemaName, tableName},
				query: `SELECT CONCAT(trigger_schema, '.', trigger_name), CONCAT(LOWER(action_timing), ' ', LOWER(event_manipulation), ' on ', event_object_table),
					LEFT(action_statement, 65536)
					FROM information_schema.triggers WHERE NOT (event_object_schema = ? AND event_object_table = ?) ORDER BY 1 LIMIT 20000`,
				seen: global + `'TRIGGER'`, lacked: "TRIGGER on all schemas",
			},
			{
				kind: Routine, what: "routines", args: []target{},
				query: `SELECT CONCAT(routine_schema, '.', routine_name), LOWER(routine_type), LEFT(routine_definition, 65536)
					FROM information_schema.routines WHERE routine_definition <> '' AND routine_schema NOT IN ('sys', 'mysql')
					ORDER BY 1 LIMIT 20000`,
				seen: `SELECT 1 FROM mysql.proc LIMIT 1`, lacked: "SELECT on mysql.proc, or SHOW_ROUTINE",
			},
			{
				kind: Routine, what: "scheduled events", args: []target{},
				query: `SELECT CONCAT(event_schema, '.', event_name), 'scheduled event', LEFT(event_definition, 65536)
					FROM information_schema.events ORDER BY 1 LIMIT 20000`,
				seen: global + `'EVENT'`, lacked: "EVENT on all schemas",
			},
			{
				kind: Grant, what: "database users with rights", args: []target{schemaName, schemaName, tableName},
				query: `SELECT grantee, GROUP_CONCAT(privilege_type ORDER BY privilege_type SEPARATOR ', ') FROM (
					SELECT grantee, privilege_type FROM information_schema.user_privileges
					WHERE privilege_type IN ('SELECT', 'INSERT', 'UPDATE', 'DELETE', 'ALTER', 'DROP')
					UNION SELECT grantee, privilege_type FROM information_schema.schema_privileges WHERE ? LIKE table_schema
					UNION SELECT grantee, privilege_type FROM information_schema.table_privileges
					WHERE table_schema = ? AND table_name = ?) AS rights GROUP BY grantee ORDER BY 1 LIMIT 501`,
				seen: `SELECT 1 FROM mysql.user LIMIT 1`, lacked: "SELECT on the schema mysql; only our own rights are shown",
			},
			{
				kind: Client, what: "client connections", args: []target{schemaName},
				query: `SELECT CONCAT(user, '@', SUBSTRING_INDEX(host, ':', 1)), CONCAT(COUNT(*), IF(COUNT(*) = 1, ' connection', ' connections'))
					FROM information_schema.processlist WHERE db = ? AND command NOT IN ('Daemon', 'Binlog Dump')
					GROUP BY 1 ORDER BY 1 LIMIT 501`,
				seen: global + `'PROCESS'`, lacked: "PROCESS; only our own connections are shown",
			},
		},
	}
}

// inspectPostgres: the catalogue is open to everybody, but for who is connected from where.
func inspectPostgres() inspector {
	return inspector{
		quote: doubleQuotes,
		size: look{what: "size", args: []target{quotedTable}, query: `
			SELECT pg_total_relation_size(oid)::text, GREATEST(reltuples, 0)::bigint::text FROM pg_class WHERE oid = to_regclass($1)`},
		columns: look{what: "columns", args: []target{quotedTable}, query: `
			SELECT attname::text, format_type(atttypid, atttypmod) FROM pg_attribute
			WHERE attrelid = to_regclass($1) AND attnum > 0 AND NOT attisdropped ORDER BY attnum`},
		looks: []look{
			{kind: ForeignKey, what: "foreign keys", args: []target{quotedTable}, query: `
				SELECT conrelid::regclass::text, pg_get_constraintdef(oid) FROM pg_constraint
				WHERE contype = 'f' AND confrelid = to_regclass($1) AND conparentid = 0 ORDER BY 1, 2 LIMIT 501`},
			{kind: View, what: "views", args: []target{quotedTable}, query: `
				SELECT DISTINCT c.oid::regclass::text, CASE c.relkind WHEN 'm' THEN 'materialized view of the table' ELSE 'reads the table' END
				FROM pg_depend d JOIN pg_rewrite r ON r.oid = d.objid JOIN pg_class c ON c.oid = r.ev_class
				WHERE d.classid = 'pg_rewrite'::regclass AND d.refclassid = 'pg_class'::regclass
				AND d.refobjid = to_regclass($1) AND c.oid <> to_regclass($1) ORDER BY 1 LIMIT 501`},
			{kind: Trigger, what: "triggers", args: []target{quotedTable}, query: `
				SELECT tgname::text, pg_get_triggerdef(oid) FROM pg_trigger
				WHERE tgrelid = to_regclass($1) AND NOT tgisinternal ORDER BY 1 LIMIT 501`},
			{kind: Trigger, what: "rewrite rules", args: []target{quotedTable}, query: `
				SELECT rulename::text, 'rewrite rule on the table' FROM pg_rewrite
				WHERE ev_class = to_regclass($1) AND rulename <> '_RETURN' ORDER BY 1 LIMIT 501`},
			{kind: Routine, what: "routines", query: `
				SELECT p.oid::regprocedure::text, CASE p.prokind WHEN 'p' THEN 'procedure' ELSE 'function' END,
				LEFT(COALESCE(NULLIF(p.prosrc, ''), ' ') || ' ' || COALESCE(pg_get_function_sqlbody(p.oid), ''), 65536)
				FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
				WHERE n.nspname NOT IN ('pg_catalog', 'information_schema') AND p.prokind <> 'a' ORDER BY 1 LIMIT 20000`},
			{kind: Grant, what: "database users with rights", args: []target{quotedTable}, query: `
				SELECT CASE a.grantee WHEN 0 THEN 'PUBLIC' ELSE pg_get_userbyid(a.grantee)::text END,
				string_agg(a.privilege_type, ', ' ORDER BY a.privilege_type)
				FROM pg_class c, LATERAL aclexplode(COALESCE(c.relacl, acldefault('r', c.relowner))) a
				WHERE c.oid = to_regclass($1) GROUP BY a.grantee ORDER BY 1 LIMIT 501`},
			{kind: Grant, what: "database users who may do everything", query: `
				SELECT rolname::text, 'superuser' FROM pg_roles WHERE rolsuper ORDER BY 1 LIMIT 501`},
			{kind: Feed, what: "publications", args: []target{schemaName, tableName}, query: `
				SELECT pubname::text, 'logical replication of the table' FROM pg_publication_tables
				WHERE schemaname = $1 AND tablename = $2 ORDER BY 1 LIMIT 501`},
			{
				kind: Client, what: "client connections", args: []target{ourClient},
				query: `SELECT COALESCE(usename::text, 'unknown') || '@' || COALESCE(host(client_addr), 'local or not shown') ||
					CASE WHEN application_name = '' THEN '' ELSE ' (' || application_name || ')' END,
					COUNT(*) || CASE COUNT(*) WHEN 1 THEN ' connection' ELSE ' connections' END
					FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()
					AND application_name <> $1 AND COALESCE(backend_type, 'client backend') = 'client backend'
					GROUP BY 1, usename, client_addr, application_name ORDER BY 1 LIMIT 501`,
				seen: `SELECT 1 WHERE pg_has_role(current_user, 'pg_read_all_stats', 'USAGE')
					OR (SELECT rolsuper FROM pg_roles WHERE rolname = current_user)`,
				lacked: "the role pg_read_all_stats; addresses of other users are not shown",
			},
		},
		schema: `SELECT current_schema()::text`,
	}
}

// inspectSQLite: a file has neither users nor connections of its own.
func inspectSQLite() inspector {
	return inspector{
		quote: backticks,
		size: look{what: "size", args: []target{tableName, tableName}, query: `
			SELECT (SELECT SUM(pgsize) FROM dbstat WHERE name = ? OR name IN (SELECT name FROM sqlite_master WHERE type = 'index' AND tbl_name = ?)), 0`},
		columns: look{what: "columns", args: []target{tableName}, query: `SELECT name, type FROM pragma_table_info(?) LIMIT 1000`},
		looks: []look{
			{kind: ForeignKey, what: "foreign keys", args: []target{tableName}, query: `
				SELECT m.name || '.' || k."from", 'refers to ' || COALESCE(k."to", 'the key')
				FROM sqlite_master m, pragma_foreign_key_list(m.name) k
				WHERE m.type = 'table' AND k."table" = ? COLLATE NOCASE ORDER BY 1 LIMIT 501`},
			{kind: View, what: "views", query: `
				SELECT name, 'reads the table', substr(sql, 1, 65536) FROM sqlite_master WHERE type = 'view' ORDER BY 1 LIMIT 20000`},
			{kind: Trigger, what: "triggers", query: `
				SELECT name, 'on ' || tbl_name, substr(sql, 1, 65536) FROM sqlite_master WHERE type = 'trigger' ORDER BY 1 LIMIT 20000`},
		},
		notes: []string{"database users and clients: SQLite has none of its own; see which users and programs may open the file"},
	}
}

// inspectSQLServer follows the documentation of SQL Server 2016 and later.
func inspectSQLServer() inspector {
	return inspector{
		schema: `SELECT SCHEMA_NAME()`, nameless: true,
		quote: func(name string) string { return "[" + strings.ReplaceAll(name, "]", "]]") + "]" },
		size: look{what: "size", args: []target{quotedTable}, query: `
			SELECT CAST(SUM(used_page_count) * 8192 AS varchar(20)), CAST(SUM(CASE WHEN index_id < 2 THEN row_count ELSE 0 END) AS varchar(20))
			FROM sys.dm_db_partition_stats WHERE object_id = OBJECT_ID(@p1)`},
		columns: look{what: "columns", args: []target{quotedTable}, query: `
			SELECT name, TYPE_NAME(user_type_id) FROM sys.columns WHERE object_id = OBJECT_ID(@p1) ORDER BY column_id`},
		looks: []look{
			{kind: ForeignKey, what: "foreign keys", args: []target{quotedTable}, query: `
				SELECT TOP 501 CONCAT(OBJECT_SCHEMA_NAME(c.parent_object_id), '.', OBJECT_NAME(c.parent_object_id), '.', COL_NAME(c.parent_object_id, c.parent_column_id)),
				CONCAT('refers to ', COL_NAME(c.referenced_object_id, c.referenced_column_id))
				FROM sys.foreign_key_columns c WHERE c.referenced_object_id = OBJECT_ID(@p1) ORDER BY 1`},
			{
				kind: View, what: "views", args: []target{quotedTable},
				query: `SELECT DISTINCT TOP 501 CONCAT(OBJECT_SCHEMA_NAME(o.object_id), '.', o.name), 'reads the table'
					FROM sys.sql_expression_dependencies d JOIN sys.objects o ON o.object_id = d.referencing_id
					WHERE d.referenced_id = OBJECT_ID(@p1) AND o.type = 'V' ORDER BY 1`,
				seen:   `SELECT 1 WHERE HAS_PERMS_BY_NAME(DB_NAME(), 'DATABASE', 'VIEW DEFINITION') = 1`,
				lacked: "VIEW DEFINITION on the database",
			},
			{kind: Trigger, what: "triggers", args: []target{quotedTable}, query: `
				SELECT TOP 501 t.name, 'on the table' FROM sys.triggers t WHERE t.parent_id = OBJECT_ID(@p1) ORDER BY 1`},
			{
				kind: Routine, what: "routines", args: []target{quotedTable},
				query: `SELECT DISTINCT TOP 501 CONCAT(OBJECT_SCHEMA_NAME(o.object_id), '.', o.name), LOWER(o.type_desc)
					FROM sys.sql_expression_dependencies d JOIN sys.objects o ON o.object_id = d.referencing_id
					WHERE d.referenced_id = OBJECT_ID(@p1) AND o.type IN ('P', 'FN', 'IF', 'TF', 'TR') ORDER BY 1`,
				seen:   `SELECT 1 WHERE HAS_PERMS_BY_NAME(DB_NAME(), 'DATABASE', 'VIEW DEFINITION') = 1`,
				lacked: "VIEW DEFINITION on the database",
			},
			{
				kind: Grant, what: "database users with rights", args: []target{quotedTable},
				query: `SELECT TOP 501 USER_NAME(p.grantee_principal_id), STRING_AGG(CONCAT(LOWER(p.state_desc), ' ', p.permission_name), ', ')
					FROM sys.database_permissions p
					WHERE (p.class = 1 AND p.major_id = OBJECT_ID(@p1)) OR (p.class = 0 AND p.permission_name IN ('SELECT', 'INSERT', 'UPDATE', 'DELETE', 'CONTROL'))
					GROUP BY p.grantee_principal_id ORDER BY 1`,
				seen:   `SELECT 1 WHERE HAS_PERMS_BY_NAME(DB_NAME(), 'DATABASE', 'VIEW DEFINITION') = 1`,
				lacked: "VIEW DEFINITION on the database",
			},
			{kind: Grant, what: "members of the roles that read or write every table", query: `
				SELECT TOP 501 m.name, CONCAT('member of ', r.name) FROM sys.database_role_members x
				JOIN sys.database_principals r ON r.principal_id = x.role_principal_id
				JOIN sys.database_principals m ON m.principal_id = x.member_principal_id
				WHERE r.name IN ('db_owner', 'db_datareader', 'db_datawriter') ORDER BY 1`},
			{
				kind: Client, what: "client connections",
				query: `SELECT TOP 501 CONCAT(login_name, '@', host_name), CONCAT(COUNT(*), ' connections') FROM sys.dm_exec_sessions
					WHERE is_user_process = 1 AND database_id = DB_ID() GROUP BY login_name, host_name ORDER BY 1`,
				seen:   `SELECT 1 WHERE HAS_PERMS_BY_NAME(NULL, NULL, 'VIEW SERVER STATE') = 1`,
				lacked: "VIEW SERVER STATE; only our own connections are shown",
			},
		},
	}
}
