package asic

import (
	"archive/zip"
	"bytes"
	"errors"
	"io"
	"strings"

	"github.com/ristmik/ristmik/pkg/fault"
)

// Limits of what is unpacked.
const (
	maxEntries = 1100
	maxBytes   = 256 << 20 // of all entries together
)

// Open reads a container; nothing is verified by reading. Faults have X-Road's codes: asic_mime_type_not_found, asic_invalid_mime_type,
// asic_message_not_found, asic_signature_not_found, asic_hash_chain_not_found, asic_hash_chain_result_not_found, asic_timestamp_not_found,
// asic_manifest_not_found, and asic_invalid_container for an archive that is broken, too large or has an entry twice.
func Open(data []byte) (*Container, error) {
	archive, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil { // X-Road's reader sees an archive without entries here
		return nil, fault.Wrap(err, fault.Invalid, "asic_mime_type_not_found", "%s not found or is empty", mimeEntry)
	}
	files, err := unpack(archive)
	if err != nil {
		return nil, err
	}
	switch mime := string(files[mimeEntry]); {
	case strings.TrimSpace(mime) == "":
		return nil, missing("asic_mime_type_not_found", mimeEntry)
	case !strings.EqualFold(mime, MimeType):
		return nil, fault.New(fault.Invalid, "asic_invalid_mime_type", "Invalid mime type: %s", strings.ToValidUTF8(mime[:min(len(mime), 100)], "?"))
	}
	c := &Container{
		Message: files[messageEntry], Signature: files[signatureEntry], HashChain: files[chainEntry], HashChainResult: files[resultEntry],
		Timestamp: files[stampEntry], StampChain: files[stampChainEntry], StampChainResult: files[stampResultEntry],
	}
	for i := 1; ; i++ {
		attachment, found := files[attachmentEntry(i)]
		if !found {
			break
		}
		c.Attachments = append(c.Attachments, attachment)
	}
	if err := c.check(); err != nil {
		return nil, err
	}
	if len(c.Timestamp) > 0 && len(files[asicManifestEntry]) == 0 {
		return nil, missing("asic_manifest_not_found", asicManifestEntry)
	}
	return c, nil
}

func unpack(archive *zip.Reader) (map[string][]byte, error) {
	if len(archive.File) > maxEntries {
		return nil, invalidContainer(errors.New("too many entries"))
	}
	files, left := make(map[string][]byte, len(archive.File)), int64(maxBytes)
	for _, f := range archive.File {
		if strings.HasSuffix(f.Name, "/") {
			continue
		}
		if _, twice := files[f.Name]; twice {
			return nil, invalidContainer(errors.New("entry twice"))
		}
		content, err := unpackOne(f, left)
		if err != nil {
			return nil, invalidContainer(err)
		}
		files[f.Name], left = content, left-int64(len(content))
	}
	return files, nil
}

func unpackOne(f *zip.File, limit int64) ([]byte, error) {
	file, err := f.Open()
	if err != nil {
		return nil, err
	}
	defer file.Close()
	content, err := io.ReadAll(io.LimitReader(file, limit+1))
	if err == nil && int64(len(content)) > limit {
		err = errors.New("too many bytes")
	}
	return content, err
}

func invalidContainer(cause error) error {
	return fault.Wrap(cause, fault.Invalid, "asic_invalid_container", "Container is broken")
}
