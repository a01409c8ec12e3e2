package globalconf

import (
	"strings"
	"time"

	"github.com/ristmik/ristmik/pkg/fault"
)

var (
	privateRules = []rule{
		{name: "instanceIdentifier", least: 1, most: 1},
		{name: "configurationAnchor", most: many},
		{name: "managementService", least: 1, most: 1},
		{name: "timeStampingIntervalSeconds", least: 1, most: 1},
		{name: tail, most: many, since: 3},
	}
	anchorRules = []rule{
		{name: "generatedAt", most: 1},
		{name: "instanceIdentifier", least: 1, most: 1},
		{name: "source", least: 1, most: many},
	}
	anchorSourceRules = []rule{
		{name: "downloadURL", least: 1, most: 1},
		{name: "verificationCert", least: 1, most: many},
	}
	managementServiceRules = []rule{
		{name: "authCertRegServiceAddress", least: 1, most: 1},
		{name: "authCertRegServiceCert", most: 1},
		{name: "managementRequestServiceProviderId", least: 1, most: 1},
	}
)

// DecodePrivate reads private parameters of one version, 2…6, as strictly as DecodeShared. The fault is malformed_global_conf.
func DecodePrivate(version int, data []byte) (*PrivateParameters, error) {
	if err := checkVersion(version); err != nil {
		return nil, err
	}
	d, err := root(data, version, "conf")
	if err != nil {
		return nil, malformed("private parameters", err)
	}
	p := &PrivateParameters{}
	err = d.sequence("", privateRules, func(i int) error {
		switch privateRules[i].name {
		case "instanceIdentifier":
			return d.instance(&p.InstanceIdentifier)
		case "configurationAnchor":
			p.Anchors = append(p.Anchors, Anchor{})
			return d.anchor(&p.Anchors[len(p.Anchors)-1])
		case "managementService":
			return d.managementService(&p.ManagementService)
		default:
			return d.seconds(&p.TimeStampingInterval)
		}
	})
	if err := d.finish(err); err != nil {
		return nil, malformed("private parameters", err)
	}
	return p, nil
}

func checkVersion(version int) error {
	if version < MinVersion || version > MaxVersion {
		return fault.New(fault.Invalid, "malformed_global_conf", "Global configuration version %d is not supported", version)
	}
	return nil
}

func (d *decoder) instance(to *string) error {
	if err := d.string(to); err != nil {
		return err
	}
	if strings.TrimSpace(*to) == "" {
		return d.Fail("instance identifier is blank")
	}
	return nil
}

func (d *decoder) managementService(m *ManagementService) error {
	if err := d.noAttributes(); err != nil {
		return err
	}
	return d.sequence("", managementServiceRules, func(i int) error {
		switch i {
		case 0:
			return d.string(&m.AuthCertRegAddress)
		case 1:
			return d.base64(&m.AuthCertRegCertificate)
		default:
			return d.client(&m.Provider)
		}
	})
}

func (d *decoder) anchor(a *Anchor) error {
	if err := d.noAttributes(); err != nil {
		return err
	}
	return d.sequence("", anchorRules, func(i int) error {
		switch i {
		case 0:
			return d.dateTime(&a.GeneratedAt)
		case 1:
			return d.instance(&a.Instance)
		default:
			a.Sources = append(a.Sources, AnchorSource{})
			return d.anchorSource(&a.Sources[len(a.Sources)-1])
		}
	})
}

func (d *decoder) anchorSource(s *AnchorSource) error {
	if err := d.noAttributes(); err != nil {
		return err
	}
	return d.sequence("", anchorSourceRules, func(i int) error {
		if i == 0 {
			return d.string(&s.DownloadURL)
		}
		return d.appendBase64(&s.Certificates)
	})
}

func (d *decoder) dateTime(to *time.Time) error {
	text, err := d.simple()
	if err != nil {
		return err
	}
	value := strings.TrimSpace(string(text))
	if *to, err = parseTime(value); err != nil {
		return d.Fail("%q is not a date and time", value)
	}
	return nil
}

// parseTime reads xsd:dateTime and the dates of signed directories: any offset, with or without a fraction; without an offset it is UTC.
func parseTime(value string) (time.Time, error) {
	var t time.Time
	var err error
	for _, layout := range [...]string{time.RFC3339Nano, "2006-01-02T15:04:05.999999999Z0700", "2006-01-02T15:04:05.999999999"} {
		if t, err = time.Parse(layout, value); err == nil {
			return t.UTC(), nil
		}
	}
	return time.Time{}, err
}
