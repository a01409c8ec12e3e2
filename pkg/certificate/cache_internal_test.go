package certificate

import (
	"crypto/sha256"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestCacheIsBounded(t *testing.T) {
	c := newCache[int](3)
	key := func(i int) [32]byte { return sha256.Sum256([]byte{byte(i), byte(i >> 8)}) }
	for i := range 5 {
		c.put(key(i), i)
	}
	for i := range 5 {
		v, ok := c.get(key(i))
		require.Equal(t, i >= 2, ok)
		require.True(t, !ok || v == i)
	}
	c.put(key(4), 40)
	c.remove(key(3))
	_, ok := c.get(key(3))
	require.False(t, ok)
	v, _ := c.get(key(4))
	require.Equal(t, 40, v)
	for i := range 1000 {
		c.put(key(i), i)
		c.remove(key(i))
	}
	require.LessOrEqual(t, len(c.order), 3)
	require.LessOrEqual(t, len(c.entries), 3)
	var group sync.WaitGroup
	for g := range 8 {
		group.Go(func() {
			for i := range 500 {
				c.put(key(g*500+i), i)
				c.get(key(i))
				c.remove(key(i / 2))
			}
		})
	}
	group.Wait()
	require.LessOrEqual(t, len(c.entries), 3)
}
