// Package failpoint lets a test kill the process at a named step of a write, to see what a restart finds.
//
// Without the build tag failpoint, Hit is an empty function that the compiler removes. With it, the process whose
// environment says REKEY_FAILPOINT=<name> kills itself with SIGKILL when it reaches that step: no deferred call runs
// and no buffer is flushed, as in a power cut of the process.
package failpoint

// The steps, in the order in which a migrating login passes them.
const (
	MigrateProven     = "migrate:proven"     // the legacy password was right; nothing is written
	MigrateRehashed   = "migrate:rehashed"   // the new hash is made; nothing is written
	CreateBegun       = "create:begun"       // the transaction is open
	CreateAccount     = "create:account"     // and from here on one row after the other is in it
	CreateIdentifiers = "create:identifiers" //
	CreateCredential  = "create:credential"  //
	CreateLink        = "create:link"        //
	CreateEvent       = "create:event"       // all is written, nothing is committed
	CreateCommitted   = "create:committed"   // the database has acknowledged the commit; nobody was told
	MigrateDone       = "migrate:done"       // the account is moved; no token was handed out
)

// Names returns every step, in order.
func Names() []string {
	return []string{
		MigrateProven, MigrateRehashed,
		CreateBegun, CreateAccount, CreateIdentifiers, CreateCredential, CreateLink, CreateEvent, CreateCommitted,
		MigrateDone,
	}
}
