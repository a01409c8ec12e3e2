package confgen

import (
	"context"
	"time"

	"go.uber.org/zap"
)

// Publication is how the generation of the configuration is doing at one central server.
type Publication struct {
	Node         string    // as lists give it; a report is about the node that sends it
	Address      string    // "" when the node has none
	GeneratedAt  time.Time // zero: never
	FailingSince time.Time // zero while it succeeds
}

// Health says in one word how a central server's publication is.
type Health string

// The healths, as X-Road's API has them.
const (
	Healthy Health = "OK"
	Late    Health = "WARN"  // failing, or two generations late; what is published is valid
	Expired Health = "ERROR" // what is published has expired
	Unknown Health = "UNKNOWN"
)

// health judges the publication.
func (p Publication) health(now time.Time, interval, expire time.Duration) Health {
	switch age := now.Sub(p.GeneratedAt); {
	case p.GeneratedAt.IsZero():
		return Unknown
	case age > expire:
		return Expired
	case !p.FailingSince.IsZero() || age > 3*interval:
		return Late
	}
	return Healthy
}

// NodeHealth is one central server with its health.
type NodeHealth struct {
	Publication
	Health Health
}

// Cluster gives the health of all central servers on this database, by name.
func (s *Service) Cluster(ctx context.Context) ([]NodeHealth, error) {
	var nodes []NodeHealth
	err := s.store.View(ctx, func(tx Tx) error {
		p, err := readParameters(tx)
		if err != nil {
			return err
		}
		list, err := tx.Publications()
		for _, one := range list {
			nodes = append(nodes, NodeHealth{one, one.health(s.config.Now(), s.config.Interval, p.expireInterval)})
		}
		return err
	})
	return nodes, err
}

// report tells the other central servers how this one is doing. Nothing depends on it, so a failure is only logged.
func (s *Service) report(ctx context.Context) {
	status := s.Status()
	err := s.store.Report(ctx, Publication{GeneratedAt: status.LastSuccess, FailingSince: status.FailingSince})
	if err != nil && ctx.Err() == nil {
		s.config.Log.Warn("the state of the generation was not stored", zap.Error(err))
	}
}

// Alert is something that an administrator should look at: X-Road's code and its values.
type Alert struct {
	Code     string
	Metadata []string
}

// Alerts says what is wrong with the generation and its keys. A server that is not initialized has nothing to complain about.
func (s *Service) Alerts(ctx context.Context) ([]Alert, error) {
	state, err := s.Token(ctx)
	if err != nil || !state.Initialized {
		return nil, err
	}
	var p parameters
	err = s.store.View(ctx, func(tx Tx) (err error) {
		p, err = readParameters(tx)
		return err
	})
	if err != nil || p.instance == "" || p.address == "" {
		return nil, err
	}
	alerts := s.generationAlerts(p.expireInterval)
	for _, source := range SourceTypes {
		key := activeKeyOf(state.Keys, source)
		switch {
		case key == nil:
			alerts = append(alerts, Alert{Code: "status.signing_key." + source.word() + ".missing"})
		case !state.LoggedIn:
			alerts = append(alerts, Alert{Code: "status.signing_key." + source.word() + ".token_not_active"})
		}
	}
	return alerts, nil
}

func (s *Service) generationAlerts(expire time.Duration) []Alert {
	status := s.Status()
	var alerts []Alert
	if !status.FailingSince.IsZero() {
		alerts = append(alerts, Alert{"status.global_conf_generation.failing", []string{status.FailingSince.UTC().Format(time.RFC3339)}})
	}
	switch {
	case status.LastSuccess.IsZero() && len(alerts) == 0:
		alerts = append(alerts, Alert{Code: "status.global_conf_generation.status_not_found"})
	case !status.LastSuccess.IsZero() && s.config.Now().Sub(status.LastSuccess) > expire:
		alerts = append(alerts, Alert{Code: "status.global_conf_generation.global_conf_expired"})
	}
	return alerts
}

func activeKeyOf(keys []SigningKey, source SourceType) *SigningKey {
	for i := range keys {
		if keys[i].Source == source && keys[i].Active {
			return &keys[i]
		}
	}
	return nil
}
