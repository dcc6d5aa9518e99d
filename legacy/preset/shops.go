package preset

// shops lists the shops; all of them know customers by e-mail address.
func shops() []Preset {
	return []Preset{
		{
			Name: "magento2", Title: "Magento 2, customers",
			Source:  "magento/magento2: app/code/Magento/Customer/etc/db_schema.xml",
			Engines: []string{"mysql"},
			Table:   "customer_entity",
			Columns: Columns{
				ID: "entity_id", Email: "email", Password: "password_hash",
				CreatedAt: "created_at", LastLoginAt: "l.last_login_at", Disabled: "!is_active",
			},
			Profile: Profile{DisplayName: "firstname,lastname", Groups: "g.customer_group_code"},
			Extra:   []string{"website_id", "store_id"},
			Joins: []Join{
				{Table: "customer_log", As: "l", On: on("entity_id", "customer_id")},
				{Table: "customer_group", As: "g", On: on("group_id", "customer_group_id")},
			},
			Scheme: "magento2",
			Needs: []Need{{
				Key: "where", Why: "website_id, where accounts are not shared between websites: one address then has several people, and is contested",
			}},
			Notes: []string{"Who has yet to confirm the address (confirmation) is not told apart."},
		},
		{
			Name: "magento2-admin", Title: "Magento 2, staff",
			Source:  "magento/magento2: app/code/Magento/User/etc/db_schema.xml",
			Engines: []string{"mysql"},
			Table:   "admin_user",
			Columns: Columns{
				ID: "user_id", Username: "username", Email: "email", Password: "password",
				CreatedAt: "created", LastLoginAt: "logdate", Disabled: "!is_active",
			},
			Profile: Profile{DisplayName: "firstname,lastname"},
			Scheme:  "magento2",
		},
		{
			Name: "opencart", Title: "OpenCart 1.5 to 3, customers",
			Source:  "opencart/opencart 3.0: upload/install/opencart.sql",
			Engines: []string{"mysql"},
			Prefix:  "oc_", Table: "customer",
			Columns: Columns{
				ID: "customer_id", Email: "email", Password: "password", Salt: "salt", CreatedAt: "date_added", Disabled: "!status",
			},
			Profile: Profile{DisplayName: "firstname,lastname"},
			Extra:   []string{"store_id"},
			Scheme:  "opencart",
		},
		{
			Name: "opencart4", Title: "OpenCart 4, customers",
			Source:  "opencart/opencart 4: upload/system/helper/db_schema.php",
			Engines: []string{"mysql"},
			Prefix:  "oc_", Table: "customer",
			Columns: Columns{ID: "customer_id", Email: "email", Password: "password", CreatedAt: "date_added", Disabled: "!status"},
			Profile: Profile{DisplayName: "firstname,lastname"},
			Extra:   []string{"store_id"},
			Scheme:  "php-password-hash",
		},
		{
			Name: "prestashop", Title: "PrestaShop 1.5 to 9, customers",
			Source:  "PrestaShop/PrestaShop: install-dev/data/db_structure.sql",
			Engines: []string{"mysql"},
			Prefix:  "ps_", Table: "customer",
			Columns: Columns{ID: "id_customer", Email: "email", Password: "passwd", CreatedAt: "date_add", Disabled: "!active"},
			Profile: Profile{DisplayName: "firstname,lastname", Locale: "l.language_code"},
			Extra:   []string{"id_shop"},
			Joins:   []Join{{Table: "lang", As: "l", On: on("id_lang", "id_lang")}},
			// A guest orders without an account, under an address that a customer may have as well.
			Where:  []Condition{is("deleted", "0"), is("is_guest", "0")},
			Scheme: "prestashop",
			Needs: []Need{{
				Key: "pepper", Why: "_COOKIE_KEY_ of app/config/parameters.php or config/settings.inc.php, for passwords that were set before 1.7",
			}},
		},
	}
}
