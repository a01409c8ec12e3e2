package globalconf

import (
	"time"

	"github.com/ristmik/ristmik/pkg/fault"
	"github.com/ristmik/ristmik/pkg/identifier"
)

// optionalParts is what the optional parts of the own instance say, or their defaults.
type optionalParts struct {
	verifyNextUpdate bool
	fetchInterval    time.Duration
	monitoringClient identifier.ClientID
}

const minFetchInterval = time.Minute

func defaultOptionalParts() optionalParts {
	return optionalParts{verifyNextUpdate: true, fetchInterval: 20 * time.Minute}
}

var (
	nextUpdateRules       = []rule{{name: "verifyNextUpdate", least: 1, most: 1}}
	fetchIntervalRules    = []rule{{name: "ocspFetchInterval", least: 1, most: 1}}
	monitoringRules       = []rule{{name: "monitoringClient", least: 1, most: 1}}
	monitoringClientRules = []rule{{name: "monitoringClientId", most: 1}}
)

// isOptional reports whether this package knows the optional part.
func isOptional(contentIdentifier string) bool {
	switch contentIdentifier {
	case MonitoringID, FetchIntervalID, NextUpdateID:
		return true
	}
	return false
}

// read takes over what one optional part says. The fault is malformed_optional_parts_conf.
func (o *optionalParts) read(contentIdentifier string, data []byte) error {
	d, err := root(data, MaxVersion, "conf")
	if err == nil {
		switch contentIdentifier {
		case NextUpdateID:
			err = d.sequence("", nextUpdateRules, func(int) error { return d.boolean(&o.verifyNextUpdate) })
		case FetchIntervalID:
			err = d.sequence("", fetchIntervalRules, func(int) error { return d.seconds(&o.fetchInterval) })
			o.fetchInterval = max(o.fetchInterval, minFetchInterval)
		case MonitoringID:
			err = d.sequence("", monitoringRules, func(int) error {
				if err := d.noAttributes(); err != nil {
					return err
				}
				return d.sequence("", monitoringClientRules, func(int) error { return d.client(&o.monitoringClient) })
			})
		default:
			return nil
		}
		err = d.finish(err)
	}
	if err != nil {
		return fault.Wrap(err, fault.Invalid, "malformed_optional_parts_conf", "Malformed optional part %s", contentIdentifier)
	}
	return nil
}

// ValidateOptional reads an optional part as security servers will. The fault is malformed_optional_parts_conf, for an unknown identifier too.
func ValidateOptional(contentIdentifier string, data []byte) error {
	if !isOptional(contentIdentifier) {
		return fault.New(fault.Invalid, "malformed_optional_parts_conf", "Unknown optional part %s", contentIdentifier)
	}
	o := defaultOptionalParts()
	return o.read(contentIdentifier, data)
}
