package sqlstore

import (
	"context"
	"encoding/json"
	"fmt"

	"rekey/accounts"
)

// AddValidation implements accounts.Validations.
func (s *Store) AddValidation(ctx context.Context, v accounts.Validation) error {
	report, err := json.Marshal(v.Found)
	if err != nil {
		return fmt.Errorf("encode the validation: %w", err)
	}
	_, err = s.exec(ctx, s.write, `
INSERT INTO validations (id, began, ended, epoch, report, complete, clean) VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (id) DO NOTHING`,
		v.ID, micros(v.Began), micros(v.Ended), v.Epoch, plain(string(report)), v.Found.Complete, v.Found.Clean())
	return storeError("add validation", err)
}

// Validations implements accounts.Validations.
func (s *Store) Validations(ctx context.Context, limit int) ([]accounts.Validation, error) {
	all, err := s.validations(ctx, `SELECT `+validationColumns+` FROM validations ORDER BY began DESC, id DESC LIMIT $1`, max(limit, 0))
	return all, storeError("read validations", err)
}

// LastComplete implements accounts.Validations.
func (s *Store) LastComplete(ctx context.Context, epoch int64) (accounts.Validation, error) {
	v, err := first(s.validations(ctx, `SELECT `+validationColumns+` FROM validations WHERE complete AND epoch >= $1`+newestValidation, epoch))
	return v, storeError("read the last complete validation", err)
}

// LastUnclean implements accounts.Validations.
func (s *Store) LastUnclean(ctx context.Context) (accounts.Validation, error) {
	v, err := first(s.validations(ctx, `SELECT `+validationColumns+` FROM validations WHERE NOT clean`+newestValidation))
	return v, storeError("read the last validation that found a difference", err)
}

const (
	validationColumns = `id, began, ended, epoch, report`
	newestValidation  = ` ORDER BY began DESC, id DESC LIMIT 1`
)

func (s *Store) validations(ctx context.Context, text string, args ...any) ([]accounts.Validation, error) {
	var all []accounts.Validation
	err := s.each(ctx, s.read, func(scan scan) error {
		var (
			v            accounts.Validation
			began, ended int64
			report       string
		)
		if err := scan(&v.ID, &began, &ended, &v.Epoch, &report); err != nil {
			return err
		}
		v.Began, v.Ended = moment(began), moment(ended)
		if err := json.Unmarshal([]byte(report), &v.Found); err != nil {
			return fmt.Errorf("decode a validation: %w", err)
		}
		all = append(all, v)
		return nil
	}, text, args...)
	return all, err
}
