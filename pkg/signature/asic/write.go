package asic

import (
	"archive/zip"
	"encoding/base64"
	"fmt"
	"hash/crc32"
	"io"
	"time"

	"github.com/ristmik/ristmik/pkg/signature"
)

type entry struct {
	name, mime string // mime is "" for entries that the manifest does not list
	content    []byte
}

// Write writes the container; at is the time that its entries carry. The mimetype comes first, as it is, so that a reader of bytes finds it.
func (c *Container) Write(w io.Writer, at time.Time) error {
	if err := c.check(); err != nil {
		return err
	}
	archive := zip.NewWriter(w)
	if err := archive.SetComment(mimeEntry + "=" + MimeType); err != nil {
		return fmt.Errorf("writing a container: %w", err)
	}
	raw, err := archive.CreateRaw(&zip.FileHeader{
		Name: mimeEntry, Method: zip.Store, CRC32: crc32.ChecksumIEEE([]byte(MimeType)),
		CompressedSize64: uint64(len(MimeType)), UncompressedSize64: uint64(len(MimeType)),
	})
	if err != nil {
		return fmt.Errorf("writing a container: %w", err)
	}
	if _, err := io.WriteString(raw, MimeType); err != nil {
		return fmt.Errorf("writing a container: %w", err)
	}
	for _, e := range c.entries() {
		if len(e.content) == 0 && e.mime != mimeAttachment {
			continue
		}
		file, err := archive.CreateHeader(&zip.FileHeader{Name: e.name, Method: zip.Deflate, Modified: at})
		if err != nil {
			return fmt.Errorf("writing a container: %w", err)
		}
		if _, err := file.Write(e.content); err != nil {
			return fmt.Errorf("writing a container: %w", err)
		}
	}
	if err := archive.Close(); err != nil {
		return fmt.Errorf("writing a container: %w", err)
	}
	return nil
}

const (
	mimeXML        = "text/xml"
	mimeAttachment = "application/octet-stream"
)

func (c *Container) entries() []entry {
	entries := []entry{
		{messageEntry, mimeXML, c.Message},
		{signatureEntry, "", c.Signature},
		{resultEntry, mimeXML, c.HashChainResult},
		{chainEntry, mimeXML, c.HashChain},
		{stampResultEntry, mimeXML, c.StampChainResult},
		{stampChainEntry, mimeXML, c.StampChain},
	}
	var attachments []entry
	for i, a := range c.Attachments {
		attachments = append(attachments, entry{attachmentEntry(i + 1), mimeAttachment, a})
	}
	entries = append(entries, entry{manifestEntry, "", manifest(append(entries[:len(entries):len(entries)], attachments...))})
	if len(c.Timestamp) > 0 {
		entries = append(entries, entry{asicManifestEntry, "", asicManifest(c.StampChainResult)}, entry{stampEntry, "", c.Timestamp})
	}
	return append(entries, attachments...)
}

// manifest lists the entries that hold data. Names are ours and need no escapes.
func manifest(entries []entry) []byte {
	line := func(mime, path string) string {
		return `    <manifest:file-entry manifest:media-type="` + mime + `" manifest:full-path="` + path + `"/>` + "\n"
	}
	text := `<?xml version="1.0" encoding="UTF-8"?>` + "\n" +
		`<manifest:manifest xmlns:manifest="urn:oasis:names:tc:opendocument:xmlns:manifest:1.0" manifest:version="1.2">` + "\n" + line(MimeType, "/")
	for _, e := range entries {
		if e.mime != "" && (len(e.content) > 0 || e.mime == mimeAttachment) {
			text += line(e.mime, e.name)
		}
	}
	return []byte(text + "</manifest:manifest>\n")
}

// asicManifest ties the time-stamp to the result of its hash chain.
func asicManifest(result []byte) []byte {
	d := signature.SHA512
	return []byte(`<?xml version="1.0" encoding="UTF-8"?>` + "\n" +
		`<asic:ASiCManifest xmlns:asic="http://uri.etsi.org/2918/v1.2.1#" xmlns:ds="http://www.w3.org/2000/09/xmldsig#">` + "\n" +
		`<asic:SigReference URI="` + stampEntry + `" MimeType="vnd.etsi.timestamp-token"/>` + "\n" +
		`<asic:DataObjectReference URI="` + stampResultEntry + `" MimeType="text/xml">` + "\n" +
		`<ds:DigestMethod Algorithm="` + d.URI + `"/>` + "\n" +
		`<ds:DigestValue>` + base64.StdEncoding.EncodeToString(d.Sum(result)) + `</ds:DigestValue>` + "\n" +
		"</asic:DataObjectReference>\n</asic:ASiCManifest>\n")
}
