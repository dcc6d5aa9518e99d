package server

import (
	"context"
	"encoding/json"
	"fmt"

	"rekey/accounts"
	"rekey/cmd/rekey/config"
	"rekey/sweeper"
	"rekey/sweeper/governor"
	"rekey/sweeper/settings"
)

// SweepKeeper returns who keeps the sweeper's settings in a store. It opens no legacy store.
func SweepKeeper(c *config.Config, store accounts.RunStore) *settings.Keeper {
	names := make([]string, len(c.Legacy))
	for i, source := range c.Legacy {
		names[i] = source.Name
	}
	return &settings.Keeper{
		Documents: accounts.SweepDocuments{Store: store},
		Checks: settings.Checks{Sources: names, NoMail: !c.Mail.On(), Governor: func(limits json.RawMessage) error {
			return json.Unmarshal(limits, new(governor.Limits))
		}},
		Beside: sweeper.Beside(store, names, c.Mail.On()), Attended: sweeper.Attended(store), EndAttended: sweeper.EndAttended(store), EndLeft: sweeper.EndLeft(store),
		Slowed: func(ctx context.Context) (string, error) {
			v, err := sweeper.CurrentVerdict(ctx, store)
			if err != nil || v.Factor >= 1 && len(v.Tripped) == 0 {
				return "", err
			}
			return v.String(), nil
		},
	}
}

// A sweeperDoor is a keeper as the gateway knows it.
type sweeperDoor struct{ keeper *settings.Keeper }

// Look implements gateway.Sweeper.
func (d sweeperDoor) Look(ctx context.Context) (accounts.SweepView, error) {
	v, err := d.keeper.Look(ctx)
	return sweepView(v, err)
}

// Change implements gateway.Sweeper.
func (d sweeperDoor) Change(ctx context.Context, c accounts.SweepChange) (accounts.SweepView, error) {
	v, err := d.keeper.Change(ctx, c)
	return sweepView(v, err)
}

func sweepView(v settings.View, err error) (accounts.SweepView, error) {
	if err != nil {
		return accounts.SweepView{}, err
	}
	text, err := json.Marshal(v)
	if err != nil {
		return accounts.SweepView{}, fmt.Errorf("sweeper settings: %w", err)
	}
	return accounts.SweepView{Version: v.Version, JSON: text}, nil
}
