package auth

import (
	"sync"
	"time"
)

// limit is a bucket of attempts: burst at once, then one more every interval.
type limit struct {
	burst    float64
	interval time.Duration
}

// A wrong password costs an attempt of the user and one of the address. Many users may sit behind one address.
var (
	perUser    = limit{burst: 5, interval: 10 * time.Second}
	perAddress = limit{burst: 20, interval: 3 * time.Second}
)

// most bounds the memory that strangers can make us use; beyond it, full buckets are forgotten, and then any.
const most = 10_000

type bucket struct {
	left float64
	at   time.Time
	limit
}

func (b *bucket) refill(now time.Time) {
	b.left = min(b.burst, b.left+now.Sub(b.at).Seconds()/b.interval.Seconds())
	b.at = now
}

// throttle counts attempts by name. Its zero value is ready.
type throttle struct {
	mu      sync.Mutex
	buckets map[string]*bucket
}

// take uses up one attempt and reports whether there was one.
func (t *throttle) take(name string, l limit, now time.Time) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	b := t.buckets[name]
	if b == nil {
		t.makeRoom(now)
		b = &bucket{left: l.burst, at: now, limit: l}
		t.buckets[name] = b
	}
	b.refill(now)
	if b.left < 1 {
		return false
	}
	b.left--
	return true
}

// giveBack returns an attempt that turned out to be right.
func (t *throttle) giveBack(name string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if b := t.buckets[name]; b != nil {
		b.left = min(b.burst, b.left+1)
	}
}

func (t *throttle) makeRoom(now time.Time) {
	if t.buckets == nil {
		t.buckets = map[string]*bucket{}
	}
	if len(t.buckets) < most {
		return
	}
	for name, b := range t.buckets {
		if b.refill(now); b.left == b.burst {
			delete(t.buckets, name)
		}
	}
	for name := range t.buckets {
		if len(t.buckets) < most {
			return
		}
		delete(t.buckets, name)
	}
}
