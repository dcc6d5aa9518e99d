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
	_, err = s.exec(ctx, s.write, `INSERT INTO validations (id, began, ended, epoch, report) VALUES ($1, $2, $3, $4, $5) ON CONFLICT (id) DO NOTHING`,
		v.ID, micros(v.Began), micros(v.Ended), v.Epoch, plain(string(report)))
	return storeError("add validation", err)
}

// Validations implements accounts.Validations.
func (s *Store) Validations(ctx context.Context, limit int) ([]accounts.Validation, error) {
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
	}, `SELECT id, began, ended, epoch, report FROM validations ORDER BY began DESC, id DESC LIMIT $1`, max(limit, 0))
	return all, storeError("read validations", err)
}
