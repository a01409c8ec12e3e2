package service

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/ristmik/ristmik/pkg/fault"
)

const (
	fetchTimeout = 30 * time.Second
	maxURL       = 255
)

// CheckURL asks for an absolute http or https URL with a host, of at most 255 characters: Invalid malformed_url.
func CheckURL(raw string) error {
	u, err := url.Parse(raw)
	if err != nil || len(raw) > maxURL || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return fault.New(fault.Invalid, "malformed_url", "Malformed URL: '%s'", raw).With(raw)
	}
	return nil
}

// download reads a description within limits; the fault is wsdl_download_failed.
func download(ctx context.Context, client *http.Client, address string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, fetchTimeout)
	defer cancel()
	body, err := get(ctx, client, address)
	if err != nil {
		return nil, fault.Wrap(err, fault.Invalid, "wsdl_download_failed", "Downloading WSDL failed from '%s'", address).With(address)
	}
	return body, nil
}

func get(ctx context.Context, client *http.Client, address string) ([]byte, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, err
	}
	response, err := client.Do(r)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("status %d", response.StatusCode)
	}
	body, err := io.ReadAll(io.LimitReader(response.Body, int64(wsdlLimits.Bytes)+1))
	if err == nil && len(body) > wsdlLimits.Bytes {
		err = errors.New("the document is too long")
	}
	return body, err
}
