package globalconf

import "strings"

// Federations says which instances the own one's configuration may lead to; the zero value allows none (X-Road's
// configuration-client.allowed-federations).
type Federations struct {
	all   bool
	names []string
}

// ParseFederations reads "none", "all" or a comma-separated list of instance identifiers. Case does not count; "none" in a list wins over
// the rest, and "all" over names.
func ParseFederations(s string) Federations {
	var f Federations
	for name := range strings.SplitSeq(s, ",") {
		switch name = strings.TrimSpace(name); {
		case strings.EqualFold(name, "none"):
			return Federations{}
		case strings.EqualFold(name, "all"):
			f.all = true
		case name != "":
			f.names = append(f.names, name)
		}
	}
	return f
}

// Allows reports whether the instance is allowed.
func (f Federations) Allows(instance string) bool {
	if f.all {
		return true
	}
	for _, name := range f.names {
		if strings.EqualFold(name, instance) {
			return true
		}
	}
	return false
}
