package certificate

import "sync"

// cache is a bounded map from hashes; when it is full the oldest entry goes.
type cache[V any] struct {
	mu      sync.Mutex
	size    int
	entries map[[32]byte]V
	order   [][32]byte // keys by age; removed keys stay until their turn
}

func newCache[V any](size int) *cache[V] {
	return &cache[V]{size: size, entries: make(map[[32]byte]V)}
}

func (c *cache[V]) get(key [32]byte) (V, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	v, ok := c.entries[key]
	return v, ok
}

func (c *cache[V]) put(key [32]byte, v V) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, known := c.entries[key]; known {
		c.entries[key] = v
		return
	}
	for len(c.order) >= c.size {
		delete(c.entries, c.order[0])
		c.order = c.order[1:]
	}
	c.entries[key] = v
	c.order = append(c.order, key)
}

func (c *cache[V]) remove(key [32]byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.entries, key)
}
