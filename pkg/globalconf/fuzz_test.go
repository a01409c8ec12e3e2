package globalconf_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/ristmik/ristmik/pkg/globalconf"
)

// What a decoder takes can be written, and reads the same again.

func FuzzDecodeShared(f *testing.F) {
	for version := globalconf.MinVersion; version <= globalconf.MaxVersion; version++ {
		data, err := globalconf.EncodeShared(version, sample(f, "TEST"))
		require.NoError(f, err)
		f.Add(version, data)
	}
	f.Fuzz(func(t *testing.T, version int, data []byte) {
		p, err := globalconf.DecodeShared(version, data)
		if err != nil {
			require.Nil(t, p)
			return
		}
		_, err = globalconf.NewSnapshot(nil, []*globalconf.SharedParameters{p}, version, now)
		require.NoError(t, err)
		again, err := globalconf.EncodeShared(version, p)
		if err != nil {
			return // such as the same member twice, which readers take and writers do not
		}
		read, err := globalconf.DecodeShared(version, again)
		require.NoError(t, err)
		require.Equal(t, p.Members, read.Members)
		require.Equal(t, p.GlobalGroups, read.GlobalGroups)
	})
}

func FuzzDecodePrivate(f *testing.F) {
	data, err := globalconf.EncodePrivate(6, samplePrivate(f, "TEST"))
	require.NoError(f, err)
	f.Add(6, data)
	f.Fuzz(func(t *testing.T, version int, data []byte) {
		p, err := globalconf.DecodePrivate(version, data)
		if err != nil {
			require.Nil(t, p)
			return
		}
		again, err := globalconf.EncodePrivate(version, p)
		require.NoError(t, err)
		read, err := globalconf.DecodePrivate(version, again)
		require.NoError(t, err)
		require.Equal(t, p.ManagementService.Provider, read.ManagementService.Provider)
	})
}

func FuzzParseAnchor(f *testing.F) {
	f.Add(sampleAnchor().Encode())
	f.Fuzz(func(t *testing.T, data []byte) {
		a, err := globalconf.ParseAnchor(data)
		if err != nil {
			require.Nil(t, a)
			return
		}
		read, err := globalconf.ParseAnchor(a.Encode())
		require.NoError(t, err)
		require.Equal(t, a.Instance, read.Instance)
		require.Len(t, read.Sources, len(a.Sources))
	})
}

func FuzzOpenDirectory(f *testing.F) {
	s := newSigner(f)
	f.Add(signed(f, s))
	f.Add(handMade(f, s, goodTop, goodHeader+goodPart, goodSignature, "\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		d, err := globalconf.OpenDirectory(data, [][]byte{s.certificate}, now)
		if (d == nil) == (err == nil) {
			t.Fatalf("directory %v, error %v", d, err)
		}
	})
}
