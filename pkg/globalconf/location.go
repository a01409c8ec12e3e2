package globalconf

import (
	"math/rand/v2"
	"net/url"
	"slices"
	"strings"
)

// location is one place to download a directory from, with the certificates its signatures may have.
type location struct {
	url          string
	certificates [][]byte
}

// locations lists where to try, in order: the place that worked last, then what the shared parameters known so far name as sources — they follow
// rotations of keys and moves of servers without a new anchor — then the anchor. Each group is shuffled, https before http.
func locations(anchor *Anchor, known *SharedParameters, last string, random *rand.Rand) []location {
	var stored, anchored []location
	if known != nil && known.InstanceIdentifier == anchor.Instance {
		stored = sourceLocations(known.Sources, configurationPath(anchor))
	}
	for _, s := range anchor.Sources {
		anchored = append(anchored, location{s.DownloadURL, s.Certificates})
	}
	all := append(shuffled(stored, random), shuffled(anchored, random)...)
	slices.SortStableFunc(all, func(a, b location) int {
		switch {
		case a.url == b.url:
			return 0
		case a.url == last:
			return -1
		case b.url == last:
			return 1
		}
		return 0
	})
	return all
}

// configurationPath is the path of the anchor's first plain http URL: "internalconf".
func configurationPath(anchor *Anchor) string {
	for _, s := range anchor.Sources {
		if u, err := url.Parse(s.DownloadURL); err == nil && u.Scheme == "http" {
			return strings.TrimPrefix(u.RequestURI(), "/")
		}
	}
	return ""
}

func sourceLocations(sources []Source, path string) []location {
	if path == "" {
		return nil
	}
	var found []location
	for _, s := range sources {
		certificates := slices.Concat(s.InternalCertificates, s.ExternalCertificates)
		switch path {
		case "internalconf":
			certificates = s.InternalCertificates
		case "externalconf":
			certificates = s.ExternalCertificates
		}
		if len(certificates) == 0 || s.Address == "" {
			continue
		}
		for _, scheme := range [...]string{"https", "http"} {
			found = append(found, location{scheme + "://" + s.Address + "/" + path, certificates})
		}
	}
	return found
}

func shuffled(group []location, random *rand.Rand) []location {
	random.Shuffle(len(group), func(i, j int) { group[i], group[j] = group[j], group[i] })
	slices.SortStableFunc(group, func(a, b location) int { return plainHTTP(a) - plainHTTP(b) })
	return group
}

func plainHTTP(l location) int {
	if strings.HasPrefix(l.url, "https:") {
		return 0
	}
	return 1
}
