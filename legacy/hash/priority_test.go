package hash

import (
	"strings"
	"testing"
)

// formatPriorities say how much the product promises of each format of testdata/vectors.jsonl: A is found in most
// companies, B in many, C here and there. All are complete; a format of the rows that is in no list fails the test.
func formatPriorities() map[string][]string {
	return map[string][]string{
		"A": strings.Fields(`
		bcrypt-2a bcrypt-2b bcrypt-2y argon2i argon2d argon2id argon2i-v10 argon2d-v10 argon2id-v10 pbkdf2-mcf-sha1
		pbkdf2-mcf-sha256 pbkdf2-mcf-sha512 bcrypt-sha256-v1 bcrypt-sha256-v2 scrypt-phc crypt-md5 crypt-apr1
		crypt-sha256 crypt-sha512 django-pbkdf2-sha256 django-pbkdf2-sha1 django-argon2 django-bcrypt-sha256
		django-bcrypt django-scrypt django-sha1 django-md5 django-unsalted-sha1 django-crypt werkzeug-pbkdf2-sha256
		werkzeug-pbkdf2-sha1 werkzeug-pbkdf2-sha512 werkzeug-plain werkzeug-md5 werkzeug-sha1 werkzeug-sha256
		werkzeug-sha512 werkzeug-scrypt bcrypt-pepper restful-auth-sha1 authlogic-sha512 authlogic-md5 authlogic-md5-v2
		authlogic-sha1 authlogic-sha1-v2 authlogic-sha256 authlogic-sha256-v2 authlogic-sha512-v2 better-auth-scrypt
		lucia-scrypt lucia-scrypt-s2 passport-local-mongoose payload-pbkdf2 bcrypt-sha256hex firebase-scrypt
		aspnet-identity-v2 aspnet-identity-v3 keycloak-json spring-bcrypt spring-bcrypt-delegating spring-bcrypt-2b
		spring-bcrypt-2y spring-pbkdf2-v5_5 spring-pbkdf2-v5_5-delegating spring-pbkdf2-v5_8
		spring-pbkdf2-v5_8-delegating spring-pbkdf2-secret spring-pbkdf2-b64 spring-scrypt-v4_1
		spring-scrypt-v4_1-delegating spring-scrypt-v5_8 spring-scrypt-v5_8-delegating spring-scrypt-small
		spring-argon2-v5_2 spring-argon2-v5_2-delegating spring-argon2-v5_8 spring-argon2-v5_8-delegating spring-sha256
		spring-sha256-delegating spring-sha256-secret spring-MD4 spring-MD4-delegating spring-MD5 spring-MD5-delegating
		spring-SHA-1 spring-SHA-1-delegating spring-SHA-256 spring-SHA-256-delegating spring-SHA-512-it1000
		spring-SHA-256-b64 spring-ldap spring-ldap-delegating spring-noop spring-noop-delegating wp-bcrypt phpass
		drupal7 drupal7-u nextcloud symfony-md-sha512-5000 symfony-md-sha1-1 symfony-pbkdf2 symfony-plaintext-salt
		symfony-bcrypt-prehash mediawiki-A mediawiki-B mediawiki-pbkdf2 mediawiki-pbkdf2-legacyA
		mediawiki-pbkdf2-legacyB mediawiki-bcrypt mediawiki-argon2 vbulletin vb5-bcrypt-md5 vb5-argon2-md5 ipb-mybb
		smf1-sha1-user smf2-bcrypt-user xenforo-sha256 magento-md5-salt magento2-v0 magento2-v1 magento2-v2 magento2-v3
		magento2-chain oscommerce joomla-md5-salt salted-sha1-prefix ldap-sha ldap-ssha ldap-md5 ldap-smd5 ldap-sha256
		ldap-sha384 ldap-sha512 ldap-ssha256 ldap-ssha384 ldap-ssha512 ldap-crypt ldap-pbkdf2-sha1 ldap-pbkdf2-sha256
		ldap-pbkdf2-sha512 ldap-plaintext plaintext raw-md5-hex raw-sha1-hex raw-sha256-hex raw-sha512-hex
		salted-md5-suffix salted-md5-prefix salted-sha1-suffix salted-sha256-suffix salted-sha256-prefix
		salted-sha512-suffix salted-sha512-prefix scrypt-phc-n hmac-md5-key-salt hmac-md5-key-pw salted-md5-b64-prefix
		pbkdf2-md5-hex hmac-sha1-key-salt hmac-sha1-key-pw salted-sha1-b64-prefix pbkdf2-sha1-hex hmac-sha256-key-salt
		hmac-sha256-key-pw salted-sha256-b64-prefix pbkdf2-sha256-hex hmac-sha512-key-salt hmac-sha512-key-pw
		salted-sha512-b64-prefix pbkdf2-sha512-hex bcrypt-md5hex bcrypt-sha1hex`),
		"B": strings.Fields(`
		crypt-des crypt-yescrypt crypt-scrypt7 crypt-bsdi dovecot-sha1 dovecot-sha256 dovecot-sha512 dovecot-plain-md4
		dovecot-plain-md5 dovecot-ldap-md5 dovecot-md5 dovecot-des-crypt dovecot-crypt dovecot-sha256-crypt
		dovecot-sha512-crypt dovecot-blf-crypt dovecot-pbkdf2 dovecot-argon2i dovecot-argon2id dovecot-cram-md5
		dovecot-hmac-md5 dovecot-digest-md5 dovecot-scram-sha-1 dovecot-scram-sha-256 dovecot-plain dovecot-clear
		dovecot-cleartext dovecot-plain-trunc dovecot-otp ldap-argon2 ldap-apr1 ldap-bsdmd5 389ds-pbkdf2-sha256
		389ds-gost-yescrypt mosquitto-7 mosquitto-6 gogs-pbkdf2 gitea-pbkdf2 htdigest aspnet-membership-sha1
		aspnet-membership-sha256 scrypt-columns-b64 fusionauth-pbkdf2-sha256 postgres-scram-sha-256 postgres-md5 mysql41
		mysql323 mariadb-ed25519 shiro1 shiro-simplehash-hex shiro-simplehash-b64 jasypt-basic-md5 jasypt-strong-sha256
		jetty-obf jetty-md5 jetty-crypt tomcat-salt-iter-hash tomcat-pbkdf2 crypt-sha1 bcrypt-2x bcrypt-phc pbkdf2-phc
		scrypt-kdf-b64 node-scrypt-hex scrypt-crypt7 pkcs5s2 ldap-hex-md5 ldap-hex-sha1 ntlm lm msdcc msdcc2 ldap-nthash
		ldap-lanman ldap-crypt-phpass wcf1 wcf2-double-bcrypt wcf-pbkdf2 devise-sha1 devise-sha512 clearance-sha1
		redmine`),
		"C": strings.Fields(`
		aix-smd5-bare crypt-gost-yescrypt crypt-sunmd5 crypt-nt3 npm-password-hash npm-credential npm-pbkdf2-password
		crypt-bigcrypt crypt16 pbkdf2-p5k2-cta pbkdf2-p5k2-dlitz grub-pbkdf2-sha512 fshp scram-passlib roundup-plaintext
		raw-md4-hex bsd-nthash mssql2000 mssql2005 oracle10 oracle11 cisco-type7 cisco-pix ldap-ns-mta-md5 eggdrop
		perl-crypt-pbkdf2-ldap perl-crypt-pbkdf2-crypt raw-sha384-hex raw-sha224-hex raw-ripemd160-hex raw-whirlpool-hex
		raw-sha3-256-hex md5-md5 sha1-md5 md5-sha1 sha1-salt-pw-colon phpfox3 kmd5-unb seafile-pbkdf2`),
	}
}

// checkPriorities checks that every format has a priority, a scheme, and rows that prove it both ways. With -v it
// prints the counts.
func checkPriorities(t *testing.T, tallies map[string]*tally) {
	t.Helper()
	listed := map[string]bool{}
	for _, priority := range []string{"A", "B", "C"} {
		formats := formatPriorities()[priority]
		var rows, complete int
		for _, format := range formats {
			if listed[format] {
				t.Errorf("%s has two priorities", format)
			}
			listed[format] = true
			c := tallies[format]
			if c == nil || c.valid == 0 || c.invalid == 0 {
				t.Errorf("no rows prove %s, of priority %s", format, priority)
				continue
			}
			rows += c.valid + c.invalid
			complete += count(c.validOK == c.valid && c.invalidOK == c.invalid)
		}
		t.Logf("priority %s: %d of %d formats complete, %d rows", priority, complete, len(formats), rows)
		if complete != len(formats) {
			t.Errorf("%d formats of priority %s are not complete", len(formats)-complete, priority)
		}
	}
	for format := range tallies {
		if !listed[format] {
			t.Errorf("%s has no priority", format)
		}
	}
}
