package accounts

import (
	"context"

	"rekey/accounts/failpoint"
	"rekey/accounts/password"
	"rekey/accounts/phase"
)

// A Deletion is somebody who is logged in and wants to be gone.
type Deletion struct {
	Session   Session
	Current   password.Secret
	RequestID string
}

// Delete removes an account for good, after its password was proven once more. What stays is its id and the links to
// the legacy people that it was made from: they are tombstones, and no login, sweep or import brings them back. Who
// registers the same name later is somebody else.
//
// Its errors are those of ChangePassword, but for the policy.
func (s *Service) Delete(ctx context.Context, d Deletion) error {
	a := Attempt{Password: d.Current, RequestID: d.RequestID}
	there := func(a Attempt) error { return s.deleteThere(ctx, d, a) }
	return s.change(ctx, d.Session, a, &s.stats.Deleted, there, func(a Attempt, rec Record, row phase.Row) error {
		var (
			owed []Delivery
			err  error
		)
		if row.Legacy == phase.CopyBack {
			if owed, err = s.oweDelete(rec); err != nil {
				return cannotTell("delete account", err)
			}
		}
		failpoint.Hit(failpoint.DeleteProven)
		err = s.outlive(ctx, func(ctx context.Context) error {
			return s.writes(a).Delete(ctx, rec.ID, rec.Credential.Version, s.now(), s.event(rec.ID, EventDeleted, a), owed...)
		})
		s.owes(owed, err)
		return err
	})
}
