package globalconf

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/ristmik/ristmik/pkg/fault"
	"github.com/ristmik/ristmik/pkg/signature"
)

// Limits of one download. Shared parameters of 100 000 subsystems have 17 MB.
const (
	maxDirectory     = 1 << 20
	maxPart          = 256 << 20
	maxParts         = 256
	trusted          = 64 << 20 // of an announced length: that much is set aside before anything came
	directoryTimeout = time.Minute
	partTimeout      = 10 * time.Minute
)

// download is what one location provided, not yet on disk.
type download struct {
	parts   map[string][]*part
	content map[string][]byte // bytes of the parts that changed, by folder and file name
}

// fromLocation downloads a directory and the parts that changed. The error is a fault; nothing is written.
func (c *Client) fromLocation(ctx context.Context, l location, instance string, accept func(Part) bool, now time.Time) (*download, error) {
	base, data, err := c.directory(ctx, l.url)
	if err != nil {
		return nil, err
	}
	directory, err := OpenDirectory(data, l.certificates, now)
	if err != nil {
		return nil, err
	}
	if len(directory.Parts) > maxParts {
		return nil, fault.New(fault.TooLarge, "global_conf_parsing_downloaded_conf_directory_failure", "Configuration has more than %d parts", maxParts)
	}
	if err := checkVersion(directory.Version); err != nil {
		return nil, err
	}
	d := &download{map[string][]*part{}, map[string][]byte{}}
	for _, p := range directory.Parts {
		if !accept(p) {
			continue
		}
		if p.Instance == "" {
			p.Instance = instance
		}
		if err := c.part(ctx, d, base, directory, p); err != nil {
			return nil, err
		}
	}
	return d, complete(instance, d.parts[instance], accept(Part{Identifier: PrivateParametersID, Instance: instance}))
}

// part adds one part: what is in memory or on disk when its hash is the declared one, else a download.
func (c *Client) part(ctx context.Context, d *download, base *url.URL, directory *Directory, declared Part) error {
	digest, err := signature.DigestByURI(declared.HashAlgorithm)
	if err != nil {
		return err
	}
	m := metadata{declared.Identifier, declared.Instance, declared.FileName, declared.Location, directory.Version, directory.Expire}
	name, err := m.name()
	if err != nil {
		return err
	}
	file := filepath.Join(folderName(m.instance), name)
	for _, other := range d.parts[m.instance] {
		if n, _ := other.name(); n == name {
			return fault.New(fault.Invalid, "global_conf_parsing_downloaded_conf_directory_failure", "Configuration has part %s twice", m.identifier)
		}
	}
	known := c.known(m)
	fresh := known.same(declared.HashAlgorithm, declared.Hash, directory.Version)
	data, unchanged, err := readStored(filepath.Join(c.config.Directory, file), digest, declared.Hash, fresh)
	if err != nil {
		return err
	}
	if !unchanged {
		if data, err = c.content(ctx, base, declared, digest); err != nil {
			return err
		}
		d.content[file] = data
	}
	if !fresh {
		if known, err = decodePart(m, declared.HashAlgorithm, declared.Hash, data); err != nil {
			return err
		}
	}
	d.parts[m.instance] = append(d.parts[m.instance], known.with(m))
	return nil
}

// known finds the part as it was decoded before.
func (c *Client) known(m metadata) *part {
	for _, p := range c.parts[m.instance] {
		if p.identifier == m.identifier {
			return p
		}
	}
	return nil
}

// readStored reports whether the file on disk has the hash. Its bytes are given unless they are not needed because they were decoded before.
func readStored(file string, digest signature.Digest, hash []byte, decoded bool) (data []byte, unchanged bool, err error) {
	f, err := os.Open(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, hashFailure(err)
	}
	defer func() { _ = f.Close() }() // only read
	h := digest.Hash.New()
	if decoded {
		_, err = io.Copy(h, f)
	} else if data, err = io.ReadAll(io.LimitReader(f, maxPart+1)); err == nil {
		h.Write(data)
	}
	if err != nil {
		return nil, false, hashFailure(err)
	}
	return data, bytes.Equal(h.Sum(nil), hash), nil
}

func hashFailure(err error) error {
	return fault.Wrap(err, fault.Internal, "global_conf_part_file_hash_failure", "Failed to read a stored configuration part")
}

// content downloads a part and compares its hash.
func (c *Client) content(ctx context.Context, base *url.URL, declared Part, digest signature.Digest) ([]byte, error) {
	reference, err := url.Parse(declared.Location)
	if err != nil {
		return nil, fault.Wrap(err, fault.Invalid, "global_conf_part_download_failure", "Location of part %s is not a URL", declared.Identifier)
	}
	at := base.ResolveReference(reference)
	status, data, err := c.get(ctx, at.String(), partTimeout, maxPart)
	if err == nil && status != http.StatusOK {
		err = fmt.Errorf("HTTP status %d", status)
	}
	if err != nil {
		return nil, fault.Wrap(err, fault.Unavailable, "global_conf_part_download_failure", "Failed to download part %s from %s", declared.Identifier, at.Redacted())
	}
	if !bytes.Equal(digest.Sum(data), declared.Hash) {
		return nil, fault.New(fault.Invalid, "global_conf_part_downloaded_file_integrity_failure",
			"Failed to verify content integrity (%s)", declared.Identifier)
	}
	return data, nil
}

// directory finds the newest version that a location has — the first that is not 404 counts, whatever else it is — and downloads it. The base
// is what locations of parts are relative to.
func (c *Client) directory(ctx context.Context, address string) (base *url.URL, data []byte, err error) {
	base, err = url.Parse(address)
	if err != nil || base.Scheme != "http" && base.Scheme != "https" || base.Host == "" {
		return nil, nil, fault.Wrap(err, fault.Invalid, "global_conf_download_url_connection_failure", "Download URL %q is not an HTTP URL", address)
	}
	versions := []int{0}
	if !hasVersion(base.RawQuery) {
		versions = versions[:0]
		for v := MaxVersion; v >= MinVersion; v-- {
			versions = append(versions, v)
		}
	}
	for _, version := range versions {
		status, data, err := c.get(ctx, withVersion(base, version), directoryTimeout, maxDirectory)
		switch {
		case errors.Is(err, errTooLarge):
			return nil, nil, fault.Wrap(err, fault.TooLarge, "global_conf_parsing_downloaded_conf_directory_failure", "Configuration directory has more than %d bytes", maxDirectory)
		case err != nil:
			return nil, nil, fault.Wrap(err, fault.Unavailable, "global_conf_download_url_connection_failure", "Failed to connect to %s", base.Redacted())
		case status == http.StatusOK:
			return base, data, nil
		case status != http.StatusNotFound || version <= MinVersion:
			return nil, nil, fault.New(fault.Unavailable, "global_conf_get_version_failed", "Configuration source %s answered with HTTP status %d", base.Redacted(), status)
		}
	}
	return nil, nil, fault.New(fault.Unavailable, "global_conf_get_version_failed", "Configuration source %s has no configuration", base.Redacted())
}

// withVersion adds the version to the query; 0 leaves the URL as it is.
func withVersion(base *url.URL, version int) string {
	if version == 0 {
		return base.String()
	}
	u := *base
	if u.RawQuery != "" {
		u.RawQuery += "&"
	}
	u.RawQuery += "version=" + strconv.Itoa(version)
	return u.String()
}

// get fetches a URL within limits. Headers of the answer do not count, and compression, which could hide a large body, is not asked for.
func (c *Client) get(ctx context.Context, address string, timeout time.Duration, limit int64) (int, []byte, error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return 0, nil, err
	}
	request.Header.Set("Accept-Encoding", "identity")
	response, err := c.config.HTTP.Do(request)
	if err != nil {
		return 0, nil, err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		_, err := io.CopyN(io.Discard, response.Body, 64<<10) // so that the connection can be used again
		if err != nil && !errors.Is(err, io.EOF) {
			return 0, nil, err
		}
		return response.StatusCode, nil, nil
	}
	data, err := readLimited(response.Body, response.ContentLength, limit)
	return response.StatusCode, data, err
}

// readLimited reads what is announced into one piece: growing it step by step costs five times its size. A length of -1 is not known, and one
// that is not true costs at most the limit.
func readLimited(r io.Reader, length, limit int64) ([]byte, error) {
	if length > limit {
		return nil, errTooLarge
	}
	var buffer bytes.Buffer
	if length > 0 {
		buffer.Grow(int(min(length, trusted)) + bytes.MinRead)
	}
	n, err := buffer.ReadFrom(io.LimitReader(r, limit+1))
	if err == nil && n > limit {
		err = errTooLarge
	}
	return buffer.Bytes(), err
}
